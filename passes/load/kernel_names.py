"""Finds what programs name of the running kernel, functions, variables and symbols, just before they are loaded.

A compiled program may run on another kernel than the one that it was compiled for, or after that was started again, so
it has their names only. What programs of a type may call is for the verifier to say.
"""

from __future__ import annotations

from ...core.artifacts import ProgramSpec, Relocation
from ...core.run import LoadError, load_error
from ...core.source import Source

_USES = {"kfunc": "calls", "kernel_variable": "reads", "kernel_symbol": "uses the address of"}
_MISSING = "which this kernel does not have"
_MISSING_SYMBOL = "which this kernel does not have, or does not show to this user (kernel.kptr_restrict)"


class KernelNames:
    """Ids of functions and variables in the kernel's BTF, and addresses of symbols.

    Each is looked up once, when a program needs it: few do. `source` is that of the programs, for errors.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._numbers: dict[tuple[str, str], int] = {}

    def number_of(self, relocation: Relocation, program: ProgramSpec) -> int:
        """For a relocation of one of the `KERNEL_KINDS`. Raises: LoadError."""
        key = kind, name = relocation.kind, relocation.name
        if key not in self._numbers:
            found = _find_symbol(name) if kind == "kernel_symbol" else _find_id(kind, name)
            if found is None:
                raise self._missing(relocation, program)
            self._numbers[key] = found
        return self._numbers[key]

    def _missing(self, relocation: Relocation, program: ProgramSpec) -> LoadError:
        from ...core.diagnostics import Diagnostic, Severity
        from .script_places import place_of

        kind, name = relocation.kind, relocation.name
        what = _MISSING_SYMBOL if kind == "kernel_symbol" else _MISSING
        text = f"The program for {program.point.name} {_USES[kind]} {name}, {what}."
        span = place_of(program, self._source, relocation.index)
        return LoadError((Diagnostic(Severity.ERROR, text, span),))


def _find_symbol(name: str) -> int | None:
    from ...core.target.symbol_addresses import symbol_address

    try:
        return symbol_address(name)
    except OSError as error:
        raise load_error(f"Could not read the symbols of the kernel: {error}") from error


def _find_id(kind: str, name: str) -> int | None:
    from ...core.target import running
    from ...core.target.btf_types import BtfError, Func, Var

    try:
        btf = running().btf
        return None if btf is None else btf.find(name, (Func if kind == "kfunc" else Var,))
    except (BtfError, OSError) as error:
        raise load_error(f"Could not read the BTF of the kernel: {error}") from error
