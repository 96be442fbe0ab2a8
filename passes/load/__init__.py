"""Stage 5, load: from bytecode to a running session in the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.hookspecs import hookimpl

if TYPE_CHECKING:
    from ...core.artifacts import CompiledProgram
    from ...core.run import RunOptions
    from ...core.session import Session


class LoadStage:
    """The loader that uses bpf(2) itself; named 'kernel' among the plugins."""

    @hookimpl
    def load(self, compiled: CompiledProgram, options: RunOptions) -> Session:
        """Raises: LoadError."""
        from .start import start

        return start(compiled, options)


PLUGIN = LoadStage()
