"""Turns the optimised module into bytecode, and everything known about the program into plain data."""

from __future__ import annotations

from ...core.artifacts import CompiledProgram, ExpandedProbe, LineInfo, ProgramSpec, Relocation
from ...core.compilation import Compilation
from ...core.frozen import dataclass
from .machine import target_machine
from .module import IrModule
from .object_file import ObjectProgram, read_object

_KINDS = {"map": "map", "value": "map_value"}


@dataclass(frozen=True, slots=True)
class Assemble:
    """IrModule -> CompiledProgram."""

    name: str = "assemble"
    stage: str = "codegen"

    def run(self, module: IrModule, compilation: Compilation) -> CompiledProgram:
        import llvmlite.binding as llvm

        from .llvm import SECTION

        data = target_machine().emit_object(llvm.parse_assembly(module.optimized))
        objects, btf = read_object(data, SECTION)
        by_name = {program.name: program for program in objects}
        programs = tuple(
            _program(probe, by_name[probe.program_name], module, compilation) for probe in module.expanded.probes
        )
        return CompiledProgram(
            source=module.expanded.typed.program.source,
            architecture=compilation.target.architecture,
            config=compilation.config,
            programs=programs,
            maps=module.maps,
            events=module.events,
            failures=module.failures,
            origins=module.origins,
            btf=btf,
            dumps={"ir": module.ir, "ir-opt": module.optimized},
        )


def _program(
    probe: ExpandedProbe, built: ObjectProgram, module: IrModule, compilation: Compilation
) -> ProgramSpec:
    probe_type = compilation.probe_types.get(probe.point.probe_type)
    assert probe_type is not None, "points come from registered probe types"
    relocations = []
    for index, symbol in built.relocations:
        kind, _, number = symbol.partition(".")
        relocations.append(Relocation(index, _KINDS[kind], module.maps[int(number)].name))
    return ProgramSpec(
        name=probe.program_name,
        point=probe.point,
        program_type=probe_type.program_type,
        instructions=built.instructions,
        relocations=tuple(relocations),
        lines=tuple(LineInfo(*line) for line in built.lines),
        function_type_id=built.type_id,
    )
