"""Turns the optimised module into bytecode, and everything known about the program into plain data."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.artifacts import CompiledProgram, ExpandedProbe, FunctionInfo, LineInfo, ProgramSpec, Relocation
from ...core.compilation import Compilation
from ...core.frozen import dataclass
from .link import link
from .machine import STACK_LIMIT, target_machine
from .module import IrModule
from .object_file import ObjectFunction, read_object

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
        functions = {function.name: function for function in objects}
        programs = tuple(_program(probe, functions, module, compilation) for probe in module.expanded.probes)
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
    probe: ExpandedProbe, functions: Mapping[str, ObjectFunction], module: IrModule, compilation: Compilation
) -> ProgramSpec:
    probe_type = compilation.probe_types.get(probe.point.probe_type)
    assert probe_type is not None, "points come from registered probe types"
    built = link(probe.program_name, functions)
    if built.stack > STACK_LIMIT:
        first = probe.node.attach_points[0]
        message = f"The probe {first.text} needs {built.stack} bytes of stack, and the kernel gives {STACK_LIMIT}."
        hint = "A smaller on_stack_limit, shorter expressions or fewer loops inside each other may help."
        compilation.diagnostics.error(message, first.span, hints=(hint,))
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
        functions=tuple(FunctionInfo(*function) for function in built.functions),
    )
