"""Brings a compiled program to life: what the mode needs loaded, begin programs run, probes attached, the traced child
waiting.

It reads from top to bottom as the sequence of a start. Whatever goes wrong on the way undoes all of it and becomes a
LoadError, so that callers have one thing to print.
"""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import cast

from ...core.artifacts import UNWIND_ROWS_MAP, CompiledProgram, ProgramSpec
from ...core.linux import bpf, clocks, machine
from ...core.linux.errors import ENOTSUPP, KernelError
from ...core.probe import LIFECYCLES, AttachPointError, AttachRequest, SequenceLink
from ...core.run import LoadError, NothingToAttach, RunOptions, load_error
from ...core.session import Session
from ...core.terminal_text import guarded_message
from .maps import Maps
from .missing import MissingProbes
from .processes import ChildProcess, TracedProcess
from .programs import Programs
from .session import KernelSession
from .signals import RunSignals

_TOO_MANY = (
    "Can't attach to {} probes because it exceeds the current limit of {} probes.\n"
    "You can increase the limit through the BPFTRACE_MAX_PROBES environment variable, but BE CAREFUL since a high "
    "number of probes attached can cause your system to crash."
)

#: The modes in which nothing is attached, and what to say when only programs of such a mode could run.
_MODES = {
    "test": "No probes attached; use --test to run test probes.",
    "bench": "No probes attached; use --bench to run benchmark probes.",
}

#: What running a raw tracepoint program by hand gives on a kernel that cannot.
_NO_TEST_RUN = (errno.EINVAL, ENOTSUPP)

#: One program with its descriptor.
Loaded = tuple[ProgramSpec, int]


def start(compiled: CompiledProgram, options: RunOptions) -> Session:
    """Raises: LoadError."""
    with ExitStack() as undo, _kernel_errors():
        needed = _needed(compiled, options)
        _check_count(needed)
        unwinds = _unwinds(compiled, options)
        _raise_limits(needed)
        has_user_probes = any(_lifecycle(p, options) == "signal" for p in needed.programs)
        signals = RunSignals(catches=options.catches_signals, catches_user=has_user_probes)
        undo.callback(signals.restore)
        process = _process(options)
        if process is not None:
            undo.callback(process.close)
        unwinding = None
        if unwinds:
            from .unwind import UnwindTables

            if process is not None:
                process.run_to_entry()
            unwinding = UnwindTables(_pids_to_unwind(options, process), verbose=options.verbose)
            undo.callback(unwinding.close)
        maps = Maps(compiled.maps, compiled.config, unwinding.entries if unwinding else None)
        undo.callback(maps.close)
        if unwinding is not None:
            unwinding.fill(maps.descriptors)
        missing = MissingProbes(compiled.config.missing_probes, show_warnings=options.show_warnings)
        programs = Programs(needed, maps.descriptors, options, missing)
        undo.callback(programs.close)

        of_life: dict[str, list[Loaded]] = {lifecycle: [] for lifecycle in LIFECYCLES}
        for program, fd in programs.loaded:
            of_life[_lifecycle(program, options)].append((program, fd))
        session = KernelSession(
            compiled, maps, programs, signals, process, of_life, verbose=options.verbose, unwinding=unwinding
        )
        # From here on the session owns all of it.
        undo.pop_all()
        undo.callback(session.close)
        maps.fill_globals(
            {
                "start_time": time.clock_gettime_ns(time.CLOCK_BOOTTIME),
                "cpid": process.pid if isinstance(process, ChildProcess) else 0,
                "ncpus": len(machine.possible_cpus()),
                "tai_offset": _tai_offset(options),
            }
        )
        for program, fd in of_life["begin"]:
            _run_begin(program, fd, options)
        if process is not None:
            process.prepare()
        attached = _attach_all(session, of_life["attached"], signals, options, missing)
        by_hand = sum(len(programs) for lifecycle, programs in of_life.items() if lifecycle != "attached")
        if missing.failures and not attached and not by_hand:
            raise load_error("Attachment failed for all probes.")
        session.attached = attached + by_hand
        undo.pop_all()
        return session


def _unwinds(compiled: CompiledProgram, options: RunOptions) -> bool:
    """Whether stacks are to be unwound. Raises: LoadError: when no process was named."""
    if all(spec.name != UNWIND_ROWS_MAP for spec in compiled.maps):
        return False
    if not (options.pid or options.command or options.dwarf_pids):
        raise load_error("dw_ustack requires a target process. Use -p, -c, or --dwarf-pid to specify one.")
    return True


def _pids_to_unwind(options: RunOptions, process: TracedProcess | None) -> tuple[int, ...]:
    own = (process.pid,) if process is not None else ()
    return tuple(dict.fromkeys((*own, *options.dwarf_pids)))


def _tai_offset(options: RunOptions) -> int:
    """How many ns TAI is ahead of the boot clock, with a warning if the clocks could not be compared well."""
    offset, took = clocks.measure(time.CLOCK_TAI)
    if took >= clocks.SKEW_LIMIT and options.show_warnings:
        text = f"Clock skew: TAI may be off by the {took} ns that it took to compare it with the boot clock"
        sys.stderr.write(f"WARNING: {text}\n")
    return offset


@contextmanager
def _kernel_errors() -> Iterator[None]:
    try:
        yield
    except KernelError as error:
        raise load_error(str(error)) from error


def _lifecycle(program: ProgramSpec, options: RunOptions) -> str:
    return options.probe_types[program.point.probe_type].lifecycle


def _needed(compiled: CompiledProgram, options: RunOptions) -> CompiledProgram:
    """With just the programs that run in this mode. Raises: LoadError: when there are none."""
    if not compiled.programs:
        raise NothingToAttach
    compiled = _filtered(compiled, options)
    if options.mode in _MODES:
        programs = [p for p in compiled.programs if _lifecycle(p, options) in ("begin", options.mode)]
    else:
        programs = [p for p in compiled.programs if _lifecycle(p, options) not in _MODES]
        if not programs and not compiled.programs:
            raise NothingToAttach
        if not programs:
            raise load_error(_MODES[_lifecycle(compiled.programs[0], options)])
    return replace(compiled, programs=tuple(programs))


def _filtered(compiled: CompiledProgram, options: RunOptions) -> CompiledProgram:
    """Without the probes that `probe_filter` leaves out; those of the tracer's own life stay. Raises: LoadError."""
    if options.probe_filter is None:
        return compiled
    import re

    try:
        wanted = re.compile(options.probe_filter)
    except re.error as error:
        raise load_error(f"Invalid --probe-filter '{options.probe_filter}': {error}") from error
    stays = ("begin", "end", "signal")
    kept = (p for p in compiled.programs if _lifecycle(p, options) in stays or wanted.search(p.point.name))
    return replace(compiled, programs=tuple(kept))


def _check_count(compiled: CompiledProgram) -> None:
    count, limit = len(compiled.programs), compiled.config.max_probes
    if count > limit:
        raise load_error(_TOO_MANY.format(count, limit), status=1)


def _raise_limits(compiled: CompiledProgram) -> None:
    """Room for the run's descriptors, and for its maps where memory for them is limited (before Linux 5.11).

    A limit that stays too low shows itself when something cannot be made, so nothing is said about it here.
    """
    a_probe = 2 + len(machine.online_cpus())
    machine.raise_nofile(a_probe * len(compiled.programs) + len(compiled.maps) + 50)
    machine.raise_memlock()


def _process(options: RunOptions) -> TracedProcess | None:
    if options.mode in _MODES:
        return None
    if options.command:
        return ChildProcess(options.command)
    return None if options.pid is None else TracedProcess(options.pid)


def _run_begin(program: ProgramSpec, fd: int, options: RunOptions) -> None:
    try:
        bpf.test_run(fd)
    except KernelError as error:
        if error.errno not in _NO_TEST_RUN:
            raise
        advice = "begin and end probes need Linux 5.10 or newer"
        raise KernelError(error.errno, error.call, error.subject, advice) from error
    _say(options, f"Attaching '{program.point.name}' probe")


def _attach_all(
    session: KernelSession, loaded: list[Loaded], signals: RunSignals, options: RunOptions, missing: MissingProbes
) -> int:
    """Attaches probes so that those on one event run in the script's order, and gives the number of their places.

    Raises: LoadError.
    """
    attached = 0
    order: tuple[list[Loaded], list[Loaded]] = [], []
    for program, fd in loaded:
        order[options.probe_types[program.point.probe_type].attached_backwards].append((program, fd))
    forwards, backwards = order
    cpus = machine.online_cpus()
    session.expect_links(len(loaded))
    for program, fd in [*forwards, *reversed(backwards)]:
        if signals.count:
            raise LoadError(())
        _say(options, f"Trying to attach probe: {program.point.name}")
        probe_type = options.probe_types[program.point.probe_type]
        try:
            link = probe_type.attach(program, AttachRequest(fd, session.pid, cpus, missing.warn, session.keep))
        except (AttachPointError, KernelError) as error:
            missing.at_attach(program, error)
        else:
            if probe_type.writes_sequence:
                session.add_sequence(cast("SequenceLink", link))
            else:
                session.add_link(link, program.point)
            attached += program.point.count
    return attached


def _say(options: RunOptions, text: str) -> None:
    if options.verbose:
        sys.stderr.write(f"{guarded_message(text)}\n")
