"""The last two stages: from a compiled program to a session in the kernel, and to an exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.linux import machine
from .house import House

if TYPE_CHECKING:
    from ..core.artifacts import CompiledProgram
    from ..core.run import RunOptions
    from ..core.session import Session


def refusal() -> str | None:
    """Why nothing can be traced by this process on this machine, as the text to print."""
    missing = machine.missing_capability()
    if missing is not None:
        return f"ERROR: Missing {missing} capability, please run pybpftrace as the root user."
    if machine.lockdown() == "confidentiality":
        return (
            "Kernel lockdown is enabled and set to 'confidentiality'.\n"
            "BPF programs may not read kernel memory then, so nothing can be traced.\n"
            "The level is set by the kernel parameter lockdown= and by secure boot;\n"
            "kernel_lockdown(7) tells more."
        )
    return None


def load(program: CompiledProgram, options: RunOptions, house: House) -> Session:
    """A session with everything attached, which the caller closes. Raises: LoadError."""
    from ..core.pipeline import STAGES

    session: Session = house.pipeline.run_stage(STAGES[-2], program, options=options)
    return session


def run_program(program: CompiledProgram, options: RunOptions, house: House) -> int:
    """Runs until the program ends, or until the house's last stage; gives the exit status.

    Raises: LoadError, KernelError.
    """
    from ..core.pipeline import STAGES

    session = load(program, options, house)
    try:
        if house.stop_after == "load":
            return 0
        status: int = house.pipeline.run_stage(STAGES[-1], session, options=options)
        return status
    finally:
        session.close()
