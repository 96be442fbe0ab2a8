"""Finds where each type of a BTF blob starts and which ids a name has, once per kernel.

Walking the 125,000 types of a vmlinux blob costs a fifth of a second in plain Python, so the result is kept in the
user's cache directory under the kernel's build id and read back in a millisecond. It knows the outer shape of a type
record (how long it is, what its name is), not what the fields mean; that is `btf.py`.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from binascii import crc32
from typing import TYPE_CHECKING

from ..frozen import dataclass
from .btf_types import BtfError
from .cache_directory import read_private_file, write_private_file

if TYPE_CHECKING:
    import mmap
    from collections.abc import Sequence

MAGIC = 0xEB9F

# Bytes that follow the 12 bytes of struct btf_type, by kind: (fixed, per unit of vlen). btf.rst, section 2.2.
trailing_bytes: tuple[tuple[int, int] | None, ...] = (
    None,
    (4, 0),  # int
    (0, 0),  # ptr
    (12, 0),  # array
    (0, 12),  # struct
    (0, 12),  # union
    (0, 8),  # enum
    (0, 0),  # fwd
    (0, 0),  # typedef
    (0, 0),  # volatile
    (0, 0),  # const
    (0, 0),  # restrict
    (0, 0),  # func; its vlen is the linkage
    (0, 8),  # func_proto
    (4, 0),  # var
    (0, 12),  # datasec
    (0, 0),  # float
    (4, 0),  # decl_tag
    (0, 0),  # type_tag
    (0, 12),  # enum64
)
enum_layouts = {6: "Ii", 19: "III"}  # the constants of an enum and an enum64: name, then value


@dataclass(frozen=True, slots=True)
class Sections:
    """Where the two sections of a blob are: [types, types_end) and [strings, strings_end), in bytes from its start.

    `order` is '<' or '>', for struct formats.
    """

    order: str
    types: int
    types_end: int
    strings: int
    strings_end: int


@dataclass(frozen=True, slots=True)
class Index:
    """`offsets[id - 1]` is where type `id` starts in the blob; a module's ids are counted from its first one instead.

    `names` is sorted; an entry is the CRC-32 of a name in the high 32 bits and a type id in the low ones. An enum is
    listed under each of its constants too. Names with equal CRCs share entries, so a reader compares the name itself.
    """

    offsets: Sequence[int]
    names: Sequence[int]


def read_header(blob: bytes | mmap.mmap, is_split: bool = False) -> Sections:
    """The sections of a raw BTF blob (struct btf_header: magic, version, flags, hdr_len, four offsets and lengths).

    The strings of a split one go on from others: they need not begin with the empty one. Raises BtfError.
    """
    size = len(blob)
    if size < 24:
        raise BtfError(f"BTF of {size} bytes is shorter than its header")
    order = "<" if blob[0] == MAGIC & 0xFF else ">"
    magic, version, _, header, type_at, type_length, string_at, string_length = struct.unpack_from(
        order + "HBBIIIII", blob, 0
    )
    if magic != MAGIC or version != 1:
        raise BtfError(f"not BTF version 1: magic {magic:#x}, version {version}")
    sections = Sections(
        order,
        header + type_at,
        header + type_at + type_length,
        header + string_at,
        header + string_at + string_length,
    )
    if header < 24 or sections.types_end > size or sections.strings_end > size:
        raise BtfError("a BTF section lies outside the blob")
    begins_well = is_split or (string_length and not blob[sections.strings])
    if not begins_well or (string_length and blob[sections.strings_end - 1]):
        raise BtfError("the BTF string section does not begin and end with NUL")
    return sections


def build_index(blob: bytes | mmap.mmap, sections: Sections, first_id: int = 1, base_strings: bytes = b"") -> Index:
    """Walk all types of `blob`, the first of which has `first_id`; string offsets go on from the end of `base_strings`.

    Raises BtfError on an unknown kind, a cut-off record or a name outside the strings.
    """
    order = sections.order
    unpack = struct.Struct(order + "II").unpack_from
    trailing = trailing_bytes
    kinds = len(trailing)
    data = blob if isinstance(blob, bytes) else blob[:]
    at, end = sections.types, sections.types_end
    offsets = array("I")
    named: list[tuple[int, int]] = []
    type_id = first_id - 1
    while at + 12 <= end:
        type_id += 1
        offsets.append(at)
        name, info = unpack(data, at)
        if name:
            named.append((name, type_id))
        kind = info >> 24 & 31
        extra = trailing[kind] if kind < kinds else None
        if extra is None:
            raise BtfError(f"type {type_id} has the unknown kind {kind}")
        fixed, each = extra
        start = at + 12
        at = start + fixed + each * (info & 0xFFFF)
        if kind in enum_layouts and at <= end:
            constants = struct.iter_unpack(order + enum_layouts[kind], data[start:at])
            named.extend([(constant[0], type_id) for constant in constants])
    if at != end:
        raise BtfError("the last BTF type is cut off")
    own_strings = data[sections.strings : sections.strings_end]
    checksums: dict[int, int] = {}
    entries = []
    inherited = len(base_strings)
    for name, type_id in named:
        checksum = checksums.get(name)
        if checksum is None:
            strings, start = (base_strings, name) if name < inherited else (own_strings, name - inherited)
            if start >= len(strings):
                raise BtfError(f"the name of type {type_id} lies outside the strings")
            checksums[name] = checksum = crc32(strings[start : strings.find(b"\0", start)]) << 32
        entries.append(checksum | type_id)
    entries.sort()
    return Index(offsets, array("Q", entries))


# The cached form: this header, the build id, then the two arrays of the index in native byte order. A format change
# changes the number at the end of the magic.
CACHE_MAGIC = b"pybpfbt1"
cache_header = struct.Struct("=8sIIIII")  # magic, byte order mark, blob bytes, build id bytes, types, names
BYTE_ORDER_MARK = 0x01020304


def load_index(directory: str, build_id: str, blob_size: int, module: str = "") -> Index | None:
    """The cached index of the kernel `build_id` from `directory`, or None when there is none that can be trusted.

    Of a `module` there is only the index that was kept last; `build_id` is then a text that tells its builds apart.
    """
    data = read_private_file(os.path.join(directory, cache_file_name(module or build_id)))
    if data is None or len(data) < cache_header.size:
        return None
    magic, mark, size, id_length, types, names = cache_header.unpack_from(data)
    start = cache_header.size + id_length
    names_at = start + 4 * types
    if (
        (magic, mark, size) != (CACHE_MAGIC, BYTE_ORDER_MARK, blob_size)
        or data[cache_header.size : start] != build_id.encode()
        or len(data) != names_at + 8 * names
    ):
        return None
    view = memoryview(data)
    return Index(view[start:names_at].cast("I"), view[names_at:].cast("Q"))


def store_index(directory: str, build_id: str, blob_size: int, index: Index, module: str = "") -> None:
    """Keep `index` for `load_index`. Raises OSError.

    That of a module is not waited for: there may be hundreds, and half of one is seen by its length.
    """
    encoded = build_id.encode()
    header = cache_header.pack(
        CACHE_MAGIC, BYTE_ORDER_MARK, blob_size, len(encoded), len(index.offsets), len(index.names)
    )
    body = [array("I", index.offsets).tobytes(), array("Q", index.names).tobytes()]
    path = os.path.join(directory, cache_file_name(module or build_id))
    write_private_file(path, b"".join([header, encoded, *body]), flush=not module)


def cache_file_name(build_id: str) -> str:
    """A name per kernel and byte order; a build id is hexadecimal, anything else is hashed into that form."""
    safe = build_id if build_id.isalnum() else format(crc32(build_id.encode()), "08x")
    return f"btf-{safe}-{sys.byteorder}.index"
