"""Stored values as bytes, as a C compiler and the kernel lay them out, and what is read from them."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pybpftrace.core.c_types import complete
from pybpftrace.core.records import decoder, field_code, named_members, record_layout
from pybpftrace.core.types import (
    BOOL,
    INT8,
    INT16,
    INT32,
    INT64,
    NOTHING,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    VOID,
    Array,
    Enum,
    Field,
    OwnedType,
    Pointer,
    Record,
    String,
    Struct,
    Tuple,
    Type,
    align_of,
    size_of,
    tuple_layout,
)


def decoded(type_: Type, data: bytes) -> Any:
    return decoder(type_, lambda owner, value: (owner.name, value))(data)


@pytest.mark.parametrize(
    ("type_", "data", "value"),
    [
        (INT8, b"\xff", -1),
        (UINT16, b"\xff\xff", 65535),
        (INT64, b"\xfe" + b"\xff" * 7, -2),
        (BOOL, b"\x01", True),
        (Pointer(VOID), b"\x00\x10" + bytes(6), 0x1000),
        (Enum("e", 4, True, ()), b"\xff" * 4, -1),
        (Enum("e", 4, False, ()), b"\xff" * 4, 2**32 - 1),
        (Enum("e", 1, False, ()), b"\x07", 7),
        (String(4), b"ab\0z", b"ab"),
        (String(4), b"abcd", b"abcd"),
        (Array(INT16, 2), b"\x01\x00\xff\xff", [1, -1]),
        (Array(Array(UINT8, 2), 2), b"\x01\x02\x03\x04", [[1, 2], [3, 4]]),
        (Array(INT32, 0), b"", []),
        (OwnedType("ksym", "ksym_t", 2), b"abc", ("ksym_t", b"ab")),
        (VOID, b"", None),
    ],
)
def test_plain_values_are_read_little_endian_with_the_sign_of_their_type(type_: Type, data: bytes, value: Any) -> None:
    assert decoded(type_, data) == value
    assert decoded(type_, memoryview(data)) == value  # type: ignore[arg-type]  # the ring buffer is read as a view


def test_tuples_and_records_are_padded_like_c_structs() -> None:
    elements = (UINT8, INT64, String(3), UINT16, INT32)
    assert tuple_layout(elements) == ((0, 8, 16, 20, 24), 32)
    data = struct.pack("<B7xq3sxH2xi4x", 1, -2, b"xy", 3, -4)
    for type_ in (Tuple(elements), Record(tuple(zip("abcde", elements, strict=True)))):
        assert size_of(type_) == len(data)
        assert decoded(type_, data) == (1, -2, b"xy", 3, -4)


def test_nested_values_lie_at_their_own_alignment() -> None:
    point = Struct("struct point", 8, (Field("x", INT32, 0), Field("y", INT32, 4)), alignment=4)
    type_ = Tuple((UINT8, point, Record((("a", UINT8), ("b", Tuple((UINT64,)))))))
    assert tuple_layout(type_.elements) == ((0, 4, 16), 32)
    data = struct.pack("<B3xii4xB7xQ", 1, 2, -3, 4, 5)
    assert decoded(type_, data) == (1, (2, -3), (4, (5,)))


def test_the_members_of_a_struct_are_at_the_offsets_that_it_says() -> None:
    type_ = Struct("struct s", 24, (Field("b", INT64, 16), Field("a", UINT8, 3), Field("s", String(4), 8)))
    data = bytes(3) + b"\x07" + bytes(4) + b"abcd" + bytes(4) + b"\xff" * 8
    assert decoded(type_, data) == (-1, 7, b"abcd")


def test_all_members_of_a_union_are_read_from_the_same_bytes() -> None:
    type_ = Struct("union u", 4, (Field("whole", UINT32, 0), Field("low", UINT8, 0), Field("text", String(4), 0)))
    assert decoded(type_, b"ab\0\0") == (0x6261, 0x61, b"ab")


def test_arrays_of_structs_and_structs_of_arrays_go_to_any_depth() -> None:
    inner = Struct("struct inner", 4, (Field("n", UINT16, 0), Field("m", Array(INT16, 1), 2)))
    outer = Struct("struct outer", 12, (Field("tag", UINT8, 0), Field("in", Array(inner, 2), 4)))
    data = struct.pack("<B3xHhHh", 9, 1, -1, 2, -2)
    assert decoded(Array(outer, 2), data + data) == [(9, [(1, [-1]), (2, [-2])])] * 2


@pytest.mark.parametrize("element", [INT8, UINT8])
def test_a_member_that_is_an_array_of_bytes_is_text(element: Type) -> None:
    type_ = Struct("struct s", 8, (Field("name", Array(element, 4), 0), Field("two", Array(Array(element, 2), 2), 4)))
    assert decoded(type_, b"ab\0\0cdef") == (b"ab", [b"cd", b"ef"])
    assert named_members(type_) == [("name", String(4)), ("two", Array(String(2), 2))]
    assert decoded(Array(element, 2), b"ab") == [97, 98]


def test_text_from_a_c_definition_whose_size_counts_a_nul_ends_with_its_struct() -> None:
    type_ = Struct("struct s", 8, (Field("full", String(9), 0),))
    assert decoded(Array(type_, 2), b"12345678abcdefgh") == [(b"12345678",), (b"abcdefgh",)]


@pytest.mark.parametrize(
    ("offset", "shift", "width", "value"),
    [
        (0, 0, 1, 1),
        (0, 3, 5, 0b10101),
        (0, 7, 2, 0b11),
        (1, 0, 8, 0x5B),
        (0, 4, 12, 0x5BA),
        (0, 0, 32, 0x01CF5BAD),
        (0, 1, 63, 0x0123456701CF5BAD >> 1),
        (0, 0, 64, 0x0123456701CF5BAD),
    ],
)
def test_a_bit_field_is_cut_out_of_the_bytes_that_hold_it(offset: int, shift: int, width: int, value: int) -> None:
    field = Field("bits", INT64, offset, bit_shift=shift, bit_width=width)
    data = (0x0123456701CF5BAD).to_bytes(8, "little")
    assert decoded(Struct("struct s", 8, (field,)), data) == (value,)


@given(st.lists(st.tuples(st.integers(1, 32), st.integers(0, 2**32 - 1)), min_size=1, max_size=8))
def test_bit_fields_are_where_the_c_compiler_puts_them(bits: list[tuple[int, int]]) -> None:
    members = [(f"f{index}", ctypes.c_uint32, width) for index, (width, _) in enumerate(bits)]
    compiled = type("Bits", (ctypes.LittleEndianStructure,), {"_fields_": members})
    value = compiled()
    fields = []
    for name, _, width in members:
        descriptor = getattr(compiled, name)
        at = descriptor.offset * 8 + (descriptor.size & 0xFFFF)
        fields.append(Field(name, UINT32, at // 8, bit_shift=at % 8, bit_width=width))
    for (name, _, width), (_, number) in zip(members, bits, strict=True):
        setattr(value, name, number & (1 << width) - 1)
    data = bytes(value)
    expected = tuple(number & (1 << width) - 1 for width, number in bits)
    assert decoded(Struct("struct bits", len(data), tuple(fields)), data) == expected


KINDS: list[tuple[Type, Any]] = [
    (INT8, ctypes.c_int8), (UINT16, ctypes.c_uint16), (INT32, ctypes.c_int32), (UINT64, ctypes.c_uint64),
    (Pointer(VOID), ctypes.c_uint64), (BOOL, ctypes.c_bool), (Enum("e", 4, False, ()), ctypes.c_uint32),
]  # fmt: skip


@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=8))
def test_tuples_are_laid_out_as_the_c_compiler_does(kinds: list[tuple[Type, Any]]) -> None:
    names = [(f"f{index}", kind) for index, (_, kind) in enumerate(kinds)]
    compiled = type("Pack", (ctypes.LittleEndianStructure,), {"_fields_": names})
    type_ = Tuple(tuple(kind for kind, _ in kinds))
    offsets, size = tuple_layout(type_.elements)
    assert size == ctypes.sizeof(compiled)
    assert list(offsets) == [getattr(compiled, name).offset for name, _ in names]
    assert align_of(type_) == ctypes.alignment(compiled)


def test_a_struct_in_an_event_is_copied_whole_at_its_alignment() -> None:
    point = Struct("struct point", 12, (Field("x", INT32, 0),), alignment=4)
    layout = record_layout([UINT8, point, String(8), Record((("a", UINT64),)), Enum("e", 4, True, ())])
    assert layout.offsets == (8, 12, 24, 32, 40)
    assert layout.fixed_size == 48
    assert [field_code(type_) for type_ in layout.fields] == ["B", "12s", "8s", "8s", "i"]


@pytest.mark.parametrize("type_", [NOTHING, Struct("struct file", 8, (), True), Array(NOTHING, 1)])
def test_what_is_never_stored_cannot_be_read(type_: Type) -> None:
    with pytest.raises(ValueError, match="are not stored"):
        decoded(type_, bytes(8))


class Known:
    """C types of which two have members."""

    def members(self, struct: Struct) -> tuple[Field, ...] | None:
        inner = Struct("struct inner", 4, (), True, 4)
        return {
            "struct outer": (
                Field("in", inner, 0),
                Field("next", Pointer(Struct("struct outer", 16, (), True, 8)), 8, tag="rcu"),
                Field("bits", UINT8, 4, bit_shift=1, bit_width=2),
            ),
            "struct inner": (Field("n", INT32, 0),),
        }.get(struct.name)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda type_: type_,
        lambda type_: Array(type_, 2),
        lambda type_: Tuple((INT8, type_)),
        lambda type_: Record((("a", type_),)),
        lambda type_: Struct("struct {outer}", 16, (Field("o", type_, 0),), False, 8),
    ],
)
def test_values_are_completed_with_the_members_of_the_structs_in_them(wrap: Any) -> None:
    by_name = Struct("struct outer", 16, (), True, 8)
    fields = (
        Field("in", Struct("struct inner", 4, (Field("n", INT32, 0),), False, 4), 0),
        Field("next", Pointer(by_name), 8, tag="rcu"),
        Field("bits", UINT8, 4, bit_shift=1, bit_width=2),
    )
    completed = complete(Known(), wrap(by_name))  # type: ignore[arg-type]  # members are all that is asked for
    assert completed == wrap(Struct("struct outer", 16, fields, False, 8))
    assert size_of(completed) == size_of(wrap(by_name)) and align_of(completed) == align_of(wrap(by_name))
