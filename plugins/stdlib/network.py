"""Addresses of the network: `ntop`, `pton` and `macaddr`, and the cookie of a socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.emitter import Value
from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.json_text import json_string
from ...core.output import Rendering
from ...core.types import (
    UINT8,
    UINT32,
    UINT64,
    Array,
    Int,
    OwnedType,
    Pointer,
    String,
    Type,
    align_of,
    base_name,
    size_of,
)
from .kernel_objects import check_tracing, is_pointer_to
from .memory import memory_of, stored

if TYPE_CHECKING:
    from ...core.emitter import Emitter

#: The address families of include/linux/socket.h, which are the same everywhere.
_IPV4, _IPV6 = 2, 10
#: A u64 with the family, then the address in network order, of IPv4 in the first four bytes.
_INET = OwnedType("ntop", "inet[24]", 24)
_ADDRESS, _ADDRESS_SIZE = 8, 16
_MAC_SIZE = 6
_MAC = OwnedType("macaddr", "mac_address", _MAC_SIZE)


class _AddressText(Function):
    """A function whose values are shown as text."""

    def json(self, type_: OwnedType, value: Any, rendering: Rendering) -> str:
        return json_string(self.text(type_, value, rendering))


class InternetAddress(_AddressText):
    """`ntop([family,] address)`: an IPv4 address (an integer, four bytes) or an IPv6 address (16 bytes), as text."""

    names: ClassVar[tuple[str, ...]] = ("ntop",)
    named_types: ClassVar[Mapping[str, OwnedType]] = {"inet": _INET}
    signature: ClassVar[Signature] = Signature(1, 2)

    def type_of(self, call: CallSite) -> Type:
        index = len(call.types) - 1
        given = call.types[index]
        if index and not isinstance(call.types[0], Int):
            call.error(f"ntop() only supports int arguments ({base_name(call.types[0])} provided)", 0)
        if not isinstance(given, Int | Array | String):
            call.error(f"ntop() expects an integer or array argument, got {base_name(given)}", index)
        elif not isinstance(given, Int) and _byte_count(call, index) not in (4, 16):
            call.error("ntop() argument must be 4 or 16 bytes in size", index)
        return _INET

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        index = len(call.types) - 1
        given = call.types[index]
        family = call.value(0) if index else emitter.constant(_IPV6 if _byte_count(call, index) == 16 else _IPV4)
        result = emitter.scratch(_INET.size)
        emitter.zero(result, _INET.size)
        place = emitter.offset(result, _ADDRESS)
        if isinstance(given, Int):
            emitter.store(place, emitter.cast(call.value(index), UINT32))
        else:
            _copy(emitter, call, index, place, _byte_count(call, index))
        emitter.store(result, emitter.cast(family, UINT64))
        return Value(result.handle, _INET)

    def decode(self, type_: OwnedType, data: bytes) -> tuple[int, bytes]:
        """(family, address)"""
        return int.from_bytes(data[:_ADDRESS], "little"), data[_ADDRESS : _ADDRESS + _ADDRESS_SIZE]

    def text(self, type_: OwnedType, value: Any, rendering: Rendering) -> bytes:
        from socket import AF_INET, AF_INET6, inet_ntop

        family, address = value
        match family:
            case 2:
                return inet_ntop(AF_INET, address[:4]).encode()
            case 10:
                return inet_ntop(AF_INET6, address).encode()
        return b""


class AddressOfText(Function):
    """`pton("TEXT")`: the bytes of an IPv4 or IPv6 address in network order, known as the script is compiled."""

    names: ClassVar[tuple[str, ...]] = ("pton",)
    signature: ClassVar[Signature] = Signature(1, 1)

    def type_of(self, call: CallSite) -> Type:
        text = call.literal(0)
        if not isinstance(text, bytes):
            call.error("pton() expects an string literal at the first argument", 0)
            return Array(UINT8, 4)
        shown = text.decode(errors="replace")
        if b"." not in text and b":" not in text:
            call.error(f"pton() expects an string argument of an IPv4/IPv6 address, got {shown}", 0)
            return Array(UINT8, 4)
        address = _address(text)
        if not address:
            call.error(f"pton() expects a valid IPv4/IPv6 address, got {shown}", 0)
        return Array(UINT8, len(address) or 4)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        text = call.literal(0)
        assert isinstance(text, bytes), "type_of saw to it"
        address = _address(text)
        place = emitter.scratch(len(address))
        for at in range(0, len(address), 4):
            word = int.from_bytes(address[at : at + 4], "little")
            emitter.store(place, emitter.constant(word, UINT32), at)
        return Value(place.handle, call.type)


class HardwareAddress(_AddressText):
    """`macaddr(bytes)`: the first six bytes of an array, or at an address, as text."""

    names: ClassVar[tuple[str, ...]] = ("macaddr",)
    named_types: ClassVar[Mapping[str, OwnedType]] = {"macaddr_t": _MAC}
    signature: ClassVar[Signature] = Signature(1, 1)

    def type_of(self, call: CallSite) -> Type:
        given = call.types[0]
        if isinstance(call.literal(0), bytes):
            call.error("macaddr() does not support literal string arguments", 0)
        elif not isinstance(given, Int | Pointer | Array | String):
            call.error(f"macaddr() only supports array or pointer arguments ({base_name(given)} provided)", 0)
        elif isinstance(given, Array | String) and _byte_count(call, 0) < _MAC_SIZE:
            call.error("macaddr() argument must be at least 6 bytes in size", 0)
        return _MAC

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        given, result = call.types[0], emitter.scratch(_MAC_SIZE)
        if isinstance(given, Array | String):
            _copy(emitter, call, 0, result, _MAC_SIZE)
        else:
            space, address = memory_of(emitter, call, 0)
            emitter.read_memory(space, result, _MAC_SIZE, address)
        return Value(result.handle, _MAC)

    def text(self, type_: OwnedType, value: Any, rendering: Rendering) -> bytes:
        data: bytes = value
        return data.hex(":").upper().encode()


class SocketCookie(Function):
    """`socket_cookie(sock)`: a number that the socket has for as long as it lives; 0 for a null pointer."""

    names: ClassVar[tuple[str, ...]] = ("socket_cookie",)
    signature: ClassVar[Signature] = Signature(1, 1)

    def type_of(self, call: CallSite) -> Type:
        given = call.types[0]
        check_tracing(call)
        if not is_pointer_to(given, "sock"):
            call.error(
                f"socket_cookie() only supports 'struct sock *' as the argument ({base_name(given)} provided)", 0
            )
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        socket, none = call.object(0), emitter.constant(0)
        cookie = emitter.choose(
            emitter.compare("==", socket, none), lambda: none, lambda: emitter.helper("get_socket_cookie", socket)
        )
        return emitter.cast(cookie, UINT64)


def _byte_count(call: CallSite | EmitSite, index: int) -> int:
    """The bytes of an argument's own memory; of a string without the NUL that its type has room for."""
    type_ = call.types[index]
    return size_of(type_) - isinstance(type_, String)


def _copy(emitter: Emitter, call: EmitSite, index: int, place: Value, size: int) -> None:
    """Copies an argument's bytes, in words of as many as their alignment allows."""
    type_ = call.types[index]
    source, width = stored(emitter, call.storage(index), type_), align_of(type_)
    for at in range(0, size, width):
        emitter.store(place, emitter.load(source, Int(width, False), at), at)


def _address(text: bytes) -> bytes:
    """The bytes of an address, none for a text that is not one."""
    from socket import AF_INET, AF_INET6, inet_pton

    try:
        return inet_pton(AF_INET6 if b":" in text else AF_INET, text.decode("ascii"))
    except (OSError, ValueError):
        return b""


FUNCTIONS = (InternetAddress(), AddressOfText(), HardwareAddress(), SocketCookie())
