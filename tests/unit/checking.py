"""Type-checks scripts for a captured machine: what is said about them as it is printed, and the types that come out."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pybpftrace.core.artifacts import TypedProgram
from pybpftrace.core.compile_options import CompileOptions
from pybpftrace.core.diagnostics import CompileError, Diagnostics, format_all
from pybpftrace.core.hookspecs import hookimpl
from pybpftrace.core.pipeline import Pipeline, StageStopped, plugin_manager
from pybpftrace.core.source import Source
from pybpftrace.core.target import Target
from pybpftrace.core.types import Type
from pybpftrace.passes import builtin_plugins

GOLDEN_TARGET = Path(__file__).parent.parent / "golden" / "target"
TARGET = Target.from_directory(str(GOLDEN_TARGET))


class _Keep:
    typed: TypedProgram | None = None

    @hookimpl
    def after_stage(self, stage: str, artifact: object) -> None:
        if isinstance(artifact, TypedProgram):
            self.typed = artifact


class Checked:
    """A script after a stage. `printed` is all that a user reads on stderr; there is no `typed` after an error."""

    def __init__(
        self,
        script: str,
        *,
        stage: str = "typecheck",
        options: CompileOptions | None = None,
        target: Target = TARGET,
    ) -> None:
        keep = _Keep()
        diagnostics = Diagnostics()
        source = Source.from_bytes("t", script.encode())
        pipeline = Pipeline(plugin_manager([*builtin_plugins(), ("keep", keep)]), stop_after=stage)
        with suppress(CompileError, StageStopped):
            pipeline.compile(source, target, diagnostics=diagnostics, options=options or CompileOptions())
        self.messages = [f"{d.severity.value}: {d.message}" for d in diagnostics.recorded]
        self.printed = format_all(diagnostics.recorded, diagnostics.source or source)
        self.typed = None if diagnostics.failed else keep.typed

    def variables(self) -> dict[str, Type]:
        """The types of the variables of all probes by slot; the last probe's where two have the same."""
        assert self.typed is not None, self.printed
        return {
            slot: type_
            for probe in self.typed.probes
            for variant in probe.variants
            for slot, type_ in variant.variables.items()
        }

    def maps(self) -> dict[str, tuple[str, str]]:
        """Key and value type of each map, written out; the key is empty for a scalar map."""
        assert self.typed is not None, self.printed
        return {m.name: (str(m.key or ""), str(m.value)) for m in self.typed.maps.values()}
