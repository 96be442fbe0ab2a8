"""The compiled program as a file: what `--emit` writes, what `pybpftrace FILE` runs, and the compile cache's entries.

A file is one ASCII line and then JSON:

    pybpftrace-program VERSION DIGEST LENGTH\\n        DIGEST: BLAKE2b-128 of the JSON in hex; LENGTH: its bytes
    [PROGRAM, DEPENDENCIES]

PROGRAM is as `core.artifact_data` writes it, DEPENDENCIES are those of `core.target` and empty in a file of `--emit`.
The checksum tells damage, not malice: against that stand the file's owner and mode, and the checks of every value. This
module must not know the compiler: a run from a file has none.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from .artifact_data import program_from_data, program_to_data
from .digest import digest
from .target.dependency import Dependency

if TYPE_CHECKING:
    from .artifacts import CompiledProgram

MAGIC = "pybpftrace-program"
FORMAT_VERSION = 5
#: No header is longer, and no program comes near this size.
_HEADER_LIMIT = 128
_FILE_LIMIT = 256 << 20


class ArtifactError(Exception):
    """A file that is no usable compiled program; the text is one line and begins with the file's name."""


def is_artifact(data: bytes) -> bool:
    """Whether a file that begins with `data` claims to be a compiled program."""
    return data.startswith(MAGIC.encode() + b" ")


def save(program: CompiledProgram, path: str, dependencies: tuple[Dependency, ...] = ()) -> None:
    """Writes the program to `path` with the mode that the umask allows, whole or not at all. Raises OSError."""
    data = to_bytes(program, dependencies)
    if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe is written to, not replaced
        with open(path, "wb") as file:
            file.write(data)
        return
    draft = f"{path}.{os.getpid()}.new"
    with suppress(FileNotFoundError):
        os.unlink(draft)  # left by a killed process that had our pid
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(draft, flags, 0o644)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.rename(draft, path)
    except OSError:
        os.unlink(draft)
        raise


def load(path: str) -> CompiledProgram:
    """The program in a file that only root or we can have written.

    Raises: ArtifactError; OSError: when it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # opening a FIFO must not hang
    with open(descriptor, "rb") as file:
        check_trust(descriptor, path)
        return from_bytes(file.read(_FILE_LIMIT), path)[0]


def check_trust(descriptor: int, path: str) -> None:
    """Raises: ArtifactError: when somebody else can have written the open file, or can replace it by another."""
    status = os.fstat(descriptor)
    directory = os.path.dirname(os.path.realpath(path))
    if not stat.S_ISREG(status.st_mode):
        raise ArtifactError(f"{path}: not a plain file")
    _check_place(path, "the file", status)
    _check_place(path, f"its directory {directory}", os.stat(directory))


def _check_place(path: str, what: str, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise ArtifactError(f"{path}: refused, because {what} belongs to user {status.st_uid}, not to root or you")
    # In a sticky directory (/tmp) nobody can replace a file that another owns.
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return
    shared = status.st_mode & stat.S_IWGRP and status.st_gid not in (0, os.getegid())
    if shared or status.st_mode & stat.S_IWOTH:
        raise ArtifactError(f"{path}: refused, because others can write {what} (chmod go-w)")


def to_bytes(program: CompiledProgram, dependencies: tuple[Dependency, ...] = ()) -> bytes:
    """The whole file. Raises: ValueError: for an event setting that is no plain data."""
    content = [program_to_data(program), [d.to_data() for d in dependencies]]
    body = json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")
    return f"{MAGIC} {FORMAT_VERSION} {digest(body)} {len(body)}\n".encode("ascii") + body


def from_bytes(data: bytes, name: str) -> tuple[CompiledProgram, tuple[Dependency, ...]]:
    """The inverse of `to_bytes`; `name` stands in errors. Raises: ArtifactError."""
    header, newline, body = data.partition(b"\n")
    words = header[:_HEADER_LIMIT].decode("ascii", "replace").split(" ")
    if words[0] != MAGIC or len(words) < 2:
        raise ArtifactError(f"{name}: not a pybpftrace program")
    if words[1] != str(FORMAT_VERSION):
        made = _printable(words[1])
        raise ArtifactError(f"{name}: in format version {made}, only {FORMAT_VERSION} is read here: compile it again")
    length = int(words[3]) if len(words) == 4 and words[3].isdecimal() and len(words[3]) < 16 else None
    if not newline or (length is not None and len(body) < length):
        raise ArtifactError(f"{name}: truncated")
    if length is None or len(body) != length or digest(body) != words[2]:
        raise ArtifactError(f"{name}: corrupt (the checksum does not fit)")
    try:
        content = json.loads(body, parse_float=_refuse, parse_constant=_refuse)
        match content:
            case [program, list(dependencies)]:
                return program_from_data(program), tuple(Dependency.from_data(item) for item in dependencies)
        raise ValueError("not a program and its dependencies")
    except (ValueError, TypeError, RecursionError) as error:
        raise ArtifactError(f"{name}: corrupt ({_printable(str(error)[:100])})") from error


def _printable(text: str) -> str:
    """The text may come from a stranger's file and goes to a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _refuse(text: str) -> None:
    raise ValueError(f"unexpected number {text}")
