"""Turns the optimised module into bytecode, and everything known about the program into plain data."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping

from ...core.artifacts import (
    C_CONSTANTS_MAP,
    C_VARIABLES_MAP,
    KERNEL_LOADS,
    CompiledProgram,
    ExpandedProbe,
    FunctionInfo,
    LineInfo,
    MapSpec,
    ProgramSpec,
    Relocation,
)
from ...core.bytecode import BPF_PSEUDO_KFUNC_CALL, INSTRUCTION_SIZE
from ...core.compilation import Compilation
from ...core.frozen import dataclass
from .link import link
from .machine import STACK_LIMIT, target_machine
from .module import C_PREFIX, IrModule
from .object_file import ObjectFunction, read_data, read_object

_KINDS = {"map": "map", "value": "map_value"}
#: The maps that hold the variables of imported C files.
_VARIABLES = {"constants": C_CONSTANTS_MAP, "variables": C_VARIABLES_MAP}


@dataclass(frozen=True, slots=True)
class Assemble:
    """IrModule -> CompiledProgram."""

    name: str = "assemble"
    stage: str = "codegen"

    def run(self, module: IrModule, compilation: Compilation) -> CompiledProgram:
        import llvmlite.binding as llvm

        from .llvm import SECTION

        data = target_machine().emit_object(llvm.parse_assembly(module.optimized))
        objects, btf = read_object(data, SECTION, _first_lines(module))
        functions = {function.name: function for function in objects}
        programs = tuple(_program(probe, functions, module, compilation) for probe in module.expanded.probes)
        variables = [_map_of(kind, data) for kind in _VARIABLES if any(_uses(p, kind) for p in programs)]
        return CompiledProgram(
            source=module.expanded.typed.program.source,
            architecture=compilation.target.architecture,
            config=compilation.config,
            programs=programs,
            maps=(*module.maps, *variables),
            events=module.events,
            failures=module.failures,
            origins=module.origins,
            btf=btf,
            dumps={"ir": module.ir, "ir-opt": module.optimized},
        )


def _first_lines(module: IrModule) -> dict[str, int] | None:
    """Where the lines of the script and of imported C files are in the joined source, by the names in debug places."""
    typed = module.expanded.typed
    if not typed.c_modules:
        return None
    source = typed.program.source
    paths = {module.path for module in typed.c_modules}
    files = {path: line for line, name in source.files if (path := os.path.abspath(name)) in paths}
    return {os.path.join(".", source.name): 1, **files}


def _uses(program: ProgramSpec, kind: str) -> bool:
    return any(relocation.name == _VARIABLES[kind] for relocation in program.relocations)


def _map_of(kind: str, data: bytes) -> MapSpec:
    """The map with all variables of a kind."""
    contents = bytearray()
    for section in read_data(data).values():
        if section.kind == kind:
            contents += bytes(section.start - len(contents)) + section.contents
    return MapSpec(_VARIABLES[kind], "array", 4, len(contents), 1, contents=bytes(contents))


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
    instructions = bytearray(built.instructions)
    for index, symbol in built.relocations:
        kind, _, rest = symbol.partition(".")
        if kind in _VARIABLES:
            struct.pack_into("<i", instructions, (index + 1) * INSTRUCTION_SIZE + 4, int(rest))
            relocations.append(Relocation(index, "map_value", _VARIABLES[kind]))
            continue
        if kind == "kfunc":
            _call_kernel(instructions, index)
            relocations.append(Relocation(index, kind, rest))
            continue
        if kind in KERNEL_LOADS:
            relocations.append(Relocation(index, kind, rest))
            continue
        relocations.append(Relocation(index, _KINDS[kind], module.maps[int(rest)].name))
    return ProgramSpec(
        name=probe.program_name,
        point=probe.point,
        program_type=probe_type.program_type,
        instructions=bytes(instructions),
        relocations=tuple(relocations),
        lines=tuple(LineInfo(*line) for line in built.lines),
        functions=tuple(FunctionInfo(at, kind, name.removeprefix(C_PREFIX)) for at, kind, name in built.functions),
    )


def _call_kernel(instructions: bytearray, index: int) -> None:
    """Makes the call of a function that is not in the object one of the kernel, which load puts the number into."""
    at = index * INSTRUCTION_SIZE
    instructions[at + 1] = BPF_PSEUDO_KFUNC_CALL << 4
    struct.pack_into("<hi", instructions, at + 2, 0, 0)
