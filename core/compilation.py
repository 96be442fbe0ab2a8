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
from .compile_options import CompileOptions
from .config import Config
from .diagnostics import Diagnostics
from .function import Function
from .library import Library
from .probe import ProbeType
from .registry import Registry

if TYPE_CHECKING:
    from .pipeline import Pipeline
    from .target import Target


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
    library: Library = field(default_factory=Library)
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
