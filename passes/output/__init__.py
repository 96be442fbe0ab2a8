"""Stage 6, output: from a session in the kernel to what the user reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.hookspecs import hookimpl

if TYPE_CHECKING:
    from ...core.run import RunOptions
    from ...core.session import Session


class OutputStage:
    """Events, tests and benchmarks, in plain Python; named 'events' among the plugins."""

    @hookimpl
    def before_stage(self, stage: str) -> None:
        """What this stage is made of is there before anything is traced: a tracer of files would show its modules."""
        if stage == "load":
            from . import loop, run  # noqa: F401

    @hookimpl
    def output(self, session: Session, options: RunOptions) -> int:
        from .run import run_session

        return run_session(session, options)


PLUGIN = OutputStage()
