"""Values as text and as JSON: one piece of code for every place that shows a value.

Types of the language itself are shown here; a type that belongs to a function is passed on to that function. Where the
text goes, and what surrounds it, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...core.buffer_text import escaped
from ...core.config import Config
from ...core.function import Aggregation, Function
from ...core.json_text import json_integer, json_string, json_text
from ...core.output import Symbols, UnprintableValue
from ...core.records import named_members
from ...core.terminal_text import guarded
from ...core.types import Array, Bool, Buffer, Enum, Int, OwnedType, Pointer, Record, String, Struct, Tuple, Type, Void


class ValueRendering:
    """A `core.output.Rendering` over the functions that a program uses."""

    def __init__(
        self, config: Config, functions: Mapping[str, Function], symbols: Symbols, *, guards: bool = False
    ) -> None:
        self.config = config
        self.symbols = symbols
        self.guards = guards
        #: Where errors about values go.
        self.complain: Callable[[str], None] = _say_nothing
        self._functions = functions
        self._trailer = config.str_trunc_trailer.encode()

    def shown(self, data: bytes) -> bytes:
        return guarded(data) if self.guards else data

    def error(self, message: str) -> None:
        self.complain(message)

    def guarding(self, guards: bool) -> ValueRendering:
        other = ValueRendering(self.config, self._functions, self.symbols, guards=guards)
        other.complain = self.complain
        return other

    def text(self, type_: Type, value: Any) -> bytes:
        match type_:
            case Int():
                return b"%d" % value
            case String(size=size):
                return self.shown(self._string(size, value))
            case Buffer():
                return escaped(value)
            case Bool():
                return b"true" if value else b"false"
            case Pointer():
                return b"0x%x" % value
            case Tuple(elements):
                return b"(" + b", ".join(map(self.text, elements, value)) + b")"
            case Array(element):
                return b"[" + b",".join([self.text(element, item) for item in value]) + b"]"
            case Enum():
                return self._name(type_.name_of(value) or str(value))
            case Record() | Struct():
                members = zip(named_members(type_), value, strict=True)
                shown = [b".%b = %b" % (self._name(name), self.text(inner, item)) for (name, inner), item in members]
                return b"{ " + b", ".join(shown) + b" }" if shown else b"{}"
            case Void():
                return b"null"
            case OwnedType(owner=owner):
                function = self._functions[owner]
                try:
                    text = function.text(type_, value, self)
                except UnprintableValue as error:
                    return self._name(f"!{{{error}}}")
                return text if function.text_is_of_script else self.shown(text)
        raise ValueError(f"values of type {type_} are not shown")

    def json(self, type_: Type, value: Any) -> str:
        match type_:
            case Int() | Enum() | Pointer():
                return json_integer(value)
            case String(size=size):
                return json_string(self._string(size, value))
            case Buffer():
                return "[" + ",".join([str(byte - 256 if byte > 127 else byte) for byte in value]) + "]"
            case Bool():
                return "true" if value else "false"
            case Tuple(elements):
                return "[" + ",".join(map(self.json, elements, value)) + "]"
            case Array(element):
                return "[" + ",".join([self.json(element, item) for item in value]) + "]"
            case Record() | Struct():
                members = zip(named_members(type_), value, strict=True)
                return "{" + ", ".join(f"{json_text(n)}: {self.json(t, v)}" for (n, t), v in members) + "}"
            case Void():
                return "null"
            case OwnedType(owner=owner):
                try:
                    return self._functions[owner].json(type_, value, self)
                except UnprintableValue as error:
                    return json_text(f"!{{{error}}}")
        raise ValueError(f"values of type {type_} are not shown")

    def aggregation(self, type_: Type | None) -> Aggregation | None:
        if not isinstance(type_, OwnedType) or not type_.aggregation:
            return None
        function = self._functions[type_.owner]
        return function if isinstance(function, Aggregation) else None

    def decode_owned(self, type_: OwnedType, data: bytes) -> Any:
        """The value of a type that a function owns, from its bytes."""
        return self._functions[type_.owner].decode(type_, data)

    def _name(self, name: str) -> bytes:
        """A name of the kernel's or of a traced program's."""
        return self.shown(name.encode("utf-8", "surrogateescape"))

    def _string(self, size: int, value: bytes) -> bytes:
        # Only a value that fills its storage is cut off; one that has its trailer already is longer.
        return value + self._trailer if len(value) == size else value


def _say_nothing(message: str) -> None:
    """Outside of a run nobody is told."""
