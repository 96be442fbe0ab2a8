"""A captured machine: a directory of small files that diff well and can live in a repository.

    target.json                      everything small, see `read_target`
    btf                              a cut-down raw BTF blob; missing on a kernel without BTF
    modules/NAME                     the same of a kernel module, split from `btf`
    functions                        the traceable functions, as in available_filter_functions; missing when unreadable
    events/CATEGORY/EVENT/format     as in tracefs

It only reads; capture.py writes. What was not captured is not there, exactly as on a machine without it.
"""

from __future__ import annotations

import errno
import json
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..binary.archives import archive_of
from . import Target, UsdtMarker, UserCode, UserFunction, UserSymbol
from .dependency import Dependency, file_fact, read_content
from .event_files import event_directories, read_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..binary.dwarf_signature import Signature
    from ..probe import LoadSettings
    from ..types import Field, Type
    from .btf import Btf
    from .kernel_functions import KernelFunctions

TARGET_FILE = "target.json"
BTF_FILE = "btf"
FUNCTIONS_FILE = "functions"
EVENTS = "events"
MODULES = "modules"

# What target.json holds, with the value for what is left out. `searches`: name in an attach point, or the key of a
# BinarySearch -> paths in order.
# `binaries`: path -> {"functions": {name: [address, size, file offset]}, "symbols": {name: [address, size, is moved,
# where the file begins]}, "addresses": {file offset: address}, "debug": {"signatures": {address: signature or
# null}, "types": {name: type}, "members": {name: members}, "sources": {place: address or why not}}, as dwarf_data.py
# writes it; no "debug" without debug information; "markers": [[provider, name, file offset, that of the semaphore or
# 0, arguments, machine], ...]}. `code`: path -> {file offset: [machine, bytes as hexadecimal]}, see UserCode.
# `kfuncs`: function of the kernel -> {"exists": bool, "is marked": bool or null, "allowed": {program type: bool}}.
# `cgroups`: path -> id. `kernel_symbols`: name -> true. `types`: what the BTF blob was cut down to, see capture.py;
# `module_types`: module -> the same of its blob. `pid_namespace`: [dev, ino] or null.
layout: dict[str, object] = {
    "architecture": "",
    "binaries": {},
    "cgroups": {},
    "code": {},
    "features": [],
    "interfaces": [],
    "kernel_build_id": "",
    "kernel_function_sizes": {},
    "kernel_release": "",
    "kernel_symbols": {},
    "kfuncs": {},
    "module_types": {},
    "modules": [],
    "online_cpus": [],
    "pid_namespace": None,
    "possible_cpus": [],
    "searches": {},
    "types": [],
}


def read_target(directory: str) -> dict[str, Any]:
    """The content of target.json, every key of `layout` present. Raises OSError and ValueError."""
    path = os.path.join(directory, TARGET_FILE)
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    if not isinstance(data, dict):
        raise ValueError(f"{path}: not an object")
    for key, value in data.items():
        if key not in layout:
            raise ValueError(f"{path}: unknown key {key!r}")
        default = layout[key]
        if default is not None and type(value) is not type(default):
            raise ValueError(f"{path}: {key} must be a {type(default).__name__}")
    return {**layout, **data}


class DirectoryTarget(Target):
    """Reads the directory at `path`. Raises OSError and ValueError when there is no captured target in it."""

    def __init__(self, path: str) -> None:
        super().__init__(f"directory:{path}")
        self.path = path
        self._data = read_target(path)
        for name in (TARGET_FILE, BTF_FILE):
            file = os.path.join(path, name)
            self.remember(Dependency("file", file, file_fact(file)))

    @property
    def architecture(self) -> str:
        return str(self._data["architecture"])

    @property
    def kernel_release(self) -> str:
        return str(self._data["kernel_release"])

    @property
    def kernel_build_id(self) -> str:
        return str(self._data["kernel_build_id"])

    @property
    def possible_cpus(self) -> tuple[int, ...]:
        return tuple(self._data["possible_cpus"])

    @property
    def online_cpus(self) -> tuple[int, ...]:
        return tuple(self._data["online_cpus"])

    @property
    def pid_namespace(self) -> tuple[int, int] | None:
        namespace = self._data["pid_namespace"]
        return None if namespace is None else (int(namespace[0]), int(namespace[1]))

    @cached_property
    def btf(self) -> Btf | None:
        from .btf import Btf

        blob = read_content(os.path.join(self.path, BTF_FILE))
        return None if blob is None else Btf.parse(blob)

    def module_btf(self) -> Iterator[tuple[str, Btf]]:
        from .btf_split import SplitBtf

        for module in sorted(self._data["module_types"]):
            path = os.path.join(self.path, MODULES, module)
            self.remember(Dependency("file", path, file_fact(path)))
            blob = read_content(path)
            if blob is not None and self.btf is not None:
                yield module, SplitBtf(blob, self.btf)

    @property
    def kernel_features(self) -> frozenset[str]:
        return frozenset(self._data["features"])

    def tracepoints(self) -> list[tuple[str, str]]:
        return event_directories(os.path.join(self.path, EVENTS))

    def tracepoint_text(self, category: str, event: str) -> str | None:
        return read_format(self, os.path.join(self.path, EVENTS), category, event)

    def user_function(self, path: str, symbol: str) -> UserFunction | None:
        place = self._functions(path).get(symbol)
        return None if place is None else UserFunction(archive_of(path), *place)

    def user_functions(self, path: str) -> list[str]:
        return sorted(self._functions(path))

    def user_symbol(self, path: str, name: str) -> UserSymbol | None:
        known = self._data["binaries"].get(path, {}).get("symbols", {}).get(name)
        return None if known is None else UserSymbol(*known)

    def user_address(self, path: str, file_offset: int) -> int | None:
        found: int | None = self._data["binaries"].get(path, {}).get("addresses", {}).get(str(file_offset))
        return found

    def user_code(self, function: UserFunction) -> UserCode | None:
        known = self._data["code"].get(function.path, {}).get(str(function.file_offset))
        return None if known is None else UserCode(known[0], bytes.fromhex(known[1]))

    def usdt_markers(self, path: str) -> list[UsdtMarker]:
        known = self._data["binaries"].get(path, {}).get("markers", [])
        return [UsdtMarker(archive_of(path), *marker) for marker in known]

    def _functions(self, path: str) -> dict[str, list[int]]:
        functions: dict[str, list[int]] = self._data["binaries"].get(path, {}).get("functions", {})
        return functions

    def user_signature(self, path: str, address: int) -> Signature | None:
        from ..binary.dwarf_signature import NoFunction
        from .dwarf_data import signature_from_data

        found = self._debug(path, "signatures", str(address))
        if found is None and self._has_debug(path):
            raise NoFunction(f"{path}: no debug information for the function at {address:#x}")
        return None if found is None else signature_from_data(found)

    def user_type(self, path: str, tag: str, name: str) -> Type | None:
        from ..type_data import from_data
        from .dwarf_data import type_name

        found = self._debug(path, "types", type_name(tag, name))
        return None if found is None else from_data(found)

    def user_members(self, path: str, name: str) -> tuple[Field, ...] | None:
        from .dwarf_data import members_from_data

        found = self._debug(path, "members", name)
        return None if found is None else members_from_data(found)

    def source_address(self, path: str, file: str, line: int, column: int | None) -> int | None:
        from ..binary.dwarf_signature import SourceError
        from .dwarf_data import source_place

        place = source_place(file, line, column)
        found = self._debug(path, "sources", place)
        if isinstance(found, str):
            raise SourceError(found)
        if found is None and self._has_debug(path):
            raise SourceError(f"Unable to map '{place}' to address")
        return None if found is None else int(found)

    def _has_debug(self, path: str) -> bool:
        return "debug" in self._data["binaries"].get(path, {})

    def _debug(self, path: str, kind: str, key: str) -> Any:
        return self._data["binaries"].get(path, {}).get("debug", {}).get(kind, {}).get(key)

    def resolve_binary(
        self, name: str, pid: int | None = None, *, any_file: bool = False, short_names: bool = True
    ) -> list[str]:
        from .binary_search import BinarySearch

        search = BinarySearch(name, pid or 0, any_file, short_names)
        paths = self._data["searches"].get(name if search.is_plain else search.key)
        if paths is None:
            return [name] if name in self._data["binaries"] else []
        return list(paths)

    def kernel_functions(self) -> KernelFunctions:
        return self._kernel_functions

    @cached_property
    def _kernel_functions(self) -> KernelFunctions:
        from .kernel_functions import KernelFunctions, parse_functions

        path = os.path.join(self.path, FUNCTIONS_FILE)
        self.remember(Dependency("file", path, file_fact(path)))
        content = read_content(path)
        return KernelFunctions(b"\n", unreadable=path) if content is None else KernelFunctions(parse_functions(content))

    def has_function(self, name: str) -> bool:
        """One that was asked for is there with the answer; the types have others that were used."""
        return bool(self._data["kfuncs"].get(name, {}).get("exists")) or super().has_function(name)

    def is_kfunc(self, name: str) -> bool | None:
        known = self._data["kfuncs"].get(name, {})
        found: bool | None = known["is marked"] if "is marked" in known else super().is_kfunc(name)
        return found

    def kfunc_allowed(self, name: str, program_type: str, settings: Callable[[], LoadSettings]) -> bool:
        known = self._data["kfuncs"].get(name, {}).get("allowed", {}).get(program_type)
        if known is None:
            from .kfuncs import NotCaptured

            raise NotCaptured(f"{self.path} does not say it for programs of the type {program_type}")
        return bool(known)

    def kernel_modules(self) -> tuple[str, ...]:
        return tuple(sorted({"vmlinux", *self._data["modules"]}))

    def kernel_function_size(self, name: str) -> int | None:
        size: int | None = self._data["kernel_function_sizes"].get(name)
        return size

    def interfaces(self) -> tuple[str, ...]:
        return tuple(self._data["interfaces"])

    def cgroup_id(self, path: str) -> int:
        found = self._data["cgroups"].get(path)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return int(found)

    def has_kernel_symbol(self, name: str) -> bool:
        return name in self._data["kernel_symbols"]
