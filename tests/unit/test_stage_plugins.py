"""Each of the six stages can be done by a plugin of somebody else, which is registered like a built-in one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pybpftrace.cli import main
from pybpftrace.core.hookspecs import hookimpl
from pybpftrace.core.pipeline import STAGES, Pipeline, StageStopped, plugin_manager
from pybpftrace.core.registry import PluginError
from pybpftrace.core.source import Source
from pybpftrace.passes import BUILTIN_STAGES, builtin_plugins

TARGET: Any = None  # none of the stages here asks anything of it
SCRIPT = Source("x.bt", "begin {}")


class Trail:
    """Does all six stages by writing down who did which: an artifact is the list of names so far."""

    def __init__(self, name: str) -> None:
        self.name = name

    def _add(self, artifact: Any) -> list[str]:
        return [*(artifact if isinstance(artifact, list) else []), self.name]

    @hookimpl
    def parse(self, source: Any) -> Any:
        return self._add(source)

    @hookimpl
    def type_check(self, program: Any) -> Any:
        return self._add(program)

    @hookimpl
    def expand_probes(self, typed: Any) -> Any:
        return self._add(typed)

    @hookimpl
    def generate(self, expanded: Any) -> Any:
        return self._add(expanded)

    @hookimpl
    def load(self, compiled: Any) -> Any:
        return self._add(compiled)

    @hookimpl
    def output(self, session: Any) -> Any:
        return self._add(session)


def run_all(pipeline: Pipeline) -> list[str]:
    artifact: Any = pipeline.compile(SCRIPT, TARGET)
    for stage in STAGES[4:]:
        artifact = pipeline.run_stage(stage, artifact, options=None)
    assert isinstance(artifact, list)
    return artifact


@pytest.mark.parametrize("number", range(6), ids=[stage.name for stage in STAGES])
def test_use_lets_one_stage_be_done_by_another_plugin(number: int) -> None:
    # The plugin that is registered last answers unless --use says otherwise.
    manager = plugin_manager([("theirs", Trail("theirs")), ("ours", Trail("ours"))])
    assert run_all(Pipeline(manager)) == ["ours"] * 6
    swapped = run_all(Pipeline(manager, use={STAGES[number].name: "theirs"}))
    assert swapped == ["theirs" if i == number else "ours" for i in range(6)]


@pytest.mark.parametrize(("name", "package"), BUILTIN_STAGES)
def test_every_built_in_stage_can_be_chosen_by_its_name(name: str, package: str) -> None:
    manager = plugin_manager([*builtin_plugins(), ("ours", Trail("ours"))])
    stage = next(s for s in STAGES if s.name == package)
    chosen = Pipeline(manager, use={stage.name: name})._caller(stage)
    assert [implementation.plugin_name for implementation in chosen.get_hookimpls()] == [name]


def test_a_plugin_that_does_not_exist_cannot_be_chosen() -> None:
    with pytest.raises(PluginError, match="no plugin named 'nobody' for the stage load"):
        Pipeline(plugin_manager([]), use={"load": "nobody"})


@pytest.mark.parametrize("number", range(4), ids=[stage.name for stage in STAGES[:4]])
def test_stop_after_ends_behind_its_stage(number: int) -> None:
    seen: list[str] = []

    class Watcher:
        @hookimpl
        def after_stage(self, stage: str, artifact: Any) -> None:
            seen.append(stage)

    manager = plugin_manager([("ours", Trail("ours")), ("watcher", Watcher())])
    with pytest.raises(StageStopped):
        Pipeline(manager, stop_after=STAGES[number].name).compile(SCRIPT, TARGET)
    assert seen == [stage.name for stage in STAGES[: number + 1]]


PLUGIN = """
from dataclasses import dataclass, field
from pybpftrace.core.artifacts import CompiledProgram
from pybpftrace.core.ast import Program
from pybpftrace.core.config import Config
from pybpftrace.core.hookspecs import hookimpl
from pybpftrace.core.source import Span

API_VERSION = 1

class Session:
    def close(self): print("closed")

class OurStages:
    @hookimpl
    def parse(self, source): print("parse"); return Program(Span(0, 0), source, *[()] * 7)
    @hookimpl
    def type_check(self, program): print("type_check"); return program
    @hookimpl
    def expand_probes(self, typed): print("expand_probes"); return typed
    @hookimpl
    def generate(self, expanded):
        print("generate")
        return CompiledProgram(expanded.source, "x86_64", Config(), (), (), (), (), {})
    @hookimpl
    def load(self, compiled, options): print("load"); return Session()
    @hookimpl
    def output(self, session, options): print("output"); return 42

STAGES = OurStages()
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed third-party package that does all six stages, chosen by nobody yet."""
    info = tmp_path / "site" / "ours-3.0.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text("[pybpftrace]\nours = our_stages:STAGES\n")
    (tmp_path / "site" / "our_stages.py").write_text(PLUGIN)
    os.chmod(tmp_path / "site", 0o755)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(main, "refusal", lambda: None)


ALL_OURS = [word for stage in STAGES for word in ("--use", f"{stage.name}=ours")]


@pytest.mark.usefixtures("installed")
def test_the_command_runs_with_six_stages_of_an_installed_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.execute([*ALL_OURS, "-e", "whatever"], {}) == 42
    assert capsys.readouterr().out.split() == [*(stage.hook for stage in STAGES), "closed"]


@pytest.mark.usefixtures("installed")
def test_a_second_run_takes_the_program_from_the_cache(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main.execute([*ALL_OURS, "-e", "whatever"], {}) == 42
    assert capsys.readouterr().out.split()[-3:] == ["load", "output", "closed"]


@pytest.mark.usefixtures("installed")
def test_another_script_or_no_cache_compiles(capsys: pytest.CaptureFixture[str]) -> None:
    main.execute([*ALL_OURS, "-e", "whatever"], {})
    capsys.readouterr()
    for words in (["-e", "other"], ["--no-cache", "-e", "whatever"], ["-p", "1", "-e", "whatever"]):
        main.execute([*ALL_OURS, *words], {})
        assert "generate" in capsys.readouterr().out


@pytest.mark.usefixtures("installed")
def test_without_plugins_the_stages_cannot_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.execute(["--no-plugins", *ALL_OURS, "-e", "whatever"], {}) == 1
    assert capsys.readouterr().err == "ERROR: no plugin named 'ours' for the stage parse\n"


@pytest.mark.usefixtures("installed")
def test_list_plugins_tells_name_module_version_and_what_is_added(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.execute(["--list-plugins"], {}) == 0
    rows = [line.split(maxsplit=4) for line in capsys.readouterr().out.splitlines()]
    added = "stage parse; stage typecheck; stage expand; stage codegen; stage load; stage output"
    assert ["ours", "our_stages:STAGES", "ours", "3.0", added] in rows
    assert [row[0] for row in rows[1:7]] == [name for name, _ in BUILTIN_STAGES]


@pytest.mark.usefixtures("installed")
def test_list_passes_names_the_plugin_that_does_each_stage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.execute(["--use", "parse=ours", "--use", "typecheck=inference", "--list-passes"], {}) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["parse (ours)", "typecheck (inference)"]
    assert "  infer-types" in lines
