"""A command line as the settings that compiling and running take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..api.compiler import CompileSettings
from ..api.house import House
from ..api.plugin_objects import format_type, program_objects
from ..api.script import UNNAMED, Script, read_file, read_standard_input
from ..core.compile_options import CompileOptions
from ..core.run import RunOptions
from .arguments import Arguments

if TYPE_CHECKING:
    from ..core.artifacts import CompiledProgram


def house_for(arguments: Arguments, observers: Sequence[tuple[str, object]] = ()) -> House:
    return House(
        plugins=arguments.plugins,
        remember=arguments.cache,
        use=arguments.use,
        stop_after=arguments.stop_after,
        observers=observers,
    )


def read_script(arguments: Arguments) -> Script:
    """Raises: ScriptError; ArtifactError: for a compiled program that others can write."""
    if arguments.program is not None:
        return Script.of_text(UNNAMED, arguments.program)
    name = arguments.script or "-"
    return read_standard_input() if name == "-" else read_file(name)


def compile_settings(arguments: Arguments, environment: Mapping[str, str]) -> CompileSettings:
    """A run that watches the stages, or picks them, goes through them and not through the cache."""
    return CompileSettings(
        options=CompileOptions(
            pid=arguments.pid,
            counts_misses=bool(arguments.report_helper_failures),
            arguments=arguments.positional,
            named=arguments.named,
            include_directories=arguments.include_directories,
            include_files=arguments.include_files,
            allows_unsafe=arguments.allows_unsafe,
            probes_everything=arguments.probes_everything,
            clock_map=environment.get("BPFTRACE_DUMMY_TS_MAP", ""),
        ),
        target=arguments.target,
        traceable_functions=arguments.traceable_functions,
        debug_directories=arguments.debug_directories,
        no_features=arguments.no_features,
        cache=arguments.cache and arguments.runs and not arguments.watches_compilation,
        runs=arguments.runs,
        environment=environment,
    )


def run_options(
    arguments: Arguments, program: CompiledProgram, house: House, environment: Mapping[str, str]
) -> RunOptions:
    """Raises: FormatError, PluginError: when the program needs a plugin that is not there."""
    functions, probe_types = program_objects(program, house)
    return RunOptions(
        format=format_type(arguments.format, house),
        functions=functions,
        probe_types=probe_types,
        probe_filter=arguments.probe_filter,
        pid=arguments.pid,
        dwarf_pids=arguments.dwarf_pids,
        debug_directories=arguments.debug_directories,
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
        capture_format=format_type("text", house) if arguments.mode == "test" else None,
    )
