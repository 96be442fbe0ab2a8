"""Symbols and addresses: `ksym` and `usym` show addresses by name, `kaddr` and `uaddr` give the addresses of names.

A `ksym_t` is the address (u64); a `usym_t` has behind it the process's id (u32) and four zero bytes, because there an
address means something only in its process. Names are looked up as values are shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature, integer_of
from ...core.json_text import json_string
from ...core.types import UINT32, UINT64, Int, OwnedType, Pointer, Type
from .process import process_id

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value
    from ...core.output import Rendering
    from ...core.probe import ConcretePoint
    from ...core.target import Target, UserSymbol

KERNEL_SYMBOL = OwnedType("ksym", "ksym_t", 8)
USER_SYMBOL = OwnedType("usym", "usym_t", 16)

_SYMBOL_NAME = re.compile(rb"[a-zA-Z0-9./_-]+")
#: The sizes that an integer of C can have.
_INTEGER_SIZES = (1, 2, 4, 8)
_PAGE = 4096
#: The first four bytes of an ELF file as a number.
_ELF_MAGIC = int.from_bytes(b"\x7fELF", "little")
_MAX_PLACES = 64


class KernelSymbol(Function):
    """`ksym(address)`: an address of the kernel, shown as the function that it is in."""

    names: ClassVar[tuple[str, ...]] = ("ksym",)
    signature: ClassVar[Signature] = Signature(1, 1)
    _type: ClassVar[OwnedType] = KERNEL_SYMBOL

    def type_of(self, call: CallSite) -> Type:
        if integer_of(call.types[0]) is None and not isinstance(call.types[0], Pointer):
            call.error(f"{call.name}() expects an integer or pointer argument", 0)
        return self._type

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return store_symbol(emitter, self._type, call.value(0))

    def decode(self, type_: OwnedType, data: bytes) -> tuple[int, int]:
        """(address, process id, 0 for the kernel)."""
        return int.from_bytes(data[:8], "little"), int.from_bytes(data[8:12], "little")

    def text(self, type_: OwnedType, value: tuple[int, int], rendering: Rendering) -> bytes:
        symbols = rendering.symbols

        def name(address: int) -> bytes:
            found = symbols.kernel(address)
            return _shown(address, None if found is None else found[0])

        return symbols.remembered(0, "name", name)[value[0]]

    def json(self, type_: OwnedType, value: tuple[int, int], rendering: Rendering) -> str:
        return json_string(self.text(type_, value, rendering))


class UserSymbolName(KernelSymbol):
    """`usym(address)`: the same of the process that runs."""

    names: ClassVar[tuple[str, ...]] = ("usym",)
    _type: ClassVar[OwnedType] = USER_SYMBOL

    def text(self, type_: OwnedType, value: tuple[int, int], rendering: Rendering) -> bytes:
        address, pid = value
        symbols = rendering.symbols
        return symbols.remembered(pid, "name", lambda at: _shown(at, symbols.user(pid, at)[0]))[address]


def store_symbol(emitter: Emitter, type_: OwnedType, address: Value) -> Value:
    """A value of one of the two types, in the program's memory."""
    from ...core.emitter import Value

    place = emitter.scratch(type_.size)
    emitter.store(place, emitter.cast(address, UINT64))
    if type_ == USER_SYMBOL:
        emitter.store(place, process_id(emitter), 8)
        emitter.store(place, emitter.constant(0, UINT32), 12)
    return Value(place.handle, type_)


def _shown(address: int, name: str | None) -> bytes:
    if not address:
        return b"0"
    return b"0x%x" % address if name is None else name.encode("utf-8", "surrogateescape")


class KernelAddress(Function):
    """`kaddr("symbol")`: the address of a symbol of the kernel, which is looked up as the program is loaded."""

    names: ClassVar[tuple[str, ...]] = ("kaddr",)
    signature: ClassVar[Signature] = Signature(1, 1, literals={0: "string"})

    def type_of(self, call: CallSite) -> Type:
        if not _has_symbol(call):
            call.error(f"Failed to resolve kernel symbol: {_text(call)}", 0)
        return Int(8, False, space="kernel")

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.kernel_symbol(_text(call))


def _has_symbol(call: CallSite) -> bool:
    try:
        return call.target.has_kernel_symbol(_text(call))
    except OSError:
        return False  # a kernel that shows its symbols to nobody


def _text(call: CallSite | EmitSite) -> str:
    literal = call.literal(0)
    assert isinstance(literal, bytes), "the signature asks for a string literal"
    return literal.decode("utf-8", "surrogateescape")


class UserAddress(Function):
    """`uaddr("symbol")`: where a symbol of the probed program or library is in the process that runs.

    A file that is moved as it is loaded has been moved by the distance between where the probe was hit and where the
    file says that the probe's place is, so that nothing has to be looked up in the process.
    """

    names: ClassVar[tuple[str, ...]] = ("uaddr",)
    needs_probe: ClassVar[bool] = True
    names_points: ClassVar[bool] = True
    signature: ClassVar[Signature] = Signature(1, 1, literals={0: "string"})

    def type_of(self, call: CallSite) -> Type:
        sizes = {self._size(call, point) for point in call.points}
        if len(sizes) > 1:
            call.error(f"The symbol {_text(call)} is not of the same size in all files that the probe is in", 0)
        return Pointer(Int(sizes.pop(), False), "user")

    def _size(self, call: CallSite, point: ConcretePoint) -> int:
        """What the symbol points at, in bytes; records what is wrong."""
        probe_type, name = call.probe_type, call.literal(0)
        path = probe_type.binary(point)
        if probe_type.space != "user" or not path:
            call.error(f'__builtin_uaddr can not be used with "{probe_type.names[0]}" probes')
            return 8
        if not isinstance(name, bytes) or not _SYMBOL_NAME.fullmatch(name):
            call.error(f"{call.name}() expects a string that is a valid symbol", 0)
            return 8
        symbol = call.target.user_symbol(path, _text(call))
        if symbol is None:
            call.error(f"Could not resolve symbol: {path}:{_text(call)}", 0)
            return 8
        if symbol.is_moved:
            if probe_type.is_return and "uprobe_multi" not in call.target.features:
                call.error(
                    f"{call.name}() of a file that is moved as it is loaded needs Linux 6.6 in a "
                    f"{probe_type.names[0]}: the kernel does not tell which function returns"
                )
            elif not _linked_places(point, path, call.target):
                call.error(f"Could not find out where {point.name} is in {path}")
        return symbol.size if symbol.size in _INTEGER_SIZES else 8

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from ...core.emitter import Value

        path = emitter.probe_type.binary(emitter.point)
        symbol = call.target.user_symbol(path, _text(call))
        assert symbol is not None, "type_of has found it"
        address = emitter.constant(symbol.address, UINT64)
        if symbol.is_moved:
            address = emitter.binary("+", _moved_by(emitter, symbol, path, call.target), address)
        return Value(address.handle, call.type)


def _linked_places(point: ConcretePoint, path: str, target: Target) -> list[int]:
    """Where the file says that the places of the probe are: their addresses before it is moved."""
    offsets = point.numbers("offsets") or ((point.number("offset"),) if "offset" in point.settings else ())
    addresses = [target.user_address(path, offset) for offset in offsets[:_MAX_PLACES]]
    return [address for address in addresses if address is not None]


def _moved_by(emitter: Emitter, symbol: UserSymbol, path: str, target: Target) -> Value:
    from ..probes.registers import instruction_pointer

    if emitter.probe_type.is_return:
        here = emitter.helper("get_func_ip", emitter.context())
    else:
        here = emitter.load(emitter.context(), UINT64, instruction_pointer(emitter.architecture))
    places = _linked_places(emitter.point, path, target)
    found = emitter.binary("-", here, emitter.constant(places[-1]))
    for place in reversed(places[:-1]):
        found = _first_fitting(emitter, symbol, emitter.binary("-", here, emitter.constant(place)), found)
    return found


def _first_fitting(emitter: Emitter, symbol: UserSymbol, distance: Value, otherwise: Value) -> Value:
    """`distance` if the file can have been moved by it: by whole pages, to where memory then begins as the file."""
    zero = emitter.constant(0, UINT64)
    whole = emitter.compare("==", emitter.binary("&", distance, emitter.constant(_PAGE - 1)), zero)

    def begins() -> Value:
        first = emitter.scratch(4)
        address = emitter.binary("+", distance, emitter.constant(symbol.file_start))
        emitter.read_memory("user", first, 4, address)
        return emitter.compare("==", emitter.load(first, UINT32), emitter.constant(_ELF_MAGIC))

    fits = emitter.choose(whole, begins, lambda: emitter.compare("!=", zero, zero))
    return emitter.choose(fits, lambda: distance, lambda: otherwise)


FUNCTIONS = (KernelSymbol(), UserSymbolName(), KernelAddress(), UserAddress())
