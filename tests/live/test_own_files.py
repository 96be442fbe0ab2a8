"""A tracer of files does not show what the tracer itself would have to open."""

from __future__ import annotations

import re

import pytest
from tracing import run

pytestmark = pytest.mark.live


@pytest.mark.parametrize("mode", ["text", "json"])
def test_the_tracer_opens_none_of_its_modules_once_it_traces(mode: str) -> None:
    opened = "tracepoint:syscalls:sys_enter_open"
    points = ", ".join(f"{opened}{ending}" for ending in ("", "at")) + ", tracepoint:syscalls:sys_enter_openat2"
    script = (
        f'config = {{ missing_probes = "ignore" }} begin {{ @own = pid; printf("traces\\n"); }} '
        f'{points} /pid == (uint64)@own/ {{ printf("%s\\n", str(args.filename)); }} interval:ms:200 {{ exit(); }}'
    )
    done = run("-q", "-f", mode, "-e", script)
    assert done.status == 0 and "traces" in done.stdout, done.stderr
    assert not re.search(r"\.pyc?\b|\.so\b|lib/python", done.stdout), done.stdout
