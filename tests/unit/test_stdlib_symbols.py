"""`ksym`, `usym`, `kaddr` and `uaddr`: their types, how they are stored, and how they are shown."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from checking import Checked
from output_fakes import FUNCTIONS, Call, Machine, rendering
from pybpftrace.core.emitter import Value
from pybpftrace.core.target import Target
from pybpftrace.core.types import INT8, INT64, UINT64, OwnedType, Pointer, String, base_name

KSYM, USYM = FUNCTIONS["ksym"], FUNCTIONS["usym"]
KERNEL, USER = OwnedType("ksym", "ksym_t", 8), OwnedType("usym", "usym_t", 16)


def kernel(address: int) -> bytes:
    return rendering().text(KERNEL, KSYM.decode(KERNEL, struct.pack("<Q", address)))


def user(pid: int, address: int) -> bytes:
    return rendering().text(USER, USYM.decode(USER, struct.pack("<QII", address, pid, 0)))


def test_an_address_is_shown_as_the_function_that_it_is_in_without_the_distance() -> None:
    assert kernel(0xFFFF0063) == b"begin"
    assert user(7, 0x401129) == b"leaf"


def test_an_address_in_no_function_is_shown_in_hex_and_0_as_0() -> None:
    assert [kernel(0x1234), kernel(0)] == [b"0x1234", b"0"]
    assert [user(8, 0x401126), user(7, 0)] == [b"0x401126", b"0"]


def test_symbols_are_strings_in_json() -> None:
    assert rendering().json(KERNEL, (0xFFFF0063, 0)) == '"begin"'
    assert rendering().json(USER, (0x10, 7)) == '"0x10"'


def test_symbols_are_called_by_their_types_in_diagnostics() -> None:
    assert [base_name(KERNEL), base_name(USER)] == ["ksym_t", "usym_t"]


@pytest.mark.parametrize("name", ["ksym", "usym"])
def test_symbols_are_those_of_integers_and_pointers(name: str) -> None:
    for type_ in (INT64, INT8, Pointer(INT8)):
        call = Call(name, type_)
        assert str(FUNCTIONS[name].type_of(call)) == f"{name}_t" and not call.errors
    call = Call(name, String(4))
    FUNCTIONS[name].type_of(call)
    assert call.errors == [f"{name}() expects an integer or pointer argument"]


def test_a_user_symbol_keeps_the_process_that_its_address_is_of() -> None:
    call = Call("usym", INT64)
    call.type = USYM.type_of(call)
    call.value = lambda index: Value(0x401126, INT64)  # type: ignore[method-assign]  # the argument
    machine = Machine({"get_current_pid_tgid": 7 << 32 | 8})
    at = USYM.emit(machine, call).handle
    stored = bytes(machine.memory[at : at + 16])
    assert struct.unpack("<QII", stored) == (0x401126, 7, 0)


def test_an_address_of_the_kernel_is_an_unsigned_number() -> None:
    checked = Checked('begin { $a = kaddr("vfs_read"); }', target=Symbols())
    assert (checked.messages, checked.variables()) == ([], {"$a": UINT64})


class Symbols(Target):
    """The captured machine, with a symbol of the kernel."""

    def __new__(cls) -> Any:
        from checking import GOLDEN_TARGET

        target: Any = Target.from_directory(str(GOLDEN_TARGET))
        target._data["kernel_symbols"]["vfs_read"] = True
        return target


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ('begin { kaddr("nosuch_symbol"); }', "Failed to resolve kernel symbol: nosuch_symbol"),
        ("begin { kaddr(5); }", "kaddr() expects a string literal (int provided)"),
        ("begin { ksym(); }", "ksym() requires one argument (0 provided)"),
        ("begin { usym(1, 2); }", "usym() requires one argument (2 provided)"),
        ("begin { ksym(comm); }", "ksym() expects an integer or pointer argument"),
        ('begin { uaddr("main"); }', '__builtin_uaddr can not be used with "begin" probes'),
        ("begin { $a = ksym(1); $a = usym(1); }", "Type mismatch for $a: trying to assign value of type 'usym_t' when "
         "variable already has a type 'ksym_t'"),
        ("begin { len(5); }", "call to len() expects a map, ustack, or kstack"),
        ("begin { @a = 1; len(@a); }", "call to len() expects a map with explicit keys (non-scalar map)"),
        ("begin { kstack(3, perf); }", "Expected stack mode as first argument"),
        ("begin { $a = kstack(3); $a = kstack(4); }", "Type mismatch for $a: trying to assign value of type "
         "'kstack_bpftrace_4' when variable already has a type 'kstack_bpftrace_3'"),
        ("begin { $a = kstack(3); $a = kstack(raw, 3); }", "Type mismatch for $a: trying to assign value of type "
         "'kstack_raw_3' when variable already has a type 'kstack_bpftrace_3'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(script: str, message: str) -> None:
    errors = [text for text in Checked(script).messages if text.startswith("ERROR")]
    assert errors == [f"ERROR: {message}"]


PROGRAM = """
unsigned char small; short medium; int word; long large; struct { char text[12]; } odd;
int main(void) { return 0; }
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc to build programs")
    path = tmp_path / "program"
    (tmp_path / "program.c").write_text(PROGRAM)
    subprocess.run(["gcc", "-O1", "-o", path, tmp_path / "program.c"], check=True)
    return path


def checked_uaddr(program: Path, symbol: str, probe: str = "uprobe:{}:main") -> Checked:
    return Checked(f'{probe.format(program)} {{ $a = uaddr({symbol}); }}', target=Target.live())


@pytest.mark.parametrize(
    ("symbol", "pointee"),
    [("small", "uint8"), ("medium", "uint16"), ("word", "uint32"), ("large", "uint64"), ("odd", "uint64"),
     ("main", "uint64")],
)  # fmt: skip
def test_the_address_of_a_users_symbol_points_at_an_unsigned_number_of_its_size(
    program: Path, symbol: str, pointee: str
) -> None:
    (type_,) = checked_uaddr(program, f'"{symbol}"').variables().values()
    assert (str(type_), type_.space) == (f"{pointee} *", "user")  # type: ignore[union-attr]  # a pointer


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ('"nosuch"', "Could not resolve symbol: PROGRAM:nosuch"),
        ('"a b"', "uaddr() expects a string that is a valid symbol"),
        ('""', "uaddr() expects a string that is a valid symbol"),
        ("5", "uaddr() expects a string literal (int provided)"),
    ],
)
def test_a_symbol_that_the_probed_file_has_not_is_refused(program: Path, symbol: str, message: str) -> None:
    errors = [text for text in checked_uaddr(program, symbol).messages if text.startswith("ERROR")]
    assert errors == [f"ERROR: {message.replace('PROGRAM', str(program))}"]


def test_a_wildcard_makes_a_program_for_each_place_whose_distance_has_to_be_known(program: Path) -> None:
    checked = checked_uaddr(program, '"word"', "uprobe:{}:m*")
    assert checked.typed is not None
    assert [point.count for variant in checked.typed.probes[0].variants for point in variant.points] == [1]


def test_a_captured_machine_answers_what_was_asked_of_the_first_one(program: Path, tmp_path: Path) -> None:
    from pybpftrace.core.target.capture import RecordingTarget

    recording = RecordingTarget(Target.live())
    asked = recording.user_symbol(str(program), "word")
    assert asked is not None and asked.size == 4 and asked.is_moved
    place = recording.user_function(str(program), "main")
    assert place is not None
    assert recording.user_address(str(program), place.file_offset) == place.address
    assert recording.user_symbol(str(program), "nosuch") is None
    recording.save(str(tmp_path / "captured"))
    captured = Target.from_directory(str(tmp_path / "captured"))
    assert captured.user_symbol(str(program), "word") == asked
    assert captured.user_address(str(program), place.file_offset) == place.address
    assert captured.user_symbol(str(program), "small") is None
