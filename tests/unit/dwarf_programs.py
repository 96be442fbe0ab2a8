"""Programs with debug information, compiled by the tests that need them, and a captured machine that has them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from checking import GOLDEN_TARGET
from pybpftrace.core.binary.dwarf import Dwarf
from pybpftrace.core.binary.elf import ElfFile
from pybpftrace.core.target.directory import DirectoryTarget
from pybpftrace.core.target.live import LiveTarget

C = r"""
enum colour { RED, GREEN = 5, NEGATIVE = -1 };
struct node { struct node *next; int value; };
struct bits { unsigned a:3; unsigned b:9; int c:5; long long d:40; char name[16]; _Bool on; double x; };
typedef struct { int i; struct { short u, v; }; union { int w; char z[4]; } k; int grid[2][3]; } unnamed;
union both { int i; float f; };
struct opaque;
typedef int (*callback)(void *, const char *);
int f(int a, const char *s, struct node *p)
{
    int r = a + p->next->value + s[0];
    return r;
}
long g(signed char c, enum colour e, struct bits *b, unnamed *q, callback cb, const char *const *argv)
{
    return c + e + b->a + q->i + (cb != 0) + (argv != 0);
}
double h(double d, unsigned short n, union both u, struct opaque *o, _Bool yes) { return d + n + u.i + yes + (o != 0); }
struct bits many(struct bits b) { return b; }
struct bits result(int first) { struct bits b = {first}; return b; }
long seven(int a, int b, int c, int d, int e, int f_, int g_) { return a + b + c + d + e + f_ + g_; }
void nothing(void) {}
int main(void) { return 0; }
"""

CPP = r"""
#include <string>
namespace ns {
struct Base { int b = 1; int same = 10; virtual ~Base() {} };
struct Derived : public Base {
    static int counter;
    int same = 20; long d = 5; enum class Kind : unsigned char { A, B = 200 } kind = Kind::B;
    __attribute__((noinline)) int method(int x, const std::string &s, Base &base) const;
};
int Derived::method(int x, const std::string &s, Base &base) const { return x + b + d + s.size() + base.b; }
struct Small { int x, y; };
struct Pair { long a, b; };
struct Cleaned { int v; ~Cleaned() { v = 0; } };
int byvalue(Small s, Pair p, Cleaned t, int last) { return s.x + p.a + t.v + last; }
template <typename T> __attribute__((noinline)) T twice(T v) { return v + v; }
}
int main() {
    ns::Derived d;
    return d.method(3, "abc", d) + ns::byvalue({1, 2}, {3, 4}, ns::Cleaned{7}, 9) + ns::twice<short>(4);
}
"""


def compiled(directory: Path, compiler: str, *flags: str, source: str = "", name: str = "prog") -> str:
    """The path of a program; the test is skipped where `compiler` is not there. A `++` in its name means C++."""
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler} to build programs")
    is_cpp = "++" in compiler
    file = directory / f"{name}.{'cc' if is_cpp else 'c'}"
    file.write_text(source or (CPP if is_cpp else C))
    program = directory / name
    subprocess.run([compiler, *flags, "-o", program, file], check=True)
    return str(program)


def opened(program: str) -> Dwarf:
    found = Dwarf.open(program, [])
    assert found is not None
    return found


def address_of(program: str, function: str) -> int:
    with ElfFile(program) as elf:
        symbols = ((address, name) for address, _, name in elf.function_symbols())
        return next(address for address, name in symbols if function in (name, name.partition("E")[0]))


class ProgramTarget(DirectoryTarget):
    """The captured machine of the golden tests, with the binaries of this one."""

    def __init__(self) -> None:
        super().__init__(str(GOLDEN_TARGET))
        self.live = LiveTarget()
        for name in ("resolve_binary", "user_function", "user_functions", "user_function_at", "user_code",
                     "user_signature", "user_type", "user_members", "source_address"):  # fmt: skip
            setattr(self, name, getattr(self.live, name))
