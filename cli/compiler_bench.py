"""`--mode compiler-bench`: compiles the script again and again, and tells how long each pass of the compiler takes.

It watches the passes as every observer does; nothing is kept, and nothing is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from statistics import mean, stdev
from time import perf_counter_ns

from ..api.compiler import compile_script, target_for
from ..api.script import Script, ScriptError
from ..core.config import Config
from ..core.hookspecs import hookimpl
from .arguments import Arguments
from .settings import compile_settings, house_for

ROUNDS = 10
_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns"))


class PassTimes:
    """The nanoseconds of each pass, an entry a round, in the order of the passes."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[float]] = {}

    @hookimpl
    def after_pass(self, name: str, seconds: float) -> None:
        self.rounds.setdefault(name, []).append(seconds * 1e9)


def time_compiler(script: Script, arguments: Arguments, environment: Mapping[str, str]) -> None:
    """Prints the table. The first round, which imports the compiler, is not counted.

    Raises: what `compile_script` does.
    """
    if script.compiled:
        raise ScriptError(f"{script.name}: there is nothing to compile in a compiled program")
    times = PassTimes()
    house = house_for(arguments, [("pass times", times)])
    settings = compile_settings(arguments, environment)
    config, target = Config.from_environment(environment), target_for(settings)
    compile_script(script, house, config, target, settings.options)
    times.rounds.clear()
    whole: list[float] = []
    for _ in range(ROUNDS):
        begun = perf_counter_ns()
        compile_script(script, house, config, target, settings.options)
        whole.append(perf_counter_ns() - begun)
    sys.stdout.write(table(times.rounds, whole) + "PASS\n")


def table(passes: Mapping[str, list[float]], whole: list[float]) -> str:
    """A row a pass and one for the whole: how often, all ns, and the mean with its standard deviation."""
    return "".join(_row(name, found) for name, found in [*passes.items(), ("total", whole)])


def _row(name: str, found: list[float]) -> str:
    middle, spread = mean(found), stdev(found) if len(found) > 1 else 0.0
    scale, unit = next((row for row in _UNITS if middle >= row[0]), _UNITS[-1])
    return f"{name:<30}{len(found):>8}{sum(found):>14.0f}  {middle / scale:.1f} ± {spread / scale:.1f} {unit}\n"
