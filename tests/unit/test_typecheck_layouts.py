"""Which points share a checked body, and what that means for what the body says."""

from __future__ import annotations

from pathlib import Path

from pybpftrace.core.artifacts import TypedProgram
from pybpftrace.core.hookspecs import hookimpl
from pybpftrace.core.pipeline import STAGES, Pipeline, StageStopped, plugin_manager
from pybpftrace.core.source import Source
from pybpftrace.core.target import Target
from pybpftrace.core.types import String
from pybpftrace.passes import builtin_plugins

TARGET = Path(__file__).parent.parent / "golden" / "target"


class Keep:
    typed: TypedProgram

    @hookimpl
    def after_stage(self, stage: str, artifact: object) -> None:
        if isinstance(artifact, TypedProgram):
            self.typed = artifact


def typed(script: str) -> TypedProgram:
    keep = Keep()
    pipeline = Pipeline(plugin_manager([*builtin_plugins(), ("keep", keep)]), stop_after=STAGES[1].name)
    try:
        pipeline.compile(Source("test.bt", script), Target.from_directory(TARGET))
    except StageStopped:
        return keep.typed
    raise AssertionError("the pipeline did not stop")


def test_points_without_args_share_one_body_and_probe_is_as_long_as_the_longest_name() -> None:
    (probe,) = typed("interval:s:1, interval:ms:100 { @[probe] = count(); }").probes
    (variant,) = probe.variants
    assert [point.name for point in variant.points] == ["interval:s:1", "interval:ms:100"]
    assert String(len("interval:ms:100") + 1) in variant.types.values()


def test_events_with_different_args_are_checked_apart() -> None:
    (probe,) = typed("tracepoint:syscalls:sys_enter_openat* { @ = args.dfd; }").probes
    assert len(probe.variants) == 2
