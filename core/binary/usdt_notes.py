"""Static markers (USDT) of ELF files, out of the notes that <sys/sdt.h> leaves in `.note.stapsdt`.

A marker is a place in the code, a name, and a text that says where its arguments are then. Addresses of symbols in that
text are put in here, because the symbol tables are; what the text means otherwise is not known here. Notes belong to
anybody, so each is checked against its bounds. Layout: SystemTap's "UserSpaceProbeImplementation", and elf(5).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

from ..frozen import dataclass
from .elf import ElfFile
from .elf_format import CLASS_64, EM_AARCH64, ET_EXEC, NOTE_HEADER, PF_X, PT_LOAD, ElfError, Section

NOTES_SECTION = ".note.stapsdt"
#: Its address when the notes were written; prelink moves the section but not what notes say.
BASE_SECTION = ".stapsdt.base"
_OWNER = b"stapsdt\0"
_TYPE = 3  # NT_STAPSDT
_MAX_NOTES = 1 << 26
#: Addresses of the marker, of the base section and of the semaphore (0 without one), by the file's class.
_ADDRESSES = {True: struct.Struct("<QQQ"), False: struct.Struct("<III")}

#: Link-time addresses that a symbol's name stands for.
SymbolAddresses = Callable[[str], "set[int]"]


@dataclass(frozen=True, slots=True)
class Note:
    """One marker at one place. `address` and `semaphore` are link-time addresses, `semaphore` 0 without one.

    `arguments` is the text of the compiler: descriptions like `-4@%edi`, with spaces between them.
    """

    provider: str
    name: str
    address: int
    semaphore: int
    arguments: str


def read_notes(elf: ElfFile) -> list[Note]:
    """The markers of a file, in the order of its notes. Raises ElfError where the notes are corrupt."""
    section = elf.section(NOTES_SECTION)
    if section is None:
        return []
    if section.size > _MAX_NOTES:
        raise ElfError(f"{elf.name}: notes of {section.size} bytes: corrupt")
    base = elf.section(BASE_SECTION)
    addresses = _ADDRESSES[elf.elf_class == CLASS_64]
    notes = []
    for descriptor in _descriptors(elf.section_data(section), elf.name):
        if len(descriptor) < addresses.size:
            raise ElfError(f"{elf.name}: a marker's note of {len(descriptor)} bytes: corrupt")
        address, base_then, semaphore = addresses.unpack_from(descriptor)
        moved = _distance(base, base_then) if base is not None and base_then else 0
        texts = descriptor[addresses.size :].split(b"\0")
        if len(texts) < 3:
            raise ElfError(f"{elf.name}: a marker's note without its three texts: corrupt")
        provider, name, arguments = (text.decode("utf-8", "surrogateescape") for text in texts[:3])
        # What has no name that people could write or terminals show cannot be asked for.
        if not all(text and text.isprintable() for text in (provider, name)):
            continue
        moved_semaphore = semaphore + moved if semaphore else 0
        notes.append(Note(provider, name, address + moved, moved_semaphore, " ".join(arguments.split())))
    return notes


def _distance(base: Section, base_then: int) -> int:
    """How far the file was moved. Parts that were linked without a common base each have their own in the section."""
    return 0 if base.address <= base_then < base.address + base.size else base.address - base_then


def _descriptors(notes: bytes, file_name: str) -> Iterator[bytes]:
    """What the markers' notes hold, of all notes in a section. Raises ElfError."""
    at = 0
    while at + NOTE_HEADER.size <= len(notes):
        name_size, size, kind = NOTE_HEADER.unpack_from(notes, at)
        name_at = at + NOTE_HEADER.size
        start = name_at + _padded(name_size)
        if start + size > len(notes):
            raise ElfError(f"{file_name}: a note of {size} bytes in {len(notes)} bytes of notes: corrupt")
        if kind == _TYPE and notes[name_at : name_at + name_size] == _OWNER:
            yield notes[start : start + size]
        at = start + _padded(size)


def _padded(size: int) -> int:
    """The notes of markers are aligned to four bytes in files of either class."""
    return (size + 3) & -4


def code_offset(elf: ElfFile, address: int) -> int | None:
    """Where in the file the instruction at a link-time address is; None for what is no code.

    The linker leaves notes behind whose code it has thrown away.
    """
    for header in elf.program_headers:
        inside = 0 <= address - header.address < header.file_size
        if header.type == PT_LOAD and header.flags & PF_X and inside:
            return address - header.address + header.offset
    return None


#: `name` in `4@name+4(%rip)`, `8@$name`, `4@name(,%rax,4)`. Behind a `%` it is a register, with an `@` a relocation.
_SYMBOL = re.compile(r"(?<![%\w.@])[A-Za-z_.][\w.$]*(?![\w.$@])")
#: `#:lo12:name+4` of aarch64: the low 12 bits of an address, whose page is in a register.
_LOW_BITS = re.compile(r"#?:lo12:([A-Za-z_.][\w.$]*)([+-]\d+)?")
_PREFIX = re.compile(r"-?\d+f?@")
_NEXT = re.compile(r"\s+(?=-?\d+f?@)")
#: Without prefixes: what stands between spaces, but brackets are kept together.
_BARE = re.compile(r"(?:\[[^\]]*\]?|[^\s\[])+")


def split_arguments(arguments: str) -> list[str]:
    """The descriptions one by one: they have spaces between them, and those of aarch64 in their brackets as well."""
    if not arguments:
        return []
    return _NEXT.split(arguments) if _PREFIX.match(arguments) else _BARE.findall(arguments)


def with_addresses(note: Note, elf: ElfFile, addresses: SymbolAddresses) -> str:
    """The descriptions of a note with numbers for the names of symbols, as far as each means one address.

    What counts from the program counter becomes the distance from the marker: `4@name(%rip)` is `4@4096(%rip)` where
    `name` lies 4096 bytes behind the marker.
    """
    return " ".join(_resolved(part, note.address, elf, addresses) for part in split_arguments(note.arguments))


def _resolved(description: str, address: int, elf: ElfFile, addresses: SymbolAddresses) -> str:
    prefix = _PREFIX.match(description)
    start = prefix.end() if prefix else 0
    head, operand = description[:start], description[start:]
    if elf.machine == EM_AARCH64:
        return head + _LOW_BITS.sub(lambda found: _low_bits(found, addresses), operand)
    found = _SYMBOL.search(operand)
    relative = operand.endswith("(%rip)")
    if found is None or not (relative or elf.type == ET_EXEC):
        return description
    places = addresses(found[0])
    if len(places) != 1:
        return description
    (place,) = places
    number = place - address if relative else place
    return f"{head}{operand[: found.start()]}{number}{operand[found.end() :]}"


def _low_bits(found: re.Match[str], addresses: SymbolAddresses) -> str:
    places = addresses(found[1])
    if len(places) != 1:
        return found[0]
    (place,) = places
    return str((place + int(found[2] or 0)) & 0xFFF)
