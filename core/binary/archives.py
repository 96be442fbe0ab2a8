"""Libraries inside zip archives, written `FILE.zip!/PATH`, as the loader of Android maps them.

The kernel can map such a library, and so probe it, when it is stored without compression and begins at a page. This
file must not know what the member is used for. Facts: .ZIP File Format Specification (APPNOTE.TXT), section 4.3.
"""

from __future__ import annotations

import mmap
import os
import struct

SEPARATOR = "!/"
#: signature, then to the lengths of the name and of the extra field, which stand in front of the data.
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_SIGNATURE = b"PK\x03\x04"
_MAX_MEMBER = 1 << 30


class ArchiveError(ValueError):
    """There is no such archive or member, or it cannot be mapped; the message says why."""


def names_member(path: str) -> bool:
    """Whether a path means a file in an archive. A file that is really called so is just that file."""
    return SEPARATOR in path and not os.path.exists(path)


def archive_of(path: str) -> str:
    """The archive's path, for a path that means a member; any other path as it is."""
    return path.partition(SEPARATOR)[0] if names_member(path) else path


def read_member(path: str) -> tuple[bytes, int]:
    """The bytes of a member, and at which byte of the archive they begin. Raises ArchiveError, OSError."""
    import zipfile  # takes some ten milliseconds, and hardly anyone traces an archive

    archive, _, name = path.partition(SEPARATOR)
    try:
        with open(archive, "rb") as file, zipfile.ZipFile(file) as members:
            member = members.getinfo(name)
            if member.compress_type != zipfile.ZIP_STORED:
                raise ArchiveError(f"{path}: compressed, so that it cannot be mapped")
            file.seek(member.header_offset)
            header = file.read(_LOCAL_HEADER.size)
            if len(header) < _LOCAL_HEADER.size or not header.startswith(_SIGNATURE):
                raise ArchiveError(f"{path}: corrupt archive")
            _, name_size, extra_size = _LOCAL_HEADER.unpack(header)
            start = member.header_offset + _LOCAL_HEADER.size + name_size + extra_size
            if start % mmap.PAGESIZE or member.file_size > _MAX_MEMBER:
                raise ArchiveError(f"{path}: begins at byte {start} of the archive, which is not at a page")
            file.seek(start)
            data = file.read(member.file_size)
    except (zipfile.BadZipFile, KeyError, NotImplementedError) as error:
        raise ArchiveError(f"{path}: {error}") from error
    if len(data) != member.file_size:
        raise ArchiveError(f"{path}: corrupt archive")
    return data, start
