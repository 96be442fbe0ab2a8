"""Stacks: their types, how they are taken, and their text in each mode."""

from __future__ import annotations

import struct

import pytest
from output_fakes import FUNCTIONS, Call, Machine, rendering
from pybpftrace.core.config import Config
from pybpftrace.core.types import INT8, INT64, VOID, OwnedType

KSTACK, USTACK = FUNCTIONS["kstack"], FUNCTIONS["ustack"]


def kernel(mode: str, *addresses: int) -> bytes:
    type_ = OwnedType("kstack", f"kstack_{mode}_4", 40, (mode, 4))
    data = struct.pack(f"<q{len(addresses)}Q", len(addresses), *addresses).ljust(40, b"\0")
    return rendering().text(type_, KSTACK.decode(type_, data))


def user(mode: str, *addresses: int) -> bytes:
    type_ = OwnedType("ustack", f"ustack_{mode}_4", 48, (mode, 4))
    data = struct.pack(f"<IIq{len(addresses)}Q", 7, 0, len(addresses), *addresses).ljust(48, b"\0")
    return rendering().text(type_, USTACK.decode(type_, data))


def test_a_kernel_stack_shows_in_each_mode() -> None:
    assert kernel("bpftrace", 0xFFFF0063, 0xFFFF006A) == b"\n        begin+99\n        run+106\n"
    assert kernel("perf", 0xFFFF0063, 0xFFFF006A) == b"\n\tffff0063 begin+99\n\tffff006a run+106\n"
    assert kernel("raw", 0xFFFF0063, 0xFFFF006A) == b"\nffff0063\nffff006a\n"


def test_a_user_stack_names_its_module_in_perf_mode_only() -> None:
    assert user("bpftrace", 0x401126) == b"\n        leaf+0\n"
    assert user("perf", 0x401126) == b"\n\t401126 leaf+0 (./t1)\n"
    assert user("raw", 0x401126) == b"\n401126\n"


def test_frames_without_a_symbol_show_their_address() -> None:
    assert user("bpftrace", 0x7F593804F24A) == b"\n        0x7f593804f24a\n"
    assert user("perf", 0x7F593804F24A) == b"\n\t7f593804f24a 0x7f593804f24a ([unknown])\n"
    assert kernel("perf", 0x10) == b"\n\t10 0x10\n"
    assert kernel("bpftrace", 0) == b"\n        0\n"


def test_an_empty_stack_is_one_line_feed_and_a_failed_unwind_ends_the_stack() -> None:
    assert kernel("bpftrace") == b"\n"
    assert user("bpftrace", 0x401126, 2**64 - 1, 5) == b"\n        leaf+0\n        <unwind failure>\n"


def test_a_stack_as_json_is_its_text_as_a_string() -> None:
    type_ = OwnedType("kstack", "kstack_perf_1", 16, ("perf", 1))
    assert rendering().json(type_, (0, (0xFFFF0063,))) == '"\\n\\tffff0063 begin+99\\n"'


@pytest.mark.parametrize("count", [-1, 0, 5000])
def test_a_count_that_the_bytes_do_not_bear_out_is_not_believed(count: int) -> None:
    type_ = OwnedType("kstack", "kstack_raw_1", 16, ("raw", 1))
    assert len(KSTACK.decode(type_, struct.pack("<qQ", count, 1))[1]) <= 1


@pytest.mark.parametrize(
    ("call", "name", "size"),
    [
        (Call("kstack"), "kstack_bpftrace_127", 8 + 8 * 127),
        (Call("kstack", INT8, literals={0: 3}), "kstack_bpftrace_3", 32),
        (Call("kstack", VOID, words={0: "raw"}), "kstack_raw_127", 8 + 8 * 127),
        (Call("kstack", VOID, INT8, words={0: "perf"}, literals={1: 3}), "kstack_perf_3", 32),
        (Call("ustack", VOID, INT8, words={0: "perf"}, literals={1: 3}), "ustack_perf_3", 40),
        (Call("ustack", config=Config(stack_mode="perf")), "ustack_perf_127", 16 + 8 * 127),
    ],
)
def test_mode_and_limit_make_the_type(call: Call, name: str, size: int) -> None:
    type_ = FUNCTIONS[call.name].type_of(call)
    assert isinstance(type_, OwnedType)
    assert (str(type_), type_.size, call.errors) == (name, size, [])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (Call("kstack", INT8, INT8, literals={0: 3, 1: 3}), "Expected stack mode as first argument"),
        (Call("kstack", INT64), "kstack: invalid limit value"),
        (Call("ustack", INT64, literals={0: 2000}), "ustack([int limit]): limit shouldn't exceed 1024, 2000 given"),
        (Call("kstack", VOID, words={0: "build_id"}), "'build_id' stack mode can only be used for ustack"),
    ],
)
def test_wrong_stack_arguments_are_refused(call: Call, message: str) -> None:
    FUNCTIONS[call.name].type_of(call)
    assert call.errors == [message]


def test_a_user_stack_is_taken_behind_its_header() -> None:
    call = Call("ustack", INT8, literals={0: 3})
    call.type = USTACK.type_of(call)
    machine = Machine({"get_stack": 16, "get_current_pid_tgid": 7 << 32 | 8})
    at = USTACK.emit(machine, call).handle
    assert machine.calls[-1] == ("get_stack", "context", at + 16, 24, 256)
    assert USTACK.decode(call.type, bytes(machine.memory[at : at + 40])) == (7, (0, 0))


def test_a_stack_that_cannot_be_read_is_empty_and_counted() -> None:
    call = Call("kstack")
    call.type = KSTACK.type_of(call)
    machine = Machine({"get_stack": -14})
    at = KSTACK.emit(machine, call).handle
    assert machine.failures == [("get_stack", -14, "Error reading kstack.")]
    assert machine.load(KSTACK.emit(machine, call), INT64).handle == 0
    assert at
