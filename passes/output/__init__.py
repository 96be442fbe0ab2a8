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
    def output(self, session: Session, options: RunOptions) -> int:
        from .run import run_session

        return run_session(session, options)


PLUGIN = OutputStage()
