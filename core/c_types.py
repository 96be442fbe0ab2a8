"""The C types that a script can name: the kernel's, and those of its own preamble.

The contract between whoever knows C types (BTF, libclang) and the passes that ask for them by name. Types refer to each
other in circles, so a struct with a name carries only the name, and its members are asked for here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from .types import (
    BOOL,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT32,
    VOID,
    Array,
    Enum,
    Field,
    Record,
    Struct,
    Tuple,
    Type,
)

#: C's base types that are written as one word.
BASE_TYPES: dict[str, Type] = {
    "char": INT8, "short": INT16, "int": INT32, "long": INT64, "signed": INT32, "unsigned": UINT32, "_Bool": BOOL,
    "void": VOID,
}  # fmt: skip


class CTypes(Protocol):
    """C types by name. What is not there is None, never an error."""

    def named(self, tag: str, name: str) -> Type | None:
        """The type that `tag name` stands for: 'struct', 'union' and 'enum' with their tag; without one a typedef, a
        C base type written as one word, or a struct, union or enum of the kernel."""

    def members(self, struct: Struct) -> tuple[Field, ...] | None:
        """The members of a struct or union in order of declaration, those of anonymous ones inside it among them.

        None for one that is only declared.
        """

    def constant(self, name: str) -> tuple[int, Enum] | None:
        """An enum's constant: its value and its type."""

    def macro(self, name: str) -> str | None:
        """The text of an object-like `#define`, tokens joined without blanks."""

    def names(self) -> Iterable[str]:
        """What might have been meant by a name that is not there. Need not be complete."""


class NoCTypes:
    """A machine without BTF and a script without preamble."""

    def named(self, tag: str, name: str) -> Type | None:
        return None

    def members(self, struct: Struct) -> tuple[Field, ...] | None:
        return struct.fields or None

    def constant(self, name: str) -> tuple[int, Enum] | None:
        return None

    def macro(self, name: str) -> str | None:
        return None

    def names(self) -> Iterable[str]:
        return ()


def member(c_types: CTypes, struct: Struct, name: str) -> Field | None:
    """The member of a struct called `name`, or None."""
    found = c_types.members(struct) if struct.by_name else struct.fields
    return next((f for f in found or () if f.name == name), None)


def complete(c_types: CTypes, type_: Type) -> Type:
    """The type with the members of all structs that lie inside it, as the output stage needs them: as they are stored.

    What a pointer points to stays a name.
    """
    match type_:
        case Struct(name, size, own, by_name, alignment):
            fields = c_types.members(type_) or () if by_name else own
            inside = (Field(f.name, complete(c_types, f.stored), f.offset, f.data_loc, f.bit_shift, f.bit_width, f.tag)
                      for f in fields)  # fmt: skip
            return Struct(name, size, tuple(inside), False, alignment)
        case Array(element, count):
            return Array(complete(c_types, element), count)
        case Tuple(elements):
            return Tuple(tuple(complete(c_types, element) for element in elements))
        case Record(named):
            return Record(tuple((name, complete(c_types, element)) for name, element in named))
    return type_
