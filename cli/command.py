"""The command line as click declares it: every option with its help, and from click's values to `Arguments`.

The texts of usage errors are those that scripts written for bpftrace look for. Importing this module imports click,
which takes half as long as a whole cached start, so `remembered.py` is asked first.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from .. import __version__
from . import option_checks as checks
from .arguments import Arguments
from .getopt import Spelling, canonical
from .option_checks import DEBUG_STAGES, DUMPS, KERNEL_LOG_STAGES, MODE_FLAGS, STAGE_NAMES
from .usage import UsageError

PROGRAM = "pybpftrace"


def _show_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"{PROGRAM} v{__version__}")
        context.exit()


def _show_help(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(help_text(), nl=False)
        context.exit()


class Option(click.Option):
    """An option that knows in which part of the help it stands and how getopt has to read it."""

    def __init__(self, *names: str, group: str, value_optional: bool = False, **settings: Any) -> None:
        super().__init__(names, **settings)
        self.group = group
        flag = self.is_flag or self.count
        self.spelling = Spelling(
            self.opts[-1], "nothing" if flag else "optional" if value_optional else "value", self.is_eager
        )


_MAIN, _LOOK, _FIX = "OPTIONS", "DEVELOPER OPTIONS", "TROUBLESHOOTING OPTIONS"

OPTIONS = [
    Option("program", "-e", group=_MAIN, metavar="PROGRAM", help="run PROGRAM"),
    Option("list_probes", "-l", "--list", group=_MAIN, is_flag=True, help="list probes: of a PATTERN, or of a script"),
    Option("command", "-c", "--cmd", group=_MAIN, metavar="CMD", help="start CMD and trace it"),
    Option("pid", "-p", "--pid", group=_MAIN, metavar="PID", callback=checks.pid, help="trace the process PID"),
    Option(
        "dwarf_pids", "--dwarf-pid", group=_MAIN, metavar="PID", multiple=True, callback=checks.pids,
        help="unwind stacks of PID too (dw_ustack)",
    ),
    Option("output", "-o", "--output", group=_MAIN, metavar="FILE", help="write the program's output to FILE"),
    Option("format", "-f", group=_MAIN, metavar="FORMAT", default="text", help="output format: text, json"),
    Option(
        "buffering", "-B", group=_MAIN, metavar="MODE", default="line", callback=checks.buffering,
        help="output buffering: line, full, none",
    ),
    Option("quiet", "-q", "--quiet", group=_MAIN, is_flag=True, help="say nothing about attaching"),
    Option(
        "verbose", "-v", "--verbose", group=_MAIN, is_flag=True, help="say more; shows the verifier's log on failure"
    ),
    Option(
        "report_helper_failures", "-k", "--warnings", group=_MAIN, count=True, callback=checks.warnings,
        help="report failed reads and look-ups too",
    ),
    Option("no_warnings", "--no-warnings", group=_MAIN, is_flag=True, help="hide all warnings"),
    Option(
        "include_directories", "-I", group=_MAIN, metavar="DIR", multiple=True,
        help="look for #include files in DIR too",
    ),
    Option(
        "include_files", "--include", group=_MAIN, metavar="FILE", multiple=True, help="#include FILE before the script"
    ),
    Option("allows_unsafe", "--unsafe", group=_MAIN, is_flag=True, help="allow functions that change what they trace"),
    Option(
        "probes_everything",
        "--probe-everything",
        group=_MAIN,
        is_flag=True,
        help="allow patterns that mean every function of the kernel, such as kprobe:*",
    ),
    Option("test", "--test", group=_MAIN, count=True, callback=checks.mode_flag, help="run the test probes, then end"),
    Option(
        "bench", "--bench", group=_MAIN, count=True, callback=checks.mode_flag, help="time the bench probes, then end"
    ),
    Option(
        "fmt", "--fmt", group=_MAIN, count=True, callback=checks.mode_flag,
        help="print the script in its standard layout, or write it to -o FILE",
    ),
    Option(
        "traceable_functions", "--traceable-functions", group=_MAIN, metavar="FILE",
        help="take the kernel's functions from FILE, in the form of available_filter_functions",
    ),
    Option(
        "debug_directories", "--debuginfo", group=_MAIN, metavar="DIR[:DIR]", multiple=True,
        callback=checks.directories, help="look for separate debug files in DIR before the usual places",
    ),
    Option(
        "probe_filter", "--probe-filter", group=_MAIN, metavar="REGEX",
        help="attach only probes in whose names the regular expression is found",
    ),
    Option("dry_run", "--dry-run", group=_MAIN, is_flag=True, help="load and attach, then end"),
    Option("emit", "--emit", group=_MAIN, metavar="FILE", help="write the compiled program to FILE and end"),
    Option(
        "version", "-V", "--version", group=_MAIN, is_flag=True, is_eager=True, expose_value=False,
        callback=_show_version, help="print the version",
    ),
    Option(
        "help", "-h", "--help", group=_MAIN, is_flag=True, is_eager=True, expose_value=False, callback=_show_help,
        help="print this text",
    ),
    Option(
        "dump_ast", "--dump-ast", group=_LOOK, metavar="[=PASS]", multiple=True, value_optional=True,
        help="show the tree after parsing, or after PASS",
    ),
    Option("dump_types", "--dump-types", group=_LOOK, is_flag=True, help="show the type of every expression"),
    Option("dump_probes", "--dump-probes", group=_LOOK, is_flag=True, help="show the BPF programs to be"),
    Option("dump_ir", "--dump-ir", group=_LOOK, is_flag=True, help="show the LLVM IR as it was built"),
    Option("dump_ir_opt", "--dump-ir-opt", group=_LOOK, is_flag=True, help="show the LLVM IR as it was optimised"),
    Option("dump_asm", "--dump-asm", group=_LOOK, is_flag=True, help="show the BPF instructions by script line"),
    Option("dump_maps", "--dump-maps", group=_LOOK, is_flag=True, help="show maps and events"),
    Option(
        "dump_format", "--dump-format", group=_LOOK, metavar="FORMAT", default="text",
        callback=checks.choice("text", "json"), help="how dumps are written: text, json",
    ),
    Option("dump_to", "--dump-to", group=_LOOK, metavar="DIR", help="write each dump to a file in DIR"),
    Option("print_changed", "--print-changed", group=_LOOK, is_flag=True, help="show what each pass changed"),
    Option("time_passes", "--time-passes", group=_LOOK, is_flag=True, help="show how long each pass took"),
    Option(
        "stop_after", "--stop-after", group=_LOOK, metavar="STAGE", callback=checks.choice(*STAGE_NAMES),
        help=f"end after STAGE: {', '.join(STAGE_NAMES)}",
    ),
    Option("list_passes", "--list-passes", group=_LOOK, is_flag=True, help="list the passes of each stage"),
    Option(
        "use", "--use", group=_LOOK, metavar="STAGE=PLUGIN", multiple=True, callback=checks.use,
        help="let PLUGIN do STAGE",
    ),
    Option("verify_each", "--verify-each", group=_LOOK, is_flag=True, help="check each stage's result"),
    Option("target", "--target", group=_LOOK, metavar="DIR", help="compile for the machine captured in DIR"),
    Option(
        "mode", "--mode", group=_LOOK, metavar="MODE", callback=checks.mode,
        help="codegen: compile, then end; compiler-bench: time the compiler; test, bench, format: as --test, ...",
    ),
    Option(
        "debug", "-d", "--debug", group=_FIX, metavar="STAGE", multiple=True, callback=checks.debug_stages,
        help=f"bpftrace's names for dumps: {', '.join(DEBUG_STAGES)}",
    ),
    Option(
        "no_features", "--no-feature", group=_FIX, metavar="LIST", multiple=True, callback=checks.no_features,
        help=f"do without what the kernel has: {', '.join(checks.OPTIONAL_FEATURES)}",
    ),
    Option("no_cache", "--no-cache", group=_FIX, is_flag=True, help="compile anew, and keep nothing of it"),
    Option("no_plugins", "--no-plugins", group=_FIX, is_flag=True, help="leave third-party plugins out"),
    Option("list_plugins", "--list-plugins", group=_FIX, is_flag=True, help="list plugins and what they add"),
]  # fmt: skip

COMMAND = click.Command(
    PROGRAM,
    params=[*OPTIONS, click.Argument(["operands"], nargs=-1, type=click.UNPROCESSED)],
    add_help_option=False,
)

_PURPOSE = "pybpftrace: tracing the Linux kernel and its programs with one-liners"
_USAGE = (
    "pybpftrace [options] FILE [args]",
    "pybpftrace [options] -e PROGRAM [args]",
    "pybpftrace [options] -l [PATTERN|FILE]",
    "pybpftrace --test|--bench|--fmt [options] FILE",
    "pybpftrace capture-target DIR [FILE...]",
)
_ENDING = {
    "CONFIGURATION": (
        "BPFTRACE_MAX_STRLEN, BPFTRACE_MAX_MAP_KEYS, ... set what a run may use;",
        "BPFTRACE_COLOR=auto|always|never colours the messages",
    ),
    "EXAMPLES": (
        "pybpftrace -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }' -c 'ls /'",
        "pybpftrace -p 1234 opensnoop.bt",
        "pybpftrace --dump-asm --stop-after codegen -e 'begin { print(1); }'",
    ),
    "DOCUMENTATION": ("docs/architecture.md in the source",),
}
_COLUMN = 19


def help_text() -> str:
    """The text of -h: one part a group of options, each entry indented by four, its help in column 19 or below it."""
    parts = [[_PURPOSE], ["USAGE:", *(f"    {line}" for line in _USAGE)]]
    for group in (_MAIN, _LOOK, _FIX):
        parts.append([f"{group}:"])
        for option in OPTIONS:
            if option.group == group:
                parts[-1] += _entry(option)
    parts += [[f"{title}:", *(f"    {line}" for line in lines)] for title, lines in _ENDING.items()]
    return "\n".join("\n".join(part) + "\n" for part in parts)


def _entry(option: Option) -> list[str]:
    joint = "" if (option.metavar or "").startswith("[") else " "
    head = "    " + ", ".join(option.opts) + (joint + option.metavar if option.metavar else "")
    if len(head) < _COLUMN - 1:
        return [f"{head:<{_COLUMN - 1}}{option.help}"]
    return [head, " " * (_COLUMN - 1) + (option.help or "")]


def parse(words: Sequence[str]) -> Arguments:
    """Raises: UsageError; SystemExit: after -h and -V."""
    if not words:
        raise UsageError("", show_usage=True)
    line = canonical(words, {word: option.spelling for option in OPTIONS for word in option.opts}, PROGRAM)
    try:
        context = COMMAND.make_context(PROGRAM, line)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    return _arguments(**context.params)


def _arguments(
    *,
    operands: tuple[str, ...],
    program: str | None,
    no_warnings: bool,
    dry_run: bool,
    mode: str | None,
    debug: tuple[str, ...],
    dump_ast: tuple[str, ...],
    stop_after: str | None,
    no_cache: bool,
    no_plugins: bool,
    **same: Any,
) -> Arguments:
    """`same` are the values that `Arguments` takes as they are, and the flags of the other dumps."""
    if same["report_helper_failures"] and no_warnings:
        raise UsageError("ERROR: USAGE: -k, --warnings conflicts with --no-warnings")
    if same["command"] and same["pid"]:
        raise UsageError("ERROR: USAGE: Cannot use both -c and -p.", show_usage=True)
    if same["emit"] and same["pid"]:
        # The process would be in the program's code for some probe types, and asked for at attaching by others.
        raise UsageError("ERROR: USAGE: Cannot use -p with --emit.")
    flags = [meaning for flag, meaning in MODE_FLAGS.items() if same.pop(flag)]
    mode = mode or (flags[0] if flags else None)
    lists = same["list_probes"] or same["list_passes"] or same["list_plugins"]
    if same["list_probes"] and len(operands) > 1:
        raise UsageError("", show_usage=True)
    if not program and not operands and not lists:
        raise UsageError("ERROR: USAGE: filename or -e 'program' required.")
    wanted = {name for name in DUMPS[1:] if same.pop(f"dump_{name.replace('-', '_')}")}
    wanted.update(name for stage in debug for name in DEBUG_STAGES[stage])
    if "" in dump_ast:
        wanted.add("ast")
    return Arguments(
        script=None if program or not operands else operands[0],
        program=program or None,
        script_arguments=operands if program else operands[1:],
        show_warnings=not no_warnings,
        show_verifier_log=any(stage in KERNEL_LOG_STAGES for stage in debug),
        dumps=tuple(name for name in DUMPS if name in wanted),
        dump_ast_after=tuple(name for name in dump_ast if name),
        mode=mode if mode and mode != "codegen" else "trace",
        stop_after=stop_after or ("codegen" if mode == "codegen" else "load" if dry_run else None),
        cache=not no_cache,
        plugins=not no_plugins,
        **same,
    )
