"""Writes captured targets: a target that remembers what a compilation asks of it, and saves just that.

A script more is a capture more: saving into a directory adds to it, and what is there stays as it is. It must not read
the machine itself; all it knows comes through the target that it wraps.
"""

from __future__ import annotations

import json
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pybpftrace.core.target import Target, UsdtMarker, UserCode, UserFunction
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.btf_split import SplitBtf
from pybpftrace.core.target.btf_subset import BEHIND_POINTER, reach, write
from pybpftrace.core.target.btf_types import (
    BtfType,
    Datasec,
    Enum,
    Enum64,
    Float,
    Func,
    Fwd,
    Int,
    Struct,
    Typedef,
    Union,
    Var,
)
from pybpftrace.core.target.dependency import read_content
from pybpftrace.core.target.directory import BTF_FILE, EVENTS, FUNCTIONS_FILE, MODULES, TARGET_FILE, read_target
from pybpftrace.core.target.event_files import FORMAT_FILE
from pybpftrace.core.target.kernel_functions import (
    KernelFunctions,
    RecordingFunctions,
    functions_file,
    parse_functions,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from pybpftrace.core.binary.dwarf_signature import Signature
    from pybpftrace.core.target.dependency import Dependency
    from pybpftrace.core.types import Field, Type

named_kinds: dict[str, type] = {
    kind.__name__.lower(): kind
    for kind in (Struct, Union, Enum, Enum64, Typedef, Int, Float, Fwd, Func, Var, Datasec)
}
"""The kinds that are captured by name; all others are reached from one of these. 'struct' -> Struct and so on."""

POINTER_LEVELS = 1  # of what a captured type points to, so much is captured with it
CONSTANT = "constant"  # the kind word of an enum that is asked for by one of its constants: it may have no name


class Recording(Btf):
    """What both recording readers do: `asked` collects the ids of the types that were looked at."""

    asked: set[int]
    asked_constants: set[str]
    original: Btf

    @property
    def unwatched(self) -> Btf:
        return self.original

    def find_all(self, name: str, kinds: Collection[type]) -> Iterator[int]:
        for type_id in super().find_all(name, kinds):
            self.asked.add(type_id)
            yield type_id

    def find_constant(self, name: str) -> tuple[int, int] | None:
        found = super().find_constant(name)
        if found is not None:
            self.asked_constants.add(name)
        return found

    def type(self, type_id: int) -> BtfType:
        found = super().type(type_id)
        self.asked.add(type_id)
        return found


class RecordingBtf(Recording):
    """The types of `btf`, which it shares."""

    def __init__(self, btf: Btf) -> None:
        super().__init__(btf.blob, btf.sections, btf.index)
        self.original = btf
        self.asked = set()
        self.asked_constants = set()


class RecordingModuleBtf(Recording, SplitBtf):
    """The types of a module, which it shares, over those of a kernel that keeps a record too."""

    def __init__(self, btf: SplitBtf, base: Btf) -> None:
        SplitBtf.__init__(self, btf.blob, base)
        self.original = btf
        self.asked = set()
        self.asked_constants = set()


class RecordingTarget(Target):
    """Answers as `target` does, and remembers what was asked for until `save`."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.name)
        self._target = target
        self._formats: dict[tuple[str, str], str] = {}
        self._modules: dict[str, RecordingModuleBtf] | None = None
        self._interfaces: tuple[str, ...] = ()
        self._kernel_modules: tuple[str, ...] = ()
        self._functions: RecordingFunctions | None = None
        self._found: dict[str, dict[str, Any]] = {
            key: {} for key in ("binaries", "cgroups", "code", "kernel_function_sizes", "kernel_symbols", "searches")
        }

    @property
    def dependencies(self) -> list[Dependency]:
        return self._target.dependencies

    def remember(self, dependency: Dependency) -> None:
        self._target.remember(dependency)

    @property
    def architecture(self) -> str:
        return self._target.architecture

    @property
    def kernel_release(self) -> str:
        return self._target.kernel_release

    @property
    def kernel_build_id(self) -> str:
        return self._target.kernel_build_id

    @property
    def possible_cpus(self) -> tuple[int, ...]:
        return self._target.possible_cpus

    @property
    def online_cpus(self) -> tuple[int, ...]:
        return self._target.online_cpus

    @property
    def pid_namespace(self) -> tuple[int, int] | None:
        return self._target.pid_namespace

    @cached_property
    def btf(self) -> RecordingBtf | None:
        btf = self._target.btf
        return None if btf is None else RecordingBtf(btf)

    def module_btf(self) -> Iterator[tuple[str, Btf]]:
        if self._modules is None:
            self._modules = {
                name: RecordingModuleBtf(btf, self.btf)
                for name, btf in self._target.module_btf()
                if isinstance(btf, SplitBtf) and self.btf is not None
            }
        return iter(self._modules.items())

    @property
    def kernel_features(self) -> frozenset[str]:
        return self._target.kernel_features

    def tracepoints(self) -> list[tuple[str, str]]:
        """Not remembered: of a wildcard's matches those are kept whose format is read."""
        return self._target.tracepoints()

    def tracepoint_text(self, category: str, event: str) -> str | None:
        text = self._target.tracepoint_text(category, event)
        if text is not None:
            self._formats[category, event] = text
        return text

    def user_function(self, path: str, symbol: str) -> UserFunction | None:
        found = self._target.user_function(path, symbol)
        if found is not None:
            functions = self._found["binaries"].setdefault(path, {"functions": {}})["functions"]
            functions[symbol] = [found.address, found.size, found.file_offset]
        return found

    def user_functions(self, path: str) -> list[str]:
        """Not remembered: of a wildcard's matches those are kept that are looked up."""
        return self._target.user_functions(path)

    def user_function_at(self, path: str, address: int) -> tuple[str, UserFunction] | None:
        found = self._target.user_function_at(path, address)
        if found is not None:
            self.user_function(path, found[0])
        return found

    def user_code(self, function: UserFunction) -> UserCode | None:
        found = self._target.user_code(function)
        if found is not None:
            code = self._found["code"].setdefault(function.path, {})
            code[str(function.file_offset)] = [found.machine, found.code.hex()]
        return found

    def usdt_markers(self, path: str) -> list[UsdtMarker]:
        found = self._target.usdt_markers(path)
        if found:
            binary = self._found["binaries"].setdefault(path, {"functions": {}})
            binary["markers"] = [[m.provider, m.name, m.offset, m.semaphore, m.arguments, m.machine] for m in found]
        return found

    def user_signature(self, path: str, address: int) -> Signature | None:
        from pybpftrace.core.binary.dwarf_signature import NoFunction
        from pybpftrace.core.target.dwarf_data import signature_to_data

        try:
            found = self._target.user_signature(path, address)
        except NoFunction:
            self._debug(path, "signatures")[str(address)] = None
            raise
        if found is not None:
            self._debug(path, "signatures")[str(address)] = signature_to_data(found)
        return found

    def user_type(self, path: str, tag: str, name: str) -> Type | None:
        from pybpftrace.core.target.dwarf_data import type_name
        from pybpftrace.core.types import to_data

        found = self._target.user_type(path, tag, name)
        if found is not None:
            self._debug(path, "types")[type_name(tag, name)] = to_data(found)
        return found

    def user_members(self, path: str, name: str) -> tuple[Field, ...] | None:
        from pybpftrace.core.target.dwarf_data import members_to_data

        found = self._target.user_members(path, name)
        if found is not None:
            self._debug(path, "members")[name] = members_to_data(found)
        return found

    def source_address(self, path: str, file: str, line: int, column: int | None) -> int | None:
        from pybpftrace.core.binary.dwarf_signature import SourceError
        from pybpftrace.core.target.dwarf_data import source_place

        place = source_place(file, line, column)
        try:
            found = self._target.source_address(path, file, line, column)
        except SourceError as error:
            self._debug(path, "sources")[place] = str(error)
            raise
        if found is not None:
            self._debug(path, "sources")[place] = found
        return found

    def _debug(self, path: str, kind: str) -> dict[str, Any]:
        binary = self._found["binaries"].setdefault(path, {"functions": {}})
        kinds: dict[str, dict[str, Any]] = binary.setdefault("debug", {})
        return kinds.setdefault(kind, {})

    def resolve_binary(
        self, name: str, pid: int | None = None, *, any_file: bool = False, short_names: bool = True
    ) -> list[str]:
        from pybpftrace.core.target.binary_search import BinarySearch

        paths = self._target.resolve_binary(name, pid, any_file=any_file, short_names=short_names)
        if paths:
            search = BinarySearch(name, pid or 0, any_file, short_names)
            self._found["searches"][name if search.is_plain else search.key] = paths
        return paths

    def kernel_functions(self) -> KernelFunctions:
        if self._functions is None:
            self._functions = RecordingFunctions(self._target.kernel_functions())
        return self._functions

    def kernel_modules(self) -> tuple[str, ...]:
        self._kernel_modules = self._target.kernel_modules()
        return self._kernel_modules

    def kernel_function_size(self, name: str) -> int | None:
        size = self._target.kernel_function_size(name)
        if size is not None:
            self._found["kernel_function_sizes"][name] = size
        return size

    def interfaces(self) -> tuple[str, ...]:
        """Remembered whole: a name that is there is found, and one that is not is not."""
        self._interfaces = self._target.interfaces()
        return self._interfaces

    def cgroup_id(self, path: str) -> int:
        found = self._found["cgroups"][path] = self._target.cgroup_id(path)
        return found

    def kernel_symbol(self, name: str) -> int | None:
        address = self._target.kernel_symbol(name)
        if address is not None:
            self._found["kernel_symbols"][name] = address
        return address

    def want_type(self, name: str) -> None:
        """Remember a type without looking at it: 'struct task_struct', or all types of a bare name."""
        word, _, rest = name.partition(" ")
        kinds = {named_kinds[word]} if rest and word in named_kinds else set(named_kinds.values())
        if self.btf is None or not list(self.btf.find_all(rest if len(kinds) == 1 else name, kinds)):
            raise ValueError(f"{self.name} has no type {name!r}")

    def save(self, directory: str) -> None:
        """Write what was asked for as a captured target, or add it to the one that is in `directory`.

        Raises OSError, and ValueError when `directory` holds another kernel or a type that this target does not have.
        """
        data = self._merged(directory)
        for (category, event), text in sorted(self._formats.items()):
            place = os.path.join(directory, EVENTS, category, event)
            os.makedirs(place, exist_ok=True)
            write_once(os.path.join(place, FORMAT_FILE), text.encode("utf-8", "surrogateescape"))
        os.makedirs(directory, exist_ok=True)
        if self._functions is not None and self._functions.readable:
            path = os.path.join(directory, FUNCTIONS_FILE)
            known = KernelFunctions(parse_functions(read_content(path) or b"")).match("*")
            write_changed(path, functions_file({*known, *self._functions.asked}))
        if self.btf is not None:
            self._save_types(self.btf, directory, data)
        text = json.dumps(data, indent=1, sort_keys=True, ensure_ascii=True) + "\n"
        write_changed(os.path.join(directory, TARGET_FILE), text.encode())

    def _save_types(self, btf: Btf, directory: str, data: dict[str, Any]) -> None:
        """The kernel's blob, with what the modules need of it, and those of the modules, split from that one."""
        modules = dict(self.module_btf())
        own: dict[str, dict[int, int]] = {}
        levels = reach(btf, self._ids_of(btf, data["types"]), POINTER_LEVELS)
        for name, keys in data.get("module_types", {}).items():
            if name not in modules:
                raise ValueError(f"{self.name} has no types of the module {name}, which is in the directory already")
            reached = reach(modules[name], self._ids_of(modules[name], keys), POINTER_LEVELS)
            own[name] = {type_id: level for type_id, level in reached.items() if type_id >= modules[name].first_id}
            for type_id in reached.keys() - own[name].keys():
                levels[type_id] = max(levels.get(type_id, BEHIND_POINTER), reached[type_id])
        kernel = write(btf, levels)
        write_changed(os.path.join(directory, BTF_FILE), kernel.blob)
        for name, module_levels in own.items():
            os.makedirs(os.path.join(directory, MODULES), exist_ok=True)
            write_changed(os.path.join(directory, MODULES, name), write(modules[name], module_levels, kernel).blob)

    def _merged(self, directory: str) -> dict[str, Any]:
        """The content of target.json: what is there, and what was asked for besides."""
        here: dict[str, Any] = {
            "architecture": self.architecture,
            "features": sorted(self.kernel_features),
            "interfaces": list(self._interfaces),
            "modules": list(self._kernel_modules),
            "kernel_build_id": self.kernel_build_id,
            "kernel_release": self.kernel_release,
            "online_cpus": list(self.online_cpus),
            "pid_namespace": None if self.pid_namespace is None else list(self.pid_namespace),
            "possible_cpus": list(self.possible_cpus),
            "types": sorted(type_keys(self.btf)) if self.btf is not None else [],
            **self._found,
        }
        modules = {name: sorted(type_keys(btf)) for name, btf in (self._modules or {}).items()}
        modules = {name: keys for name, keys in modules.items() if keys}
        if modules:
            here["module_types"] = modules
        if not os.path.exists(os.path.join(directory, TARGET_FILE)):
            return here
        there = read_target(directory)
        if there["kernel_build_id"] != here["kernel_build_id"]:
            raise ValueError(
                f"{directory} holds kernel {there['kernel_build_id']}, this is {here['kernel_build_id']}: "
                "one directory is one kernel"
            )
        there["types"] = sorted({*there["types"], *here["types"]})
        for key in ("features", "interfaces", "modules"):
            there[key] = sorted({*there[key], *here[key]})
        known = there.pop("module_types")
        if known or modules:
            names = sorted({*known, *modules})
            there["module_types"] = {n: sorted({*known.get(n, ()), *modules.get(n, ())}) for n in names}
        for key in self._found:
            there[key] = merge(there[key], here[key])
        return there

    def _ids_of(self, btf: Btf, keys: Iterable[str]) -> set[int]:
        return {self._id_of(btf, key) for key in keys}

    def _id_of(self, btf: Btf, key: str) -> int:
        word, _, name = key.partition(" ")
        if word == CONSTANT:
            found = Btf.find_constant(btf, name)
            ids = [] if found is None else [found[0]]
        else:
            name, _, position = name.partition("#")
            start = int(position or 1) - 1
            ids = list(Btf.find_all(btf, name, {named_kinds[word]}))[start : start + 1]
        if not ids:
            raise ValueError(f"{self.name} has no {key}, which is in the directory already")
        return ids[0]


def type_keys(btf: RecordingBtf | RecordingModuleBtf) -> set[str]:
    """The asked types as 'struct file', the second of that name as 'struct file#2', a constant's enum as such."""
    words = {kind: word for word, kind in named_kinds.items()}
    keys = {f"{CONSTANT} {name}" for name in btf.asked_constants}
    for type_id in [type_id for type_id in btf.asked if type_id >= btf.first_id]:
        found = Btf.type(btf, type_id)
        word = words.get(type(found))
        if word is not None and found.name:
            position = list(Btf.find_all(btf, found.name, {type(found)})).index(type_id)
            keys.add(f"{word} {found.name}" + (f"#{position + 1}" if position else ""))
    return keys


def capture(
    target: Target,
    directory: str,
    *,
    tracepoints: Iterable[tuple[str, str]],
    types: Iterable[str],
    binaries: Mapping[str, Iterable[str]],
    cgroups: Iterable[str],
    kernel_symbols: Iterable[str] = (),
) -> None:
    """Save the named parts of `target` in `directory`.

    `types` are 'struct task_struct' or bare names; `binaries` maps names as in attach points to function names. Raises
    OSError, and ValueError for what `target` does not have.
    """
    recording = RecordingTarget(target)
    for category, event in tracepoints:
        if recording.tracepoint_text(category, event) is None:
            raise ValueError(f"{target.name} has no tracepoint {category}:{event}")
    for name in types:
        recording.want_type(name)
    for name, functions in binaries.items():
        paths = recording.resolve_binary(name)
        if not paths:
            raise ValueError(f"{target.name} has no binary {name!r}")
        for function in functions:
            if not [path for path in paths if recording.user_function(path, function)]:
                raise ValueError(f"{name} has no function {function!r}")
    for path in cgroups:
        recording.cgroup_id(path)
    for symbol in kernel_symbols:
        if recording.kernel_symbol(symbol) is None:
            raise ValueError(f"{target.name} has no kernel symbol {symbol!r}")
    recording.save(directory)


def merge(there: dict[str, Any], here: dict[str, Any]) -> dict[str, Any]:
    """Both objects together; where both have a key, objects merge and of other values the one that is there stays."""
    merged = {**here, **there}
    for key in there.keys() & here.keys():
        if isinstance(there[key], dict) and isinstance(here[key], dict):
            merged[key] = merge(there[key], here[key])
    return merged


def write_once(path: str, content: bytes) -> None:
    """Raises OSError."""
    if not os.path.exists(path):
        write_changed(path, content)


def write_changed(path: str, content: bytes) -> None:
    """Write a file unless it has this content already. Raises OSError."""
    try:
        with open(path, "rb") as file:
            if file.read() == content:
                return
    except FileNotFoundError:
        pass
    with open(path, "wb") as file:
        file.write(content)
