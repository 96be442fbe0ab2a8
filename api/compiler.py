"""From a script to a compiled program: out of the cache, out of a file, or through the compiler.

Everything that only a compilation needs is imported once it is certain that there will be one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field, replace
from typing import TYPE_CHECKING

from ..core.artifact_file import ArtifactError, from_bytes
from ..core.cache import CompileCache, cache_key
from ..core.compile_options import CompileOptions
from ..core.config import Config
from ..core.frozen import dataclass
from ..core.hookspecs import API_VERSION
from ..core.linux import machine
from .house import House
from .script import Script

if TYPE_CHECKING:
    from ..core.artifacts import CompiledProgram
    from ..core.diagnostics import Diagnostic, Diagnostics
    from ..core.source import Source
    from ..core.target import Target

#: The variable that names a file with BTF to use instead of the kernel's.
_TYPES = "BPFTRACE_BTF"


@dataclass(frozen=True, slots=True)
class CompileSettings:
    """How to compile. `options` is what the stages are told; their `directory` is the script's own.

    `target` is the directory of a captured target, None for this machine. `traceable_functions` is a file that names
    the kernel's functions in place of ftrace, `debug_directories` are where debug files are looked for before the usual
    places, `no_features` are kernel features to do without. `cache` lets the result
    come from, and go to, the user's cache directory. `runs` tells that the program is for this kernel. `environment`
    has bpftrace's variables.
    """

    options: CompileOptions = field(default_factory=CompileOptions)
    target: str | None = None
    traceable_functions: str | None = None
    debug_directories: tuple[str, ...] = ()
    no_features: tuple[str, ...] = ()
    cache: bool = True
    runs: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)


class CompileFailed(Exception):
    """A script with errors: its diagnostics, and the source that they point into. Its text is the command's."""

    def __init__(self, source: Source, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(source, diagnostics)
        self.source = source
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        from ..core.diagnostics import format_all

        return format_all(self.diagnostics, self.source).rstrip("\n")


class CompileStopped(Exception):
    """The compilation ended after the stage that `--stop-after` names; `warnings` are formatted."""

    def __init__(self, warnings: tuple[str, ...]) -> None:
        super().__init__()
        self.warnings = warnings


class TargetError(Exception):
    """A target that cannot be read; the text is one line."""


def compiled_program(script: Script, house: House, settings: CompileSettings, fingerprint: object) -> CompiledProgram:
    """The program to run. `fingerprint` tells this code from other versions of it.

    Raises: ArtifactError, ConfigError, TargetError, PluginError, CompileFailed, CompileStopped; OSError: what the
    machine refused to show.
    """
    if script.compiled:
        return _saved_program(script, settings)
    config = Config.from_environment(settings.environment)
    cache = CompileCache.open() if settings.cache else None
    if cache is None:
        return compile_script(script, house, config, target_for(settings), settings.options)
    key = cache_key(_facts(script, house, config, settings, fingerprint))
    program = cache.get(key)
    if program is None:
        target = target_for(settings)
        program = compile_script(script, house, config, target, settings.options)
        cache.put(key, program, target.dependencies)
    return program


def target_for(settings: CompileSettings) -> Target:
    """Raises: TargetError."""
    from ..core.target import Target

    _check_functions_file(settings.traceable_functions)
    try:
        if settings.target is None:
            types = settings.environment.get(_TYPES)
            target = Target.live(traceable_functions=settings.traceable_functions, types=types)
        else:
            target = Target.from_directory(settings.target)
    except (OSError, ValueError) as error:
        raise TargetError(f"no captured target in '{settings.target}': {error}") from error
    target.without = frozenset(settings.no_features)
    target.debug_directories = settings.debug_directories
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


def compile_script(
    script: Script, house: House, config: Config, target: Target, options: CompileOptions
) -> CompiledProgram:
    """Runs the compiler; its warnings go into the program, so that a cached run shows them too.

    Raises: CompileFailed, CompileStopped, TargetError, PluginError, OSError.
    """
    from ..core.diagnostics import CompileError, Diagnostics
    from ..core.pipeline import StageStopped
    from ..core.target.btf_types import BtfError

    diagnostics = Diagnostics()
    for warning in target.warnings:
        diagnostics.warning(warning)
    source = script.source
    try:
        program = house.pipeline.compile(
            source,
            target,
            config=config,
            options=replace(options, directory=script.directory),
            diagnostics=diagnostics,
        )
    except CompileError as error:
        raise CompileFailed(diagnostics.source or source, error.diagnostics) from error
    except BtfError as error:
        raise TargetError(f"the kernel's type information (BTF) cannot be read: {error}") from error
    except StageStopped:
        raise CompileStopped(_formatted(diagnostics, source)) from None
    return replace(program, warnings=_formatted(diagnostics, source))


def _formatted(diagnostics: Diagnostics, source: Source) -> tuple[str, ...]:
    from ..core.diagnostics import format_diagnostic

    return tuple(format_diagnostic(d, diagnostics.source or source) for d in diagnostics.recorded)


def _saved_program(script: Script, settings: CompileSettings) -> CompiledProgram:
    program, _ = from_bytes(script.data, script.name)
    if settings.runs and program.architecture != machine.architecture():
        raise ArtifactError(f"{script.name}: compiled for {program.architecture}, this is {machine.architecture()}")
    if settings.options.arguments or settings.options.named:
        raise ArtifactError(
            f"{script.name}: the script's arguments are part of a compiled program; compile it again with them"
        )
    if settings.options.pid is not None:
        raise ArtifactError(f"{script.name}: the process of -p is part of a compiled program; compile it again with -p")
    return program


def _facts(
    script: Script, house: House, config: Config, settings: CompileSettings, fingerprint: object
) -> dict[str, object]:
    """All that a compilation depends on but the facts that its target remembers.

    Those are looked up again before an entry is used, with the PATH and in the directory of then. The target's features
    follow from the kernel's build id.
    """
    options = settings.options
    includes = _absolute(options.include_directories), _absolute(options.include_files)
    return {
        "api": API_VERSION,
        "architecture": machine.architecture(),
        "code": fingerprint,
        "config": config.to_data(),
        "debug directories": _absolute(settings.debug_directories),
        "directory": os.path.abspath(script.directory),
        "includes": includes,
        "kernel": [machine.kernel_build_id(), machine.kernel_release()],
        "name": script.name,
        "no features": settings.no_features,
        "options": asdict(options),
        "plugins": house.plugin_stamps(),
        "script": script.data.decode("latin-1"),
        "traceable functions": settings.traceable_functions,
        "types": settings.environment.get(_TYPES),
        "use": sorted(house.use.items()),
    }


def _absolute(paths: Sequence[str]) -> list[str]:
    """The same words mean other files in another directory."""
    return [os.path.abspath(path) for path in paths]
