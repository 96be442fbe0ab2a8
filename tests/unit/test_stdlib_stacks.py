"""Stacks: their types, how they are taken, and their text in each mode."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import pytest
from output_fakes import FUNCTIONS, Call, Machine, rendering
from pybpftrace.core.config import Config
from pybpftrace.core.types import INT8, INT64, VOID, OwnedType

ARM = SimpleNamespace(features=frozenset(), architecture="aarch64")
KSTACK, USTACK = FUNCTIONS["kstack"], FUNCTIONS["ustack"]


def kernel(mode: str, *addresses: int) -> bytes:
    type_ = OwnedType("kstack", f"kstack_{mode}_4", 40, (mode, 4))
    data = struct.pack(f"<q{len(addresses)}Q", len(addresses), *addresses).ljust(40, b"\0")
    return rendering().text(type_, KSTACK.decode(type_, data))


def user(mode: str, *addresses: int, **config: Any) -> bytes:
    type_ = OwnedType("ustack", f"ustack_{mode}_4", 48, (mode, 4))
    data = struct.pack(f"<IIq{len(addresses)}Q", 7, 0, len(addresses), *addresses).ljust(48, b"\0")
    return rendering(**config).text(type_, USTACK.decode(type_, data))


def build_ids(*frames: tuple[int, bytes, int], count: int | None = None) -> bytes:
    type_ = OwnedType("ustack", "ustack_build_id_3", 16 + 32 * 3, ("build_id", 3))
    packed = b"".join(struct.pack("<i20sQ", *frame) for frame in frames)
    data = struct.pack("<IIq", 7, 0, len(frames) if count is None else count) + packed
    return rendering().text(type_, USTACK.decode(type_, data.ljust(type_.size, b"\0")))


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


def test_a_frame_with_a_build_id_shows_it_with_the_place_in_the_file() -> None:
    whole, short = bytes(range(20)), b"\xab\xcd" + bytes(18)
    assert build_ids((1, whole, 0x1139), (1, short, 5)) == (
        b"\n000102030405060708090a0b0c0d0e0f10111213 0x1139\nabcd000000000000000000000000000000000000 0x05\n"
    )


def test_a_frame_without_a_build_id_shows_its_address() -> None:
    assert build_ids((2, bytes(20), 0x7F593804F24A), (0, bytes(20), 0)) == b"\n7f593804f24a\n0\n"


def test_more_frames_with_build_ids_than_there_are_bytes_are_not_believed() -> None:
    assert build_ids(count=1 << 40).count(b"\n") == 4


def test_debug_information_adds_the_place_in_the_source_and_inlined_functions() -> None:
    settings = {"show_debug_info": True}
    shown = b"\n        [inlined] inner@/src/a.h:3\n        leaf+10@/src/a.c:14\n"
    assert user("bpftrace", 0x401130, **settings) == shown
    assert user("perf", 0x401130, **settings) == b"\n\t401130 inner (inlined)\n\t401130 leaf+10 (./t1)\n"
    assert user("raw", 0x401130, **settings) == b"\n401130\n"


def test_a_callers_place_in_the_source_is_that_of_its_call_not_of_what_follows() -> None:
    shown = user("bpftrace", 0x401126, 0x401131, show_debug_info=True)
    assert shown == b"\n        leaf+0\n        [inlined] inner@/src/a.h:3\n        leaf+11@/src/a.c:14\n"


def test_without_a_line_nothing_is_added_to_a_name() -> None:
    assert user("bpftrace", 0x401131, show_debug_info=True) == b"\n        leaf+11\n"


def test_without_show_debug_info_nothing_of_it_is_shown() -> None:
    assert user("bpftrace", 0x401130) == b"\n        leaf+10\n"


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
        (Call("ustack", VOID, INT8, words={0: "build_id"}, literals={1: 3}), "ustack_build_id_3", 16 + 32 * 3),
        (Call("ustack", config=Config(stack_mode="build_id")), "ustack_build_id_127", 16 + 32 * 127),
        (Call("dw_ustack"), "ustack_bpftrace_127", 16 + 8 * 127),
        (Call("__builtin_dw_ustack", VOID, INT8, words={0: "raw"}, literals={1: 3}), "ustack_raw_3", 40),
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
        (
            Call("dw_ustack", INT64, literals={0: 2000}),
            "dw_ustack([int limit]): limit shouldn't exceed 1024, 2000 given",
        ),
        (Call("dw_ustack", INT64), "dw_ustack: invalid limit value"),
        (Call("dw_ustack", VOID, words={0: "build_id"}), "'build_id' stack mode can only be used for ustack"),
        (Call("dw_ustack", target=ARM), "dw_ustack is only supported on x86_64, not on aarch64"),
        (Call("kstack", INT8, VOID, literals={0: 3}, words={1: "perf"}), "Expected stack mode as first argument"),
        (Call("kstack", VOID, VOID, words={0: "raw", 1: "perf"}), "kstack: invalid limit value"),
        (
            Call("ustack", VOID, words={0: "nosuch"}),
            "Error parsing stack mode: ustack: Invalid value for stack_mode: "
            "valid values are bpftrace, raw, perf, and build_id.",
        ),
    ],
)
def test_wrong_stack_arguments_are_refused(call: Call, message: str) -> None:
    FUNCTIONS[call.name].type_of(call)
    assert call.errors == [message]


def test_a_kernel_stack_has_no_build_ids_which_the_config_key_is_only_warned_of() -> None:
    call = Call("kstack", config=Config(stack_mode="build_id"))
    assert str(KSTACK.type_of(call)) == "kstack_raw_127"
    assert call.errors == []
    assert call.warnings == ["'build_id' stack mode can only be used for ustack: kstack uses 'raw'"]


def test_build_ids_are_asked_of_the_kernel_and_counted_by_their_size() -> None:
    call = Call("ustack", VOID, INT8, words={0: "build_id"}, literals={1: 3})
    call.type = USTACK.type_of(call)
    machine = Machine({"get_stack": 64, "get_current_pid_tgid": 7 << 32 | 8})
    at = USTACK.emit(machine, call).handle
    assert machine.calls[-1] == ("get_stack", "context", at + 16, 96, 1 << 8 | 1 << 11)
    assert len(USTACK.decode(call.type, bytes(machine.memory[at : at + call.type.size]))[1]) == 2


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
