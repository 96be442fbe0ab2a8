"""Registers and contexts: where they are on each architecture, and what a script for another machine may say of them.
"""

from __future__ import annotations

import ctypes
import json
from pathlib import Path

import pytest
from checking import Checked
from pybpftrace.core.probe import AttachPointError
from pybpftrace.core.target import Target
from pybpftrace.core.types import UINT64, Array, Struct
from pybpftrace.plugins.probes.registers import (
    context_type,
    instruction_pointer,
    perf_context_type,
    register_names,
    register_offset,
)

X86_64 = (
    *("r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di"),
    *("orig_rax", "ip", "cs", "flags", "sp", "ss"),
)


@pytest.fixture
def arm(tmp_path: Path) -> Target:
    facts = {
        "architecture": "aarch64",
        "features": ["ringbuf", "probe_read_kernel", "loop", "bpf_link_perf_event"],
        "kernel_release": "6.12.0",
        "online_cpus": [0],
        "possible_cpus": [0],
    }
    (tmp_path / "target.json").write_text(json.dumps(facts))
    return Target.from_directory(str(tmp_path))


def members(struct: object) -> dict[str, int]:
    assert isinstance(struct, Struct)
    return {field.name: field.offset for field in struct.fields}


def test_the_registers_of_x86_64_are_eight_bytes_apart_in_the_order_of_ptrace() -> None:
    assert [register_offset("x86_64", name) for name in X86_64] == [8 * at for at in range(21)]


def test_the_registers_of_arm64_are_numbered_and_end_with_sp_pc_and_pstate() -> None:
    names = [*(f"r{number}" for number in range(31)), "sp", "pc", "pstate"]
    assert [register_offset("aarch64", name) for name in names] == [8 * at for at in range(34)]


def test_pc_is_the_instruction_pointer_on_both() -> None:
    assert register_offset("x86_64", "pc") == register_offset("x86_64", "ip") == instruction_pointer("x86_64") == 128
    assert register_offset("aarch64", "pc") == instruction_pointer("aarch64") == 256


@pytest.mark.parametrize("name", ["", "rip", "AX", "r31", "x0"])
def test_other_names_are_no_registers(name: str) -> None:
    assert register_offset("x86_64", name) is None
    assert name not in register_names("x86_64")


def test_ctx_of_x86_64_is_pt_regs_with_the_names_of_the_kernel() -> None:
    struct = context_type("x86_64").pointee
    assert str(struct) == "struct pt_regs"
    assert members(struct) == {"orig_ax" if name == "orig_rax" else name: 8 * at for at, name in enumerate(X86_64)}


def test_ctx_of_arm64_has_its_general_registers_in_an_array() -> None:
    struct = context_type("aarch64").pointee
    assert isinstance(struct, Struct)
    assert struct.fields[0].type == Array(UINT64, 31)
    assert members(struct) == {"regs": 0, "sp": 248, "pc": 256, "pstate": 264}


@pytest.mark.parametrize(
    ("architecture", "registers", "size"), [("x86_64", "struct pt_regs", 168), ("aarch64", "struct user_pt_regs", 272)]
)
def test_ctx_of_perf_events_has_period_and_address_behind_the_registers(
    architecture: str, registers: str, size: int
) -> None:
    pointer = perf_context_type(architecture)
    assert pointer.space == "context"
    assert str(pointer) == "struct bpf_perf_event_data *"
    assert members(pointer.pointee) == {"regs": 0, "sample_period": size, "addr": size + 8}
    assert isinstance(pointer.pointee, Struct)
    assert str(pointer.pointee.fields[0].type) == registers
    assert pointer.pointee.size == size + 2 * ctypes.sizeof(ctypes.c_uint64)


def test_a_machine_that_is_not_in_the_table_has_no_registers() -> None:
    assert register_names("riscv64") == ()
    with pytest.raises(AttachPointError, match="registers are not known for the architecture riscv64"):
        context_type("riscv64")


def test_a_script_for_arm64_reads_its_registers(arm: Target) -> None:
    script = 'profile:hz:99 { @ = reg("r30") + reg("pc") + ctx.regs.regs[3] + ctx.regs.pstate; @t = sizeof(ctx.regs); }'
    assert Checked(script, stage="codegen", target=arm).printed == ""


def test_a_register_of_another_architecture_is_refused(arm: Target) -> None:
    assert Checked('profile:hz:99 { print(reg("ax")); }', target=arm).messages == [
        "ERROR: 'ax' is not a valid register on this architecture (aarch64)"
    ]


def test_usermode_is_known_on_x86_64_only(arm: Target) -> None:
    assert Checked("profile:hz:99 { print(usermode); }", target=arm).messages == [
        "ERROR: 'usermode' builtin is only supported on x86_64"
    ]
    assert Checked("begin { print(usermode); }", stage="codegen", target=arm).messages == []


def test_a_near_name_is_suggested() -> None:
    assert Checked('profile:hz:99 { print(reg("rip")); }').printed == (
        "t:1:27-32: ERROR: 'rip' is not a valid register on this architecture (x86_64)\n"
        'profile:hz:99 { print(reg("rip")); }\n'
        "                          ~~~~~\n"
        "HINT: did you mean 'ip'?\n"
    )


def test_the_name_of_a_register_is_a_literal() -> None:
    message = "ERROR: reg() expects a string literal (int provided)"
    assert Checked("profile:hz:99 { print(reg(5)); }").messages == [message]


@pytest.mark.parametrize("builtin", ["args", "arg0", "retval", "ctx"])
def test_what_needs_the_context_is_not_in_the_body_of_a_for(builtin: str) -> None:
    script = f"profile:hz:99 {{ for ($i : 0..3) {{ print({builtin}); }} }}"
    assert Checked(script).messages == [f"ERROR: '{builtin}' builtin is not allowed in a for-loop"]


@pytest.mark.parametrize("builtin", ["args", "arg0", "retval", "ctx", "func", "probe", "usermode", 'reg("ip")'])
def test_what_a_probe_offers_is_not_in_a_function(builtin: str) -> None:
    script = f"fn f() : uint64 {{ print({builtin}); return 1; }} begin {{ }}"
    name = builtin.partition("(")[0]
    assert Checked(script).messages == [f"ERROR: Builtin {name} not supported outside probe"]
