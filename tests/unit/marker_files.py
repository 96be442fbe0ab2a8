"""ELF files with static markers, made byte by byte: code at 0x401000, data at 0x404000, in the file at 0x1000, 0x3000.

Facts: elf(5), and SystemTap's "UserSpaceProbeImplementation" for the notes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from pybpftrace.core.binary.elf_format import CLASS_32, CLASS_64, EM_X86_64, ET_DYN, LAYOUTS

CODE, DATA = 0x401000, 0x404000
BASE = 0x402000
_SIZE = 0x400  # of either segment


def note(
    name: str = "marker",
    arguments: str = "",
    *,
    provider: str = "app",
    address: int = CODE,
    base: int = BASE,
    semaphore: int = 0,
    word: str = "Q",
) -> bytes:
    texts = b"".join(text.encode("utf-8", "surrogateescape") + b"\0" for text in (provider, name, arguments))
    return raw_note(struct.pack(f"<3{word}", address, base, semaphore) + texts)


def raw_note(descriptor: bytes, owner: bytes = b"stapsdt\0", kind: int = 3) -> bytes:
    return struct.pack("<III", len(owner), len(descriptor), kind) + _padded(owner) + _padded(descriptor)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def image(
    *notes: bytes,
    elf_class: int = CLASS_64,
    type_: int = ET_DYN,
    machine: int = EM_X86_64,
    base: int | None = BASE,
    symbols: Sequence[tuple[str, int]] = (),
) -> bytes:
    """`base` is where the base section is now, None for a file without one; `symbols` are objects: (name, address)."""
    layout = LAYOUTS[elf_class]
    blob = bytearray(0x4000)

    def append(data: bytes) -> tuple[int, int]:
        at = len(blob)
        blob.extend(data + bytes(-len(data) % 8))
        return at, len(data)

    names, strings = b"\0", b"\0"
    rows = []

    def row(name: str, kind: int, address: int, place: tuple[int, int], link: int = 0, entry: int = 0) -> None:
        nonlocal names
        rows.append(layout.section.pack(len(names), kind, 0, address, *place, link, 0, 4, entry))
        names += name.encode() + b"\0"

    table = bytes(layout.symbol.size)
    for name, address in symbols:
        at = len(strings)
        strings += name.encode() + b"\0"
        fields = (at, 1, 0, 1, address, 4) if elf_class == CLASS_64 else (at, address, 4, 1, 0, 1)
        table += layout.symbol.pack(*fields)
    row("", 0, 0, (0, 0))
    row(".note.stapsdt", 7, 0, append(b"".join(notes)))
    if base is not None:
        row(".stapsdt.base", 1, base, (0x2000, 2))
    row(".symtab", 2, 0, append(table), len(rows) + 1, layout.symbol.size)
    row(".strtab", 3, 0, append(strings))
    rows.append(layout.section.pack(len(names), 3, 0, 0, len(blob), len(names) + 10, 0, 0, 1, 0))
    append(names + b".shstrtab\0")
    sections_at, _ = append(b"".join(rows))
    headers = b"".join(
        _program_header(elf_class, flags, offset, address)
        for flags, offset, address in ((5, 0x1000, CODE), (6, 0x3000, DATA))
    )
    headers_at, _ = append(headers)
    ident = b"\x7fELF" + bytes([elf_class, 1, 1]) + bytes(9)
    blob[: 16 + layout.file_header.size] = ident + layout.file_header.pack(
        *(type_, machine, 1, 0, headers_at, sections_at, 0, 64, layout.program_header.size, 2),
        *(layout.section.size, len(rows), len(rows) - 1),
    )
    return bytes(blob)


def _program_header(elf_class: int, flags: int, offset: int, address: int) -> bytes:
    layout = LAYOUTS[elf_class].program_header
    if elf_class == CLASS_32:
        return layout.pack(1, offset, address, address, _SIZE, _SIZE, flags, 0x1000)
    return layout.pack(1, flags, offset, address, address, _SIZE, _SIZE, 0x1000)
