"""Every hook of the house, in one file.

The six stages are firstresult hooks: the plugin that answers makes the stage's artifact. The built-in stages are
plugins on the same hooks as everybody else's. Observers see every boundary; dumping, timing and verifying are
observers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from .artifacts import CompiledProgram, ExpandedProgram, Program, TypedProgram
    from .compilation import Compilation
    from .function import Function
    from .library import Given
    from .output import FormatType
    from .pipeline import Pass, Placement
    from .probe import ProbeType
    from .run import RunOptions
    from .session import Session
    from .source import Source

PROJECT = "pybpftrace"
#: Third-party plugins say which version of the contracts they were written for (module attribute `API_VERSION`).
API_VERSION = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def parse(source: Source, compilation: Compilation) -> Program | None:
    """Stage 1: the tree of a script."""


@hookspec(firstresult=True)
def type_check(program: Program, compilation: Compilation) -> TypedProgram | None:
    """Stage 2: a type for every expression, once per layout of `args`."""


@hookspec(firstresult=True)
def expand_probes(typed: TypedProgram, compilation: Compilation) -> ExpandedProgram | None:
    """Stage 3: one entry per BPF program, wildcards resolved."""


@hookspec(firstresult=True)
def generate(expanded: ExpandedProgram, compilation: Compilation) -> CompiledProgram | None:
    """Stage 4: bytecode, maps, events."""


@hookspec(firstresult=True)
def load(compiled: CompiledProgram, options: RunOptions) -> Session | None:
    """Stage 5: maps and programs in the kernel, begin probes run, the rest attached."""


@hookspec(firstresult=True)
def output(session: Session, options: RunOptions) -> int | None:
    """Stage 6: reads events until the end of the run; gives the exit status."""


@hookspec
def stage_passes(stage: str) -> Sequence[Pass] | None:
    """The passes that this plugin's own stage is made of, in order. Asked for `--list-passes` and before a stage
    runs."""


@hookspec
def register_passes() -> Sequence[Placement] | None:
    """More passes, each placed before or after a named pass of its stage."""


@hookspec
def register_functions() -> Sequence[Function] | None:
    """Functions to add to the language."""


@hookspec
def register_macros() -> Sequence[Given] | None:
    """Macros to add to the language, written in it: for each file its path, or (name, text). A script can use them as
    those of the standard library."""


@hookspec
def register_probe_types() -> Sequence[ProbeType] | None:
    """Probe types to add to the language."""


@hookspec
def register_formats() -> Sequence[FormatType] | None:
    """Output formats to add to those that `-f` takes."""


@hookspec
def before_stage(stage: str, artifact: Any) -> None:
    """Called with a stage's input just before the stage runs."""


@hookspec
def after_stage(stage: str, artifact: Any, seconds: float) -> None:
    """Called with a stage's result, or with None when the stage failed."""


@hookspec
def after_pass(stage: str, name: str, artifact: Any, seconds: float) -> None:
    """Called after each pass inside a stage with the pass's result."""
