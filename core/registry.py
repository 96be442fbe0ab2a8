"""Which functions, probe types and formats there are, and which object each name stands for.

Built-in ones are found by looking into the packages `plugins/stdlib` and `plugins/probes`: a module there lists its
objects in `FUNCTIONS` or `PROBE_TYPES`, so adding one touches no other file. Third-party ones come through the hooks.
A run from the cache asks `load_origin` for single objects and imports nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import import_module
from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    @property
    def names(self) -> tuple[str, ...]: ...


T = TypeVar("T", bound=Named)

_BUILTIN_PACKAGES = {
    "FUNCTIONS": "pybpftrace.plugins.stdlib",
    "PROBE_TYPES": "pybpftrace.plugins.probes",
    "FORMATS": "pybpftrace.plugins.formats",
}


class PluginError(Exception):
    """A plugin that cannot be used: name clash, failed import, wrong API version."""


def builtin_objects(table: str) -> list[tuple[str, Named]]:
    """All (module name, object) of the built-in plugins of one kind: 'FUNCTIONS', 'PROBE_TYPES' or 'FORMATS'."""
    package_name = _BUILTIN_PACKAGES[table]
    package = import_module(package_name)
    found: list[tuple[str, Named]] = []
    for entry in sorted(os.listdir(package.__path__[0])):
        stem, extension = os.path.splitext(entry)
        if extension == ".py" and stem != "__init__":
            module = import_module(f"{package_name}.{stem}")
            found.extend((module.__name__, item) for item in getattr(module, table, ()))
    return found


class Registry(Generic[T]):
    """Objects by every name they answer to."""

    def __init__(self) -> None:
        self._objects: dict[str, T] = {}
        self._origins: dict[str, str] = {}

    def add(self, item: T, origin: str) -> None:
        """Raises: PluginError: when a name is taken; both origins are named."""
        for name in item.names:
            if name in self._objects:
                raise PluginError(f"'{name}' of {origin} clashes with '{name}' of {self._origins[name]}")
        for name in item.names:
            self._objects[name] = item
            self._origins[name] = origin

    def get(self, name: str) -> T | None:
        return self._objects.get(name)

    def origin(self, name: str) -> str:
        """The module that the object came from."""
        return self._origins[name]

    def names(self) -> Iterable[str]:
        return self._objects.keys()

    def items(self) -> Iterable[T]:
        """Each object once, in the order added."""
        return dict.fromkeys(self._objects.values())


def load_origin(table: str, module_name: str, name: str, allowed: frozenset[str] = frozenset()) -> Named:
    """The object of `module_name` that answers to `name`; for runs that do not build whole registries.

    Only built-in plugin modules and those in `allowed` are imported, because the name may come from a file.

    Raises: PluginError.
    """
    if not module_name.startswith(_BUILTIN_PACKAGES[table] + ".") and module_name not in allowed:
        raise PluginError(f"'{name}' comes from the plugin {module_name}, which is not installed or not enabled")
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise PluginError(f"'{name}' needs {module_name}: {error}") from error
    for item in getattr(module, table, ()):
        if name in item.names:
            found: Named = item
            return found
    raise PluginError(f"{module_name} has no '{name}'")
