"""What a kernel that is too old for something says, in the words of the version that it takes."""

from __future__ import annotations

import errno
import os

import pytest
from pybpftrace.core.artifacts import CompiledProgram, MapSpec, ProgramSpec
from pybpftrace.core.config import Config
from pybpftrace.core.linux import bpf, machine
from pybpftrace.core.linux.errors import ENOTSUPP, KernelError
from pybpftrace.core.probe import ConcretePoint
from pybpftrace.core.run import LoadError, RunOptions
from pybpftrace.core.source import Source
from pybpftrace.passes.load import PLUGIN
from pybpftrace.plugins.probes.lifecycle import BeginProbe

EVENTS = MapSpec("events", "ringbuf", 0, 0, 0)


def refusal(*maps: MapSpec) -> LoadError:
    program = ProgramSpec("begin_1", ConcretePoint("begin", "begin", {}), "raw_tracepoint", b"")
    compiled = CompiledProgram(Source("s.bt", ""), machine.architecture(), Config(), (program,), maps, (), (), {})
    options = RunOptions(None, {}, {"begin": BeginProbe()})  # type: ignore[arg-type]  # nothing is shown
    with pytest.raises(LoadError) as caught:
        PLUGIN.load(compiled, options)
    return caught.value


def test_a_kernel_without_ring_buffers_is_told_the_version_that_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> int:
        raise KernelError(errno.EINVAL, "bpf(BPF_MAP_CREATE)", "map 'events'")

    monkeypatch.setattr(bpf, "create_map", refuse)
    error = refusal(EVENTS)
    (diagnostic,) = error.diagnostics
    assert diagnostic.message.startswith("bpf(BPF_MAP_CREATE) of map 'events': Invalid argument (EINVAL): ")
    assert diagnostic.message.endswith("events travel through a BPF ring buffer, which needs Linux 5.8 or newer")
    assert error.status == 255


@pytest.mark.parametrize("code", [errno.EINVAL, ENOTSUPP])
def test_a_kernel_that_cannot_run_begin_programs_is_told_the_version_that_can(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*arguments: object) -> tuple[int, int]:
        raise KernelError(code, "bpf(BPF_PROG_TEST_RUN)", "program fd 5")

    def load(*arguments: object, **settings: object) -> int:
        return os.open(os.devnull, os.O_RDONLY)

    monkeypatch.setattr(bpf, "load_program", load)
    monkeypatch.setattr(bpf, "test_run", refuse)
    (diagnostic,) = refusal().diagnostics
    assert diagnostic.message.endswith("begin and end probes need Linux 5.10 or newer")
