"""`test:NAME`: a program that `--test` runs once; it passes when it returns 0.

It is a raw tracepoint program like those of `begin` (which can be run since Linux 5.10), because the kernel lets such a
program call every helper of tracing: whatever a script does elsewhere can be tested. Programs for packets can be run as
well, but before Linux 6.10 they cannot even ask for the pid.
"""

from __future__ import annotations

from .named import NamedProbe


class TestProbe(NamedProbe):
    __test__ = False  # it is no test class of pytest

    names = ("test",)
    program_type = "raw_tracepoint"
    lifecycle = "test"


PROBE_TYPES = (TestProbe(),)
