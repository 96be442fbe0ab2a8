"""A target that remembers what a compilation asks of it, and saves just that as a captured target.

A script more is a capture more. It must not read the machine itself; all it knows comes through the target that it
wraps.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from . import Target, UsdtMarker, UserCode, UserFunction, UserSymbol
from .btf_split import SplitBtf
from .kernel_functions import KernelFunctions, RecordingFunctions
from .recording_btf import RecordingBtf, RecordingModuleBtf, type_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..binary.dwarf_signature import Signature
    from ..probe import LoadSettings
    from ..types import Field, Type
    from .btf import Btf
    from .dependency import Dependency


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
            key: {}
            for key in (
                "binaries", "cgroups", "code", "kernel_function_sizes", "kernel_symbols", "kfuncs", "searches"
            )
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
        return iter(self._recorded_modules().items())

    def _recorded_modules(self) -> dict[str, RecordingModuleBtf]:
        if self._modules is None:
            self._modules = {
                name: RecordingModuleBtf(btf, self.btf)
                for name, btf in self._target.module_btf()
                if isinstance(btf, SplitBtf) and self.btf is not None
            }
        return self._modules

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

    def user_symbol(self, path: str, name: str) -> UserSymbol | None:
        found = self._target.user_symbol(path, name)
        if found is not None:
            known = self._found["binaries"].setdefault(path, {"functions": {}}).setdefault("symbols", {})
            known[name] = [found.address, found.size, found.is_moved, found.file_start]
        return found

    def user_address(self, path: str, file_offset: int) -> int | None:
        found = self._target.user_address(path, file_offset)
        if found is not None:
            known = self._found["binaries"].setdefault(path, {"functions": {}}).setdefault("addresses", {})
            known[str(file_offset)] = found
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
        from ..binary.dwarf_signature import NoFunction
        from .dwarf_data import signature_to_data

        try:
            found = self._target.user_signature(path, address)
        except NoFunction:
            self._debug(path, "signatures")[str(address)] = None
            raise
        if found is not None:
            self._debug(path, "signatures")[str(address)] = signature_to_data(found)
        return found

    def user_type(self, path: str, tag: str, name: str) -> Type | None:
        from ..type_data import to_data
        from .dwarf_data import type_name

        found = self._target.user_type(path, tag, name)
        if found is not None:
            self._debug(path, "types")[type_name(tag, name)] = to_data(found)
        return found

    def user_members(self, path: str, name: str) -> tuple[Field, ...] | None:
        from .dwarf_data import members_to_data

        found = self._target.user_members(path, name)
        if found is not None:
            self._debug(path, "members")[name] = members_to_data(found)
        return found

    def source_address(self, path: str, file: str, line: int, column: int | None) -> int | None:
        from ..binary.dwarf_signature import SourceError
        from .dwarf_data import source_place

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
        from .binary_search import BinarySearch

        paths = self._target.resolve_binary(name, pid, any_file=any_file, short_names=short_names)
        if paths:
            search = BinarySearch(name, pid or 0, any_file, short_names)
            self._found["searches"][name if search.is_plain else search.key] = paths
        return paths

    def kernel_functions(self) -> KernelFunctions:
        if self._functions is None:
            self._functions = RecordingFunctions(self._target.kernel_functions())
        return self._functions

    def has_function(self, name: str) -> bool:
        """Remembered by itself: that a function is there does not need its types."""
        found = self._target.has_function(name)
        self._kfunc(name)["exists"] = found
        return found

    def is_kfunc(self, name: str) -> bool | None:
        found = self._target.is_kfunc(name)
        self._kfunc(name)["is marked"] = found
        return found

    def kfunc_allowed(self, name: str, program_type: str, settings: Callable[[], LoadSettings]) -> bool:
        found = self._target.kfunc_allowed(name, program_type, settings)
        self._kfunc(name).setdefault("allowed", {})[program_type] = found
        return found

    def _kfunc(self, name: str) -> dict[str, Any]:
        known: dict[str, Any] = self._found["kfuncs"].setdefault(name, {})
        return known

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

    def has_kernel_symbol(self, name: str) -> bool:
        found = self._target.has_kernel_symbol(name)
        if found:
            self._found["kernel_symbols"][name] = True
        return found

    def save(self, directory: str) -> None:
        """Write what was asked for as a captured target, or add it to the one that is in `directory`.

        Raises OSError, and ValueError when `directory` holds another kernel or a type that this target does not have.
        """
        from .capture_directory import Answers, save

        functions, modules = self._functions, self._recorded_modules
        save(directory, Answers(self._description(), self._found, self._formats, functions, self.btf, modules))

    def _description(self) -> dict[str, object]:
        module_types = {name: sorted(type_keys(btf)) for name, btf in (self._modules or {}).items()}
        module_types = {name: keys for name, keys in module_types.items() if keys}
        return {
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
            **({"module_types": module_types} if module_types else {}),
        }
