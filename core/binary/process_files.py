"""Which files a process sees and has mapped: its root, its program, its libraries, its search path.

Of other processes only the names of mapped files are read, and of a traced process's environment only PATH. This file
must not know of probes or symbols. Facts: proc(5), path_resolution(7).
"""

from __future__ import annotations

import os

from .mappings import parse_maps


def process_root(pid: int) -> str:
    """'' for a process that sees our files, else "/proc/PID/root", to be set before its paths.

    Raises OSError where the process is gone or may not be looked at.
    """
    root = f"/proc/{pid}/root"
    if not os.path.samestat(os.stat(f"/proc/{pid}/ns/mnt"), os.stat("/proc/self/ns/mnt")):
        return root
    # A process can also have another root directory (chroot(2)) among the same mounts.
    return "" if os.path.samestat(os.stat(f"{root}/"), os.stat("/")) else root


def program_of(pid: int, root: str) -> str:
    """The path of the program that a process runs, below `root`. Raises OSError."""
    return root + os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")


def search_path_of(pid: int) -> str:
    """$PATH as the process was started with it; '' without one. Raises OSError."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        for variable in file.read().split(b"\0"):
            if variable.startswith(b"PATH="):
                return os.fsdecode(variable.removeprefix(b"PATH="))
    return ""


def mapped_files(pid: int, root: str) -> list[str]:
    """The files that a process has mapped as code, below `root`, in the order of their addresses. Raises OSError."""
    with open(f"/proc/{pid}/maps", "rb") as file:
        mappings = parse_maps(file.read())
    found = (m.path for m in mappings if m.executable and m.is_file and not m.deleted and m.path.startswith("/"))
    return [root + path for path in dict.fromkeys(found)]


def all_mapped_files() -> list[str]:
    """The files that any process has mapped as code, each file once, sorted; ours before those of other mounts."""
    files: dict[tuple[int, int], str] = {}
    for own in (True, False):
        paths: set[str] = set()
        for pid in _processes():
            try:
                root = process_root(pid)
                if (root == "") is own:
                    paths.update(mapped_files(pid, root))
            except OSError:
                continue  # it has ended, or is none of ours to look at
        for path in sorted(paths):
            try:
                status = os.stat(path)
            except OSError:
                continue  # replaced or removed since it was mapped
            files.setdefault((status.st_dev, status.st_ino), path)
    return sorted(files.values())


def _processes() -> list[int]:
    return sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())
