"""Unwind tables against the truth: a program is stepped through, and after each instruction its callers are looked up.

A call adds one caller, a return takes one away, a signal puts a trampoline and the interrupted code on top, and
everything else leaves them as they are. readelf reads the same instructions; only the processor knows the stack.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import signal
import struct
import subprocess
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pybpftrace.core.binary.eh_frame import unwind_table
from pybpftrace.core.binary.elf import ElfFile
from pybpftrace.core.binary.elf_format import PT_LOAD
from pybpftrace.core.binary.mapped_binaries import VDSO
from pybpftrace.core.binary.mappings import ProcessMappings
from pybpftrace.core.binary.unwind_rows import ROW, CfaRule, FrameRule

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="unwind tables are made of x86-64 binaries"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc to build a program"),
]

SOURCE = r"""
#include <alloca.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
static volatile int sink;
__attribute__((noinline)) int leaf(int x) { return x * 3 + sink; }
__attribute__((noinline)) int saves(int a, int b, int c, int d) {
    int e = leaf(a), f = leaf(b), g = leaf(c), h = leaf(d);
    return e + f * g + h + leaf(e) + leaf(f + g);
}
__attribute__((noinline)) int early(int n) {
    if (n > 2) return n;
    return saves(n, 1, 2, 3) + leaf(n);
}
__attribute__((noinline)) int by_alloca(int n) {
    char *room = alloca(n + 20);
    memset(room, n, n + 20);
    return saves(room[0], room[n], 3, n) + early(n) + early(n & 1);
}
__attribute__((noinline)) int aligned(int n, int a, int b, int c, int d, int e, int f, int g) {
    _Alignas(64) volatile char room[64] = {(char)n};
    return by_alloca(room[0] & 15) + saves(a, b, c + f, d + e + g);
}
static void handler(int number) { sink = aligned(number, 1, 2, 3, 4, 5, 6, 7); }
static int ascending(const void *a, const void *b) { return leaf(*(int *)a) - leaf(*(int *)b); }
int main(void) {
    int numbers[] = {5, 3, 4, 1};
    struct timespec now;
    signal(SIGUSR1, handler);
    __asm__("int3");
    sink = aligned(7, 1, 2, 3, 4, 5, 6, 7);
    qsort(numbers, 4, sizeof *numbers, ascending);
    clock_gettime(CLOCK_MONOTONIC, &now);
    raise(SIGUSR1);
    _exit(0);
}
"""

PTRACE_TRACEME, PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_GETREGS = 0, 7, 9, 12
#: struct user_regs_struct of sys/user.h, and where in it the registers are that are looked at.
REGISTERS = struct.Struct("<27Q")
RBP, RIP, RSP = 4, 16, 19


class Stuck(Exception):
    """There is no rule for a place; the arguments are its address and its distance from the innermost frame."""


class Process:
    """A program that is stopped after each instruction."""

    def __init__(self, path: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self._libc.ptrace.restype = ctypes.c_long
        self._child = subprocess.Popen([path], preexec_fn=lambda: self._libc.ptrace(PTRACE_TRACEME, 0, None, None))
        self.pid = self._child.pid
        self._wait()
        self._signal = 0
        self._registers = ctypes.create_string_buffer(REGISTERS.size)
        self._memory = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY)
        self._tables: list[tuple[int, int, int, list[int], list[tuple[int, ...]]]] = []

    def close(self) -> None:
        os.close(self._memory)
        self._child.kill()
        self._child.wait()

    def _wait(self) -> int:
        """The signal that has stopped the program, -1 when it has ended."""
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSTOPPED(status):
            return os.WSTOPSIG(status)
        self._child.returncode = os.waitstatus_to_exitcode(status)
        return -1

    def _go_on(self, request: int) -> bool:
        if self._libc.ptrace(request, self.pid, None, self._signal):
            raise OSError(ctypes.get_errno(), "ptrace")
        stopped_by = self._wait()
        self._signal = 0 if stopped_by == signal.SIGTRAP else stopped_by
        return stopped_by >= 0

    def run_to_trap(self) -> None:
        assert self._go_on(PTRACE_CONT)

    def step(self) -> bool:
        return self._go_on(PTRACE_SINGLESTEP)

    def registers(self) -> tuple[int, int, int]:
        """rip, rsp, rbp."""
        if self._libc.ptrace(PTRACE_GETREGS, self.pid, None, ctypes.addressof(self._registers)):
            raise OSError(ctypes.get_errno(), "ptrace")
        values = REGISTERS.unpack(self._registers)
        return values[RIP], values[RSP], values[RBP]

    def word(self, address: int) -> int:
        return int.from_bytes(os.pread(self._memory, 8, address), "little")

    def row(self, address: int) -> tuple[CfaRule, int, FrameRule, int]:
        """The rules for an address; UNKNOWN outside of what has a table."""
        for start, end, bias, addresses, rows in self._tables:
            if start <= address < end:
                index = bisect_right(addresses, address - bias) - 1
                if index >= 0:
                    _, offset, frame_offset, cfa, frame = rows[index]
                    return CfaRule(cfa), offset, FrameRule(frame), frame_offset
        return CfaRule.UNKNOWN, 0, FrameRule.SAME, 0

    def read_tables(self) -> list[str]:
        """Of all that is mapped now; gives the names."""
        names = []
        for mapping in ProcessMappings.of(self.pid):
            if not mapping.executable or not (mapping.is_file or mapping.path == VDSO):
                continue
            if mapping.path == VDSO:
                image = os.pread(self._memory, mapping.end - mapping.start, mapping.start)
                elf = ElfFile.from_bytes(image, VDSO)
            else:
                elf = ElfFile(mapping.path)
            with elf:
                code = next(
                    header
                    for header in elf.program_headers
                    if header.type == PT_LOAD and header.offset <= mapping.offset < header.offset + header.file_size
                )
                bias = mapping.start - (code.address + mapping.offset - code.offset)
                rows = list(ROW.iter_unpack(unwind_table(elf)))
            self._tables.append((mapping.start, mapping.end, bias, [row[0] for row in rows], rows))
            names.append(mapping.path)
        return names

    def callers(self, seen: Counter[CfaRule]) -> list[int]:
        """Return addresses, innermost first; behind a signal's trampoline the interrupted address."""
        rip, rsp, rbp = self.registers()
        found: list[int] = []
        looked_up = rip
        while True:
            rule, offset, frame_rule, frame_offset = self.row(looked_up)
            seen[rule] += 1
            match rule:
                case CfaRule.END:
                    return found
                case CfaRule.UNKNOWN:
                    raise Stuck(looked_up, len(found))
                case CfaRule.SIGNAL:
                    place = rsp + offset
                    rip, rsp, rbp = self.word(place + 8), self.word(place), self.word(place - 40)
                    found.append(rip)
                    looked_up = rip
                    continue
                case CfaRule.STACK:
                    cfa = rsp + offset
                case CfaRule.FRAME:
                    cfa = rbp + offset
                case CfaRule.PLT:
                    cfa = rsp + 8 + (((rip & 15) >= 11) << 3)
                case CfaRule.AT_FRAME:
                    cfa = self.word(rbp + offset)
                case CfaRule.AT_STACK:
                    cfa = self.word(rsp + offset) + 8
            if frame_rule == FrameRule.SAVED:
                rbp = self.word(cfa + frame_offset)
            elif frame_rule == FrameRule.AT_FRAME:
                rbp = self.word(rbp + frame_offset)
            rip, rsp = self.word(cfa - 8), cfa
            found.append(rip)
            # A call that does not return may be the last instruction of its function.
            looked_up = rip - 1


def follows(before: list[int], at: int, after: list[int]) -> bool:
    """Whether one instruction at `at` can have changed the callers so."""
    if after in (before, before[1:]) or (after[1:] == before and at < after[0] <= at + 7):
        return True
    return after[2:] == before and after[1] - at in range(8)  # the handler of a signal that came after it


@pytest.fixture
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Process]:
    (tmp_path / "source.c").write_text(SOURCE)
    subprocess.run(["gcc", *request.param, "-o", tmp_path / "binary", tmp_path / "source.c"], check=True)
    started = Process(tmp_path / "binary")
    yield started
    started.close()


OMITTED = ("-O2", "-fomit-frame-pointer")


@pytest.mark.parametrize(
    ("process", "rules"),
    [
        ((*OMITTED, "-static"), {CfaRule.STACK, CfaRule.FRAME, CfaRule.SIGNAL}),
        ((*OMITTED, "-Wl,-z,lazy"), {CfaRule.STACK, CfaRule.FRAME, CfaRule.PLT, CfaRule.SIGNAL}),
        ((*OMITTED, "-Wl,-z,now", "-mstackrealign"), {CfaRule.STACK, CfaRule.AT_FRAME, CfaRule.SIGNAL}),
        (("-O0",), {CfaRule.STACK, CfaRule.FRAME, CfaRule.SIGNAL}),
    ],
    indirect=["process"],
    ids=["static", "lazy", "realigned", "with frame pointers"],
)
def test_the_callers_are_right_after_every_instruction(process: Process, rules: set[CfaRule]) -> None:
    try:
        process.run_to_trap()
    except PermissionError:
        pytest.skip("this process may not trace its children")
    names = process.read_tables()
    loader = [m for m in ProcessMappings.of(process.pid) if os.path.basename(m.path).startswith("ld-linux")]
    seen: Counter[CfaRule] = Counter()
    steps = checked = lost = 0
    at, before = process.registers()[0], process.callers(seen)
    is_known = True
    while process.step():
        steps += 1
        now = process.registers()[0]
        try:
            callers = process.callers(seen)
        except Stuck as stuck:
            # Symbols are bound by code that keeps its stack pointer in rbx, which no row can say. Elsewhere there are
            # only the instructions by which a function realigns its stack.
            place, depth = stuck.args
            if not any(mapping.start <= place < mapping.end for mapping in loader):
                assert depth == 0, hex(place)
                lost += 1
            is_known = False
            continue
        if is_known:
            assert follows(before, at, callers), (hex(at), [*map(hex, before)], hex(now), [*map(hex, callers)])
            checked += 1
        at, before, is_known = now, callers, True
    assert checked > 500
    assert VDSO in names
    assert rules <= seen.keys()
    assert lost < steps / 20
