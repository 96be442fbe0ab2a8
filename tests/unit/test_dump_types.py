"""How dumps show types: in tables by their names, as JSON with their members unless there are many."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pybpftrace.core.dump_columns import type_data, type_text
from pybpftrace.core.dump_maps import dump_maps, maps_to_data
from pybpftrace.core.dump_types import dump_types, types_to_data
from pybpftrace.core.source import Source
from pybpftrace.core.type_data import from_data, to_data
from pybpftrace.core.types import (
    INT8,
    INT64,
    Array,
    Enum,
    Field,
    Pointer,
    Record,
    String,
    Struct,
    Tuple,
    Type,
)
from test_cli_run import compiled
from test_typecheck_layouts import typed

SHORT = Struct("struct point", 8, (Field("x", INT8, 0), Field("bits", INT8, 4, bit_shift=1, bit_width=3)), alignment=4)
LONG = Struct("struct task_struct", 80, tuple(Field(f"m{at}", INT64, at * 8) for at in range(10)), alignment=8)
LONG_BY_NAME = Struct("struct task_struct", 80, (), True, 8)
COLOUR = Enum("enum colour", 4, False, (("RED", 0),))


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (LONG, "struct task_struct"),
        (Record((("c", COLOUR), ("p", Pointer(LONG)))), "record { .c = enum colour, .p = struct task_struct * }"),
        (Struct(f"struct {{{','.join(['int32'] * 30)}}}", 120), "struct {" + "int32," * 18 + "i..."),
    ],
)
def test_a_table_has_the_names_of_types(type_: Type, text: str) -> None:
    assert type_text(type_) == text
    assert len(type_text(type_)) <= 120


@pytest.mark.parametrize(
    ("type_", "shown"),
    [
        (SHORT, SHORT),
        (COLOUR, COLOUR),
        (LONG, LONG_BY_NAME),
        (Pointer(LONG, "kernel"), Pointer(LONG_BY_NAME, "kernel")),
        (Array(LONG, 2), Array(LONG_BY_NAME, 2)),
        (Tuple((INT8, LONG)), Tuple((INT8, LONG_BY_NAME))),
        (Record((("t", LONG), ("s", String(4)))), Record((("t", LONG_BY_NAME), ("s", String(4))))),
        (
            Struct("struct s", 96, (Field("p", SHORT, 0, tag="rcu"), Field("t", LONG, 16))),
            Struct("struct s", 96, (Field("p", SHORT, 0, tag="rcu"), Field("t", LONG_BY_NAME, 16))),
        ),
    ],
)
def test_json_has_the_members_of_short_structs_only(type_: Type, shown: Type) -> None:
    assert type_data(type_) == to_data(shown)
    assert from_data(type_data(type_)) == shown


def test_maps_and_events_name_their_types() -> None:
    program = compiled(Source("x.bt", "begin {}\n"))
    [event] = program.events
    program = replace(
        program,
        maps=(replace(program.maps[0], key_type=Tuple((COLOUR, LONG)), value_type=SHORT),),
        events=(replace(event, fields=(SHORT, Record((("n", INT64),)), COLOUR)),),
    )
    table = dump_maps(program)
    assert "(enum colour,struct task_struct)  struct point\n" in table
    assert "8:struct point 16:record { .n = int64 } 24:enum colour" in table
    [data] = maps_to_data(program)["maps"]  # type: ignore[misc]  # JSON data
    assert data["key_type"] == to_data(Tuple((COLOUR, LONG_BY_NAME)))
    assert data["value_type"] == to_data(SHORT)


def test_expressions_of_every_kind_stand_with_their_types() -> None:
    program = typed('begin { @r = (a=pid, b=(1, "x")); $x = if (pid > 1) { true } else { false }; print($x); }')
    table = dump_types(program)
    assert table.startswith("maps\n  @r: record { .a = uint32, .b = (int8,string[2]) }\n")
    rows = [line.split(maxsplit=2) for line in table.splitlines()]
    assert ["1:40-76", "bool", "if (pid > 1) { true } else { false }"] in rows
    assert ["1:53-61", "bool", "{ true }"] in rows
    [map_] = types_to_data(program)["maps"]  # type: ignore[misc]  # JSON data
    assert map_["value"][0] == "Record"
