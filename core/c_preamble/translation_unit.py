"""Parses the preamble with libclang, and turns what the C compiler says into diagnostics of the script.

The only module that starts libclang. It knows files, places and messages; what the types mean is `clang_types`'.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..frozen import dataclass
from ..source import Span
from .unit_text import UnitText

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..diagnostics import Diagnostics

#: The names of the two files that exist only in memory. The slash keeps them apart from files of the script's user.
MAIN_FILE = "/<preamble>/script.c"
KERNEL_FILE = "/<preamble>/kernel.h"
MISSING_TYPE_HINT = "Include headers with missing type definitions or install BTF information to your system."
CONFLICT = "Cannot take type definitions from BTF since there is a redefinition conflict with user-defined types."
_MISSING = ("unknown type name", "incomplete type", "incomplete element type", "incomplete definition of type")
_REDEFINED = ("redefinition", "with different types", "declared as different kinds", "does not match previous")


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error of the C compiler: where it is, as a file and the bytes [start, end) in it, and in words."""

    message: str
    file: str
    line: int
    column: int
    start: int
    end: int

    @property
    def is_redefinition(self) -> bool:
        return any(words in self.message for words in _REDEFINED)

    @property
    def misses_type(self) -> bool:
        return any(words in self.message for words in _MISSING)


class TranslationUnit:
    """One parse. `root` is libclang's cursor of the unit, `complaints` are its errors in order."""

    def __init__(self, text: UnitText, arguments: Sequence[str], kernel_declarations: str = "") -> None:
        from clang import cindex

        self.text = text
        files = [(MAIN_FILE, _readable(text.text)), (KERNEL_FILE, kernel_declarations.encode("latin-1"))]
        # Ahead of all other files, since those may need what it declares.
        before = ["-include", KERNEL_FILE] if kernel_declarations else []
        options = cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD
        options |= cindex.TranslationUnit.PARSE_SKIP_FUNCTION_BODIES
        try:
            self._unit = _parse([*before, *arguments], files, options)
        except (cindex.TranslationUnitLoadError, cindex.LibclangError) as error:
            raise ValueError(f"the C compiler could not start: {error}") from error
        self.root: Any = self._unit.cursor
        self.complaints = list(self._complaints())

    def included_files(self) -> list[str]:
        """The paths of the headers that were read, absolute, each once."""
        paths = (os.path.abspath(inclusion.include.name) for inclusion in self._unit.get_includes())
        return sorted({path for path in paths if not path.startswith("/<preamble>/")})

    def _complaints(self) -> Iterator[Complaint]:
        from clang import cindex

        for found in self._unit.diagnostics:
            if found.severity < cindex.Diagnostic.Error:
                continue
            place = found.location
            start = place.offset
            ranges = [r for r in found.ranges if r.start.file and place.file and r.start.file.name == place.file.name]
            end = max([start + 1, *(r.end.offset for r in ranges if r.start.offset <= start < r.end.offset)])
            name = place.file.name if place.file else ""
            yield Complaint(found.spelling, name, place.line, place.column, start, end)

    def report(self, diagnostics: Diagnostics) -> None:
        """Records the errors. One inside a header is shown where the script includes that header."""
        for complaint in self.complaints:
            message, span = complaint.message, None
            if complaint.file == MAIN_FILE:
                span = self._word(complaint)
            elif complaint.file:
                message = f"{complaint.file}:{complaint.line}:{complaint.column}: {message}"
                span = self._include_of(complaint.file)
            diagnostics.error(message, span, hints=(MISSING_TYPE_HINT,) if complaint.misses_type else ())

    def _word(self, complaint: Complaint) -> Span | None:
        """The place of an error, over the whole word that it begins with."""
        text, end = self.text.text, complaint.start
        while end < len(text) and (text[end].isalnum() or text[end] == "_"):
            end += 1
        return self.text.span(complaint.start, max(end, complaint.end))

    def _include_of(self, path: str) -> Span | None:
        """The place in the script of the `#include` that led to a header."""
        came_from: dict[str, Any] = {}
        for inclusion in self._unit.get_includes():
            came_from.setdefault(inclusion.include.name, inclusion.location)
        for _ in range(len(came_from)):
            location = came_from.get(path)
            if location is None or location.file is None:
                return None
            if location.file.name == MAIN_FILE:
                text = self.text.text
                line_end = text.find("\n", location.offset)
                return self.text.span(text.rfind("\n", 0, location.offset) + 1, line_end)
            path = location.file.name
        return None


def _parse(arguments: list[str], files: list[tuple[str, bytes]], options: int) -> Any:
    """libclang's unit. Raises its TranslationUnitLoadError and LibclangError."""
    from clang import cindex

    # The binding frees libclang's objects through its module, which is empty when the interpreter ends before they do.
    class Index(cindex.Index):  # type: ignore[misc]  # the binding has no types
        def __del__(self) -> None:
            if cindex.conf is not None:
                super().__del__()

    class Unit(cindex.TranslationUnit):  # type: ignore[misc]  # as above
        def __del__(self) -> None:
            if cindex.conf is not None:
                super().__del__()

    return Unit.from_source(MAIN_FILE, arguments, files, options, Index.create())


def _readable(text: str) -> bytes:
    """The bytes of the script, which libclang's binding must be able to decode; offsets stay what they are."""
    encoded = text.encode("latin-1")
    try:
        encoded.decode()
    except UnicodeDecodeError:
        return text.encode("ascii", "replace")
    return encoded
