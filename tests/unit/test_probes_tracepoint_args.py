"""What `args` of a tracepoint is: the fields of its format file as types of the language."""

from __future__ import annotations

from pathlib import Path

import pytest
from match_requests import request
from pybpftrace.core.probe import AttachPointError
from pybpftrace.core.target import Target
from pybpftrace.core.types import (
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    VOID,
    Array,
    Field,
    Pointer,
    String,
    Struct,
    Type,
)
from pybpftrace.plugins.probes.tracepoint import PROBE_TYPES

TRACEPOINT = PROBE_TYPES[0]
FORMAT = """name: {event}
ID: 7
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

{fields}
print fmt: "nothing"
"""


def args_of(tmp_path: Path, category: str, fields: str) -> Struct:
    """`args` of an event whose format file has these fields."""
    (tmp_path / "target.json").write_text("{}")
    event = tmp_path / "events" / category / "event"
    event.mkdir(parents=True)
    (event / "format").write_text(FORMAT.format(event="event", fields=fields))
    target = Target.from_directory(str(tmp_path))
    (point,) = TRACEPOINT.match(TRACEPOINT.parse((category, "event")), request(target))
    args = TRACEPOINT.args(point, target)
    assert args is not None
    return args


def field(declaration: str, offset: int, size: int, signed: int = 0) -> str:
    return f"\tfield:{declaration};\toffset:{offset};\tsize:{size};\tsigned:{signed};\n"


def test_the_struct_is_named_after_its_event_and_has_no_common_fields(tmp_path: Path) -> None:
    args = args_of(tmp_path, "sched", field("pid_t pid", 8, 4, 1) + field("long state", 16, 8, 1))
    assert args == Struct("event", 24, (Field("pid", INT32, 8), Field("state", INT64, 16)))


@pytest.mark.parametrize(
    ("declaration", "size", "signed", "type_"),
    [
        ("int dfd", 4, 1, INT32),
        ("u64 x", 8, 0, UINT64),
        ("bool x", 1, 0, UINT8),
        ("umode_t mode", 2, 0, UINT16),
        ("some_unknown_t x", 2, 1, INT16),
        ("enum zone_type x", 4, 0, UINT32),
        ("char comm[16]", 16, 0, String(16)),
        ("const char comm[16]", 16, 0, String(16)),
        ("u8 addr[4]", 4, 0, Array(UINT8, 4)),
        ("unsigned long args[6]", 48, 0, Array(UINT64, 6)),
        ("const char * name", 8, 0, Pointer(INT8, "kernel")),
        ("const char *const * argv", 8, 0, Pointer(Pointer(INT8, "kernel"), "kernel")),
        ("const void * p", 8, 0, Pointer(VOID, "kernel")),
        ("int * p", 8, 0, Pointer(INT32, "kernel")),
        ("const struct iovec * vec", 8, 0, Pointer(Struct("struct iovec", by_name=True, alignment=1), "kernel")),
        ("struct timespec64 when", 16, 0, Struct("struct timespec64", 16)),
    ],
)
def test_a_field_has_the_type_that_its_declaration_says(
    tmp_path: Path, declaration: str, size: int, signed: int, type_: Type
) -> None:
    (only,) = args_of(tmp_path, "sched", field(declaration, 8, size, signed)).fields
    assert only.type == type_


def test_an_argument_of_a_system_call_is_as_large_as_its_type_not_as_its_register(tmp_path: Path) -> None:
    args = args_of(tmp_path, "syscalls", field("int dfd", 16, 8) + field("umode_t mode", 24, 8))
    assert args.fields == (Field("dfd", INT32, 16), Field("mode", UINT16, 24))


def test_pointers_given_to_system_calls_point_into_user_memory(tmp_path: Path) -> None:
    args = args_of(tmp_path, "syscalls", field("const char * filename", 16, 8))
    assert args.fields[0].type == Pointer(INT8, "user")


def test_data_elsewhere_in_the_record_is_an_address_under_the_fields_plain_name(tmp_path: Path) -> None:
    args = args_of(tmp_path, "sched", field("__data_loc char[] name", 8, 4) + field("__rel_loc char[] other", 12, 4))
    assert args.fields == (Field("name", INT64, 8, data_loc=True),)


def test_a_format_that_cannot_be_read_is_an_error_of_the_attach_point(tmp_path: Path) -> None:
    with pytest.raises(AttachPointError, match='Could not parse arguments of "tracepoint:sched:event"'):
        args_of(tmp_path, "sched", "\tfield:;\toffset:x;\n")
