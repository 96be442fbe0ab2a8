"""`bench:NAME`: a program that `--bench` runs again and again, to tell how long one run takes.

Only programs for packets can be run many times by one system call, with the kernel looking at the clock (kernel
document bpf/bpf_prog_run.rst), so this is an XDP program on a packet that says nothing. Such programs may call fewer
helpers: `pid` from Linux 6.10 on, `comm` and `uid` in newer ones yet, and stacks never.
"""

from __future__ import annotations

from .named import NamedProbe


class BenchProbe(NamedProbe):
    names = ("bench",)
    program_type = "xdp"
    lifecycle = "bench"


PROBE_TYPES = (BenchProbe(),)
