"""Names of symbols as people write them: those of C++ and Rust demangled, others as they are.

This file must not know of symbol tables, nor how names are mangled.
"""

from __future__ import annotations

from collections.abc import Callable

from .demangle import PREFIXES, NoDemangler, name_demangler
from .rust_names import demangle_rust

_MAX_KNOWN = 1 << 17


class SymbolNames:
    """`demangles`: the config key cpp_demangle."""

    def __init__(self, *, demangles: bool = True) -> None:
        self._demangles = demangles
        self._demangle: Callable[[str], str | None] | None = None
        self._known: dict[str, str] = {}

    def shown(self, name: str) -> str:
        """The demangled name, or what was given where it is none of C++ or Rust."""
        # Nearly all names begin otherwise.
        if not name.startswith("_") or not self._demangles:
            return name
        found = self._known.get(name)
        if found is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            found = self._known[name] = demangle_rust(name) or self._of_cpp(name) or name
        return found

    def _of_cpp(self, name: str) -> str | None:
        if not name.startswith(PREFIXES):
            return None
        try:
            if self._demangle is None:
                self._demangle = name_demangler()
            return self._demangle(name)
        except (NoDemangler, OSError):
            self._demangles = False  # and so for all others: there is no C++ library, or no process to be had
            return None
