"""Which observers a command line asks for, and what they leave to say at the end.

Most runs ask for none, so nothing of theirs is imported before it is wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..api.house import House
from .arguments import Arguments
from .usage import UsageError

if TYPE_CHECKING:
    from ..core.artifacts import CompiledProgram
    from .messages import Messages
    from .observers import Dumper, Timer


class Watching:
    """The observers of one run."""

    def __init__(self, arguments: Arguments) -> None:
        self.observers: list[tuple[str, object]] = []
        self._arguments = arguments
        self._dumper: Dumper | None = None
        self._timer: Timer | None = None
        if arguments.watches_compilation:
            self._make()

    def _make(self) -> None:
        from .observers import ChangePrinter, Dumper, DumpWriter, Timer, Verifier, write_out

        wanted = self._arguments
        if wanted.dumps or wanted.dump_ast_after:
            writer = DumpWriter(write_out, wanted.dump_to, wanted.dump_format == "json")
            self._dumper = Dumper(wanted.dumps, wanted.dump_ast_after, writer)
            self.observers.append(("dumps", self._dumper))
        if wanted.print_changed:
            self.observers.append(("changes", ChangePrinter(write_out)))
        if wanted.time_passes:
            self._timer = Timer()
            self.observers.append(("times", self._timer))
        if wanted.verify_each:
            self.observers.append(("checks", Verifier()))

    def check_pass_names(self, house: House) -> None:
        """Raises: UsageError: when --dump-ast names a pass that has no tree to show."""
        if not self._arguments.dump_ast_after:
            return
        names = [pass_.name for stage in ("parse", "typecheck") for pass_ in house.pipeline.passes(stage)]
        for name in self._arguments.dump_ast_after:
            if name not in names:
                raise UsageError(f"ERROR: USAGE: --dump-ast can only name a pass of {', '.join(names)}.")

    def show_saved(self, program: CompiledProgram) -> None:
        """Shows the dumps of a program that was compiled earlier, as far as it has them."""
        if self._dumper is not None:
            self._dumper.after_stage("codegen", program)

    def report(self, messages: Messages) -> None:
        if self._timer is not None:
            messages.plain(self._timer.report())
