"""What captured targets keep of debug information, as JSON data: signatures, members and types of user programs.

Both directions are here, so that the writer and the reader of a captured target agree. It reads no files.
"""

from __future__ import annotations

from ..binary.dwarf_signature import Parameter, Passing, Signature
from ..type_data import from_data, to_data
from ..types import Field, Struct


def signature_to_data(signature: Signature) -> list[object]:
    """[parameters, result or null], each parameter [name, type, C text, size, pieces, by reference]."""
    result = signature.result
    return [list(map(_parameter_to_data, signature.parameters)), result and _parameter_to_data(result)]


def signature_from_data(data: object) -> Signature:
    """The inverse. Raises ValueError."""
    match data:
        case [list(parameters), result]:
            found = None if result is None else _parameter_from_data(result)
            return Signature(tuple(map(_parameter_from_data, parameters)), found)
    raise ValueError(f"not a signature: {data!r}")


def _parameter_to_data(parameter: Parameter) -> list[object]:
    passing = parameter.passing
    how = [passing.size, list(passing.pieces), passing.by_reference]
    return [parameter.name, to_data(parameter.type), parameter.c_text, *how]


def _parameter_from_data(data: object) -> Parameter:
    match data:
        case [str(name), list(type_), str(c_text), int(size), list(pieces), bool(by_reference)]:
            return Parameter(name, from_data(type_), c_text, Passing(size, tuple(map(str, pieces)), by_reference))
    raise ValueError(f"not a parameter: {data!r}")


def members_to_data(members: tuple[Field, ...]) -> list[object]:
    return to_data(Struct("", 0, members))


def members_from_data(data: list[object]) -> tuple[Field, ...]:
    """Raises ValueError."""
    found = from_data(data)
    return found.fields if isinstance(found, Struct) else ()


def type_name(tag: str, name: str) -> str:
    """'struct foo', or the plain name of what has no tag."""
    return f"{tag} {name}".strip()


def source_place(file: str, line: int, column: int | None) -> str:
    """'prog.c:12' or 'prog.c:12:5'."""
    return f"{file}:{line}" + ("" if column is None else f":{column}")


