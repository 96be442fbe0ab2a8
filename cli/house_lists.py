"""The lists: `--list-passes` and `--list-plugins`."""

from __future__ import annotations

from typing import Any

from .. import __version__
from ..api.house import House
from ..core.dump_columns import columns
from ..core.library import Library, plugin_macro_file
from ..core.pipeline import STAGES


def list_passes(house: House) -> str:
    """Each stage with the plugin that does it, then its passes in order. Raises: PluginError."""
    lines = []
    chosen = house.use
    for stage in STAGES:
        implementations = getattr(house.manager.hook, stage.hook).get_hookimpls()
        # pluggy asks the plugin that was registered last first.
        owner = chosen.get(stage.name) or implementations[-1].plugin_name
        lines.append(f"{stage.name} ({owner})\n")
        lines += [f"  {pass_.name}\n" for pass_ in house.pipeline.passes(stage.name)]
    return "".join(lines)


def list_plugins(house: House) -> str:
    """One row a plugin: its name, module, version, and what it adds. Raises: PluginError."""
    known = {plugin.name: plugin for plugin in house.third_party}
    rows: list[tuple[object, ...]] = [("plugin", "module", "version", "adds")]
    for name, plugin in house.manager.list_name_plugin():
        if name.startswith("observer ") or plugin is None:
            continue
        installed = known.get(name)
        module = installed.value if installed else type(plugin).__module__
        version = f"{installed.distribution} {installed.version}" if installed else __version__
        rows.append((name, module, version, "; ".join(_additions(house, plugin)) or "nothing"))
    return columns(rows)


def _additions(house: House, plugin: Any) -> list[str]:
    """What a plugin's hooks bring: 'stage parse', 'functions a, b', ..."""
    hooks = {caller.name for caller in house.manager.get_hookcallers(plugin) or ()}
    found = [f"stage {stage.name}" for stage in STAGES if stage.hook in hooks]
    for hook, word in (
        ("register_functions", "functions"),
        ("register_probe_types", "probe types"),
        ("register_formats", "formats"),
    ):
        items = (getattr(plugin, hook)() or ()) if hook in hooks else ()
        if items:
            found.append(f"{word} {', '.join(item.names[0] for item in items)}")
    if "register_macros" in hooks:
        names = Library(plugin_macro_file(given, "") for given in plugin.register_macros() or ()).names()
        found.append(f"macros {', '.join(names)}")
    if "register_passes" in hooks:
        placed = plugin.register_passes() or ()
        found.append(f"passes {', '.join(placement.pass_.name for placement in placed)}")
    observed = sorted(hooks & {"before_stage", "after_stage", "after_pass"})
    return found + ([f"observer of {', '.join(observed)}"] if observed else [])
