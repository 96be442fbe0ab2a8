"""This machine as a target. Every fact is read when it is first asked for, and remembered as a dependency.

Imports of readers (BTF, ELF, ctypes) are inside the methods that need them: most runs need few.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from ..linux import machine
from . import Target, UsdtMarker, UserCode, UserFunction, UserSymbol
from .dependency import (
    Dependency,
    cgroup_fact,
    pid_namespace,
    read_content,
    search_dependency,
    text_fact,
)
from .event_files import event_directories, read_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..binary.dwarf_signature import Signature
    from ..probe import LoadSettings
    from ..types import Field, Type
    from .btf import Btf
    from .kernel_functions import KernelFunctions
    from .live_binaries import LiveBinaries
    from .live_dwarf import LiveDwarf

VMLINUX_BTF = "/sys/kernel/btf/vmlinux"


class LiveTarget(Target):
    """The running kernel and the files of this mount namespace."""

    def __init__(self, traceable_functions: str | None = None) -> None:
        super().__init__("live")
        self._traceable_functions = traceable_functions
        self._allowed_calls: dict[tuple[str, str], bool] = {}

    @cached_property
    def architecture(self) -> str:
        return machine.architecture()

    @cached_property
    def kernel_release(self) -> str:
        return machine.kernel_release()

    @cached_property
    def kernel_build_id(self) -> str:
        return machine.kernel_build_id()

    @cached_property
    def possible_cpus(self) -> tuple[int, ...]:
        cpus = machine.possible_cpus()
        self.remember(Dependency("machine", "possible_cpus", cpus))
        return cpus

    @cached_property
    def online_cpus(self) -> tuple[int, ...]:
        cpus = machine.online_cpus()
        self.remember(Dependency("machine", "online_cpus", cpus))
        return cpus

    @cached_property
    def pid_namespace(self) -> tuple[int, int] | None:
        namespace = pid_namespace()
        self.remember(Dependency("machine", "pid_namespace", namespace))
        return namespace

    @cached_property
    def btf(self) -> Btf | None:
        from .btf import Btf
        from .cache_directory import cache_directory

        try:
            return Btf.open(VMLINUX_BTF, self.kernel_build_id, cache_directory())
        except FileNotFoundError:  # CONFIG_DEBUG_INFO_BTF is off, or a kernel before 5.4
            return self._btf_of_file()

    def _btf_of_file(self) -> Btf | None:
        from .live_functions import kernel_file
        from .live_types import read_types

        path = kernel_file(self)
        try:
            return None if path is None else read_types(path)
        except (OSError, ValueError):
            return None  # a kernel's file without types, as most are

    def module_btf(self) -> Iterator[tuple[str, Btf]]:
        """Every loaded module's, in the order of their names; one that is unloaded meanwhile is left out.

        That they are all of them is something that the answers depend on.
        """
        from .live_modules import module_btf

        self.kernel_modules()
        return iter(()) if self.btf is None else module_btf(self, self.btf)

    def kfunc_allowed(self, name: str, program_type: str, settings: Callable[[], LoadSettings]) -> bool:
        """A fact of the kernel, which is part of what a compilation is known by: no dependency."""
        from .kfuncs import try_call

        asked = name, program_type
        if asked not in self._allowed_calls:
            self._allowed_calls[asked] = self.btf is not None and try_call(self.btf, name, program_type, settings)
        return self._allowed_calls[asked]

    def _function_slots(self) -> Mapping[str, Mapping[str, int]]:
        from .live_function_slots import function_slots

        return function_slots(self, super()._function_slots)

    def kernel_functions(self) -> KernelFunctions:
        return self._kernel_functions

    @cached_property
    def _kernel_functions(self) -> KernelFunctions:
        from ..linux.errors import KernelError
        from ..linux.tracefs import TRACEFS_DIRECTORIES
        from .live_functions import kernel_functions

        try:
            tracefs = self._tracefs
        except KernelError:  # we may not look: then there is no list that could be read
            tracefs = TRACEFS_DIRECTORIES[0]
        return kernel_functions(self, self._traceable_functions, tracefs)

    def kernel_modules(self) -> tuple[str, ...]:
        from .live_functions import kernel_modules

        return kernel_modules(self)

    def kernel_function_size(self, name: str) -> int | None:
        from .live_functions import kernel_file

        path = kernel_file(self)
        found = None if path is None else self._binaries.function(path, name)
        return None if found is None else found.size

    def bpf_functions(self) -> tuple[tuple[int, str], ...]:
        from .bpf_functions import bpf_functions

        found = bpf_functions()
        self.remember(Dependency("machine", "bpf_functions", found))
        return found

    @cached_property
    def kernel_features(self) -> frozenset[str]:
        from .features import find_features

        return find_features(self.kernel_release, self.btf)

    @cached_property
    def _tracefs(self) -> str:
        from ..linux.tracefs import tracefs_root

        return tracefs_root()

    def tracepoints(self) -> list[tuple[str, str]]:
        """From available_events (lines `category:event`), else from the events directory."""
        path = os.path.join(self._tracefs, "available_events")
        content = read_content(path)
        if content is None:
            return event_directories(os.path.join(self._tracefs, "events"))
        self.remember(Dependency("text", path, text_fact(content)))
        pairs = (line.partition(":") for line in content.decode("utf-8", "surrogateescape").splitlines())
        return sorted((category, event) for category, _, event in pairs)

    def tracepoint_text(self, category: str, event: str) -> str | None:
        return read_format(self, os.path.join(self._tracefs, "events"), category, event)

    def user_function(self, path: str, symbol: str) -> UserFunction | None:
        return self._binaries.function(path, symbol)

    def user_functions(self, path: str) -> list[str]:
        return self._binaries.names(path)

    def user_symbol(self, path: str, name: str) -> UserSymbol | None:
        return self._binaries.symbol(path, name)

    def user_address(self, path: str, file_offset: int) -> int | None:
        return self._binaries.address(path, file_offset)

    def user_code(self, function: UserFunction) -> UserCode | None:
        return self._binaries.code(function)

    def usdt_markers(self, path: str) -> list[UsdtMarker]:
        from .live_markers import usdt_markers

        return usdt_markers(path, self)

    @cached_property
    def _binaries(self) -> LiveBinaries:
        from .live_binaries import LiveBinaries

        return LiveBinaries(self)

    @cached_property
    def _dwarf(self) -> LiveDwarf:
        from .live_dwarf import LiveDwarf

        return LiveDwarf(self)

    def user_signature(self, path: str, address: int) -> Signature | None:
        with self._dwarf.of(path) as dwarf:
            return None if dwarf is None else dwarf.signature(address)

    def user_type(self, path: str, tag: str, name: str) -> Type | None:
        with self._dwarf.of(path) as dwarf:
            return None if dwarf is None else dwarf.named(tag, name)

    def user_members(self, path: str, name: str) -> tuple[Field, ...] | None:
        with self._dwarf.of(path) as dwarf:
            return None if dwarf is None else dwarf.members(name)

    def source_address(self, path: str, file: str, line: int, column: int | None) -> int | None:
        with self._dwarf.of(path) as dwarf:
            return None if dwarf is None else dwarf.source_address(file, line, column)

    def resolve_binary(
        self, name: str, pid: int | None = None, *, any_file: bool = False, short_names: bool = True
    ) -> list[str]:
        from .binary_search import BinarySearch

        dependency = search_dependency(BinarySearch(name, pid or 0, any_file, short_names))
        self.remember(dependency)
        assert isinstance(dependency.fact, tuple)
        return [str(path) for path in dependency.fact]

    def interfaces(self) -> tuple[str, ...]:
        names = machine.interfaces()
        self.remember(Dependency("machine", "interfaces", names))
        return names

    def cgroup_id(self, path: str) -> int:
        found = cgroup_fact(path)
        self.remember(Dependency("cgroup", path, found))
        return found

    def has_kernel_symbol(self, name: str) -> bool:
        """No dependency: the address is looked up as a program is loaded, which fails when it is gone."""
        from .symbol_addresses import symbol_address

        return symbol_address(name) is not None
