"""Assembles .eh_frame sections and ELF files around them, and looks addresses up in unwind tables.

What stands in a section is said by its bytes, so these functions know lengths and offsets and nothing else.
"""

from __future__ import annotations

import struct
from bisect import bisect_right

from pybpftrace.core.binary.eh_frame import FrameSection, section_table
from pybpftrace.core.binary.unwind_rows import ROW, CfaRule, FrameRule

#: Where the section is loaded, and where its functions are.
AT, CODE = 0x10000, 0x1000
#: rsp+8 is the CFA, and the return address is at CFA-8: as compilers begin.
BEGIN = bytes((0x0C, 7, 8, 0x80 | 16, 1))

#: CFA rule, its offset, frame rule, its offset.
Rules = tuple[CfaRule, int, FrameRule, int]
LEAF: Rules = (CfaRule.STACK, 8, FrameRule.SAME, 0)
UNKNOWN: Rules = (CfaRule.UNKNOWN, 0, FrameRule.SAME, 0)
END: Rules = (CfaRule.END, 0, FrameRule.SAME, 0)


def uleb(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def sleb(value: int) -> bytes:
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value & 0x7F))


def block(expression: bytes) -> bytes:
    return uleb(len(expression)) + expression


def entry(body: bytes, wide: bool = False) -> bytes:
    return (struct.pack("<IQ", 0xFFFFFFFF, len(body)) if wide else struct.pack("<I", len(body))) + body


def cie(
    instructions: bytes = BEGIN,
    augmentation: bytes = b"zR",
    augmentation_data: bytes = b"\x1b",
    version: int = 1,
    factors: tuple[int, int] = (1, -8),
    returned: bytes = b"\x10",
    wide: bool = False,
) -> bytes:
    sized = block(augmentation_data) if augmentation[:1] == b"z" else b""
    head = bytes((version,)) + augmentation + b"\0" + uleb(factors[0]) + sleb(factors[1]) + returned
    return entry(bytes(4) + head + sized + instructions, wide)


class Frames:
    """A section in the making; places are offsets from its start."""

    def __init__(self) -> None:
        self.data = b""
        self.last_cie = 0

    def cie(self, *args: object, **keywords: object) -> Frames:
        self.last_cie = len(self.data)
        self.data += cie(*args, **keywords)  # type: ignore[arg-type]  # handed through
        return self

    def terminator(self) -> Frames:
        self.data += bytes(4)
        return self

    def raw_fde(self, span: bytes, instructions: bytes = b"", wide: bool = False, extra: bytes = b"\0") -> Frames:
        """`span` is the encoded address and size, `extra` the augmentation data with their size."""
        pointer = len(self.data) + (12 if wide else 4) - self.last_cie
        self.data += entry(struct.pack("<I", pointer) + span + extra + instructions, wide)
        return self

    def fde(self, start: int, size: int, instructions: bytes = b"", wide: bool = False) -> Frames:
        """A function whose address is PC-relative in 4 bytes."""
        place = AT + len(self.data) + (16 if wide else 8)
        return self.raw_fde(struct.pack("<iI", start - place, size), instructions, wide)

    def section(self, data_base: int | None = None) -> FrameSection:
        return FrameSection(self.data, AT, data_base)

    def table(self, data_base: int | None = None) -> list[tuple[int, Rules]]:
        return rows(section_table(self.section(data_base), "made"))


def one_function(code: bytes, size: int = 0x100, **keywords: object) -> list[tuple[int, Rules]]:
    """The rows of one function at `CODE`, as distances from it, without that behind it; `keywords` are the CIE's."""
    found = Frames().cie(**keywords).fde(CODE, size, code).table()
    assert found[-1][1] == UNKNOWN
    return [(address - CODE, rules) for address, rules in found if address < CODE + size]


def rows(table: bytes) -> list[tuple[int, Rules]]:
    return [
        (address, (CfaRule(cfa), offset, FrameRule(frame), frame_offset))
        for address, offset, frame_offset, cfa, frame in ROW.iter_unpack(table)
    ]


def rules_at(table: list[tuple[int, Rules]], address: int) -> Rules:
    index = bisect_right(table, address, key=lambda row: row[0]) - 1
    return table[index][1] if index >= 0 else UNKNOWN


def elf_image(
    section: bytes,
    *,
    machine: int = 62,
    flags: int = 2,
    kind: int = 1,
    name: bytes = b".eh_frame",
    size: int | None = None,
    address: int = AT,
) -> bytes:
    """A 64-bit ELF file with one section, loaded at `address`."""
    names = b"\0" + name + b"\0.shstrtab\0"
    names_at = 64 + len(section)
    headers_at = names_at + len(names)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 0, headers_at, 0, 64, 56, 0, 64, 3, 2)
    pack = struct.Struct("<IIQQQQIIQQ").pack
    sections = (
        bytes(64)
        + pack(1, kind, flags, address, 64, len(section) if size is None else size, 0, 0, 8, 0)
        + pack(2 + len(name), 3, 0, 0, names_at, len(names), 0, 0, 1, 0)
    )
    return header + section + names + sections
