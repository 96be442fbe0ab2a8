"""`uprobe:FILE@SRC:LINE[:COL]`: a place in a program by its source location, which its debug information knows.

It makes an attach point with an address out of one with such a place; what is probed at the address is for others to
find. Attaching needs nothing of this file.
"""

from __future__ import annotations

from ....core.glob import has_wildcard
from ....core.probe import AttachPointError, MatchRequest, PointSpec, Setting
from ..parts import read_number
from .files import find_files

_FORM = "Invalid uprobe arguments, expected format: uprobe:TARGET@FILE:LINE[:COL]"


def parse_source(provider: str, parts: tuple[str, ...]) -> PointSpec:
    """Settings as of any uprobe, with neither function nor address, and besides `source` (the end of a path), `line`,
    and `column`, which is 0 when none is given. Raises: AttachPointError."""
    match parts:
        case (file, "@", source, line) if file and source:
            column = ""
        case (file, "@", source, line, column) if file and source and column:
            pass
        case _:
            raise AttachPointError(_FORM)
    if has_wildcard(file):
        raise AttachPointError("Cannot use wildcards with source code location")
    line_number = _number(line, "Invalid line number")
    column_number = _number(column, "Invalid column number") if column else 0
    place: dict[str, Setting] = {"source": source, "line": line_number, "column": column_number}
    return PointSpec(provider, {**_plain(file), **place})


def _plain(file: str) -> dict[str, Setting]:
    return {"file": file, "language": "", "function": "", "offset": 0}


def _number(text: str, complaint: str) -> int:
    number = read_number(text, complaint, maximum=2**31 - 1)
    if not number:
        raise AttachPointError(f"{complaint}: {text}")
    return number


def with_address(spec: PointSpec, request: MatchRequest) -> PointSpec:
    """The attach point for the address of the source location. Raises: NoMatch, AttachPointError."""
    path = find_files("uprobe", spec.text("file"), request)[0]
    source, line, column = spec.text("source"), spec.number("line"), spec.number("column") or None
    try:
        address = request.target.source_address(path, source, line, column)
    except (ValueError, OSError) as error:
        raise AttachPointError(str(error)) from error
    if address is None:
        raise AttachPointError(f"No DWARF debug info found for '{path}', cannot attach by source code location.")
    return PointSpec(spec.probe_type, {**_plain(path), "address": address})
