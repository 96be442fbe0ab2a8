"""`uprobe:FILE@SRC:LINE[:COL]`: a place in a program by its source location, which its debug information knows.

It makes an address out of such a place; what is probed at the address is the uprobe's own business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.glob import has_wildcard
from ...core.probe import AttachPointError, PointSpec
from .parts import read_number

if TYPE_CHECKING:
    from ...core.target import Target

_FORM = "Invalid uprobe arguments, expected format: uprobe:TARGET@FILE:LINE[:COL]"


def parse_source(provider: str, parts: tuple[str, ...]) -> PointSpec:
    """Settings: `file`, `source` (the end of a path), `line`, and `column`, which is 0 when none is given.

    Raises: AttachPointError.
    """
    match parts:
        case (file, "@", source, line) if file and source:
            column = ""
        case (file, "@", source, line, column) if file and source and column:
            pass
        case _:
            raise AttachPointError(_FORM)
    if has_wildcard(file):
        raise AttachPointError("Cannot use wildcards with source code location")
    number = _number(line, "Invalid line number")
    settings: dict[str, str | int] = {"file": file, "function": "", "source": source, "line": number}
    settings["column"] = _number(column, "Invalid column number") if column else 0
    return PointSpec(provider, settings)


def _number(text: str, complaint: str) -> int:
    number = read_number(text, complaint, maximum=2**31 - 1)
    if not number:
        raise AttachPointError(f"{complaint}: {text}")
    return number


def source_address(path: str, spec: PointSpec, target: Target) -> int:
    """The link-time address in the file at `path`. Raises: AttachPointError."""
    source, line, column = spec.text("source"), spec.number("line"), spec.number("column") or None
    try:
        found = target.source_address(path, source, line, column)
    except (ValueError, OSError) as error:
        raise AttachPointError(str(error)) from error
    if found is None:
        raise AttachPointError(f"No DWARF debug info found for '{path}', cannot attach by source code location.")
    return found
