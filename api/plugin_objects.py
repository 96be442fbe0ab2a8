"""The plugin objects that a run of a compiled program needs: just those that it uses, and its output format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.registry import PluginError, Registry, builtin_objects, load_origin
from .house import House

if TYPE_CHECKING:
    from ..core.artifacts import CompiledProgram
    from ..core.function import Function
    from ..core.output import FormatType
    from ..core.probe import ProbeType

_PROBE = "probe:"
_BUILTIN = "pybpftrace.plugins."
#: Which hook a third-party plugin gives its objects of a table through.
_HOOKS = {
    "FUNCTIONS": "register_functions",
    "PROBE_TYPES": "register_probe_types",
    "FORMATS": "register_formats",
}


class FormatError(Exception):
    """An output format that nobody has; the text is two lines."""


def program_objects(program: CompiledProgram, house: House) -> tuple[dict[str, Function], dict[str, ProbeType]]:
    """The functions and the probe types that a program's origins name.

    Raises: PluginError: when the program needs a plugin that is not there.
    """
    functions: dict[str, Any] = {}
    probe_types: dict[str, Any] = {}
    for name, module in program.origins.items():
        if name.startswith(_PROBE):
            bare = name.removeprefix(_PROBE)
            probe_types[bare] = _object("PROBE_TYPES", module, bare, house)
        else:
            functions[name] = _object("FUNCTIONS", module, name, house)
    return functions, probe_types


def _object(table: str, module: str, name: str, house: House) -> Any:
    """A built-in object is imported alone; third-party ones come through their hook, whatever the origin names."""
    if module.startswith(_BUILTIN):
        return load_origin(table, module, name)
    found = _third_party(table, house).get(name)
    if found is None:
        raise PluginError(f"'{name}' comes from the plugin {module}, which is not installed or not enabled")
    return found


def _third_party(table: str, house: House) -> Registry[Any]:
    registry: Registry[Any] = Registry()
    if house.third_party:
        for items in getattr(house.manager.hook, _HOOKS[table])():
            for item in items:
                registry.add(item, type(item).__module__)
    return registry


def format_type(name: str, house: House) -> FormatType:
    """The output format of a name; the built-in ones live in modules of their own names, so that one is tried first.

    Raises: FormatError.
    """
    try:
        found: Any = load_origin("FORMATS", f"{_BUILTIN}formats.{name}", name)
    except PluginError:
        known = [item for _, item in builtin_objects("FORMATS")] + list(_third_party("FORMATS", house).items())
        found = next((item for item in known if name in item.names), None)
        if found is None:
            names = ", ".join(f"'{item.names[0]}'" for item in sorted(known, key=lambda i: i.names[0], reverse=True))
            raise FormatError(f'ERROR: Invalid output format "{name}"\nValid formats: {names}') from None
    return found  # type: ignore[no-any-return]  # objects of the table FORMATS are format types
