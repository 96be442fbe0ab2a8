"""Rust's names as people write them: those that begin with `_R`; the older ones are in `rust_legacy_names.py`.

Source: RFC 2603 (Rust symbol name mangling v0). Names come out of binaries that belong to anybody: a short one can
stand for a text without end, so that both the text and the number of steps have bounds. This file must not know of
symbol tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .rust_legacy_names import demangle_legacy

#: Of one name: characters of its text, steps of reading it, and how deep it goes.
_MAX_TEXT, _MAX_STEPS, _MAX_DEPTH = 1 << 14, 1 << 14, 200
_BASIC_TYPES = {
    "a": "i8", "b": "bool", "c": "char", "d": "f64", "e": "str", "f": "f32", "h": "u8", "i": "isize", "j": "usize",
    "l": "i32", "m": "u32", "n": "i128", "o": "u128", "p": "_", "s": "i16", "t": "u16", "u": "()", "v": "...",
    "x": "i64", "y": "u64", "z": "!",
}  # fmt: skip
_SPECIAL_NAMESPACES = {"C": "closure", "S": "shim"}
_LENGTH = re.compile(r"0|[1-9][0-9]{0,5}(?![0-9])")
_DIGITS = {digit: value for value, digit in enumerate("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")}


def demangle_rust(name: str) -> str | None:
    """The path of a Rust function, without the hash that tells builds of a crate apart; None for other names."""
    if name.startswith(("_R", "__R")):
        return _demangle_v0(name)
    return demangle_legacy(name)


class _Malformed(Exception):
    """The text is no name of the form, or one that is too large."""


def _demangle_v0(name: str) -> str | None:
    mangled, _, _ = name[name.index("R") + 1 :].partition(".")  # LLVM puts suffixes behind a dot
    reader = _Reader(mangled)
    try:
        if mangled[:1].isdecimal():
            return None  # a version of the encoding that is not there yet
        reader.path(in_value=True)
        text = "".join(reader.out)
        if reader.at < len(mangled):
            reader.silent = True
            reader.path(in_value=False)  # the crate that made this instance
        return text if reader.at == len(mangled) else None
    except (_Malformed, IndexError, KeyError):
        return None


class _Reader:
    """Reads a name by the grammar of the RFC and writes what it means into `out`, unless it is `silent`."""

    def __init__(self, mangled: str) -> None:
        self.mangled = mangled
        self.at = 0
        self.out: list[str] = []
        self.silent = False
        self._written = self._steps = self._depth = self._binders = 0

    def _write(self, text: str) -> None:
        if self.silent:
            return
        self._written += len(text)
        if self._written > _MAX_TEXT:
            raise _Malformed
        self.out.append(text)

    def _next(self) -> str:
        sign = self.mangled[self.at]
        self.at += 1
        return sign

    def _take(self, sign: str) -> bool:
        found = self.mangled[self.at : self.at + 1] == sign
        self.at += found
        return found

    def _descend(self) -> None:
        self._steps += 1
        self._depth += 1
        if self._steps > _MAX_STEPS or self._depth > _MAX_DEPTH:
            raise _Malformed

    def _number(self) -> int:
        """A base-62 number: `_` is 0, others are one more than they say."""
        if self._take("_"):
            return 0
        value = 0
        while not self._take("_"):
            value = value * 62 + _DIGITS[self._next()]
            if value >= 1 << 64:
                raise _Malformed
        return value + 1

    def _optional(self, sign: str) -> int:
        """A number behind `sign`, one more than it says; 0 where the sign is not there."""
        return self._number() + 1 if self._take(sign) else 0

    def _identifier(self) -> tuple[str, int]:
        """The name, and the number that tells it from others of that name."""
        disambiguator = self._optional("s")
        is_punycode = self._take("u")
        length = _LENGTH.match(self.mangled, self.at)
        if length is None:
            raise _Malformed
        digits = length[0]
        self.at = length.end()
        self._take("_")
        name = self.mangled[self.at : self.at + int(digits)]
        if len(name) != int(digits):
            raise _Malformed
        self.at += len(name)
        return (_from_punycode(name) if is_punycode else name), disambiguator

    def _back(self) -> int | None:
        """Turns to the place that a back reference names. Gives where to go on; None where nothing is to be written."""
        start = self.at - 1
        target = self._number()
        if target >= start:
            raise _Malformed
        if self.silent:
            return None
        here, self.at = self.at, target
        return here

    def path(self, *, in_value: bool) -> None:
        """A path, with `::<` in front of generic arguments where it is that of a value."""
        self._descend()
        kind = self._next()
        match kind:
            case "C":
                self._write(self._identifier()[0])
            case "M" | "X":
                self._optional("s")
                outer, self.silent = self.silent, True
                self.path(in_value=False)
                self.silent = outer
                self._write("<")
                self.type()
                if kind == "X":
                    self._write(" as ")
                    self.path(in_value=False)
                self._write(">")
            case "Y":
                self._write("<")
                self.type()
                self._write(" as ")
                self.path(in_value=False)
                self._write(">")
            case "N":
                self._nested(in_value)
            case "I":
                self.path(in_value=in_value)
                self._write("::<" if in_value else "<")
                self._list(self._generic)
                self._write(">")
            case "B":
                here = self._back()
                if here is not None:
                    self.path(in_value=in_value)
                    self.at = here
            case _:
                raise _Malformed
        self._depth -= 1

    def _nested(self, in_value: bool) -> None:
        namespace = self._next()
        self.path(in_value=in_value)
        name, disambiguator = self._identifier()
        if namespace.isupper():
            label = _SPECIAL_NAMESPACES.get(namespace, namespace)
            self._write(f"::{{{label}{':' if name else ''}{name}#{disambiguator}}}")
        elif not namespace.islower():
            raise _Malformed
        elif name:
            self._write(f"::{name}")

    def _list(self, item: Callable[[], None]) -> int:
        """Items up to an E, with commas between them; gives their number."""
        count = 0
        while not self._take("E"):
            if count:
                self._write(", ")
            item()
            count += 1
        return count

    def _generic(self) -> None:
        if self._take("L"):
            self._lifetime(self._number())
        elif self._take("K"):
            self.constant()
        else:
            self.type()

    def _lifetime(self, index: int) -> None:
        """0 is one that was erased; others count from the innermost binder."""
        if not index:
            self._write("'_")
            return
        depth = self._binders - index
        if depth < 0:
            raise _Malformed
        self._write(f"'{chr(ord('a') + depth)}" if depth < 26 else f"'_{depth}")

    def _binder(self) -> int:
        """The lifetimes that are introduced here: gives how many, to be taken back."""
        count = self._optional("G")
        if count > _MAX_DEPTH:
            raise _Malformed
        if count:
            self._write("for<")
            for number in range(count):
                self._binders += 1
                self._write(", " if number else "")
                self._lifetime(1)
            self._write("> ")
        return count

    def type(self) -> None:
        self._descend()
        sign = self._next()
        if sign in _BASIC_TYPES:
            self._write(_BASIC_TYPES[sign])
        elif sign in "RQ":
            self._write("&")
            if self._take("L") and (lifetime := self._number()):
                self._lifetime(lifetime)
                self._write(" ")
            self._write("mut " if sign == "Q" else "")
            self.type()
        elif sign in "PO":
            self._write("*const " if sign == "P" else "*mut ")
            self.type()
        elif sign in "AS":
            self._write("[")
            self.type()
            if sign == "A":
                self._write("; ")
                self.constant()
            self._write("]")
        elif sign == "T":
            self._write("(")
            self._write(",)" if self._list(self.type) == 1 else ")")
        elif sign == "F":
            self._function()
        elif sign == "D":
            self._dynamic()
        elif sign == "B":
            here = self._back()
            if here is not None:
                self.type()
                self.at = here
        else:
            self.at -= 1
            self.path(in_value=False)
        self._depth -= 1

    def _function(self) -> None:
        binders = self._binder()
        self._write("unsafe " if self._take("U") else "")
        if self._take("K"):
            abi = "C" if self._take("C") else self._identifier()[0].replace("_", "-")
            self._write(f'extern "{abi}" ')
        self._write("fn(")
        self._list(self.type)
        self._write(")")
        if not self._take("u"):
            self._write(" -> ")
            self.type()
        self._binders -= binders

    def _dynamic(self) -> None:
        self._write("dyn ")
        binders = self._binder()
        first = True
        while not self._take("E"):
            self._write("" if first else " + ")
            first = False
            self._trait()
        self._binders -= binders
        if not self._take("L"):
            raise _Malformed
        if lifetime := self._number():
            self._write(" + ")
            self._lifetime(lifetime)

    def _trait(self) -> None:
        """A trait with what is bound in it; both stand in one pair of angle brackets."""
        start = len(self.out)
        self.path(in_value=False)
        is_open = False
        while self._take("p"):
            if not is_open:
                is_open = True
                if not self.silent and len(self.out) > start and self.out[-1] == ">":
                    self.out[-1] = ", "
                else:
                    self._write("<")
            else:
                self._write(", ")
            self._write(f"{self._identifier()[0]} = ")
            self.type()
        if is_open:
            self._write(">")

    def constant(self) -> None:
        self._descend()
        sign = self._next()
        if sign == "p":
            self._write("_")
        elif sign == "B":
            here = self._back()
            if here is not None:
                self.constant()
                self.at = here
        else:
            self._plain_constant(_BASIC_TYPES[sign])
        self._depth -= 1

    def _plain_constant(self, type_: str) -> None:
        is_negative = self._take("n")
        end = self.mangled.find("_", self.at)
        digits = self.mangled[self.at : end]
        if end < 0 or (digits and not re.fullmatch(r"[0-9a-f]+", digits)):
            raise _Malformed
        self.at = end + 1
        value = int(digits or "0", 16)
        match type_:
            case "bool" if value in (0, 1):
                self._write("true" if value else "false")
            case "char" if value < 0x110000 and not 0xD800 <= value < 0xE000:
                self._write(repr(chr(value)) if value != 0x27 else "'\\''")
            case "bool" | "char":
                raise _Malformed
            case _:
                self._write(f"{'-' if is_negative else ''}{value if value < 1 << 64 else f'0x{digits}'}")


def _from_punycode(name: str) -> str:
    """Rust writes `_` where RFC 3492 has the last `-`."""
    plain, mark, coded = name.rpartition("_")
    try:
        return f"{plain}{'-' if mark else ''}{coded}".encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        raise _Malformed from None
