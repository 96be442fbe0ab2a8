"""One run from the session to the exit status: opens the output, lets the mode's runner do the work, closes everything.

What is read, run and printed in which order is the runners' business.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Protocol

from ...core.run import RunOptions
from ...core.session import Session
from .stream import STDOUT, OutputStream, write_error


class Runner(Protocol):
    """What a mode does with a session."""

    def run(self) -> int:
        """Gives the exit status."""


def run_session(session: Session, options: RunOptions) -> int:
    """Runs a session to its end and closes it; gives the exit status.

    Raises: LoadError: when the command of -c cannot be run. KernelError: when a program cannot be run, or the events or
    the failure counters cannot be read.
    """
    descriptor = STDOUT
    try:
        if options.output_path is not None:
            try:
                descriptor = os.open(options.output_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
            except OSError as error:
                text = os.strerror(error.errno or 0)
                write_error(f'ERROR: Failed to open output file: "{options.output_path}": {text}\n'.encode())
                return 1
        stream = OutputStream(descriptor, options.buffering)
        options = replace(options, guards=descriptor != STDOUT or os.isatty(STDOUT))
        status = _runner(session, options, stream).run()
        return status if stream.error is None else _write_failed(stream.error, options)
    finally:
        session.close()
        if descriptor != STDOUT:
            os.close(descriptor)


def _runner(session: Session, options: RunOptions, stream: OutputStream) -> Runner:
    match options.mode:
        case "test":
            from .tests import TestRunner

            return TestRunner(session, options, stream)
        case "bench":
            from .benchmarks import BenchmarkRunner

            return BenchmarkRunner(session, options, stream)
        case _:
            from .loop import EventLoop

            return EventLoop(session, options, stream)


def _write_failed(error: OSError, options: RunOptions) -> int:
    """Nobody needs to be told that what read the output is gone."""
    if not isinstance(error, BrokenPipeError):
        where = f' "{options.output_path}"' if options.output_path else ""
        write_error(f"ERROR: Failed to write output{where}: {os.strerror(error.errno or 0)}\n".encode())
    return 1
