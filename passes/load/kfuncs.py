"""Finds the functions of the running kernel that programs call, just before they are loaded.

A compiled program may run on another kernel than the one that it was compiled for, so it has their names only. What
programs of a type may call is for the verifier to say.
"""

from __future__ import annotations

from ...core.artifacts import ProgramSpec
from ...core.run import load_error


class KernelFunctions:
    """The ids of functions in the kernel's BTF. That is opened when the first one is asked for: few programs do."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def id_of(self, name: str, program: ProgramSpec) -> int:
        """Raises: LoadError."""
        if name not in self._ids:
            found = _find(name)
            if found is None:
                raise load_error(f"The program for {program.point.name} calls {name}, which this kernel does not have.")
            self._ids[name] = found
        return self._ids[name]


def _find(name: str) -> int | None:
    from ...core.target import Target
    from ...core.target.btf_types import BtfError, Func

    try:
        btf = Target.live().btf
        return None if btf is None else btf.find(name, (Func,))
    except (BtfError, OSError) as error:
        raise load_error(f"Could not read the BTF of the kernel: {error}") from error
