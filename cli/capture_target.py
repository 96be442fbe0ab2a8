"""`pybpftrace capture-target DIR [FILE...]`: saves what compiling the scripts asks of this machine.

DIR is then a captured target: `--target DIR` compiles the same scripts anywhere. Each script is compiled here, and the
result thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..api.compiler import TargetError, compile_script
from ..api.house import House
from ..api.script import read_file
from ..core.compile_options import CompileOptions
from ..core.config import Config
from .usage import UsageError

if TYPE_CHECKING:
    from ..api.script import Script
    from ..core.target import Target

COMMAND = "capture-target"


def capture(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Raises: UsageError, ScriptError, CompileFailed, TargetError, PluginError, OSError."""
    from ..core.target import Target

    if not words or any(word.startswith("-") for word in words):
        raise UsageError(f"ERROR: USAGE: pybpftrace {COMMAND} DIR [FILE...]")
    directory, *names = words
    capture_scripts(Target.live(), directory, names, environment)
    return 0


def capture_scripts(machine: Target, directory: str, names: Sequence[str], environment: Mapping[str, str]) -> None:
    """What compiling the named scripts asks of a machine. Raises as `capture` does."""
    from ..core.target.capture import RecordingTarget

    target = RecordingTarget(machine)
    house = House(remember=False)
    config = Config.from_environment(environment)
    scripts: list[Script] = [read_file(name) for name in names]
    for script in scripts:
        compile_script(script, house, config, target, CompileOptions())
    try:
        target.save(directory)
    except ValueError as error:
        raise TargetError(str(error)) from error
