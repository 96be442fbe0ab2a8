"""The settings of one run, which load and output share.

They say how to run a compiled program (which process, where the output goes), never how to compile it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .function import Function
    from .output import Format
    from .probe import ProbeType


@dataclass(frozen=True, slots=True)
class RunOptions:
    """`format` is the output format's object; `output_path` None is standard output; `buffering` is -B's word.

    `functions` and `probe_types` have just the objects that the program's `origins` name.
    """

    format: Format
    functions: Mapping[str, Function]
    probe_types: Mapping[str, ProbeType]
    pid: int | None = None
    command: str | None = None
    output_path: str | None = None
    buffering: str = "line"
    quiet: bool = False
    verbose: bool = False
    show_warnings: bool = True
    report_helper_failures: bool = False
    show_verifier_log: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
