"""The pass manager: runs six stages, each a pluggy hook, and the passes inside them.

A stage is a chain of passes: the first takes the stage's input, each hands its result to the next, the last gives the
stage's artifact. The pipeline knows names and order only; what a stage does is its plugin's.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

from . import hookspecs
from .frozen import dataclass
from .registry import PluginError, Registry, builtin_objects

if TYPE_CHECKING:
    from .artifacts import CompiledProgram
    from .compilation import Compilation
    from .compile_options import CompileOptions
    from .config import Config
    from .diagnostics import Diagnostics
    from .function import Function
    from .library import Given, Library
    from .probe import ProbeType
    from .source import Source
    from .target import Target


@dataclass(frozen=True, slots=True)
class Stage:
    """One of the six stages: its name, its hook, and the hook's first argument."""

    name: str
    hook: str
    argument: str


STAGES = (
    Stage("parse", "parse", "source"),
    Stage("typecheck", "type_check", "program"),
    Stage("expand", "expand_probes", "typed"),
    Stage("codegen", "generate", "expanded"),
    Stage("load", "load", "compiled"),
    Stage("output", "output", "session"),
)
COMPILE_STAGES = STAGES[:4]
#: Python frames that a compilation may be deep.
DEEPEST_RECURSION = 20_000


class Pass(Protocol):
    """A named step inside a stage. A frozen dataclass whose fields are its options."""

    @property
    def name(self) -> str: ...

    @property
    def stage(self) -> str: ...

    def run(self, artifact: Any, compilation: Compilation) -> Any:
        """The artifact to hand on: the same one when the pass only checks, a new one otherwise."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a plugin's pass goes: before or after a pass of the same stage; at the stage's end when neither is set."""

    pass_: Pass
    before: str | None = None
    after: str | None = None


class StageStopped(Exception):
    """Raised after the stage that `--stop-after` names."""


class Pipeline:
    """Runs stages over a set of plugins."""

    def __init__(
        self, plugins: pluggy.PluginManager, *, use: dict[str, str] | None = None, stop_after: str | None = None
    ) -> None:
        self._plugins = plugins
        self._use = use or {}
        self._stop_after = stop_after
        for stage_name, plugin_name in self._use.items():
            if plugins.get_plugin(plugin_name) is None:
                raise PluginError(f"no plugin named '{plugin_name}' for the stage {stage_name}")

    def compile(
        self,
        source: Source,
        target: Target,
        *,
        config: Config | None = None,
        options: CompileOptions | None = None,
        diagnostics: Diagnostics | None = None,
    ) -> CompiledProgram:
        """Runs the stages from source to bytecode.

        Raises: CompileError: with all diagnostics; StageStopped: after the stage named by `stop_after`.
        """
        from .compilation import Compilation
        from .compile_options import CompileOptions
        from .config import Config
        from .diagnostics import Diagnostics

        # Trees nest up to the parser's limit, and chains of `else if` up to a thousand; Python's own limit is for less.
        sys.setrecursionlimit(max(sys.getrecursionlimit(), DEEPEST_RECURSION))
        compilation = Compilation(
            target=target,
            functions=self.functions(),
            probe_types=self.probe_types(),
            pipeline=self,
            config=config or Config(),
            options=options or CompileOptions(),
            diagnostics=diagnostics or Diagnostics(),
        )
        compilation.library = self.library(compilation.functions)
        for dependency in compilation.library.dependencies:
            target.remember(dependency)
        artifact: Any = source
        for stage in COMPILE_STAGES:
            artifact = self.run_stage(stage, artifact, compilation=compilation)
        compiled: CompiledProgram = artifact
        return compiled

    def run_stage(self, stage: Stage, artifact: Any, **arguments: Any) -> Any:
        """Runs one stage between its observers. Raises what the stage raises, and StageStopped."""
        observers = self._plugins.hook
        observers.before_stage(stage=stage.name, artifact=artifact)
        started = perf_counter()
        result = None
        try:
            result = self._caller(stage)(**{stage.argument: artifact}, **arguments)
        finally:
            observers.after_stage(stage=stage.name, artifact=result, seconds=perf_counter() - started)
        if result is None:
            raise PluginError(f"no plugin answers for the stage {stage.name}")
        if self._stop_after == stage.name:
            raise StageStopped(stage.name)
        return result

    def _caller(self, stage: Stage) -> pluggy.HookCaller:
        chosen = self._use.get(stage.name)
        if chosen is None:
            caller: pluggy.HookCaller = getattr(self._plugins.hook, stage.hook)
            return caller
        others = [plugin for name, plugin in self._plugins.list_name_plugin() if name != chosen and plugin is not None]
        return self._plugins.subset_hook_caller(stage.hook, others)

    def passes(self, stage_name: str) -> list[Pass]:
        """The stage's own passes with those of other plugins in their places. Raises: PluginError."""
        stage = next(s for s in STAGES if s.name == stage_name)
        owner = self._caller(stage).get_hookimpls()[-1].plugin
        own = getattr(owner, "stage_passes", None)
        passes: list[Pass] = list(own(stage_name) or ()) if own else []
        for placements in self._plugins.hook.register_passes():
            for placement in placements:
                if placement.pass_.stage == stage_name:
                    _place(passes, placement)
        return passes

    def run_passes(self, stage_name: str, artifact: Any, compilation: Compilation) -> Any:
        """See `Compilation.run_passes`."""
        for pass_ in self.passes(stage_name):
            started = perf_counter()
            artifact = pass_.run(artifact, compilation)
            self._plugins.hook.after_pass(
                stage=stage_name, name=pass_.name, artifact=artifact, seconds=perf_counter() - started
            )
            compilation.diagnostics.raise_if_failed()
        return artifact

    def functions(self) -> Registry[Function]:
        """All functions, built-in first. Raises: PluginError: on a name clash."""
        return self._registry("FUNCTIONS", "register_functions")

    def probe_types(self) -> Registry[ProbeType]:
        return self._registry("PROBE_TYPES", "register_probe_types")

    def library(self, functions: Registry[Function]) -> Library:
        """All macros that are not a script's own, built-in ones first. Raises: PluginError: on a name clash with each
        other or with one of the functions."""
        from .library import Library, builtin_macro_files, plugin_macro_file

        library = Library(builtin_macro_files())
        for implementation in self._plugins.hook.register_macros.get_hookimpls():
            files: Sequence[Given] = implementation.function() or ()  # type: ignore[assignment]  # see register_macros
            for given in files:
                library.add(plugin_macro_file(given, implementation.plugin_name))
        library.check_clashes(functions)
        return library

    def _registry(self, table: str, hook: str) -> Registry[Any]:
        registry: Registry[Any] = Registry()
        for module_name, item in builtin_objects(table):
            registry.add(item, module_name)
        for implementation in getattr(self._plugins.hook, hook).get_hookimpls():
            for item in implementation.function() or ():
                registry.add(item, type(item).__module__)
        return registry


def _place(passes: list[Pass], placement: Placement) -> None:
    anchor = placement.before or placement.after
    if anchor is None:
        passes.append(placement.pass_)
        return
    names = [p.name for p in passes]
    if anchor not in names:
        raise PluginError(
            f"pass '{placement.pass_.name}' is placed at '{anchor}', which the stage {placement.pass_.stage} lacks"
        )
    passes.insert(names.index(anchor) + (placement.before is None), placement.pass_)


class _PluginManager(pluggy.PluginManager):
    """Leaves out names that begin with an underscore: looking at every attribute that every object has takes longer
    than all that the registration of a stage does besides."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        return None if name.startswith("_") else super().parse_hookimpl_opts(plugin, name)


def plugin_manager(stage_plugins: Sequence[tuple[str, object]]) -> pluggy.PluginManager:
    """A plugin manager that knows the house's hooks, with the given (name, plugin) pairs registered."""
    manager = _PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    for name, plugin in stage_plugins:
        manager.register(plugin, name=name)
    return manager
