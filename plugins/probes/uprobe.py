"""`uprobe` and `uretprobe`: entry of, a place in, and return from a function of a program or library.

The kernel knows such a place as a file and an offset in it, so that is what an attach point becomes; symbols are
looked up here, once. Another task may preempt the program (the kernel only keeps it on its CPU).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from ...core.glob import has_wildcard
from ...core.numbers import NumberError, parse_integer
from ...core.probe import (
    AttachPointError,
    AttachRequest,
    ConcretePoint,
    Link,
    MatchRequest,
    NoMatch,
    PointSpec,
    ProbeType,
)
from ...core.types import UINT64, Struct, Type
from .parts import check_count, read_number
from .registers import argument_offset, registers
from .uprobe_source import parse_source, source_address

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.emitter import Emitter, Value
    from ...core.target import Target, UserFunction


class UserProbe(ProbeType):
    """What entry and return have in common.

    Settings of a spec: `file`, then `function` (empty for an address) and `offset`. Settings of a point: `path`,
    `offset` (bytes in the file), `symbol`.
    """

    program_type: ClassVar[str] = "kprobe"
    space: ClassVar[str] = "user"
    pid_filter: ClassVar[str] = "attach"
    preemptible: ClassVar[bool] = True
    searched: ClassVar[str] = "process"
    traces: ClassVar[str] = "user"
    has_registers: ClassVar[bool] = True
    attached_backwards: ClassVar[bool] = True
    is_return: ClassVar[bool] = False

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        provider = self.names[0]
        if "@" in parts:
            if self.is_return:
                raise AttachPointError("Source code location not allowed")
            return parse_source(provider, parts)
        check_count(provider, parts, 2, 3)
        if len(parts) == 3 and parts[1] != "cpp":
            raise AttachPointError(f"unsupported language type: {parts[1]}")
        file, written = parts[0], parts[-1]
        if not file or not written:
            raise AttachPointError(f"{provider} should be attached to a function of a file")
        address = _address(written)
        if address is None:
            function, offset = self._function(written)
            return PointSpec(provider, {"file": file, "function": function, "offset": offset})
        if has_wildcard(file):
            raise AttachPointError("Cannot use wildcards with absolute address")
        if not address:
            raise AttachPointError(f"{provider} should be attached to a function, and there is none at address 0")
        return PointSpec(provider, {"file": file, "function": "", "offset": address})

    def _function(self, written: str) -> tuple[str, int]:
        function, *offsets = written.split("+")
        if not offsets:
            return function, 0
        if self.is_return:
            raise AttachPointError("Offset not allowed")
        if len(offsets) > 1:
            raise AttachPointError("Cannot take more than one offset")
        return function, read_number(offsets[0], "Invalid offset")

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        file, function, target = spec.text("file"), spec.text("function"), request.target
        paths = target.resolve_binary(file)
        if not paths:
            raise NoMatch(f"uprobe target file '{file}' does not exist or is not executable")
        if not has_wildcard(file):
            paths = paths[:1]
        if "source" in spec.settings:
            return [self._source_point(paths[0], spec, target)]
        find = self._function_point if function else self._address_point
        points = [point for path in paths if (point := find(path, spec, target)) is not None]
        if not points:
            missing = f"{paths[0]}:{function or spec.settings['offset']}"
            raise NoMatch(f"No matches for {spec.probe_type} {missing}.", _similar(paths[0], function, target))
        return points

    def _function_point(self, path: str, spec: PointSpec, target: Target) -> ConcretePoint | None:
        symbol, offset = spec.text("function"), spec.number("offset")
        found = target.user_function(path, symbol)
        if found is None:
            return None
        self._check_offset(symbol, found, offset, target)
        name = f"{spec.probe_type}:{path}:{symbol}" + (f"+{offset}" if offset else "")
        return self._point(spec, name, found, symbol, offset)

    def _source_point(self, path: str, spec: PointSpec, target: Target) -> ConcretePoint:
        """The line table names starts of instructions, so that no offset has to be checked."""
        address = source_address(path, spec, target)
        for symbol in target.user_functions(path):
            found = target.user_function(path, symbol)
            if found is not None and found.address <= address < found.address + max(found.size, 1):
                return self._point(spec, f"{spec.probe_type}:{path}:{address}", found, symbol, address - found.address)
        raise AttachPointError(f"No function of {path} is at the address of {spec.text('source')}: {address:#x}")

    def _address_point(self, path: str, spec: PointSpec, target: Target) -> ConcretePoint | None:
        address = spec.number("offset")
        for symbol in target.user_functions(path):
            found = target.user_function(path, symbol)
            if found is not None and found.address <= address < found.address + max(found.size, 1):
                offset = address - found.address
                if offset and self.is_return:
                    raise AttachPointError("uretprobes can not be attached to a function offset")
                self._check_offset(symbol, found, offset, target)
                return self._point(spec, f"{spec.probe_type}:{path}:{address}", found, symbol, offset)
        return None

    def _point(self, spec: PointSpec, name: str, found: UserFunction, symbol: str, offset: int) -> ConcretePoint:
        settings: dict[str, str | int] = {"path": found.path, "offset": found.file_offset + offset, "symbol": symbol}
        return ConcretePoint(spec.probe_type, name, settings)

    def _check_offset(self, symbol: str, found: UserFunction, offset: int, target: Target) -> None:
        """A breakpoint in another function, or in the middle of an instruction, would break the traced program.

        Where instructions have no fixed size it takes a disassembler to tell; there is none here, so it is refused.
        """
        if not offset:
            return
        if not found.size:
            raise AttachPointError(f"Could not determine boundary for {symbol} (symbol has size 0).")
        if offset >= found.size:
            raise AttachPointError(f"Offset outside the function bounds ('{symbol}' size is {found.size})")
        place = f"{found.path}:{symbol}+{offset}"
        alignment = registers(target.architecture).alignment
        if alignment == 1:
            hint = "a probe in the middle of an instruction would crash the traced program; probe the function's start"
            raise AttachPointError(f"Can't check if uprobe is in proper place: {place}", (hint,))
        if (found.address + offset) % alignment:
            raise AttachPointError(f"Could not add uprobe into middle of instruction: {place}")

    def binary(self, point: ConcretePoint) -> str:
        return point.text("path")

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        """Nothing: there is no list of all binaries. `-l` with a file names the functions itself."""
        return ()

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .perf_links import attach_uprobe

        return attach_uprobe(program.point, request, is_return=self.is_return)


class UprobeProbe(UserProbe):
    names = ("uprobe", "u")

    def args(self, point: ConcretePoint, target: Target) -> Struct | None:
        from .uprobe_args import uprobe_args

        return uprobe_args(point.name, point.text("path"), point.text("symbol"), target)

    def argument(self, point: ConcretePoint, index: int, architecture: str) -> Type | None:
        argument_offset(architecture, index)
        return UINT64

    def emit_argument(self, emitter: Emitter, index: int) -> Value:
        return emitter.load(emitter.context(), UINT64, argument_offset(emitter.architecture, index))


class UretprobeProbe(UserProbe):
    names = ("uretprobe", "ur")
    is_return = True

    def return_value(self, point: ConcretePoint, target: Target) -> Type | None:
        return UINT64

    def emit_return_value(self, emitter: Emitter, type_: Type) -> Value:
        return emitter.load(emitter.context(), UINT64, registers(emitter.architecture).return_value)


def _address(written: str) -> int | None:
    """The value of a part that is a number; no function's name begins with a digit."""
    if not written[0].isdecimal():
        return None
    try:
        return parse_integer(written)
    except NumberError as error:
        raise AttachPointError(f"Invalid address: {error}") from error


def _similar(path: str, function: str, target: Target) -> tuple[str, ...]:
    from ...core.diagnostics import did_you_mean

    return did_you_mean(function, target.user_functions(path)) if function else ()


PROBE_TYPES = (UprobeProbe(), UretprobeProbe())
