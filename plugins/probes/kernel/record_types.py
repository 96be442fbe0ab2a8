"""What the C types in a tracepoint's format file mean in the language.

The file gives a type as text, and a place and size of its own: system-call arguments are declared `int` but take the
8 bytes of a register. The declared type decides how many of them count. The kernel's typedefs, structs and enums are
looked up in BTF, if there is any; without it a field is as large as the file says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ....core.types import INT8, VOID, Array, Enum, Field, Int, Pointer, String, Struct, Type, size_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....core.c_types import CTypes
    from ....core.target.tracepoint_format import FormatField

#: Names that have the same size and sign in every kernel for 64-bit machines.
INTEGERS = {
    **dict.fromkeys(("char", "signed char", "s8", "__s8", "int8_t"), Int(1, True)),
    **dict.fromkeys(("unsigned char", "bool", "_Bool", "u8", "__u8", "uint8_t"), Int(1, False)),
    **dict.fromkeys(("short", "s16", "__s16", "int16_t"), Int(2, True)),
    **dict.fromkeys(("unsigned short", "u16", "__u16", "__be16", "__le16", "uint16_t", "umode_t"), Int(2, False)),
    **dict.fromkeys(("int", "s32", "__s32", "int32_t", "pid_t", "key_t", "clockid_t"), Int(4, True)),
    **dict.fromkeys(("unsigned int", "unsigned", "uint", "u32", "__u32", "uint32_t"), Int(4, False)),
    **dict.fromkeys(("__be32", "__le32", "uid_t", "gid_t", "dev_t"), Int(4, False)),
    **dict.fromkeys(("long", "long long", "s64", "__s64", "int64_t", "loff_t", "ssize_t", "off_t"), Int(8, True)),
    **dict.fromkeys(("unsigned long", "unsigned long long", "u64", "__u64", "__be64", "__le64"), Int(8, False)),
    **dict.fromkeys(("uint64_t", "size_t", "ino_t", "sector_t"), Int(8, False)),
}

_QUALIFIERS = re.compile(r"\b(?:const|volatile)\b")


class RecordTypes:
    """Reads the fields of one tracepoint. `space` is the memory that its pointers point into: 'user' or 'kernel'."""

    def __init__(self, space: str, c_types: CTypes) -> None:
        self._space = space
        self._c_types = c_types

    def fields(self, written: Iterable[FormatField]) -> tuple[Field, ...]:
        """The event's own fields. BPF programs may not read the common ones (kernel/trace/bpf_trace.c).

        A `__rel_loc` field, whose data lies behind the field itself, is left out as well: no event of the kernel
        proper has one.
        """
        return tuple(self._field(f) for f in written if not f.is_common and not f.is_rel_loc)

    def _field(self, written: FormatField) -> Field:
        if written.is_data_loc:
            return Field(written.name, Int(8, True), written.offset, data_loc=True)
        return Field(written.name, self._type(written), written.offset)

    def _type(self, written: FormatField) -> Type:
        c_type = _plain(written.c_type)
        if written.array_length is not None:
            if c_type == "char":
                return String(written.array_length)
            element = self._named(c_type, written.size // (written.array_length or 1), written.signed)
            return Array(element, written.array_length)
        type_ = self._named(c_type, written.size, written.signed)
        return type_ if size_of(type_) <= written.size else Int(written.size, written.signed)

    def _named(self, c_type: str, size: int, signed: bool) -> Type:
        """A type by its name; `size` in bytes and sign count where the name says nothing."""
        if c_type.endswith("*") or "(" in c_type:
            return Pointer(self._pointee(c_type), self._space)
        known = INTEGERS.get(c_type) or self._typedef(c_type)
        if known is not None:
            return known
        tag, _, name = c_type.partition(" ")
        if tag in ("struct", "union", "enum"):
            return self._c_types.named(tag, name) or (Int(size, signed) if tag == "enum" else Struct(c_type, size))
        return Struct(c_type, size) if size not in (1, 2, 4, 8) else Int(size, signed)

    def _pointee(self, c_type: str) -> Type:
        if "(" in c_type:
            return VOID  # a pointer to a function
        inner = c_type.removesuffix("*").strip()
        if inner.endswith("*"):
            return Pointer(self._pointee(inner), self._space)
        tag, _, name = inner.partition(" ")
        if tag in ("struct", "union"):
            return self._c_types.named(tag, name) or Struct(inner, by_name=True, alignment=1)
        return INT8 if inner == "char" else INTEGERS.get(inner) or self._typedef(inner) or VOID

    def _typedef(self, name: str) -> Type | None:
        """What a typedef of the kernel stands for, if that is a number, a pointer or a struct."""
        if name == "void" or " " in name:
            return None
        match self._c_types.named("", name):
            case Pointer():
                return Pointer(VOID, self._space)
            case Int() | Enum() | Struct() as known:
                return known
            case _:
                return None


def _plain(c_type: str) -> str:
    """The type without const and volatile, one blank between words."""
    return " ".join(_QUALIFIERS.sub(" ", c_type).replace("*", " * ").split()).replace("* *", "**").replace("* *", "**")
