"""From a compiled program to an exit status: load and output, with just the plugin objects that the program uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..core.registry import PluginError, Registry, builtin_objects, load_origin
from ..core.run import RunOptions
from .arguments import Arguments
from .house import House

if TYPE_CHECKING:
    from ..core.artifacts import CompiledProgram
    from ..core.output import FormatType

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


def run_program(program: CompiledProgram, house: House, environment: Mapping[str, str]) -> int:
    """Runs until the program ends; gives the exit status.

    Raises: LoadError, KernelError, FormatError, PluginError.
    """
    from ..core.pipeline import STAGES

    arguments = house.arguments
    options = run_options(program, house, environment)
    load, output = STAGES[-2:]
    session = house.pipeline.run_stage(load, program, options=options)
    try:
        if arguments.stop_after == load.name:
            return 0
        status: int = house.pipeline.run_stage(output, session, options=options)
        return status
    finally:
        session.close()


def run_options(program: CompiledProgram, house: House, environment: Mapping[str, str]) -> RunOptions:
    """Raises: FormatError, PluginError: when the program needs a plugin that is not there."""
    arguments: Arguments = house.arguments
    functions: dict[str, Any] = {}
    probe_types: dict[str, Any] = {}
    for name, module in program.origins.items():
        if name.startswith(_PROBE):
            bare = name.removeprefix(_PROBE)
            probe_types[bare] = _object("PROBE_TYPES", module, bare, house)
        else:
            functions[name] = _object("FUNCTIONS", module, name, house)
    return RunOptions(
        format=_format(arguments.format, house),
        functions=functions,
        probe_types=probe_types,
        probe_filter=arguments.probe_filter,
        pid=arguments.pid,
        command=arguments.command or None,
        output_path=arguments.output,
        buffering=arguments.buffering,
        quiet=arguments.quiet,
        verbose=arguments.verbose,
        show_warnings=arguments.show_warnings,
        report_helper_failures=arguments.report_helper_failures,
        show_verifier_log=arguments.show_verifier_log,
        environment=environment,
        mode=arguments.mode,
        capture_format=_format("text", house) if arguments.mode == "test" else None,
    )


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


def _format(name: str, house: House) -> FormatType:
    """The built-in formats live in modules of their own names, so the wanted one is tried first."""
    try:
        found: Any = load_origin("FORMATS", f"{_BUILTIN}formats.{name}", name)
    except PluginError:
        known = [item for _, item in builtin_objects("FORMATS")] + list(_third_party("FORMATS", house).items())
        found = next((item for item in known if name in item.names), None)
        if found is None:
            names = ", ".join(f"'{item.names[0]}'" for item in sorted(known, key=lambda i: i.names[0], reverse=True))
            raise FormatError(f'ERROR: Invalid output format "{name}"\nValid formats: {names}') from None
    return found  # type: ignore[no-any-return]  # objects of the table FORMATS are format types
