"""What is in a compiled C file: the functions that scripts can call, and what cannot be carried into their programs.

Reads the BPF object that clang made: its symbols and sections (elf(5)) and its BTF (Documentation/bpf/btf.rst). Knows
nothing of clang or of LLVM's bitcode.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from ..binary.elf import ElfFile
from ..binary.elf_format import CLASS_64, LAYOUTS, SHN_UNDEF, SHT_SYMTAB, STT_FILE, STT_FUNC, STT_SECTION
from ..c_functions import CFunction
from ..frozen import dataclass
from ..target.btf import Btf
from ..target.btf_c_types import BtfCTypes
from ..target.btf_types import Func, FuncProto
from ..types import VOID, Bool, Enum, Int, Pointer, Type, Void

_SHT_REL = 9
_SHF_ALLOC, _SHF_EXECINSTR = 2, 4
_STB_LOCAL, _STB_WEAK = 0, 2
_GLOBAL = 1
#: As many as BPF has registers for.
_MAX_PARAMETERS = 5
_CO_RE_HINT = "reads with bpf_core_read() or preserve_access_index (CO-RE), which are settled when a program is loaded"


@dataclass(frozen=True, slots=True)
class Contents:
    """`defined` and `missing` are names of functions and variables that other files see, or that must come from them.

    `refused` are sentences, each about one thing that cannot be carried into a script's programs.
    """

    functions: tuple[CFunction, ...]
    defined: tuple[str, ...]
    missing: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Symbol:
    name: str
    type: int
    binding: int
    section: int


def read_contents(image: bytes, name: str) -> Contents:
    """Raises: ElfError, BtfError."""
    elf = ElfFile.from_bytes(image, name)
    symbols = list(_symbols(elf))
    section = elf.section(".BTF")
    btf = None if section is None else Btf.parse(elf.section_data(section))
    visible = [symbol for symbol in symbols if symbol.binding != _STB_LOCAL]
    return Contents(
        () if btf is None else tuple(_functions(btf, symbols)),
        tuple(s.name for s in visible if s.section != SHN_UNDEF and s.binding != _STB_WEAK),
        tuple(s.name for s in visible if s.section == SHN_UNDEF),
        tuple(_refused(elf, btf, symbols)),
    )


def _symbols(elf: ElfFile) -> Iterator[_Symbol]:
    data = elf.symbol_data(SHT_SYMTAB)
    if data is None:
        return
    for name_at, info, _, section, _, _ in LAYOUTS[CLASS_64].symbol.iter_unpack(data.symbols):
        if name_at and info & 15 not in (STT_FILE, STT_SECTION):
            yield _Symbol(_text(data.strings, name_at), info & 15, info >> 4, section)


def _functions(btf: Btf, symbols: list[_Symbol]) -> Iterator[CFunction]:
    """The functions that scripts see."""
    code = {symbol.name for symbol in symbols if symbol.type == STT_FUNC and symbol.section != SHN_UNDEF}
    types = BtfCTypes(lambda: btf, lambda: ())
    for type_id in range(1, len(btf) + 1):
        function = btf.type(type_id)
        if isinstance(function, Func) and function.linkage == _GLOBAL and function.name in code:
            proto = btf.type(function.type_id)
            assert isinstance(proto, FuncProto), "what clang writes"
            yield _signature(types, function.name, proto)


def _signature(types: BtfCTypes, name: str, proto: FuncProto) -> CFunction:
    result: Type = types.with_id(proto.return_id) if proto.return_id else VOID
    if proto.parameters and not proto.parameters[-1].type_id:
        return CFunction(name, (), result, "it takes a variable number of arguments")
    parameters = tuple((parameter.name, types.with_id(parameter.type_id)) for parameter in proto.parameters)
    obstacle = ""
    strange = next((named for named in parameters if not _is_word(named[1])), None)
    if len(parameters) > _MAX_PARAMETERS:
        obstacle = f"it takes more than {_MAX_PARAMETERS} arguments"
    elif strange is not None:
        obstacle = f"its argument `{strange[0]}` is neither an integer nor a pointer"
    elif proto.return_id and not _is_word(result):
        obstacle = "its result is neither an integer nor a pointer"
    return CFunction(name, parameters, result, obstacle)


def _is_word(type_: Type) -> bool:
    """Whether a value of the type travels in one register."""
    return isinstance(type_, Int | Bool | Enum | Pointer) and not isinstance(type_, Void)


def _refused(elf: ElfFile, btf: Btf | None, symbols: list[_Symbol]) -> Iterator[str]:
    for index, section in enumerate(elf.sections):
        names = _listed(symbol.name for symbol in symbols if symbol.section == index)
        if section.name in (".maps", "maps"):
            yield f"BPF maps of its own cannot be made: {names}"
        elif section.type == _SHT_REL:
            target = elf.sections[section.info] if section.info < len(elf.sections) else section
            if target.flags & _SHF_ALLOC and not target.flags & _SHF_EXECINSTR and not target.name.startswith(".maps"):
                names = _listed(symbol.name for symbol in symbols if symbol.section == section.info)
                yield f"addresses in variables that are set before the program runs are not supported: {names}"
    for relocated in _relocated_types(elf, btf):
        yield f"{_CO_RE_HINT}, are not supported: {relocated}"


def _relocated_types(elf: ElfFile, btf: Btf | None) -> Iterator[str]:
    """The types that CO-RE relocations are about, all in one text; nothing without any.

    .BTF.ext: u16 magic, u8 version, u8 flags, u32 header's length, then (offset, length) of function, line and CO-RE
    records. Those: u32 size of one; by section u32 name, u32 count, then records that begin with u32 offset, u32 type.
    """
    section = elf.section(".BTF.ext")
    if section is None or btf is None:
        return
    data = elf.section_data(section)
    (header,) = struct.unpack_from("<I", data, 4)
    if header < 32:
        return
    offset, length = struct.unpack_from("<II", data, 24)
    if not length:
        return
    at, end = header + offset, header + offset + length
    (record,) = struct.unpack_from("<I", data, at)
    at += 4
    names: dict[str, None] = {}
    while at < end:
        _, count = struct.unpack_from("<II", data, at)
        at += 8
        for _ in range(count):
            (type_id,) = struct.unpack_from("<I", data, at + 4)
            names[btf.type(type_id).name or "an unnamed type"] = None
            at += record
    yield _listed(names)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "unnamed ones"


def _text(table: bytes, at: int) -> str:
    return table[at : table.index(b"\0", at)].decode(errors="replace")
