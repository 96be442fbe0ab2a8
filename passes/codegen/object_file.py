"""Reads the relocatable ELF object that LLVM's BPF back end writes: functions, relocations, line table, BTF.

The input comes from LLVM in this process, so this reads exactly what LLVM writes; layouts are those of elf(5) and of
the kernel's Documentation/bpf/btf.rst (.BTF.ext).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ...core.bytecode import BPF_PSEUDO_CALL, CALL, INSTRUCTION_SIZE, JMP, decode
from ...core.frozen import dataclass

R_BPF_64_64, R_BPF_64_32 = 1, 10
_HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQ")
_EXT_HEADER = struct.Struct("<HBBIIIII")
_STT_FUNC = 2


@dataclass(frozen=True, slots=True)
class ObjectFunction:
    """One function as it stands in the object.

    Instruction indexes count from its start: `relocations` are (index, symbol) of loads of maps, `references` are
    (index, function) of loads of a function's address and of calls, `lines` are (index, line, column). `type_id` is its
    type in the object's BTF, 0 if none.
    """

    name: str
    instructions: bytes
    relocations: tuple[tuple[int, str], ...]
    references: tuple[tuple[int, str], ...]
    lines: tuple[tuple[int, int, int], ...]
    type_id: int


def read_object(data: bytes, section_name: str) -> tuple[list[ObjectFunction], bytes]:
    """The functions of one section in the order of their addresses, and the .BTF blob."""
    _, _, _, _, _, section_offset, _, _, _, _, section_size, section_count, names_index = _HEADER.unpack_from(data)
    sections = [_SECTION.unpack_from(data, section_offset + i * section_size) for i in range(section_count)]
    names = _contents(data, sections[names_index])
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
    maps: list[tuple[int, str]] = []
    references = dict(_resolved_calls(code, functions))
    if ".rel" + section_name in by_name:
        for offset, info in _RELOCATION.iter_unpack(_contents(data, sections[by_name[".rel" + section_name]])):
            name_at, _, _, section, value, _ = symbols[info >> 32]
            if section == code_index:
                references[offset] = functions[value + _addend(code, offset, info & 0xFFFFFFFF)][0]
            else:
                assert info & 0xFFFFFFFF == R_BPF_64_64, "what is not a function is a map"
                maps.append((offset, _text(strings, name_at)))

    btf = _contents(data, sections[by_name[".BTF"]]) if ".BTF" in by_name else b""
    types: dict[int, int] = {}
    lines: list[tuple[int, int, int]] = []
    if ".BTF.ext" in by_name:
        types, lines = _read_ext(_contents(data, sections[by_name[".BTF.ext"]]), btf, section_name)
    return [
        ObjectFunction(
            name,
            code[start:end],
            tuple(((at - start) // 8, symbol) for at, symbol in maps if start <= at < end),
            tuple(((at - start) // 8, function) for at, function in sorted(references.items()) if start <= at < end),
            tuple(((at - start) // 8, line, column) for at, line, column in lines if start <= at < end),
            types.get(start, 0),
        )
        for start, (name, end) in sorted(functions.items())
    ], btf


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


def _read_ext(data: bytes, btf: bytes, section_name: str) -> tuple[dict[int, int], list[tuple[int, int, int]]]:
    """{code offset: function type id}, [(code offset, line, column)] of one section."""
    _, _, _, header_length, func_offset, func_length, line_offset, line_length = _EXT_HEADER.unpack_from(data)
    function_records = _ext_records(data, header_length + func_offset, func_length, btf, section_name)
    functions = {at: fields[0] for at, fields in function_records}
    lines = []
    for at, fields in _ext_records(data, header_length + line_offset, line_length, btf, section_name):
        # struct bpf_line_info: file name, line text, line << 10 | column
        place = fields[2]
        lines.append((at, place >> 10, place & 0x3FF))
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
    return table[at : table.index(b"\0", at)].decode()
