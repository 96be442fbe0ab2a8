"""The user's private cache directory: where it is, and files in it that nobody else can have written.

A root tool that trusts a cache which another user can write runs that user's code. So a directory or file that has
another owner, or that others may write, counts as not there. It knows nothing of what is kept.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

NAME = "pybpftrace"


def cache_directory() -> str | None:
    """$XDG_CACHE_HOME/pybpftrace or ~/.cache/pybpftrace, made with mode 0700 if need be.

    None when it cannot be made, belongs to someone else, or can be written by others than its owner.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # the XDG base directory specification: a relative path is to be ignored
        base = os.path.join(os.path.expanduser("~"), ".cache")
    directory = os.path.join(base, NAME)
    try:
        os.makedirs(base, mode=0o700, exist_ok=True)
        with suppress(FileExistsError):
            os.mkdir(directory, mode=0o700)
        status = os.lstat(directory)
    except OSError:
        return None  # a cache is a convenience: without one everything works, only later
    return directory if stat.S_ISDIR(status.st_mode) and is_private(status) else None


def cache_room(name: str) -> str | None:
    """The directory `name` inside of the cache directory, made if need be; None where there can be no private one."""
    base = cache_directory()
    if base is None:
        return None
    directory = os.path.join(base, name)
    try:
        with suppress(FileExistsError):
            os.mkdir(directory, mode=0o700)
        status = os.lstat(directory)
    except OSError:
        return None
    return directory if stat.S_ISDIR(status.st_mode) and is_private(status) else None


def evict(directory: str, entry_limit: int, byte_limit: int) -> None:
    """Removes the files that were changed longest ago until the rest is within the limits. Raises OSError."""
    with os.scandir(directory) as entries:
        files = sorted(((e.stat(follow_symlinks=False), e.path) for e in entries), key=lambda f: -f[0].st_mtime_ns)
    total = 0
    for count, (status, path) in enumerate(files, 1):
        total += status.st_size
        if count > entry_limit or total > byte_limit:
            with suppress(FileNotFoundError):  # another run evicts too
                os.unlink(path)


def is_private(status: os.stat_result) -> bool:
    """True for what we own and nobody else may write."""
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def read_private_file(path: str) -> bytes | None:
    """The content of `path`; None when it is not there, is not a plain file, or is not private."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with open(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not is_private(status):
            return None
        return file.read()


def write_private_file(path: str, data: bytes, *, flush: bool = True) -> None:
    """Put `data` at `path` with mode 0600, whole or not at all. Raises OSError.

    It is written under another name and renamed, so no reader ever meets half a file. Nor does one after a crash,
    unless `flush` is false: waiting for the disk takes 5 ms or more, which a file whose reader sees damage need not
    pay.
    """
    draft = f"{path}.{os.getpid()}"
    with suppress(FileNotFoundError):
        os.unlink(draft)  # left by a killed process that had our pid
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            if flush:
                file.flush()
                os.fsync(descriptor)
        os.rename(draft, path)
    except OSError:
        os.unlink(draft)
        raise
