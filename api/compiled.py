"""Compiling a script from Python, and attaching what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.artifact_file import save
from ..core.artifacts import CompiledProgram
from ..core.cache import code_fingerprint
from ..core.compile_options import CompileOptions
from ..core.config import PREFIX
from ..core.run import RunOptions, load_error
from .compiler import CompileSettings, compiled_program
from .house import House
from .plugin_objects import program_objects
from .recorder import Recorder
from .runner import load, refusal
from .script import UNNAMED, Script, read_file
from .tracer import Tracer


def compile(
    script: str | os.PathLike[str],
    *,
    arguments: Sequence[object] = (),
    options: Mapping[str, object] | None = None,
    pid: int | None = None,
    command: str | None = None,
    config: Mapping[str, object] | None = None,
    unsafe: bool = False,
    report_helper_failures: bool = False,
    debug_directories: Sequence[str] = (),
    cache: bool = True,
    plugins: bool = True,
) -> CompiledScript:
    """Compiles a script for this machine, or takes it from the cache. `script` is its text, or a file's path.

    `arguments` are `$1`, `$2`, ..., `options` what `getopt` asks for (None for one without a value). `pid` restricts
    probes to a process as -p does; `command` is run and traced as with -c. `config` has configuration keys, which win
    over the script's own block; the environment's `BPFTRACE_` variables count too. `unsafe` permits `system()` and its
    like. `report_helper_failures` also counts failed reads and look-ups (-k). `debug_directories` are where separate
    debug files are looked for before the usual places (--debuginfo).

    Raises: CompileFailed: with the compiler's diagnostics; ConfigError, ScriptError, TargetError, PluginError.
    """
    house = House(plugins=plugins, remember=cache)
    source = read_file(os.fspath(script)) if isinstance(script, os.PathLike) else Script.of_text(UNNAMED, script)
    named = tuple((name, None if value is None else str(value)) for name, value in (options or {}).items())
    environment = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    environment |= {PREFIX + key.upper(): _setting(value) for key, value in (config or {}).items()}
    settings = CompileSettings(
        options=CompileOptions(
            pid=pid,
            counts_misses=report_helper_failures,
            arguments=tuple(map(str, arguments)),
            named=named,
            allows_unsafe=unsafe,
            clock_map=environment.get("BPFTRACE_DUMMY_TS_MAP", ""),
        ),
        debug_directories=tuple(debug_directories),
        cache=cache,
        environment=environment,
    )
    program = compiled_program(source, house, settings, code_fingerprint())
    return CompiledScript(program, house, settings, command)


def _setting(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def trace(script: str | os.PathLike[str], **settings: Any) -> Tracer:
    """`compile(script, ...).attach()`: takes what `compile` takes, raises what both raise."""
    return compile(script, **settings).attach()


class CompiledScript:
    """A script as programs for the kernel. It can be attached any number of times."""

    def __init__(self, program: CompiledProgram, house: House, settings: CompileSettings, command: str | None) -> None:
        self.program = program
        self._house = house
        self._settings = settings
        self._command = command

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the compiler warned about, each a text of a line or more, as the command shows it."""
        return self.program.warnings

    @property
    def probes(self) -> tuple[str, ...]:
        """The full names of the probes, in the script's order."""
        return tuple(spec.point.name for spec in self.program.programs)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file that the command runs without compiling. Raises: OSError."""
        save(self.program, os.fspath(path))

    def attach(
        self, *, probe_filter: str | None = None, dwarf_pids: Sequence[int] = (), verbose: bool = False
    ) -> Tracer:
        """Loads the programs, runs `begin` probes, attaches the others, starts the command if there is one.

        `probe_filter` is a regular expression that the names of probes must match. `dwarf_pids` are processes whose
        stacks `dw_ustack` unwinds, beside those of `pid` or `command`.

        Raises: LoadError: nothing stays attached; PluginError.
        """
        why_not = refusal()
        if why_not is not None:
            raise load_error(why_not.removeprefix("ERROR: "), status=1)
        recorder = Recorder()
        functions, probe_types = program_objects(self.program, self._house)
        options = RunOptions(
            format=recorder,
            functions=functions,
            probe_types=probe_types,
            probe_filter=probe_filter,
            pid=self._settings.options.pid,
            command=self._command,
            dwarf_pids=tuple(dwarf_pids),
            debug_directories=self._settings.debug_directories,
            verbose=verbose,
            report_helper_failures=self._settings.options.counts_misses,
            catches_signals=False,
        )
        return Tracer(load(self.program, options, self._house), options, recorder)
