"""Third-party plugins: which are installed (entry-point group `pybpftrace`), and bringing one in.

Installed packages say their entry points in `*.dist-info/entry_points.txt`, an INI file (packaging.python.org, "Entry
points specification"). It is read here directly, because importlib.metadata takes longer to import than a cached start
may last, and what was found is remembered for as long as the directories of sys.path keep their times. It must not
know what plugins add.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .frozen import dataclass
from .registry import PluginError
from .target.cache_directory import cache_directory, read_private_file, write_private_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pluggy

GROUP = "pybpftrace"
_SCAN_FILE = "plugins.json"
_INFO_SUFFIXES = (".dist-info", ".egg-info")


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """An entry point: `value` is `MODULE` or `MODULE:ATTRIBUTE`; `distribution` and `version` name its package."""

    name: str
    value: str
    distribution: str
    version: str

    @property
    def module(self) -> str:
        return self.value.partition(":")[0].strip()


def installed_plugins(*, remember: bool = True) -> list[InstalledPlugin]:
    """Every plugin on sys.path, sorted by name; with `remember` the scan may come from the cache and goes into it."""
    state = _search_state(sys.path)
    directory = cache_directory() if remember else None
    if directory is None:
        return scan(path for path, _ in state)
    file = os.path.join(directory, _SCAN_FILE)
    known = _parse_scan(read_private_file(file), state)
    if known is not None:
        return known
    found = scan(path for path, _ in state)
    rows = [[p.name, p.value, p.distribution, p.version] for p in found]
    try:
        write_private_file(file, json.dumps([state, rows]).encode(), flush=False)
    except OSError:
        return found  # an unwritable cache only costs the next start a scan
    return found


def _search_state(paths: Iterable[str]) -> list[list[Any]]:
    """[directory, mtime in ns] of each place that plugins may come from.

    Installing or removing a package changes the directory's mtime. Where others can write there is no plugin for us: a
    root tool must not run what somebody put into /tmp.
    """
    state: list[list[Any]] = []
    for path in dict.fromkeys(os.path.abspath(p) for p in paths):
        try:
            status = os.stat(path)
        except OSError:
            continue  # sys.path may name what is not there
        if stat.S_ISDIR(status.st_mode) and not status.st_mode & stat.S_IWOTH and status.st_uid in (0, os.geteuid()):
            state.append([path, status.st_mtime_ns])
    return state


def _parse_scan(data: bytes | None, state: list[list[Any]]) -> list[InstalledPlugin] | None:
    try:
        match json.loads(data or b"null"):
            case [known_state, list(rows)] if known_state == state:
                return [InstalledPlugin(*map(str, row)) for row in rows]
    except (ValueError, TypeError):
        return None  # not what we wrote: scan again
    return None


def scan(directories: Iterable[str]) -> list[InstalledPlugin]:
    """Reads the entry points of every package in the directories; the first of a distribution's copies counts."""
    found: dict[str, list[InstalledPlugin]] = {}
    for directory in directories:
        for entry in sorted(os.listdir(directory)):
            stem, suffix = os.path.splitext(entry)
            if suffix not in _INFO_SUFFIXES:
                continue
            distribution, _, version = stem.partition("-")
            text = _read_text(os.path.join(directory, entry, "entry_points.txt"))
            plugins = [InstalledPlugin(name, value, distribution, version) for name, value in entry_points(text)]
            found.setdefault(distribution, plugins)
    return sorted((p for plugins in found.values() for p in plugins), key=lambda p: (p.name, p.distribution))


def _read_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""  # most packages have no entry points


def entry_points(text: str) -> list[tuple[str, str]]:
    """(name, value) of the group's lines in an entry_points.txt."""
    section, found = "", []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif section == GROUP and "=" in line and line[0] not in "#;":
            name, _, value = line.partition("=")
            found.append((name.strip(), value.strip()))
    return found


def import_plugin(plugin: InstalledPlugin) -> object:
    """The plugin object. Raises: PluginError: when it cannot be imported or was written for another API version."""
    from .hookspecs import API_VERSION

    try:
        module = import_module(plugin.module)
        found: Any = module
        for attribute in filter(None, plugin.value.partition(":")[2].strip().split(".")):
            found = getattr(found, attribute)
    except Exception as error:  # whatever it raises, the user must learn whose it is
        reason = str(error).partition("\n")[0]
        raise PluginError(
            f"plugin '{plugin.name}' ({plugin.value}) cannot be imported: {type(error).__name__}: {reason}"
        ) from error
    version = getattr(module, "API_VERSION", None)
    if version != API_VERSION:
        raise PluginError(
            f"plugin '{plugin.name}' ({plugin.value}) is for API version {version}, this is {API_VERSION}"
        )
    return found


def register_plugins(manager: pluggy.PluginManager, plugins: Sequence[InstalledPlugin]) -> None:
    """Brings plugins in. Raises: PluginError: also when two have one name, or a hook does not fit."""
    from pluggy import PluginValidationError

    for plugin in plugins:
        if manager.has_plugin(plugin.name):
            raise PluginError(f"plugin '{plugin.name}' ({plugin.value}): there is another plugin of that name")
        try:
            manager.register(import_plugin(plugin), name=plugin.name)
        except PluginValidationError as error:
            reason = str(error).replace("\n", " ")
            raise PluginError(f"plugin '{plugin.name}' ({plugin.value}): {reason}") from error
