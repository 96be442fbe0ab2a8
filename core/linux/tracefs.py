"""Where the kernel's tracing file system is, mounting it when it is not there, and the numbers of its events.

It reads nothing but ids: formats and lists of events are for the one who knows what to do with them.
"""

from __future__ import annotations

import errno
import os

from .errors import KernelError
from .syscalls import address_of, syscall

#: Where Linux mounts it (since 4.1), and where it appears by itself inside debugfs.
TRACEFS_DIRECTORIES = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")


def tracefs_root() -> str:
    """The directory of tracefs, mounted now if need be.

    Raises: KernelError: it can be neither read nor mounted.
    """
    for directory in TRACEFS_DIRECTORIES:
        try:
            os.stat(os.path.join(directory, "events"))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise KernelError(error.errno or 0, "stat", f"tracefs in {directory}", "run as root") from None
        return directory
    _mount(TRACEFS_DIRECTORIES[0])
    return TRACEFS_DIRECTORIES[0]


def _mount(directory: str) -> None:
    kind, target = b"tracefs\0", os.fsencode(directory) + b"\0"
    try:
        syscall("mount", address_of(kind), address_of(target), address_of(kind), 0, 0)
    except OSError as error:
        is_forbidden = error.errno in (errno.EPERM, errno.EACCES)
        advice = f"run as root: mount -t tracefs tracefs {directory}" if is_forbidden else ""
        raise KernelError(error.errno or 0, "mount", f"tracefs on {directory}", advice) from None


def event_id(category: str, event: str) -> int:
    """The number by which perf_event_open(2) knows the tracepoint. Raises KernelError (ENOENT: there is none)."""
    subject = f"tracepoint '{category}:{event}'"
    # Names come from scripts: they must not lead out of the events directory.
    if any(name in ("", ".", "..") or "/" in name or "\0" in name for name in (category, event)):
        raise KernelError(errno.ENOENT, "open", subject)
    path = os.path.join(tracefs_root(), "events", category, event, "id")
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except OSError as error:
        raise KernelError(error.errno or 0, "open", subject) from None
