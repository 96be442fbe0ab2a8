"""pybpftrace: the bpftrace language as a staged compiler of pluggable passes."""

from __future__ import annotations

__version__ = "0.1.0"
