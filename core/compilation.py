"""One compilation: what every stage up to codegen may look at.

Holds the target, the configuration, the registries and the diagnostics of one script; the machine is read only through
`target`. It knows nothing of loading or output.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

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
class Compilation:
    """`pid` is the process of `-p`; `has_child` tells that `-c` will start one.

    `counts_misses` asks for programs that count failed reads and look-ups too (`-k`), which ordinary ones let pass.
    """

    target: Target
    functions: Registry[Function]
    probe_types: Registry[ProbeType]
    pipeline: Pipeline
    config: Config = field(default_factory=Config)
    pid: int | None = None
    has_child: bool = False
    counts_misses: bool = False
    diagnostics: Diagnostics = field(default_factory=Diagnostics)

    def run_passes(self, stage: str, artifact: Any) -> Any:
        """Runs a stage's passes in order, from the stage's input to its result.

        Raises: CompileError: after a pass that recorded errors.
        """
        return self.pipeline.run_passes(stage, artifact, self)
