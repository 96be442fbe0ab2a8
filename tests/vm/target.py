"""The captured target of a guest's kernel: read in the guest, once for a kernel, and made into a directory here.

Beside what `Target.from_directory` reads there are `raw/NAME`, the texts of tracefs and procfs as they were, and
`cache/`, a cache directory with the index of the kernel's types, which would take the guest a minute to build.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pybpftrace.core.linux import machine
from pybpftrace.core.target import Target
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.btf_index import store_index
from pybpftrace.core.target.cache_directory import NAME as CACHE_NAME
from pybpftrace.core.target.directory import BTF_FILE, EVENTS, FUNCTIONS_FILE, MODULES, TARGET_FILE, DirectoryTarget
from pybpftrace.core.target.features import find_features
from pybpftrace.core.target.kallsyms import find_symbol
from pybpftrace.core.target.kernel_functions import parse_blacklist

from . import collector
from .guest import Guest
from .kernel import Kernel, cache_directory, locked

_DIRECTORY = "target-4"
"""The number is that of the directory's layout: what an older one has is captured again."""
_RAW, _CACHE = "raw", "cache"
_KALLSYMS = "kallsyms"
#: Modules that tools trace. They are not in use yet; their functions and types are those of any time after.
_TRACED_MODULES = ("md-mod", "xfs")
_PATIENCE = 180.0


class GuestTarget(DirectoryTarget):
    """The kernel is the captured one; binaries are this machine's, which are the guest's too."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.here = Target.live()

    @cached_property
    def kernel_features(self) -> frozenset[str]:
        """Found anew: what was captured knows only the features of its time."""
        return find_features(self.kernel_release, self.btf)

    def has_kernel_symbol(self, name: str) -> bool:
        return self.symbol_address(name) is not None

    def symbol_address(self, name: str) -> int | None:
        return find_symbol(name, os.path.join(self.path, _RAW, _KALLSYMS))[0]


def _ask_live(question: str) -> Any:
    def ask(self: GuestTarget, *arguments: object, **named: object) -> object:
        return getattr(self.here, question)(*arguments, **named)

    return ask


for _question in vars(Target):
    if _question.startswith(("user_", "usdt_")) or _question in ("resolve_binary", "source_address"):
        setattr(GuestTarget, _question, _ask_live(_question))


def directory_of(kernel: Kernel) -> Path:
    return kernel.directory / _DIRECTORY


def cache_home(kernel: Kernel) -> Path:
    """What $XDG_CACHE_HOME should be in the guest."""
    return directory_of(kernel) / _CACHE


@cache
def target_of(guest: Guest) -> GuestTarget:
    """The target of the guest's kernel, captured now if that was never done. Raises GuestDied, TimeLimit."""
    directory = directory_of(guest.kernel)
    with locked(cache_directory()):
        if not directory.exists():
            scratch = Path(tempfile.mkdtemp(dir=guest.kernel.directory))
            try:
                write(_collect(guest), scratch)
                scratch.rename(directory)
            except BaseException:
                shutil.rmtree(scratch)
                raise
    return GuestTarget(str(directory))


def _collect(guest: Guest) -> dict[str, bytes]:
    """The files that the collector found, by path."""
    loaded = guest.run(["modprobe", "-a", *_TRACED_MODULES])
    assert loaded.status == 0, loaded.stderr
    done = guest.run([sys.executable, "-I", "-S", str(Path(collector.__file__).resolve())], timeout=_PATIENCE)
    assert done.status == 0, done.stderr
    stream = io.BytesIO(os.fsencode(done.stdout))
    files = {}
    while sizes := stream.read(collector.SIZES.size):
        path_size, content_size = collector.SIZES.unpack(sizes)
        path = stream.read(path_size).decode()
        files[path] = stream.read(content_size)
    return files


def write(files: dict[str, bytes], directory: Path) -> None:
    """Make a target of what the collector found."""
    blob = files[f"{collector.BTF}/vmlinux"]
    btf = Btf.parse(blob)
    release = files["/proc/sys/kernel/osrelease"].decode().strip()
    build_id = machine.build_id_of_notes(files["/sys/kernel/notes"])
    possible, online = (files[f"/sys/devices/system/cpu/{name}"].decode() for name in ("possible", "online"))
    modules = {
        path.removeprefix(f"{collector.BTF}/"): content
        for path, content in files.items()
        if path.startswith(collector.BTF) and content is not blob
    }
    facts = {
        "architecture": machine.architecture(),
        "features": sorted(find_features(release, btf)),
        "interfaces": ["lo"],
        "kernel_build_id": build_id,
        "kernel_release": release,
        "modules": sorted(line.split()[0] for line in files["/proc/modules"].decode().splitlines()),
        "module_types": {name: [] for name in modules},
        "online_cpus": machine.parse_cpu_list(online),
        "possible_cpus": machine.parse_cpu_list(possible),
    }
    _put(directory / TARGET_FILE, json.dumps(facts, indent=1).encode())
    _put(directory / BTF_FILE, blob)
    for name, content in modules.items():
        _put(directory / MODULES / name, content)
    for path, content in files.items():
        if path.startswith(collector.EVENTS):
            _put(directory / EVENTS / path.removeprefix(f"{collector.EVENTS}/"), content)
        elif path in collector.FILES:
            _put(directory / _RAW / Path(path).name, content)
    forbidden = parse_blacklist(files["/sys/kernel/debug/kprobes/blacklist"])
    lines = files[f"{collector.TRACING}/available_filter_functions"].splitlines(keepends=True)
    _put(directory / FUNCTIONS_FILE, b"".join(line for line in lines if line.split()[0] not in forbidden))
    index_directory = directory / _CACHE / CACHE_NAME
    index_directory.mkdir(parents=True, mode=0o700)
    store_index(str(index_directory), build_id, len(blob), btf.index)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
