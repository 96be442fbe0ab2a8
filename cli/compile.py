"""From a command line to a compiled program: out of the cache, out of a file, or through the compiler.

Everything that only a compilation needs is imported once it is certain that there will be one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..core.artifact_file import ArtifactError, from_bytes
from ..core.cache import CompileCache, cache_key
from ..core.config import Config
from ..core.hookspecs import API_VERSION
from ..core.linux import machine
from .arguments import Arguments
from .house import House
from .script import Script

if TYPE_CHECKING:
    from ..core.artifacts import CompiledProgram
    from ..core.compilation import CompileOptions
    from ..core.diagnostics import Diagnostic, Diagnostics
    from ..core.source import Source
    from ..core.target import Target

#: The variable that names a file with BTF to use instead of the kernel's.
_TYPES = "BPFTRACE_BTF"


class CompileFailed(Exception):
    """A script with errors: its diagnostics, and the source that they point into."""

    def __init__(self, source: Source, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("; ".join(d.message for d in diagnostics))
        self.source = source
        self.diagnostics = diagnostics


class CompileStopped(Exception):
    """The compilation ended after the stage that `--stop-after` names; `warnings` are formatted."""

    def __init__(self, warnings: tuple[str, ...]) -> None:
        super().__init__()
        self.warnings = warnings


class TargetError(Exception):
    """A target that cannot be read; the text is one line."""


def compiled_program(
    script: Script, house: House, environment: Mapping[str, str], fingerprint: object
) -> CompiledProgram:
    """The program to run.

    Raises: ArtifactError, ConfigError, TargetError, PluginError, CompileFailed, CompileStopped; OSError: what the
    machine
        refused to show.
    """
    arguments = house.arguments
    if script.compiled:
        return _saved_program(script, arguments)
    config = Config.from_environment(environment)
    cache = None if not _cacheable(arguments) else CompileCache.open()
    if cache is None:
        return compile_script(script, house, config, target_for(arguments, environment))
    key = cache_key(_facts(script, house, config, environment, fingerprint))
    program = cache.get(key)
    if program is None:
        target = target_for(arguments, environment)
        program = compile_script(script, house, config, target)
        cache.put(key, program, target.dependencies)
    return program


def target_for(arguments: Arguments, environment: Mapping[str, str]) -> Target:
    """Raises: TargetError."""
    from ..core.target import Target

    _check_functions_file(arguments.traceable_functions)
    try:
        if arguments.target is None:
            types = environment.get(_TYPES)
            target = Target.live(traceable_functions=arguments.traceable_functions, types=types)
        else:
            target = Target.from_directory(arguments.target)
    except (OSError, ValueError) as error:
        raise TargetError(f"no captured target in '{arguments.target}': {error}") from error
    target.without = frozenset(arguments.no_features)
    return target


def _check_functions_file(name: str | None) -> None:
    """It is not read before something asks for it, but one that cannot be read is wrong from the start.

    Raises: TargetError.
    """
    try:
        if name is not None:
            open(name, "rb").close()
    except OSError as error:
        raise TargetError(f"Failed to open kernel function info: {name}: {error.strerror}") from error


def compile_script(script: Script, house: House, config: Config, target: Target) -> CompiledProgram:
    """Runs the compiler; its warnings go into the program, so that a cached run shows them too.

    Raises: CompileFailed, CompileStopped, TargetError, PluginError, OSError.
    """
    from ..core.diagnostics import CompileError, Diagnostics
    from ..core.pipeline import StageStopped
    from ..core.target.btf_types import BtfError

    diagnostics = Diagnostics()
    for warning in target.warnings:
        diagnostics.warning(warning)
    arguments = house.arguments
    source = script.source
    try:
        program = house.pipeline.compile(
            source,
            target,
            config=config,
            options=compile_options(arguments, script.directory),
            diagnostics=diagnostics,
        )
    except CompileError as error:
        raise CompileFailed(diagnostics.source or source, error.diagnostics) from error
    except BtfError as error:
        raise TargetError(f"the kernel's type information (BTF) cannot be read: {error}") from error
    except StageStopped:
        raise CompileStopped(_formatted(diagnostics, source)) from None
    return replace(program, warnings=_formatted(diagnostics, source))


def compile_options(arguments: Arguments, directory: str) -> CompileOptions:
    """`directory` is where the script's imports are looked for."""
    from ..core.compilation import CompileOptions

    return CompileOptions(
        pid=arguments.pid,
        has_child=arguments.command is not None,
        counts_misses=bool(arguments.report_helper_failures),
        arguments=arguments.positional,
        named=arguments.named,
        include_directories=arguments.include_directories,
        include_files=arguments.include_files,
        directory=directory,
        allows_unsafe=arguments.allows_unsafe,
        probes_everything=arguments.probes_everything,
    )


def _formatted(diagnostics: Diagnostics, source: Source) -> tuple[str, ...]:
    from ..core.diagnostics import format_diagnostic

    return tuple(format_diagnostic(d, diagnostics.source or source) for d in diagnostics.recorded)


def _saved_program(script: Script, arguments: Arguments) -> CompiledProgram:
    program, _ = from_bytes(script.data, script.name)
    if arguments.runs and program.architecture != machine.architecture():
        raise ArtifactError(f"{script.name}: compiled for {program.architecture}, this is {machine.architecture()}")
    if arguments.script_arguments:
        raise ArtifactError(
            f"{script.name}: the script's arguments are part of a compiled program; compile it again with them"
        )
    if arguments.pid is not None:
        raise ArtifactError(f"{script.name}: the process of -p is part of a compiled program; compile it again with -p")
    return program


def _cacheable(arguments: Arguments) -> bool:
    """A run that watches the stages, or picks them, goes through them."""
    return arguments.cache and arguments.runs and not arguments.watches_compilation


def _facts(
    script: Script, house: House, config: Config, environment: Mapping[str, str], fingerprint: object
) -> dict[str, object]:
    """All that a compilation depends on but the facts that its target remembers.

    Those are looked up again before an entry is used, with the PATH and in the directory of then. The target's features
    follow from the kernel's build id.
    """
    arguments = house.arguments
    return {
        "api": API_VERSION,
        "architecture": machine.architecture(),
        "allows unsafe": arguments.allows_unsafe,
        "arguments": arguments.script_arguments,
        "code": fingerprint,
        "config": config.to_data(),
        "counts misses": bool(arguments.report_helper_failures),
        "directory": os.path.abspath(script.directory),
        "has child": arguments.command is not None,
        "includes": [_absolute(arguments.include_directories), _absolute(arguments.include_files)],
        "kernel": [machine.kernel_build_id(), machine.kernel_release()],
        "name": script.name,
        "no features": arguments.no_features,
        "pid": arguments.pid,
        "probes everything": arguments.probes_everything,
        "plugins": house.plugin_stamps(),
        "traceable functions": arguments.traceable_functions,
        "types": environment.get(_TYPES),
        "script": script.data.decode("latin-1"),
        "use": arguments.use,
    }


def _absolute(paths: Sequence[str]) -> list[str]:
    """The same words mean other files in another directory."""
    return [os.path.abspath(path) for path in paths]
