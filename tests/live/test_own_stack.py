"""The kernel gives programs of user probes no stack that their runs on a CPU would share, and others as it likes.

What shows it is the machine code of the loaded programs, however seldom tasks preempt each other here.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from pathlib import Path

import pytest
from contention import contending_program, updates
from pybpftrace.core.linux import machine
from pybpftrace.core.linux.bpf_call import bpf, pack
from pybpftrace.core.linux.bpf_constants import Command
from pybpftrace.core.linux.bpf_objects import open_program
from pybpftrace.core.target.features import release_number
from tracing import tracer

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(machine.missing_capability() is not None, reason="needs root and a kernel that permits BPF"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="reads the machine code of x86-64"),
    pytest.mark.skipif(release_number(machine.kernel_release()) < (6, 13), reason="Linux 6.13 began with such stacks"),
]

#: add %gs:OFFSET, %r9: how a program finds the stack of its CPU (arch/x86/net/bpf_jit_comp.c).
ADDS_CPU = bytes.fromhex("654c030c25")
#: struct bpf_prog_info: where it has the length and the address of the machine code, and the name.
INFO_SIZE, LENGTH_AT, CODE_AT, NAME = 256, 16, 24, slice(64, 80)


def ask(program_fd: int, info: ctypes.Array[ctypes.c_char]) -> None:
    bpf(Command.OBJ_GET_INFO_BY_FD, pack("=IIQ", program_fd, len(info), ctypes.addressof(info)), "a program")


def machine_code(program_id: int) -> tuple[str, bytes]:
    """The name, as far as the kernel keeps it, and the machine code of all functions."""
    fd = open_program(program_id)
    try:
        info = ctypes.create_string_buffer(INFO_SIZE)
        ask(fd, info)
        (length,) = struct.unpack_from("=I", info, LENGTH_AT)
        code = ctypes.create_string_buffer(length)
        wanted = ctypes.create_string_buffer(INFO_SIZE)
        struct.pack_into("=I", wanted, LENGTH_AT, length)
        struct.pack_into("=Q", wanted, CODE_AT, ctypes.addressof(code))
        ask(fd, wanted)
    finally:
        os.close(fd)
    return info.raw[NAME].split(b"\0")[0].decode(), code.raw


def programs_of(pid: int) -> set[int]:
    """The ids of the programs that a process has open."""
    texts = [path.read_text() for path in Path(f"/proc/{pid}/fdinfo").iterdir()]
    return {int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("prog_id:")}


def test_runs_of_a_user_probe_have_stacks_of_their_own(tmp_path: Path) -> None:
    program = contending_program(tmp_path)
    loop = "$y = arg1; for ($i : 0..3) { @looped[$y] = count(); }"
    results = " ".join(f"@r{n}[retval + {n}] = sum(1);" for n in range(9))
    ending = " ".join(f"@e{n}[nsecs] = sum(1);" for n in range(9))
    script = (
        f"uprobe:{program}:hit {{ {updates(True)} {loop} }} uprobe:{program}:hi* {{ {updates(True)} }}"
        f"uretprobe:{program}:hit {{ {results} }} end {{ {ending} }}"
    )
    with tracer("-e", script) as running:
        running.wait_attached()
        found = [machine_code(program_id) for program_id in sorted(programs_of(running.process.pid))]
        running.interrupt()
    shared = [(name[:3], ADDS_CPU in code) for name, code in found]
    assert shared == [("upr", False), ("upr", False), ("ure", False), ("end", True)], "the last one has as much stack"
