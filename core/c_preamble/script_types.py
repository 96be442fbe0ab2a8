"""The script's own C types over those of the kernel: who wins where both know a name.

The script does. A type of the kernel's that holds one of the script's by value is then another type than the one that
the kernel has compiled in, and is not given out, with a warning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..types import Array, Enum, Field, Pointer, Struct, Type
from .translation_unit import CONFLICT

if TYPE_CHECKING:
    from ..c_types import CTypes
    from ..diagnostics import Diagnostics
    from .clang_types import ClangTypes


class ScriptTypes:
    """`CTypes` of a script with a preamble."""

    def __init__(self, own: ClangTypes, kernel: CTypes, diagnostics: Diagnostics) -> None:
        self._own = own
        self._kernel = kernel
        self._diagnostics = diagnostics

    def named(self, tag: str, name: str) -> Type | None:
        """A word without tag is no struct of the script's, but may be one of the kernel's."""
        found = self._own.named(tag, name)
        if found is None:
            found = self._kernel.named(tag, name)
            found = None if found is None else self._ours(found)
        return found

    def own(self, tag: str, name: str) -> Type | None:
        """The type, if the script itself defines it."""
        return self._own.named(tag, name)

    def members(self, struct: Struct) -> tuple[Field, ...] | None:
        if not struct.by_name or self._own.defines(struct.name):
            return self._own.members(struct)
        fields = self._kernel.members(struct)
        if fields is None:
            return None
        if any(self._is_redefined(field.type) for field in fields):
            self._diagnostics.warning(CONFLICT)
            return None
        return tuple(
            Field(f.name, self._ours(f.type), f.offset, f.data_loc, f.bit_shift, f.bit_width, f.tag, f.size)
            for f in fields
        )

    def constant(self, name: str) -> tuple[int, Enum] | None:
        return self._own.constant(name) or self._kernel.constant(name)

    def macro(self, name: str) -> str | None:
        return self._own.macro(name)

    def names(self) -> Iterable[str]:
        return [*self._own.names(), *self._kernel.names()]

    def _ours(self, type_: Type) -> Type:
        """A type of the kernel's with the script's own in place of those that it points to by name."""
        match type_:
            case Struct(name, by_name=True) if self._own.defines(name):
                tag, _, own = name.partition(" ")
                return self._own.named(tag, own) or type_
            case Pointer(pointee, space):
                return Pointer(self._ours(pointee), space)
            case Array(element, count):
                return Array(self._ours(element), count)
        return type_

    def _is_redefined(self, type_: Type) -> bool:
        """Whether a type that lies in a struct of the kernel's is laid out differently by the script."""
        match type_:
            case Array(element):
                return self._is_redefined(element)
            case Struct(name, by_name=True) if self._own.defines(name):
                ours = self._ours(type_)
                return (ours.size if isinstance(ours, Struct) else 0, _layout(self._own, type_)) != (
                    type_.size, _layout(self._kernel, type_))  # fmt: skip
        return False


def _layout(c_types: CTypes, struct: Struct) -> list[tuple[str, int, int, int]]:
    return [(f.name, f.offset, f.bit_shift, f.bit_width) for f in c_types.members(struct) or ()]
