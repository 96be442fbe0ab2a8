"""Values as text and as JSON: one piece of code for every place that shows a value.

Types of the language itself are shown here; a type that belongs to a function is passed on to that function. Where the
text goes, and what surrounds it, is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.config import Config
from ...core.function import Aggregation, Function
from ...core.json_text import json_integer, json_string
from ...core.output import Symbols
from ...core.records import named_members
from ...core.types import Array, Bool, Enum, Int, OwnedType, Pointer, Record, String, Struct, Tuple, Type, Void


class ValueRendering:
    """A `core.output.Rendering` over the functions that a program uses."""

    def __init__(self, config: Config, functions: Mapping[str, Function], symbols: Symbols) -> None:
        self.config = config
        self.symbols = symbols
        self._functions = functions
        self._trailer = config.str_trunc_trailer.encode()

    def text(self, type_: Type, value: Any) -> bytes:
        match type_:
            case Int():
                return b"%d" % value
            case String(size=size):
                return self._string(size, value)
            case Bool():
                return b"true" if value else b"false"
            case Pointer():
                return b"0x%x" % value
            case Tuple(elements):
                return b"(" + b", ".join(map(self.text, elements, value)) + b")"
            case Array(element):
                return b"[" + b",".join([self.text(element, item) for item in value]) + b"]"
            case Enum():
                return (type_.name_of(value) or str(value)).encode()
            case Record() | Struct():
                members = zip(named_members(type_), value, strict=True)
                shown = [b".%b = %b" % (name.encode(), self.text(inner, item)) for (name, inner), item in members]
                return b"{ " + b", ".join(shown) + b" }" if shown else b"{}"
            case Void():
                return b"null"
            case OwnedType(owner=owner):
                return self._functions[owner].text(type_, value, self)
        raise ValueError(f"values of type {type_} are not shown")

    def json(self, type_: Type, value: Any) -> str:
        match type_:
            case Int() | Enum() | Pointer():
                return json_integer(value)
            case String(size=size):
                return json_string(self._string(size, value))
            case Bool():
                return "true" if value else "false"
            case Tuple(elements):
                return "[" + ",".join(map(self.json, elements, value)) + "]"
            case Array(element):
                return "[" + ",".join([self.json(element, item) for item in value]) + "]"
            case Record() | Struct():
                members = zip(named_members(type_), value, strict=True)
                return "{" + ", ".join(f"{json_string(n.encode())}: {self.json(t, v)}" for (n, t), v in members) + "}"
            case Void():
                return "null"
            case OwnedType(owner=owner):
                return self._functions[owner].json(type_, value, self)
        raise ValueError(f"values of type {type_} are not shown")

    def aggregation(self, type_: Type | None) -> Aggregation | None:
        if not isinstance(type_, OwnedType) or not type_.aggregation:
            return None
        function = self._functions[type_.owner]
        return function if isinstance(function, Aggregation) else None

    def decode_owned(self, type_: OwnedType, data: bytes) -> Any:
        """The value of a type that a function owns, from its bytes."""
        return self._functions[type_.owner].decode(type_, data)

    def _string(self, size: int, value: bytes) -> bytes:
        # Only a value that fills its storage is cut off; one that has its trailer already is longer.
        return value + self._trailer if len(value) == size else value
