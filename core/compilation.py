"""One compilation: what every stage up to codegen may look at.

Holds the target, the configuration, the registries and the diagnostics of one script; the machine is read only through
`target`. It knows nothing of loading or output.
"""

from __future__ import annotations

from dataclasses import dataclass as mutable_dataclass
from dataclasses import field
from typing import TYPE_CHECKING, Any

from .c_functions import CFunction, CModule
from .c_types import CTypes, NoCTypes
from .config import Config
from .diagnostics import Diagnostics
from .frozen import dataclass
from .function import Function
from .probe import ProbeType
from .registry import Registry

if TYPE_CHECKING:
    from .pipeline import Pipeline
    from .target import Target


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """What the command line says of a compilation.

    `pid` is the process of `-p`; `has_child` tells that `-c` will start one. `counts_misses` asks for programs that
    count failed reads and look-ups too (`-k`), which ordinary ones let pass. `arguments` are the script's own: the
    positional ones, and `named` ones as (name, text) for `getopt`, with a text of None for a bare `--name`.
    `include_directories` and `include_files` (-I, --include) are for the C preamble. `directory` is where the script's
    imports are looked for. `allows_unsafe` is `--unsafe`, `probes_everything` is
    `--probe-everything`.
    """

    pid: int | None = None
    has_child: bool = False
    counts_misses: bool = False
    arguments: tuple[str, ...] = ()
    named: tuple[tuple[str, str | None], ...] = ()
    include_directories: tuple[str, ...] = ()
    include_files: tuple[str, ...] = ()
    directory: str = "."
    allows_unsafe: bool = False
    probes_everything: bool = False


@mutable_dataclass(slots=True)
class Compilation:
    """`config` is replaced by the pass that reads the script's config block, `c_types` by the one that reads its C
    preamble, and `c_modules` by the one that compiles imported C files; by nothing else."""

    target: Target
    functions: Registry[Function]
    probe_types: Registry[ProbeType]
    pipeline: Pipeline
    config: Config = field(default_factory=Config)
    c_types: CTypes = field(default_factory=NoCTypes)
    c_modules: tuple[CModule, ...] = ()
    options: CompileOptions = field(default_factory=CompileOptions)
    diagnostics: Diagnostics = field(default_factory=Diagnostics)

    @property
    def c_functions(self) -> dict[str, CFunction]:
        """The functions of imported C files by name."""
        return {function.name: function for module in self.c_modules for function in module.functions}

    def run_passes(self, stage: str, artifact: Any) -> Any:
        """Runs a stage's passes in order, from the stage's input to its result.

        Raises: CompileError: after a pass that recorded errors.
        """
        return self.pipeline.run_passes(stage, artifact, self)
