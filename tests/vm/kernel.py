"""Debian's kernels: fetched, unpacked and kept in the user's cache directory.

    suites/SUITE/            apt's lists of a suite
    kernels/PACKAGE/         vmlinux, config, lib/modules/RELEASE
    SUITE.package            the package that was the suite's kernel when it was last looked up

A kernel that was fetched is used for a week without asking the mirror again, and longer when that is out of reach.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .apt import Suite
from .prerequisites import Programs, Unavailable

#: The small kernel for virtual machines: a third of the other one's size, with everything that tracing needs.
META_PACKAGE = "linux-image-cloud-amd64"
#: What a test calls a kernel -> the Debian suite whose `META_PACKAGE` it is.
SUITES = {"5.10": "bullseye", "6.1": "bookworm", "6.12": "trixie", "newest": "trixie-backports"}
#: From 7.x on the image is a shell of packages: these of its dependencies have the files.
_PARTS = re.compile(r"linux-(base|binary|modules)-\d")
_FRESH = 7 * 24 * 3600.0
_COMPLETE = "complete-1"
"""The file that says that a kernel's directory is whole; the number is that of its layout."""
_ZSTD, _LZ4 = b"\x28\xb5\x2f\xfd", b"\x02\x21\x4c\x18"
"""What a packed kernel begins with."""


@dataclass(frozen=True)
class Kernel:
    """A kernel in `directory`: `image` is the ELF file that QEMU starts; `modules` is indexed by depmod."""

    name: str
    release: str
    directory: Path

    @property
    def image(self) -> Path:
        return self.directory / "vmlinux"

    @property
    def modules(self) -> Path:
        return self.directory / "lib/modules" / self.release


def cache_directory() -> Path:
    """$XDG_CACHE_HOME/pybpftrace-test-vm, made if need be."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    directory = Path(base if os.path.isabs(base) else Path.home() / ".cache") / "pybpftrace-test-vm"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """One process at a time fetches."""
    with open(directory / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fetch(name: str, programs: Programs) -> Kernel:
    """The kernel called `name` in SUITES, downloaded if need be. Raises Unavailable."""
    cache = cache_directory()
    with locked(cache):
        suite = Suite(SUITES[name], cache / "suites" / SUITES[name])
        note = cache / f"{suite.name}.package"
        directory = cache / "kernels" / _package(suite, note)
        if not (directory / _COMPLETE).exists():
            _download(suite, directory, programs)
    return Kernel(name, (directory / _COMPLETE).read_text(), directory)


def _package(suite: Suite, note: Path) -> str:
    """The name of the suite's kernel package, as the mirror has it or as `note` remembers it."""
    if note.exists() and time.time() - note.stat().st_mtime < _FRESH:
        return note.read_text()
    try:
        suite.refresh()
        packages = [name for name in suite.dependencies(META_PACKAGE) if name.startswith("linux-image-")]
        if not packages:
            raise Unavailable(f"{META_PACKAGE} of {suite.name} depends on no kernel")
    except Unavailable:
        if note.exists():
            return note.read_text()
        raise
    note.write_text(packages[0])
    return packages[0]


def _download(suite: Suite, directory: Path, programs: Programs) -> None:
    package = directory.name
    directory.parent.mkdir(exist_ok=True)
    if not (suite.directory / "apt.conf").exists():
        suite.refresh()
    with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
        debs, tree, kernel = (Path(scratch, part) for part in ("debs", "tree", "kernel"))
        debs.mkdir()
        parts = [name for name in suite.dependencies(package) if _PARTS.match(name)]
        for deb in suite.download([package, *parts], debs):
            _call("dpkg-deb", "-x", str(deb), str(tree))
        release = _arrange(tree, kernel, programs)
        _call(programs.depmod, "-b", str(kernel), release)
        (kernel / _COMPLETE).write_text(release)
        shutil.rmtree(directory, ignore_errors=True)
        kernel.rename(directory)


def _arrange(tree: Path, kernel: Path, programs: Programs) -> str:
    """Move what a guest needs from unpacked packages to a directory of a kernel; gives the kernel's release."""
    modules = [path for place in ("lib", "usr/lib") for path in tree.glob(f"{place}/modules/*/kernel")]
    if len(modules) != 1:
        raise Unavailable(f"{len(modules)} trees of modules in a kernel's packages")
    source = modules[0].parent
    release = source.name
    (kernel / "lib/modules").mkdir(parents=True)
    for name in ("vmlinuz", "config"):
        older = tree / "boot" / f"{name}-{release}"  # since 7.x they are beside the modules
        shutil.move(older if older.exists() else source / name, kernel / name)
    shutil.move(source, kernel / "lib/modules" / release)
    packed = kernel / "vmlinuz"
    (kernel / "vmlinux").write_bytes(unpacked(packed.read_bytes(), programs))
    packed.unlink()
    return release


def unpacked(image: bytes, programs: Programs) -> bytes:
    """The ELF kernel inside a bzImage (Documentation/arch/x86/boot.rst), so that the slow guest need not unpack it.

    QEMU starts it through its PVH entry, at the addresses that it was linked for. Raises Unavailable.
    """
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)  # of the payload, from the protected-mode code on
    start = (setup_sectors + 1) * 512 + offset
    payload = image[start : start + length - 4]  # the last four bytes are the size of what comes out
    unpack = {_ZSTD: programs.zstd, _LZ4: programs.lz4}.get(payload[:4])
    if unpack is None:
        raise Unavailable(f"a kernel packed with neither zstd nor lz4: {payload[:4].hex()}")
    done = subprocess.run([unpack, "-dc"], input=payload, capture_output=True, check=False)
    if not done.stdout.startswith(b"\x7fELF"):
        raise Unavailable(f"{unpack} -dc cannot unpack the kernel: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _call(*words: str) -> None:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{' '.join(words)} failed: {done.stderr.strip()}")
