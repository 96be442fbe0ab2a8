"""The bytecode of a compiled program as text and as JSON: our own disassembler, and the script's line beside it."""

from __future__ import annotations

from .artifacts import CompiledProgram, ProgramSpec
from .disassembler import disassemble
from .dump_columns import columns, plain
from .source import Source


def dump_assembly(compiled: CompiledProgram) -> str:
    """One block a program: slot, bytes, instruction, and where a script line begins `; LINE:COLUMN` and its text.

    Each function behind the program's own begins with a line of its name.
    """
    return "\n".join(_program_text(compiled.source, program) for program in compiled.programs)


def _program_text(source: Source, program: ProgramSpec) -> str:
    places = {line.index: (line.line, line.column) for line in program.lines}
    names = _names(program)
    blocks: list[str] = []
    rows: list[tuple[object, ...]] = []
    shown = 0
    for item in disassemble(program.instructions, relocations=_symbols(program), functions=names):
        if rows and item.index in names:
            blocks.append(columns(rows, indent="  "))
            blocks.append(f"{names[item.index]}:\n")
            rows, shown = [], 0
        beside = ""
        if item.index in places:
            line, column = places[item.index]
            beside = f"; {line}:{column}" if column else f"; {line}"  # a program's entry has no column
            if line != shown:
                beside += f"  {plain(source.line(line).strip())}"
                shown = line
        rows.append((f"{item.index:4}", item.raw, item.text, beside))
    head = f"{program.name} ({program.program_type}, {plain(program.point.name)}):\n"
    return head + "".join(blocks) + columns(rows, indent="  ")


def assembly_to_data(compiled: CompiledProgram) -> list[dict[str, object]]:
    """The same as JSON data; `line` and `column` (from 1) are those of the last place given."""
    return [
        {
            "program": program.name,
            "type": program.program_type,
            "probe": program.point.name,
            "functions": [{"index": function.index, "name": function.name} for function in program.functions],
            "instructions": _instructions(program),
        }
        for program in compiled.programs
    ]


def _instructions(program: ProgramSpec) -> list[dict[str, object]]:
    places = {line.index: (line.line, line.column) for line in program.lines}
    rows: list[dict[str, object]] = []
    line, column = 0, 0
    for item in disassemble(program.instructions, relocations=_symbols(program), functions=_names(program)):
        line, column = places.get(item.index, (line, column))
        rows.append({"index": item.index, "raw": item.raw, "text": item.text, "line": line, "column": column})
    return rows


def _symbols(program: ProgramSpec) -> dict[int, str]:
    """What the loader puts into instructions: `map[@x]`, `map_value[@x]` for the address of the map's only value, or
    the name of a kernel function."""
    return {
        relocation.index: relocation.name if relocation.kind == "kfunc" else f"{relocation.kind}[{relocation.name}]"
        for relocation in program.relocations
    }


def _names(program: ProgramSpec) -> dict[int, str]:
    return {function.index: plain(function.name) for function in program.functions}
