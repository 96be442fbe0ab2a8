"""What the values of options may be: click asks these functions, in the order of the command line.

A value that makes no sense is told in the words that users of bpftrace know. Which options there are is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ..core.numbers import NumberError, parse_integer
from ..core.pipeline import STAGES
from .usage import UsageError

STAGE_NAMES = tuple(stage.name for stage in STAGES)
#: What can be shown, in the order of the stages; the numbers of --dump-to's files.
DUMPS = ("ast", "types", "probes", "ir", "ir-opt", "asm", "maps")
#: bpftrace's names for -d, and ours.
DEBUG_STAGES = {
    "ast": ("ast",),
    "types": ("types",),
    "codegen": ("ir",),
    "codegen-opt": ("ir-opt",),
    "dis": ("asm",),
    "verifier": (),
    "libbpf": (),
    "all": DUMPS,
}
#: Those of them that show what the kernel's verifier says.
KERNEL_LOG_STAGES = ("verifier", "libbpf", "all")
#: What --mode takes.
MODES = ("codegen", "compiler-bench", "bench", "test", "format")
#: Options that are short for a mode.
MODE_FLAGS = {"test": "test", "bench": "bench", "fmt": "format"}
#: What --no-feature takes: features that there is a slower way without.
OPTIONAL_FEATURES = ("kprobe_multi", "kprobe_session", "uprobe_multi")
PID_MAX = 4_194_304  # PID_MAX_LIMIT of include/linux/threads.h on 64-bit machines


def debug_stages(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    stages = [stage for value in values for stage in value.split(",")]
    for stage in stages:
        if stage not in DEBUG_STAGES:
            raise UsageError(f"ERROR: USAGE: invalid option for -d: {stage} (it takes {', '.join(DEBUG_STAGES)})")
    return tuple(stages)


def no_features(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """Each once, in an order that does not depend on how they were written."""
    names = {name for value in values for name in value.split(",")}
    if not names <= set(OPTIONAL_FEATURES):
        allowed = ",".join(OPTIONAL_FEATURES)
        raise UsageError(f"ERROR: USAGE: --no-feature can only have values '{allowed}'.")
    return tuple(sorted(names))


def directories(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """Those of all values in their order. An empty one means the usual places, which are looked in anyway."""
    return tuple(directory for value in values for directory in value.split(":") if directory)


def buffering(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value not in ("line", "full", "none"):
        raise UsageError("ERROR: USAGE: -B must be either 'line', 'full', or 'none'.")
    return value


def mode(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value not in (None, *MODES):
        *most, last = (f"'{mode}'" for mode in MODES)
        raise UsageError(f"ERROR: USAGE: --mode can only be {', '.join(most)} or {last}.")
    return value


def mode_flag(context: click.Context, parameter: click.Parameter, count: int) -> bool:
    """A short name of a mode takes no mode before it. click reads options in the order of the command line."""
    earlier = (context.params.get(name) for name in ("mode", *MODE_FLAGS) if name != parameter.name)
    if count > 1 or (count and any(earlier)):
        raise UsageError(f"ERROR: USAGE: {parameter.opts[-1]} conflicts with existing --mode")
    return bool(count)


def warnings(context: click.Context, parameter: click.Parameter, count: int) -> bool:
    if count > 1:
        raise UsageError("ERROR: USAGE: -kk has been deprecated. Use a single -k for runtime warnings.")
    return count == 1


def use(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for value in values:
        stage, _, plugin = value.partition("=")
        if stage not in STAGE_NAMES or not plugin:
            raise UsageError(f"ERROR: USAGE: --use takes STAGE=PLUGIN with a stage of {', '.join(STAGE_NAMES)}.")
        pairs.append((stage, plugin))
    return tuple(pairs)


def choice(*choices: str) -> Any:
    def check(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
        if value is not None and value not in choices:
            raise UsageError(f"ERROR: USAGE: {parameter.opts[-1]} can only be {', '.join(map(repr, choices))}.")
        return value

    return check


def pid(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    return None if value is None else _pid(value)


def pids(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(map(_pid, values))


def _pid(value: str) -> int:
    try:
        number = parse_integer(value)
    except NumberError as error:
        raise UsageError(f"ERROR: Failed to parse pid: {error}: {value}") from None
    if not 0 < number <= PID_MAX:
        raise UsageError(f"ERROR: Pid out of range: {number}")
    return number
