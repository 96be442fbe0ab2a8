"""A snapshot at every stage boundary for every script of the corpus. Needs neither root nor BPF.

Everything is compiled against the captured target beside this file; the output stage is given recordings of real runs.
`record.py` makes both. Read a changed snapshot line by line before accepting it (`--snapshot-update`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from time import gmtime, strftime
from typing import Any

import pytest
from json_lines import checked_lines
from pybpftrace.core.artifacts import CompiledProgram, FailureSite, MapSpec, ProgramSpec
from pybpftrace.core.compile_options import CompileOptions
from pybpftrace.core.dump_assembly import dump_assembly
from pybpftrace.core.dump_ast import dump_program
from pybpftrace.core.dump_maps import dump_maps
from pybpftrace.core.dump_probes import dump_probes
from pybpftrace.core.dump_types import dump_types
from pybpftrace.core.hookspecs import hookimpl
from pybpftrace.core.map_batches import MapBatch, Stored
from pybpftrace.core.pipeline import Pipeline, plugin_manager
from pybpftrace.core.registry import builtin_objects
from pybpftrace.core.run import RunOptions
from pybpftrace.core.source import Source
from pybpftrace.core.target import Target
from pybpftrace.passes import builtin_plugins
from syrupy.assertion import SnapshotAssertion

HERE = Path(__file__).parent
SCRIPTS = sorted(path.stem for path in (HERE / "scripts").glob("*.bt"))
#: Machine code and LLVM's choice of it change with its version.
LLVMLITE = "0.50"
#: Pictures of control characters, so that snapshots can be read.
VISIBLE = {code: 0x2400 + code for code in range(0x20) if code not in b"\n\t"} | {0x7F: 0x2421} | {
    code: f"<{code:02x}>" for code in range(0x80, 0xA0)
}


class Artifacts:
    """An observer that keeps each stage's artifact."""

    def __init__(self) -> None:
        self.by_stage: dict[str, Any] = {}

    @hookimpl
    def after_stage(self, stage: str, artifact: Any) -> None:
        self.by_stage[stage] = artifact


def target_name(script: str) -> str:
    """Scripts `kernel_*` are about what the machine of the others lacks: they have the kernel of a virtual machine."""
    return "kernel_target" if script.startswith("kernel_") else "target"


@cache
def artifacts(name: str) -> dict[str, Any]:
    observer = Artifacts()
    manager = plugin_manager([*builtin_plugins(), ("artifacts", observer)])
    source = Source.from_bytes(f"{name}.bt", (HERE / "scripts" / f"{name}.bt").read_bytes())
    given = options_of(name)
    options = CompileOptions(counts_misses="-k" in given, allows_unsafe="--unsafe" in given)
    Pipeline(manager).compile(source, Target.from_directory(str(HERE / target_name(name))), options=options)
    return observer.by_stage


def options_of(name: str) -> list[str]:
    """The options of the command that a script's first line has."""
    first, _, _ = (HERE / "scripts" / f"{name}.bt").read_text().partition("\n")
    return first.split()[1:] if first.startswith("// -") else []


@pytest.mark.parametrize("name", SCRIPTS)
def test_parse(name: str, snapshot: SnapshotAssertion) -> None:
    assert dump_program(artifacts(name)["parse"]) == snapshot


@pytest.mark.parametrize("name", SCRIPTS)
def test_typecheck(name: str, snapshot: SnapshotAssertion) -> None:
    assert dump_types(artifacts(name)["typecheck"]) == snapshot


@pytest.mark.parametrize("name", SCRIPTS)
def test_expand(name: str, snapshot: SnapshotAssertion) -> None:
    assert dump_probes(artifacts(name)["expand"]) == snapshot


@pytest.mark.parametrize("name", SCRIPTS)
def test_codegen_ir(name: str, snapshot: SnapshotAssertion) -> None:
    """Our own IR, before LLVM has touched it."""
    assert artifacts(name)["codegen"].dumps["ir"] == snapshot


@pytest.mark.parametrize("name", SCRIPTS)
def test_codegen_bytecode(name: str, snapshot: SnapshotAssertion) -> None:
    import llvmlite

    if not llvmlite.__version__.startswith(f"{LLVMLITE}."):
        pytest.skip(f"the bytecode snapshots hold for llvmlite {LLVMLITE}, not for {llvmlite.__version__}")
    assert f"llvmlite {LLVMLITE}\n{dump_assembly(artifacts(name)['codegen'])}" == snapshot


@pytest.mark.parametrize("name", SCRIPTS)
def test_load(name: str, snapshot: SnapshotAssertion) -> None:
    """What load is given besides code: maps, events, and how each program is attached."""
    compiled: CompiledProgram = artifacts(name)["codegen"]
    attach = "".join(
        f"{program.name}: {program.program_type} {json.dumps(dict(program.point.settings), sort_keys=True)}\n"
        for program in compiled.programs
    )
    assert dump_maps(compiled) + attach == snapshot


class RecordedSession:
    """A session that gives what was recorded."""

    def __init__(self, program: CompiledProgram, recording: dict[str, Any]) -> None:
        self.program = program
        self.attached = recording["attached"]
        self.pid: int | None = None
        self._spans = [None if span is None else bytes.fromhex(span) for span in recording["spans"]]
        self._maps = recording["maps"]
        self._failures = recording.get("failures", [])
        self._runs = recording.get("runs", [])
        self._by_hand = bool(self._runs)

    def wait(self, timeout_ms: int) -> None:
        raise AssertionError("a recorded session never waits")

    def read_span(self) -> bytes:
        return self._spans.pop(0) or b"" if self._spans and self._spans[0] is not None else b""

    def read_sequence(self) -> Iterator[bytes]:
        yield from ()

    def read_map(self, spec: MapSpec) -> Iterator[MapBatch]:
        stored: list[Stored] = [
            (bytes.fromhex(key), bytes.fromhex(value) if isinstance(value, str) else [bytes.fromhex(v) for v in value])
            for key, value in self._maps.get(spec.name, [])
        ]
        yield MapBatch.of(spec, stored)

    def clear_map(self, spec: MapSpec) -> None:
        """What is in the recording was read after any clearing."""

    zero_map = clear_map

    def failures(self) -> list[tuple[FailureSite, int, int]]:
        found, self._failures = self._failures, []
        return [(self.program.failures[site], count, code) for site, count, code in found]

    def runnable(self, lifecycle: str) -> list[ProgramSpec]:
        return [program for program in self.program.programs if program.point.probe_type == lifecycle]

    def run_program(self, program: ProgramSpec, repeat: int = 1) -> tuple[int, int]:
        assert self._spans.pop(0) is None, "what one run has sent was not read before the next"
        returned, nanoseconds = self._runs.pop(0)
        return returned, nanoseconds

    def finished(self) -> bool:
        return not self._spans and not self._by_hand

    def stop(self) -> None:
        """Nothing is attached."""

    release = run_signal_probes = run_end_probes = close = stop


class RecordedSymbols:
    """Names as they were when the recording was made."""

    def __init__(self, found: dict[str, Any]) -> None:
        self._found = found

    def kernel(self, address: int) -> tuple[str, int] | None:
        found = self._found[f"kernel {address:x}"]
        return tuple(found) if found else None

    def user(self, pid: int, address: int) -> tuple[str | None, int, str | None]:
        name, offset, module = self._found[f"user {address:x}"]
        return name, offset, module

    def source(self, pid: int, address: int) -> tuple[()]:
        return ()

    def remembered(self, pid: int, style: str, make: Callable[[int], bytes]) -> dict[int, bytes]:
        class Made(dict[int, bytes]):
            def __missing__(self, address: int) -> bytes:
                return make(address)

        return Made()


class NoWatch:
    """In the place of what looks at processes: the recording has all."""

    hurries = False

    def __init__(self, symbols: RecordedSymbols, pid: int | None, longest: float) -> None:
        """Looks at nothing."""

    def look(self) -> None:
        """There is nothing to see."""


@pytest.mark.parametrize("format_name", ["text", "json"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_output(
    name: str,
    format_name: str,
    snapshot: SnapshotAssertion,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    from pybpftrace.passes.output import loop, run

    recording = json.loads((HERE / "recordings" / f"{name}.json").read_text())
    monkeypatch.setattr(loop, "ProcessSymbols", lambda *_: RecordedSymbols(recording["symbols"]))
    monkeypatch.setattr(loop, "MappingWatch", NoWatch)
    monkeypatch.setattr("time.strftime", lambda spec, moment=None: spec if moment is None else strftime(spec, moment))
    monkeypatch.setattr("time.localtime", gmtime)
    monkeypatch.setattr("pybpftrace.plugins.stdlib.timestamps.wall_offset", lambda: 0)
    monkeypatch.setattr("pybpftrace.plugins.stdlib.charts.time_series._ahead", lambda: 0)
    cgroups = [("unified", "/a/b"), ("cpu", "/")]
    monkeypatch.setattr("pybpftrace.core.linux.cgroup_paths.paths_of", lambda number: cgroups)
    formats: dict[str, Any] = {item.names[0]: item for _, item in builtin_objects("FORMATS")}
    functions: dict[str, Any] = {n: item for _, item in builtin_objects("FUNCTIONS") for n in item.names}
    monkeypatch.chdir(HERE)
    given = options_of(name)
    options = RunOptions(
        format=formats[format_name],
        functions=functions,
        probe_types={},
        quiet=True,
        output_path=str(tmp_path / "out"),
        report_helper_failures="-k" in given,
        mode="test" if "--test" in given else "bench" if "--bench" in given else "trace",
        capture_format=formats["text"],
    )
    capfd.readouterr()
    status = run.run_session(RecordedSession(artifacts(name)["codegen"], recording), options)
    said = capfd.readouterr().err
    written = (tmp_path / "out").read_bytes()
    if format_name == "json":
        checked_lines(written)
    text = written.decode("utf-8", "backslashreplace").translate(VISIBLE)
    text += f"[standard error]{os.linesep}{said}" if said else ""
    assert f"{text}[exit status {status}]{os.linesep}" == snapshot
