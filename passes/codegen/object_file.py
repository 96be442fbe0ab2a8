"""Reads the relocatable ELF object that LLVM's BPF back end writes: functions, relocations, line table, BTF.

The input comes from LLVM in this process, so this reads exactly what LLVM writes; layouts are those of elf(5) and of
the kernel's Documentation/bpf/btf.rst (.BTF.ext).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from ...core.bytecode import BPF_PSEUDO_CALL, CALL, INSTRUCTION_SIZE, JMP, decode
from ...core.frozen import dataclass

R_BPF_64_64, R_BPF_64_32 = 1, 10
_HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQ")
_EXT_HEADER = struct.Struct("<HBBIIIII")
_STT_FUNC = 2
#: How to unwind the stack: of no use to the kernel.
_UNWINDING = ".eh_frame"
_SHT_PROGBITS, _SHT_NOBITS = 1, 8
_SHF_WRITE, _SHF_ALLOC, _SHF_EXECINSTR = 1, 2, 4


@dataclass(frozen=True, slots=True)
class ObjectFunction:
    """One function as it stands in the object.

    Instruction indexes count from its start: `relocations` are (index, symbol) of loads of maps and of calls of kernel
    functions, `references` are (index, function) of loads of a function's address and of calls, `lines` are (index,
    line, column). `type_id` is its type in the object's BTF, 0 if none.
    """

    name: str
    instructions: bytes
    relocations: tuple[tuple[int, str], ...]
    references: tuple[tuple[int, str], ...]
    lines: tuple[tuple[int, int, int], ...]
    type_id: int


@dataclass(frozen=True, slots=True)
class DataSection:
    """Variables of imported C files, `start` bytes behind the first of their kind: 'constants' or 'variables'."""

    kind: str
    start: int
    contents: bytes


def read_data(data: bytes) -> dict[int, DataSection]:
    """The sections that hold variables, by their index. Each begins at a multiple of 16 bytes."""
    sections, names = _sections(data)
    found: dict[int, DataSection] = {}
    ends = {"constants": 0, "variables": 0}
    for index, section in enumerate(sections):
        name_at, kind, flags, _, _, size, *_ = section
        if kind not in (_SHT_PROGBITS, _SHT_NOBITS) or flags & (_SHF_ALLOC | _SHF_EXECINSTR) != _SHF_ALLOC:
            continue
        if size and _text(names, name_at) != _UNWINDING:
            contents = bytes(size) if kind == _SHT_NOBITS else _contents(data, section)
            name = "variables" if flags & _SHF_WRITE else "constants"
            start = -(-ends[name] // 16) * 16
            found[index] = DataSection(name, start, contents)
            ends[name] = start + size
    return found


def read_object(
    data: bytes, section_name: str, first_lines: Mapping[str, int] | None = None
) -> tuple[list[ObjectFunction], bytes]:
    """The functions of one section in the order of their addresses, and the .BTF blob.

    With `first_lines` the code's lines are counted from there, by the file that they are in; those of other files are
    left out. A relocation's symbol is the name of a map or of a kernel function, or KIND.OFFSET for a variable
    (`read_data`).
    """
    sections, names = _sections(data)
    by_name = {_text(names, section[0]): index for index, section in enumerate(sections)}
    if section_name not in by_name:
        return [], b""  # no program
    code_index = by_name[section_name]
    code = _contents(data, sections[code_index])

    symbol_section = sections[by_name[".symtab"]]
    strings = _contents(data, sections[symbol_section[6]])
    symbols = list(_SYMBOL.iter_unpack(_contents(data, symbol_section)))
    functions = {
        value: (_text(strings, name_at), value + size)
        for name_at, info, _, section, value, size in symbols
        if section == code_index and info & 0xF == _STT_FUNC
    }
    variables = read_data(data)
    external: list[tuple[int, str]] = []
    references = dict(_resolved_calls(code, functions))
    if ".rel" + section_name in by_name:
        for offset, info in _RELOCATION.iter_unpack(_contents(data, sections[by_name[".rel" + section_name]])):
            name_at, _, _, section, value, _ = symbols[info >> 32]
            if section == code_index:
                references[offset] = functions[value + _addend(code, offset, info & 0xFFFFFFFF)][0]
            elif section in variables:
                inside = value + _addend(code, offset, info & 0xFFFFFFFF)
                external.append((offset, f"{variables[section].kind}.{variables[section].start + inside}"))
            else:
                # The assembler writes a call of what is not here as one of itself, and so the first one of a function
                # as one of that function.
                references.pop(offset, None)
                external.append((offset, _text(strings, name_at)))

    btf = _contents(data, sections[by_name[".BTF"]]) if ".BTF" in by_name else b""
    types: dict[int, int] = {}
    lines: list[tuple[int, int, int]] = []
    if ".BTF.ext" in by_name:
        types, lines = _read_ext(_contents(data, sections[by_name[".BTF.ext"]]), btf, section_name, first_lines)
    return [
        ObjectFunction(
            name,
            code[start:end],
            tuple(((at - start) // 8, symbol) for at, symbol in external if start <= at < end),
            tuple(((at - start) // 8, function) for at, function in sorted(references.items()) if start <= at < end),
            tuple(((at - start) // 8, line, column) for at, line, column in lines if start <= at < end),
            types.get(start, 0),
        )
        for start, (name, end) in sorted(functions.items())
    ], btf


def _sections(data: bytes) -> tuple[list[tuple[int, ...]], bytes]:
    """The headers of all sections, and the table of their names."""
    _, _, _, _, _, section_offset, _, _, _, _, section_size, section_count, names_index = _HEADER.unpack_from(data)
    sections = [_SECTION.unpack_from(data, section_offset + i * section_size) for i in range(section_count)]
    return sections, _contents(data, sections[names_index])


def _addend(code: bytes, offset: int, kind: int) -> int:
    """What a relocated instruction adds to its symbol, in bytes (Documentation/bpf/llvm_reloc.rst).

    A static function's symbol is its section: a load has the bytes from there in `imm`, a call the slots minus one.
    """
    (imm,) = struct.unpack_from("<i", code, offset + 4)
    if kind == R_BPF_64_32:
        return (int(imm) + 1) * INSTRUCTION_SIZE
    assert kind == R_BPF_64_64, "code refers to functions by loads and calls"
    return int(imm)


def _resolved_calls(code: bytes, functions: dict[int, tuple[str, int]]) -> Iterator[tuple[int, str]]:
    """(offset, function) of calls within the section that the assembler has settled itself.

    Calls that are relocated are told twice; the relocation is right.
    """
    slots = decode(code)
    for index, slot in enumerate(slots):
        if slot.opcode == JMP | CALL and slot.src == BPF_PSEUDO_CALL:
            target = functions.get((index + slot.imm + 1) * INSTRUCTION_SIZE)
            if target is not None:
                yield index * INSTRUCTION_SIZE, target[0]


def _read_ext(
    data: bytes, btf: bytes, section_name: str, first_lines: Mapping[str, int] | None
) -> tuple[dict[int, int], list[tuple[int, int, int]]]:
    """{code offset: function type id}, [(code offset, line, column)] of one section."""
    _, _, _, header_length, func_offset, func_length, line_offset, line_length = _EXT_HEADER.unpack_from(data)
    function_records = _ext_records(data, header_length + func_offset, func_length, btf, section_name)
    functions = {at: fields[0] for at, fields in function_records}
    lines = []
    strings = _btf_strings(btf)
    for at, fields in _ext_records(data, header_length + line_offset, line_length, btf, section_name):
        # struct bpf_line_info: file name, line text, line << 10 | column
        file_name, _, place = fields
        first = 1 if first_lines is None else first_lines.get(_text(strings, file_name))
        if first is not None:
            lines.append((at, (place >> 10) + first - 1, place & 0x3FF))
    return functions, lines


def _ext_records(
    data: bytes, start: int, length: int, btf: bytes, section_name: str
) -> list[tuple[int, tuple[int, ...]]]:
    """(code offset, further u32 fields) of all records for one section."""
    if not length:
        return []
    (record_size,) = struct.unpack_from("<I", data, start)
    string_table = _btf_strings(btf)
    at, end, found = start + 4, start + length, []
    while at < end:
        name_at, count = struct.unpack_from("<II", data, at)
        at += 8
        for _ in range(count):
            offset, *fields = struct.unpack_from(f"<{record_size // 4}I", data, at)
            if _text(string_table, name_at) == section_name:
                found.append((offset, tuple(fields)))
            at += record_size
    return found


def _btf_strings(btf: bytes) -> bytes:
    header_length, _, _, string_offset, string_length = struct.unpack_from("<IIIII", btf, 4)
    start = header_length + string_offset
    return btf[start : start + string_length]


def _contents(data: bytes, section: tuple[int, ...]) -> bytes:
    return data[section[4] : section[4] + section[5]]


def _text(table: bytes, at: int) -> str:
    return table[at : table.index(b"\0", at)].decode(errors="surrogateescape")
