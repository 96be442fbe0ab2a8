"""Parses the `format` file that tracefs has for every trace event (Documentation/trace/events.rst, section 2.1).

The file says where each field of a record is. C types are kept as their text: what they mean is looked up in BTF by
those who ask.
"""

from __future__ import annotations

import re

from ..frozen import dataclass


class TracepointFormatError(ValueError):
    """The text is not a tracepoint format."""


@dataclass(frozen=True, slots=True)
class FormatField:
    """One field; `offset` and `size` in bytes from the start of the record.

    `c_type` is the type without name and array suffix: 'char' for `char comm[16]`, 'const char *' for a pointer.
    `array_length` counts elements, 0 for a flexible array, None for what is no array. A field with `is_data_loc` is a
    32-bit word instead: the low half is the offset, the high half the length in bytes of an array of `c_type` later in
    the record; with `is_rel_loc` that offset counts from the end of the word itself. `declaration` is the whole field
    as the file has it.
    """

    name: str
    c_type: str
    offset: int
    size: int
    signed: bool
    array_length: int | None
    is_data_loc: bool
    is_rel_loc: bool
    is_common: bool
    declaration: str = ""


@dataclass(frozen=True, slots=True)
class TracepointFormat:
    """`id` is the number that perf_event_open takes as the config of a PERF_TYPE_TRACEPOINT event."""

    name: str
    id: int
    fields: tuple[FormatField, ...]


_line = re.compile(r"\s*field:(.*?);\s*offset:(\d+);\s*size:(\d+);(?:\s*signed:(\d+);)?\s*$")
_function_pointer = re.compile(r"^(.*\(\s*\**\s*)(\w+)(\s*\)\s*\(.*\))$")
_declaration = re.compile(r"^(?P<type>.*?[\s*\])])(?P<name>\w+)\s*(?P<array>\[[^\]]*\])?$")
_dynamic = re.compile(r"^__(data|rel)_loc\s+(.*?)\s*\[\]\s*(\w+)$")
# What compilers and sparse add to a type for their own use: it says nothing about the record.
_annotation = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)|\b__(?:user|rcu|percpu|iomem|seg_[gf]s)\b")

_element_sizes = {
    **dict.fromkeys(("char", "signed char", "unsigned char", "bool", "u8", "s8", "__u8", "__s8", "uint8_t"), 1),
    **dict.fromkeys(("short", "unsigned short", "u16", "s16", "__u16", "__s16", "__be16", "__le16", "uint16_t"), 2),
    **dict.fromkeys(("int", "unsigned int", "unsigned", "u32", "s32", "__u32", "__s32", "__be32", "__le32"), 4),
    **dict.fromkeys(("uint32_t", "int32_t", "pid_t", "uid_t", "gid_t"), 4),
    **dict.fromkeys(("long", "unsigned long", "long long", "unsigned long long", "size_t", "u64", "s64"), 8),
    **dict.fromkeys(("__u64", "__s64", "__be64", "__le64", "uint64_t", "int64_t"), 8),
}


def parse_format(text: str) -> TracepointFormat:
    """Raises TracepointFormatError: no name, no id, or a field line of unknown form."""
    name = ""
    event_id = -1
    fields = []
    for line in text.splitlines():
        if line.startswith("name:"):
            name = line[5:].strip()
        elif line.startswith("ID:"):
            if not line[3:].strip().isdecimal():
                raise TracepointFormatError(f"not an event id: {line!r}")
            event_id = int(line[3:])
        elif line.startswith("print fmt:"):
            break  # always last; it may run over several lines of any text
        elif line.lstrip().startswith("field:"):
            fields.append(parse_field(line))
    if not name or event_id < 0:
        raise TracepointFormatError("a format file has a 'name:' line and an 'ID:' line; this text has not")
    return TracepointFormat(name, event_id, tuple(fields))


def parse_field(line: str) -> FormatField:
    """One `field:` line. Raises TracepointFormatError."""
    found = _line.match(line)
    if found is None:
        raise TracepointFormatError(f"not a field line: {line.strip()!r}")
    declaration = " ".join(_annotation.sub(" ", found[1]).split())
    size = int(found[3])
    name, c_type, array_length, location = parse_declaration(declaration, size)
    return FormatField(
        name=name,
        c_type=c_type,
        offset=int(found[2]),
        size=size,
        signed=found[4] == "1",
        array_length=array_length,
        is_data_loc=location == "data",
        is_rel_loc=location == "rel",
        is_common=name.startswith("common_"),
        declaration=found[1],
    )


def parse_declaration(declaration: str, size: int) -> tuple[str, str, int | None, str]:
    """Name, C type, array length and 'data', 'rel' or '' of a field's declaration. Raises TracepointFormatError."""
    if found := _dynamic.match(declaration):
        return found[3], found[2], None, found[1]
    if found := _function_pointer.match(declaration):
        return found[2], found[1] + found[3], None, ""
    found = _declaration.match(declaration)
    if found is None:
        raise TracepointFormatError(f"not a field declaration: {declaration!r}")
    c_type = found["type"].strip()
    length = None if found["array"] is None else element_count(found["array"][1:-1].strip(), c_type, size)
    return found["name"], c_type, length, ""


def element_count(text: str, c_type: str, size: int) -> int:
    """How many elements an array of `size` bytes has: the brackets hold a number, nothing, or the name of a macro.

    With a macro it follows from the element's size; where that is unknown too the elements count as bytes.
    """
    if text.isdecimal():
        return int(text)
    element = 8 if c_type.endswith("*") else _element_sizes.get(c_type, 1)
    return size // element
