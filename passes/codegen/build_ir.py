"""Builds one LLVM module of all programs."""

from __future__ import annotations

from ...core.artifacts import ExpandedProbe, ExpandedProgram
from ...core.compilation import Compilation
from ...core.frozen import dataclass
from .module import IrModule
from .resources import Resources


@dataclass(frozen=True, slots=True)
class BuildIr:
    """ExpandedProgram -> IrModule, not optimised: this is the IR that `--dump-ir` shows and golden tests hold."""

    name: str = "build-ir"
    stage: str = "codegen"

    def run(self, expanded: ExpandedProgram, compilation: Compilation) -> IrModule:
        from llvmlite import ir

        from .events import EventEmitter
        from .llvm import DebugPlaces
        from .lower import BodyLowering
        from .sessions import lower_session

        typed = expanded.typed
        source = typed.program.source
        module = ir.Module(source.name)
        module.triple = "bpfel"
        resources = Resources(expanded, compilation)
        debug = DebugPlaces(module, source.name)
        c_functions = {function.name: function for module in typed.c_modules for function in module.functions}
        for number, probe in enumerate(expanded.probes):
            resources.use_probe_type(probe.point.probe_type)
            emitter = EventEmitter(module, probe, number, resources, debug, compilation)

            def lower(body: ExpandedProbe, emitter: EventEmitter = emitter) -> None:
                BodyLowering(emitter, body, typed.maps, typed.c_types, compilation, c_functions).lower()

            if probe.on_return is None:
                lower(probe)
            else:
                lower_session(emitter, probe, compilation.target, lower)
            emitter.finish()
        return IrModule(
            expanded,
            str(module),
            resources.finish(),
            tuple(resources.events.values()),
            tuple(resources.failures),
            resources.origins,
        )
