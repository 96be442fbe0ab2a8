"""The settings of one run, which load and output share.

They say how to run a compiled program (which process, where the output goes), never how to compile it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from .frozen import dataclass

if TYPE_CHECKING:
    from .diagnostics import Diagnostic
    from .function import Function
    from .output import FormatType
    from .probe import ProbeType


@dataclass(frozen=True, slots=True)
class RunOptions:
    """`format` is the output format's object; `output_path` None is standard output; `buffering` is -B's word.

    `functions` and `probe_types` have just the objects that the program's `origins` name. `mode`: 'trace', or 'test' or
    'bench' to run the begin programs and then those of that lifecycle (see `core.probe.LIFECYCLES`), with nothing
    attached. With `catches_signals` false signals are left to the process that the run is in, and only
    `Session.interrupt` ends it early. `probe_filter` is a regular expression to be found in the names of probes that
    are attached, or run as a test or benchmark. What a test prints is kept in `capture_format`, whatever the run's own
    format.
    `guards` tells that the output is a terminal or a file that somebody may look at on one, so that text formats escape
    control characters in what was traced; the output stage finds it out by itself.
    """

    format: FormatType
    functions: Mapping[str, Function]
    probe_types: Mapping[str, ProbeType]
    probe_filter: str | None = None
    pid: int | None = None
    #: More processes whose stacks can be unwound.
    dwarf_pids: tuple[int, ...] = ()
    #: Where debug files are looked for before the usual places.
    debug_directories: tuple[str, ...] = ()
    command: str | None = None
    output_path: str | None = None
    buffering: str = "line"
    quiet: bool = False
    verbose: bool = False
    show_warnings: bool = True
    report_helper_failures: bool = False
    show_verifier_log: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    mode: str = "trace"
    catches_signals: bool = True
    capture_format: FormatType | None = None
    guards: bool = False


class LoadError(Exception):
    """A run that could not be started: everything that was attached is detached again when this is raised.

    `diagnostics` are printed in their order (spans point into the program's source; a kernel log is part of a message).
    The command ends with `status`: 255 when loading or attaching failed, 1 for what the user asked for wrongly.
    """

    def __init__(self, diagnostics: tuple[Diagnostic, ...], status: int = 255) -> None:
        super().__init__("; ".join(d.message for d in diagnostics))
        self.diagnostics = diagnostics
        self.status = status


class NothingToAttach(LoadError):
    """A program of which this mode runs nothing, or whose probes were all left out. That is no error of its own: the
    command says so on standard output."""

    def __init__(self) -> None:
        super().__init__((), status=1)
        self.args = ("No probes to attach",)


def load_error(*errors: str, status: int = 255) -> LoadError:
    """The LoadError for texts that have no place in the script."""
    from .diagnostics import Diagnostic, Severity

    return LoadError(tuple(Diagnostic(Severity.ERROR, text) for text in errors), status)
