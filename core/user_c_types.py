"""The C types of traced programs, out of their debug information, over those of the script and of the kernel.

A struct that came out of a binary says so (`Struct.home`), and its members are asked for there: each binary may have a
struct of a name that others, the kernel and the script have too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .c_types import CTypes
from .types import Enum, Field, Struct, Type

if TYPE_CHECKING:
    from .diagnostics import Diagnostics
    from .target import Target


class UserCTypes:
    """`CTypes` that also knows structs with a home; of what has none it knows what `below` knows."""

    def __init__(self, below: CTypes, target: Target, diagnostics: Diagnostics) -> None:
        self._below = below
        self._target = target
        self._diagnostics = diagnostics

    def named(self, tag: str, name: str) -> Type | None:
        return self._below.named(tag, name)

    def named_in(self, binary: str, tag: str, name: str) -> Type | None:
        """What a name means in a probe on the file at `binary`: with a tag the script's own type comes first, then the
        binary's, then the kernel's; a word without tag is the binary's only when nobody else knows it."""
        from .c_preamble.script_types import ScriptTypes

        below = self._below
        first = below.own(tag, name) if tag and isinstance(below, ScriptTypes) else None
        if first is None and not tag:
            first = below.named(tag, name)
        return first or self._in_binary(binary, tag, name) or below.named(tag, name)

    def _in_binary(self, binary: str, tag: str, name: str) -> Type | None:
        try:
            return self._target.user_type(binary, tag, name)
        except (ValueError, OSError) as error:
            self._report(error)
        return None

    def members(self, struct: Struct) -> tuple[Field, ...] | None:
        if not struct.home or not struct.by_name:
            return self._below.members(struct)
        try:
            return self._target.user_members(struct.home, struct.name)
        except (ValueError, OSError) as error:
            self._report(error)
        return None

    def _report(self, error: Exception) -> None:
        """Each once: types are asked for in every round of inference."""
        if not any(recorded.message == str(error) for recorded in self._diagnostics.recorded):
            self._diagnostics.error(str(error))

    def constant(self, name: str) -> tuple[int, Enum] | None:
        return self._below.constant(name)

    def macro(self, name: str) -> str | None:
        return self._below.macro(name)

    def names(self) -> Iterable[str]:
        return self._below.names()


def named_in(c_types: CTypes, binary: str, tag: str, name: str) -> Type | None:
    """What a name means in a probe on the file at `binary`, which is empty for probes on no file."""
    return c_types.named_in(binary, tag, name) if binary and isinstance(c_types, UserCTypes) else (
        c_types.named(tag, name)
    )  # fmt: skip
