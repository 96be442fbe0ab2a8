"""The functions of this machine's kernel, from tracefs, kept in the cache for as long as they hold.

ftrace takes a tenth of a second to write its list, and what it writes follows from the kernel, its modules and where
they are: so that is what the copy is known by. Apart from `live.py` because few runs need it.
"""

from __future__ import annotations

import os
from binascii import crc32
from contextlib import suppress
from typing import TYPE_CHECKING

from ..linux import machine
from .cache_directory import cache_directory, read_private_file, write_private_file
from .dependency import Dependency, access_fact, file_fact, read_content
from .kernel_functions import VMLINUX, KernelFunctions, parse_blacklist, parse_functions

if TYPE_CHECKING:
    from . import Target

BLACKLIST = "/sys/kernel/debug/kprobes/blacklist"
_COPY = "functions"
#: Where a kernel with its symbols is looked for, REL being the release.
_KERNELS = (
    "/boot/vmlinux-REL",
    "/lib/modules/REL/vmlinux-REL",
    "/lib/modules/REL/build/vmlinux",
    "/usr/lib/modules/REL/kernel/vmlinux",
    "/usr/lib/debug/boot/vmlinux-REL",
    "/usr/lib/debug/boot/vmlinux-REL.debug",
    "/usr/lib/debug/lib/modules/REL/vmlinux",
)


def kernel_functions(target: Target, file: str | None, tracefs: str) -> KernelFunctions:
    """What can be traced: of ftrace's list, or of a `file` in its form. Raises: OSError: the file cannot be read."""
    if file is not None:
        target.remember(Dependency("file", file, file_fact(file)))
        with open(file, "rb") as given:
            return KernelFunctions(parse_functions(given.read(), parse_blacklist(_blacklist())))
    modules = machine.loaded_modules()
    target.remember(Dependency("machine", "loaded_modules", modules))
    path, blacklist = os.path.join(tracefs, "available_filter_functions"), _blacklist()
    # A copy holds for one boot, so none is read after a crash that has left half of it.
    state = f"{target.kernel_build_id} {machine.boot_id()} {modules[1]} {crc32(blacklist):08x}\n".encode()
    directory = cache_directory()
    copy = None if directory is None else os.path.join(directory, _COPY)
    known = None if copy is None else read_private_file(copy)
    if known is not None and known.startswith(state):
        return KernelFunctions(known[len(state) - 1 :])
    try:
        content = read_content(path)
    except OSError:  # the kernel is locked down, or we are not root
        content = None
    if content is None:
        target.remember(Dependency("access", path, access_fact(path)))
        return KernelFunctions(b"\n", unreadable=path)
    text = parse_functions(content, parse_blacklist(blacklist))
    if copy is not None:
        with suppress(OSError):  # an unwritable cache only costs the next start the reading
            write_private_file(copy, state[:-1] + text, flush=False)
    return KernelFunctions(text)


def _blacklist() -> bytes:
    try:
        return read_content(BLACKLIST) or b""
    except OSError:  # debugfs is locked down: the kernel itself then refuses what is in it
        return b""


def kernel_modules(target: Target) -> tuple[str, ...]:
    """The loaded modules, sorted, and 'vmlinux'."""
    modules = machine.loaded_modules()
    target.remember(Dependency("machine", "loaded_modules", modules))
    return tuple(sorted({VMLINUX, *modules[0].split()}))


def kernel_file(target: Target) -> str | None:
    """The kernel's own ELF file with its symbols, if there is one; $BPFTRACE_VMLINUX alone when that is set.

    A file with another build id is that of another kernel, unless it is the user who says otherwise.
    """
    given = os.environ.get("BPFTRACE_VMLINUX")
    target.remember(Dependency("environment", "BPFTRACE_VMLINUX", given))
    paths = [given] if given else [path.replace("REL", target.kernel_release) for path in _KERNELS]
    for path in paths:
        fact = file_fact(path)
        target.remember(Dependency("file", path, fact))
        if fact is not None and (given or _may_be_of(path, target.kernel_build_id)):
            return path
    return None


def _may_be_of(path: str, build_id: str) -> bool:
    from ..binary.elf import ElfFile

    try:
        with ElfFile(path) as elf:
            return not build_id or elf.build_id() in (None, build_id)
    except (OSError, ValueError):  # ElfError
        return False
