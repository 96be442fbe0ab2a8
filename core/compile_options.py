"""What the one who compiles asks for, as plain data that the stages read and that the compile cache's key is made of.

A run from the cache makes one too, so nothing heavy is imported here.
"""

from __future__ import annotations

from .frozen import dataclass


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """What the command line says of a compilation.

    `pid` is the process of `-p`. `counts_misses` asks for programs that count failed reads and look-ups too (`-k`),
    which ordinary ones let pass. `arguments` are the script's own: the positional ones, and `named` ones as (name,
    text) for `getopt`, with a text of None for a bare `--name`. `include_directories` and `include_files` (-I,
    --include) are for the C preamble. `directory` is where the script's imports are looked for. `allows_unsafe` is
    `--unsafe`, `probes_everything` is `--probe-everything`. `clock_map` is a map of the script's whose value stands
    for every clock, which helps tests ($BPFTRACE_DUMMY_TS_MAP).
    """

    pid: int | None = None
    counts_misses: bool = False
    arguments: tuple[str, ...] = ()
    named: tuple[tuple[str, str | None], ...] = ()
    include_directories: tuple[str, ...] = ()
    include_files: tuple[str, ...] = ()
    directory: str = "."
    allows_unsafe: bool = False
    probes_everything: bool = False
    clock_map: str = ""
