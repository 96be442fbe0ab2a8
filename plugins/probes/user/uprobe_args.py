"""`args` of uprobes: a function's parameters, typed by its debug information, where `struct pt_regs` keeps them.

Each parameter is a member of a struct that is laid over the program's context, so that reading one is reading a
register. On little-endian machines the low bytes of a register are its first ones. Knows calling conventions; finding
functions and debug information is the target's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ....core.probe import AttachPointError
from ....core.types import VOID, Field, Pointer, Struct, Type, size_of
from ..registers import registers

if TYPE_CHECKING:
    from ....core.binary.dwarf_signature import Parameter, Passing, Signature
    from ....core.target import Target

STACK = "'args' builtin is not supported for probes with stack-passed arguments."
_X86_VECTORS = 8  # xmm0 to xmm7
#: What gcc appends to the name of a function whose parameters it has changed.
_CHANGED = (".constprop.", ".isra.", ".part.")


def uprobe_args(name: str, path: str, symbol: str, target: Target) -> Struct:
    """The parameters of function `symbol` of the file at `path` as members of a struct over pt_regs.

    `name` is the probe's, for messages. Parameters in registers that BPF programs do not see (floating point) have the
    type void. Raises: AttachPointError.
    """
    signature = _known_signature(name, path, symbol, target)
    for parameter in signature.parameters:
        if "unknown" in parameter.passing.pieces:
            raise AttachPointError(
                f'Could not parse arguments of "{name}": the debug information does not say what {parameter.c_text} is'
            )
    convention = _x86_64 if target.architecture == "x86_64" else _aarch64
    fields = tuple(convention(signature, registers(target.architecture).arguments))
    return Struct(symbol, max((f.offset + size_of(f.type) for f in fields), default=0), fields, alignment=8)


def _known_signature(name: str, path: str, symbol: str, target: Target) -> Signature:
    """Raises: AttachPointError: nothing is known of the function, or its parameters were changed."""
    refused = f'Could not parse arguments of "{name}":'
    try:
        found = _signature(path, symbol, target)
    except (ValueError, OSError) as error:
        raise AttachPointError(f"{refused} {error}") from error
    if found is None:
        raise AttachPointError(f"{refused} no debuginfo found for {path}")
    if any(mark in symbol for mark in _CHANGED):
        raise AttachPointError(f"{refused} the compiler has changed the parameters of {symbol}")
    return found


def _signature(path: str, symbol: str, target: Target) -> Signature | None:
    function = target.user_function(path, symbol)
    return None if function is None else target.user_signature(path, function.address)


def _x86_64(signature: Signature, offsets: tuple[int, ...]) -> Iterator[Field]:
    """System V ABI for x86-64, section 3.2.3."""
    # A result that does not fit registers goes where a hidden first parameter points.
    integers = int(signature.result is not None and _in_memory(signature.result.passing))
    vectors = 0
    for parameter in signature.parameters:
        pieces = parameter.passing.pieces
        needed = pieces.count("integer")
        is_lost = len(pieces) > 2 or "memory" in pieces or integers + needed > len(offsets)
        if is_lost or vectors + pieces.count("float") > _X86_VECTORS:
            raise AttachPointError(STACK)
        # Two registers that follow each other lie the wrong way round in pt_regs.
        yield from _field(parameter, offsets[integers] if pieces == ("integer",) else None)
        integers += needed
        vectors += len(pieces) - needed


def _in_memory(passing: Passing) -> bool:
    return passing.by_reference or len(passing.pieces) > 2 or "memory" in passing.pieces


def _aarch64(signature: Signature, offsets: tuple[int, ...]) -> Iterator[Field]:
    """AAPCS64, section 6.8.2. Registers that follow each other do so in pt_regs as well."""
    used = 0
    for parameter in signature.parameters:
        passing = parameter.passing
        if passing.pieces and set(passing.pieces) == {"float"}:
            yield from _field(parameter, None)
            continue
        by_reference = passing.by_reference or passing.size > 16
        count = 1 if by_reference else len(passing.pieces)
        if used + count > len(offsets):
            raise AttachPointError(STACK)
        yield from _field(parameter, offsets[used] if count else None, by_reference=by_reference)
        used += count


def _field(parameter: Parameter, offset: int | None, *, by_reference: bool = False) -> Iterator[Field]:
    """The member for a parameter; without an offset it is one that cannot be read. Parameters without a name cannot
    be asked for."""
    type_: Type = parameter.type
    if parameter.passing.by_reference or by_reference:
        type_ = Pointer(type_, "user")
    if parameter.name:
        yield Field(parameter.name, type_ if offset is not None else VOID, offset or 0)
