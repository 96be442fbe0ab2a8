"""The way into and out of the process: what `pybpftrace` and `python -m pybpftrace` call.

It is a module of its own because what it does comes before the first import: a start makes many objects and frees none,
so the garbage collector is told to look less often.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import NoReturn

#: New objects between two collections; Python's own default is 700.
COLLECT_EVERY = 50_000


def main() -> NoReturn:
    """The console command."""
    gc.set_threshold(COLLECT_EVERY)
    _fill_standard_streams()
    # Until load installs handlers an interrupt ends the process at once, and not with a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .main import FAILED, execute

    status = execute(sys.argv[1:], os.environ)
    try:
        sys.stdout.flush()
    except OSError:
        # What reads our output is gone.
        status = status or FAILED
    sys.stderr.flush()
    # Everything is closed and written: taking the interpreter apart would cost as much as a tenth of a short run.
    os._exit(status)


def _fill_standard_streams() -> None:
    """Puts /dev/null where our caller left standard input, output or error closed.

    Otherwise the first map or program would get that descriptor, and what is printed would be written into it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor, which is this one
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
