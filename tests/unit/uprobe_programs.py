"""Programs for tests of uprobe attach points, built by the compilers of this machine, and a target that reads them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from match_requests import request
from pybpftrace.core.binary.instructions import is_instruction_start
from pybpftrace.core.probe import ConcretePoint, MatchRequest
from pybpftrace.core.target.live import LiveTarget
from pybpftrace.plugins.probes.uprobe import PROBE_TYPES

C_SOURCE = """
#define FUNCTION __attribute__((noinline, noclone, used))
FUNCTION int first(int a) { __asm__ volatile("nop"); return a * 123456789 + 1; }
FUNCTION int second(int a) { __asm__ volatile("nop"); return a * 2; }
__asm__(".text\\n.globl nosize\\n.type nosize, @function\\nnosize:\\nnop\\nnop\\nret\\n");
__asm__(".globl first.cold\\n.type first.cold, @function\\nfirst.cold:\\nret\\n.size first.cold, 1\\n");
int alias(int) __attribute__((alias("second")));
int main(void) { return first(1) + second(1); }
"""
CPP_SOURCE = """
#define FUNCTION __attribute__((noinline, used))
namespace shapes {
struct Point {
  int x;
  FUNCTION Point(int a);
  FUNCTION int scaled(int by) const;
  FUNCTION int operator()(int by);
  FUNCTION Point operator+(int by);
};
Point::Point(int a) : x(a) { __asm__ volatile("nop"); }
int Point::scaled(int by) const { __asm__ volatile("nop"); return x * by; }
int Point::operator()(int by) { __asm__ volatile("nop"); return x - by; }
Point Point::operator+(int by) { __asm__ volatile("nop"); return Point(x + by); }
FUNCTION int area(int a) { __asm__ volatile("nop"); return a; }
FUNCTION int area(int a, char *b) { __asm__ volatile("nop"); return a + *b; }
FUNCTION int areas(long a) { __asm__ volatile("nop"); return a; }
}
template <typename T> FUNCTION T add(T a, T b) { __asm__ volatile("nop"); return a + b; }
namespace { FUNCTION int hidden(int a) { __asm__ volatile("nop"); return a + 1; } }
extern "C" FUNCTION int plain(int a) { __asm__ volatile("nop"); return a + 2; }
int main() {
  char c = 1;
  shapes::Point p(1);
  return shapes::area(1) + shapes::area(1, &c) + shapes::areas(1) + p.scaled(2) + p(1) + (p + 1).x + add<int>(1, 2)
         + add<long>(3, 4) + hidden(1) + plain(1);
}
"""


class Machine(LiveTarget):
    """This machine's files, and a kernel that has what `features` says."""

    def __init__(self, *features: str, architecture: str = "x86_64") -> None:
        super().__init__()
        self.__dict__.update(kernel_features=frozenset(features), architecture=architecture)


def build(directory: Path, name: str, source: str, *flags: str) -> str:
    """The path of a program in C, or where its source has a namespace in C++; skips where there is no compiler."""
    compiler, suffix = ("g++", "cc") if "namespace" in source else ("gcc", "c")
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    file = directory / f"{name}.{suffix}"
    file.write_text(source)
    subprocess.run([compiler, "-O1", *flags, "-o", directory / name, file], check=True)
    return str(directory / name)


def run_tool(*command: str) -> None:
    """One of binutils; skips where it is not there."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    subprocess.run(command, check=True)


def boundaries(program: str, symbol: str) -> tuple[list[int], list[int]]:
    """Where instructions of a function begin after its first, and where none does."""
    pytest.importorskip("capstone")
    target = Machine()
    found = target.user_function(program, symbol)
    assert found is not None
    code = target.user_code(found)
    assert code is not None
    inside = range(1, found.size)
    starts = [offset for offset in inside if is_instruction_start(code.machine, code.code, offset)]
    return starts, [offset for offset in inside if offset not in starts]


class Asked:
    """What uprobe or uretprobe makes of attach points on this machine; `warnings` are those so far."""

    def __init__(self, *features: str, pid: int | None = None, unsafe: bool = False) -> None:
        self.warnings: list[str] = []
        self.target = Machine(*features)
        self.request: MatchRequest = request(
            self.target, pid=pid, allows_unsafe=unsafe, warn=self.warnings.append
        )

    def points(self, *parts: str) -> list[ConcretePoint]:
        """Those of the attach point: the parts of the script's, provider first. Raises AttachPointError."""
        probe_type = PROBE_TYPES[parts[0] == "uretprobe"]
        return probe_type.match(probe_type.parse(parts[1:]), self.request)

    def combined(self, *parts: str) -> list[ConcretePoint]:
        probe_type = PROBE_TYPES[parts[0] == "uretprobe"]
        spec = probe_type.parse(parts[1:])
        return list(probe_type.combine(spec, probe_type.match(spec, self.request), self.request))

    def names(self, *parts: str) -> list[str]:
        return [point.name for point in self.points(*parts)]

    def symbols(self, *parts: str) -> list[str]:
        return [point.text("symbol") for point in self.points(*parts)]
