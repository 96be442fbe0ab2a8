"""A run of the command from its words to its exit status, with stages that need neither root nor a compiler."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pybpftrace.api.script import TOOLS, find
from pybpftrace.cli import main
from pybpftrace.cli.compiler_bench import table
from pybpftrace.core.artifact_file import load, save
from pybpftrace.core.artifacts import CompiledProgram, EventSpec, MapSpec, ProgramSpec, Relocation
from pybpftrace.core.ast import Program
from pybpftrace.core.config import Config
from pybpftrace.core.diagnostics import CompileError, Diagnostic, Severity
from pybpftrace.core.hookspecs import hookimpl
from pybpftrace.core.linux.errors import KernelError
from pybpftrace.core.probe import ConcretePoint
from pybpftrace.core.run import LoadError
from pybpftrace.core.source import Source, Span
from pybpftrace.core.types import INT64, UINT64, String

EXIT = bytes.fromhex("b7000000000000009500000000000000")
LOAD_MAP = bytes.fromhex("18010000000000000000000000000000")


def compiled(source: Source, **changes: Any) -> CompiledProgram:
    """A program with one of everything that can be shown."""
    point = ConcretePoint("begin", "begin", {})
    return replace(
        CompiledProgram(
            source=source,
            architecture=os.uname().machine,
            config=Config(),
            programs=(ProgramSpec("begin_1", point, "raw_tracepoint", LOAD_MAP + EXIT, (Relocation(0, "map", "@x"),)),),
            maps=(MapSpec("@x", "hash", 16, 8, 4096, String(16), INT64),),
            events=(EventSpec(0, "printf", (UINT64, String(64), String(512)), {"format": b"%d\n"}),),
            failures=(),
            origins={},
            dumps={"ir": "define void @f()\n", "ir-opt": "ret void\n"},
        ),
        **changes,
    )


class Session:
    closed = 0

    def close(self) -> None:
        Session.closed += 1


class FakeStages:
    """All six stages; `fails` maps a stage's hook to what it raises or records."""

    def __init__(self) -> None:
        self.fails: dict[str, Exception] = {}
        self.warning: Diagnostic | None = None
        self.options: Any = None
        self.compile_options: Any = None
        self.changes: dict[str, Any] = {}

    def _reached(self, hook: str) -> None:
        if hook in self.fails:
            raise self.fails[hook]

    @hookimpl
    def parse(self, source: Source, compilation: Any) -> Program:
        self._reached("parse")
        self.compile_options = compilation.options
        if self.warning is not None:
            compilation.diagnostics.add(self.warning)
            compilation.diagnostics.raise_if_failed()
        return Program(Span(0, 0), source, *[()] * 7)

    @hookimpl
    def type_check(self, program: Any) -> Any:
        self._reached("type_check")
        return program

    @hookimpl
    def expand_probes(self, typed: Any) -> Any:
        self._reached("expand_probes")
        return typed

    @hookimpl
    def generate(self, expanded: Any) -> CompiledProgram:
        self._reached("generate")
        return compiled(expanded.source, **self.changes)

    @hookimpl
    def load(self, compiled: Any, options: Any) -> Any:
        self._reached("load")
        self.options = options
        return Session()

    @hookimpl
    def output(self, session: Any) -> int:
        self._reached("output")
        return 7


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeStages:
    """Puts fakes in the place of the built-in stages, of the user's cache, and of the check for privileges."""
    fakes = FakeStages()
    monkeypatch.setattr("pybpftrace.passes.builtin_plugins", lambda: [("fakes", fakes)])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(main, "refusal", lambda: None)
    monkeypatch.chdir(tmp_path)
    Session.closed = 0
    return fakes


Captured = pytest.CaptureFixture[str]


def test_the_exit_status_is_that_of_the_output_stage_and_the_session_is_closed(stages: FakeStages) -> None:
    assert main.execute(["-e", "begin{}"], {}) == 7
    assert Session.closed == 1


def test_the_options_of_the_command_line_reach_load_and_output(stages: FakeStages) -> None:
    words = ["-q", "-v", "-k", "-B", "none", "-o", "out", "-f", "json", "-p", "12", "-d", "verifier", "-e", "begin{}"]
    main.execute(words, {"A": "b"})
    options = stages.options
    assert (options.quiet, options.verbose, options.report_helper_failures) == (True, True, True)
    assert (options.output_path, options.buffering) == ("out", "none")
    assert (options.pid, options.show_verifier_log) == (12, True)
    assert "json" in options.format.names
    assert options.environment == {"A": "b"}


def test_a_dry_run_loads_and_ends_with_0(stages: FakeStages) -> None:
    assert main.execute(["--dry-run", "-e", "begin{}"], {}) == 0
    assert (stages.options is None, Session.closed) == (False, 1)


@pytest.mark.parametrize("words", [["--mode", "codegen"], ["--stop-after", "parse"], ["--stop-after", "codegen"]])
def test_a_compilation_that_stops_loads_nothing_and_ends_with_0(stages: FakeStages, words: list[str]) -> None:
    assert main.execute([*words, "-e", "begin{}"], {}) == 0
    assert stages.options is None


def test_an_unknown_output_format_is_told_with_those_there_are(stages: FakeStages, capsys: Captured) -> None:
    assert main.execute(["-f", "xml", "-e", "begin{}"], {}) == 1
    assert capsys.readouterr().err == "ERROR: Invalid output format \"xml\"\nValid formats: 'text', 'json'\n"


def test_compile_errors_go_to_stderr_with_their_place_and_the_status_is_1(stages: FakeStages, capsys: Captured) -> None:
    stages.warning = Diagnostic(Severity.ERROR, "no", Span(0, 5), ("yes",))
    assert main.execute(["-e", "begin{}"], {}) == 1
    assert capsys.readouterr() == ("", "stdin:1:1-6: ERROR: no\nbegin{}\n~~~~~\nHINT: yes\n")


def test_warnings_are_shown_by_a_cached_run_too_unless_they_are_hidden(stages: FakeStages, capsys: Captured) -> None:
    stages.warning = Diagnostic(Severity.WARNING, "hm", Span(0, 5))
    for _ in range(2):
        assert main.execute(["-e", "begin{}"], {}) == 7
        assert capsys.readouterr().err == "stdin:1:1-6: WARNING: hm\nbegin{}\n~~~~~\n"
    assert main.execute(["--no-warnings", "-e", "begin{}"], {}) == 7
    assert capsys.readouterr().err == ""


def test_colour_goes_around_the_first_line_when_it_is_asked_for(stages: FakeStages, capsys: Captured) -> None:
    stages.warning = Diagnostic(Severity.WARNING, "hm", Span(0, 5))
    main.execute(["-e", "begin{}"], {"BPFTRACE_COLOR": "always"})
    assert capsys.readouterr().err == "\x1b[33mstdin:1:1-6: WARNING: hm\x1b[0m\nbegin{}\n~~~~~\n"
    main.execute(["-e", "begin{}"], {"BPFTRACE_COLOR": "pink"})
    assert "valid values of BPFTRACE_COLOR are [auto|always|never]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("hook", "error", "status", "text"),
    [
        ("load", LoadError((Diagnostic(Severity.ERROR, "refused"),)), 255, "ERROR: refused\n"),
        ("load", LoadError((Diagnostic(Severity.ERROR, "bad -c"),), 1), 1, "ERROR: bad -c\n"),
        ("load", KernelError(1, "bpf(BPF_MAP_CREATE)", "map '@x'"), 255, "ERROR: bpf(BPF_MAP_CREATE) of map '@x': "),
        ("parse", PermissionError(13, "Permission denied", "/x"), 1, "ERROR: /x: Permission denied\n"),
        ("generate", RuntimeError("a\nb"), 134, "BUG: [test_cli_run.py:"),
    ],
)
def test_every_failure_has_its_line_and_its_status(
    stages: FakeStages, capsys: Captured, hook: str, error: Exception, status: int, text: str
) -> None:
    stages.fails[hook] = error
    assert main.execute(["-e", "begin{}"], {}) == status
    printed = capsys.readouterr().err
    assert printed.startswith(text)
    assert printed.count("\n") == 1


def test_a_bug_shows_its_traceback_only_with_v(stages: FakeStages, capsys: Captured) -> None:
    stages.fails["output"] = RuntimeError("oops")
    assert main.execute(["-v", "-e", "begin{}"], {}) == 134
    printed = capsys.readouterr().err
    assert "RuntimeError: oops\n" in printed.splitlines(keepends=True)[-1]
    assert "Traceback" in printed
    assert Session.closed == 1


def test_a_bad_setting_in_the_environment_ends_with_2(stages: FakeStages, capsys: Captured) -> None:
    assert main.execute(["-e", "begin{}"], {"BPFTRACE_MAX_STRLEN": "long"}) == 2
    assert capsys.readouterr().err == "max_strlen: expecting a number, got long\n"


def test_missing_privileges_are_told_before_anything_is_compiled(
    stages: FakeStages, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("pybpftrace.core.linux.machine.missing_capability", lambda: "CAP_BPF")
    assert main.execute(["-e", "begin{}"], {}) == 1
    expected = "ERROR: Missing CAP_BPF capability, please run pybpftrace as the root user.\n"
    assert capsys.readouterr().err == expected


def test_a_script_that_is_not_there_is_named(stages: FakeStages, capsys: Captured) -> None:
    assert main.execute(["gone.bt"], {}) == 1
    assert capsys.readouterr().err == "ERROR: failed to open file 'gone.bt': No such file or directory\n"


def test_a_dash_reads_the_script_from_standard_input(stages: FakeStages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"begin{}")))
    assert main.execute(["--emit", "p", "-"], {}) == 0
    assert load("p").source == Source("stdin", "begin{}\n")


def test_a_tool_is_found_by_name_with_or_without_bt_unless_there_is_such_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find("opensnoop.bt") == find("opensnoop") == os.path.join(TOOLS, "opensnoop.bt")
    assert find("./opensnoop.bt") == "./opensnoop.bt"
    assert find("__init__.py") == "__init__.py"
    (tmp_path / "opensnoop.bt").write_text("")
    assert find("opensnoop.bt") == "opensnoop.bt"


def test_the_modes_of_tests_and_benchmarks_reach_load_and_output(stages: FakeStages) -> None:
    main.execute(["--test", "-f", "json", "-e", "begin{}"], {})
    assert stages.options.mode == "test"
    assert "text" in stages.options.capture_format.names
    main.execute(["--bench", "-e", "begin{}"], {})
    assert stages.options.mode == "bench"


def test_a_compilation_is_told_the_script_s_own_arguments_its_directory_and_what_it_may_do(
    stages: FakeStages, tmp_path: Path
) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x.bt").write_text("begin{}")
    words = ["-I", "a", "--include", "b.h", "--unsafe", "d/x.bt", "7", "--", "--n=1=2", "-x", "--flag", "8", "--e="]
    assert main.execute(words, {}) == 7
    options = stages.compile_options
    assert options.arguments == ("7", "-x", "8")
    assert options.named == (("n", "1=2"), ("flag", None), ("e", ""))
    assert (options.include_directories, options.include_files) == (("a",), ("b.h",))
    assert (options.directory, options.allows_unsafe) == ("d", True)


@pytest.mark.parametrize(
    "words", [["-I", "x"], ["--include", "x.h"], ["--unsafe"], ["-k"], ["--no-feature", "uprobe_multi"]]
)
def test_a_program_compiled_with_other_options_is_not_taken_from_the_cache(
    stages: FakeStages, words: list[str]
) -> None:
    main.execute(["-e", "begin{}"], {})
    stages.compile_options = None
    main.execute(["-e", "begin{}"], {})
    assert stages.compile_options is None
    main.execute([*words, "-e", "begin{}"], {})
    assert stages.compile_options is not None


def test_tests_and_ordinary_runs_share_a_cached_program(stages: FakeStages) -> None:
    main.execute(["-e", "begin{}"], {})
    stages.compile_options = None
    main.execute(["--test", "-e", "begin{}"], {})
    assert stages.compile_options is None


class TestFormatting:
    @pytest.fixture(autouse=True)
    def formatter(self, stages: FakeStages, monkeypatch: pytest.MonkeyPatch) -> None:
        """A layout in capital letters; a script without a brace does not parse."""

        def format_source(source: Source) -> str:
            if "{" not in source.text:
                raise CompileError((Diagnostic(Severity.ERROR, "syntax error", Span(0, 5)),))
            return source.text.replace("begin", "BEGIN")

        monkeypatch.setitem(
            sys.modules, "pybpftrace.passes.parse.format", SimpleNamespace(format_source=format_source)
        )
        monkeypatch.setattr(main, "refusal", lambda: "ERROR: no privileges")

    def test_it_goes_to_standard_output_byte_for_byte_and_needs_no_privileges(
        self, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        Path("x.bt").write_bytes(b"begin{\xff\xc3\xa9}")
        assert main.execute(["--fmt", "x.bt"], {}) == 0
        assert capfdbinary.readouterr() == (b"BEGIN{\xff\xc3\xa9}", b"")

    def test_a_file_is_replaced_in_one_step_and_keeps_its_mode(self, capsys: Captured) -> None:
        Path("x.bt").write_text("begin{}")
        os.chmod("x.bt", 0o754)
        before = os.stat("x.bt").st_ino
        assert main.execute(["--fmt", "x.bt", "-o", "x.bt"], {}) == 0
        assert Path("x.bt").read_text() == "BEGIN{}"
        assert (os.stat("x.bt").st_mode & 0o777, os.stat("x.bt").st_ino != before) == (0o754, True)
        assert [name for name in os.listdir() if name.startswith(".")] == []
        assert capsys.readouterr() == ("", "")

    def test_a_link_stays_a_link(self) -> None:
        Path("x.bt").write_text("begin{}")
        os.symlink("x.bt", "link")
        main.execute(["--fmt", "link", "-o", "link"], {})
        assert (os.readlink("link"), Path("x.bt").read_text()) == ("x.bt", "BEGIN{}")

    def test_a_syntax_error_is_told_with_its_place_and_writes_nothing(self, capsys: Captured) -> None:
        Path("x.bt").write_text("begin")
        assert main.execute(["--fmt", "-o", "y.bt", "x.bt"], {}) == 1
        assert capsys.readouterr() == ("", "x.bt:1:1-6: ERROR: syntax error\nbegin\n~~~~~\n")
        assert not os.path.exists("y.bt")

    def test_a_directory_that_is_not_there_is_named(self, capsys: Captured) -> None:
        assert main.execute(["--fmt", "-o", "no/y.bt", "-e", "begin{}"], {}) == 1
        assert "No such file or directory" in capsys.readouterr().err


def test_the_compiler_s_own_benchmark_has_a_row_a_pass_and_runs_nothing(stages: FakeStages, capsys: Captured) -> None:
    assert main.execute(["--mode", "compiler-bench", "-e", "begin{}"], {}) == 0
    *rows, total, last = capsys.readouterr().out.splitlines()
    assert (total.split()[:2], last, stages.options) == (["total", "10"], "PASS", None)
    assert rows == []


def test_a_row_of_the_compiler_s_benchmark_says_how_often_how_long_and_how_steadily() -> None:
    text = table({"parse": [1000.0, 3000.0], "check": [5e6, 5e6]}, [6e6, 6e6])
    assert text.splitlines() == [
        f"{'parse':<30}{2:>8}{4000:>14}  2.0 ± 1.4 us",
        f"{'check':<30}{2:>8}{10_000_000:>14}  5.0 ± 0.0 ms",
        f"{'total':<30}{2:>8}{12_000_000:>14}  6.0 ± 0.0 ms",
    ]


def test_a_compiled_program_takes_no_arguments_of_the_script(stages: FakeStages, capsys: Captured) -> None:
    main.execute(["--emit", "p", "-e", "begin{}"], {})
    assert main.execute(["p", "1"], {}) == 1
    assert "compile it again with them" in capsys.readouterr().err


def test_an_emitted_program_runs_without_being_compiled_again(stages: FakeStages, capsys: Captured) -> None:
    assert main.execute(["--emit", "p", "-e", "begin{}"], {}) == 0
    assert stages.options is None
    stages.fails = {hook: AssertionError(hook) for hook in ("parse", "type_check", "expand_probes", "generate")}
    assert main.execute(["p"], {}) == 7


def test_an_emitted_program_that_others_can_write_is_refused(stages: FakeStages, capsys: Captured) -> None:
    main.execute(["--emit", "p", "-e", "begin{}"], {})
    os.chmod("p", 0o666)
    assert main.execute(["p"], {}) == 1
    assert capsys.readouterr().err == "ERROR: p: refused, because others can write the file (chmod go-w)\n"


def test_a_process_cannot_be_chosen_once_a_program_is_compiled(stages: FakeStages, capsys: Captured) -> None:
    assert main.execute(["--emit", "p", "-p", "1", "-e", "begin{}"], {}) == 1
    assert capsys.readouterr().err == "ERROR: USAGE: Cannot use -p with --emit.\n"
    main.execute(["--emit", "p", "-e", "begin{}"], {})
    assert main.execute(["-p", "1", "p"], {}) == 1
    assert "compile it again with -p" in capsys.readouterr().err


def test_a_program_of_another_architecture_is_not_run(stages: FakeStages, capsys: Captured) -> None:
    save(compiled(Source("x", ""), architecture="riscv64"), "p")
    assert main.execute(["p"], {}) == 1
    assert capsys.readouterr().err.startswith("ERROR: p: compiled for riscv64, this is ")


def test_a_program_that_needs_a_plugin_which_is_not_there_says_so(stages: FakeStages, capsys: Captured) -> None:
    save(compiled(Source("x", ""), origins={"moo": "evil.module"}), "p")
    assert main.execute(["p"], {}) == 1
    expected = "ERROR: 'moo' comes from the plugin evil.module, which is not installed or not enabled\n"
    assert capsys.readouterr().err == expected
    assert "evil" not in sys.modules


def test_a_target_that_is_not_there_is_named(stages: FakeStages, capsys: Captured) -> None:
    assert main.execute(["--target", "nowhere", "-e", "begin{}"], {}) == 1
    assert capsys.readouterr().err.startswith("ERROR: no captured target in 'nowhere': ")


def test_compiling_for_a_captured_target_never_runs(stages: FakeStages, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "target.json").write_text("{}")
    assert main.execute(["--target", "t", "-e", "begin{}"], {}) == 0
    assert stages.options is None


def test_capture_target_needs_a_directory(capsys: Captured) -> None:
    assert main.execute(["capture-target"], {}) == 1
    assert capsys.readouterr().err == "ERROR: USAGE: pybpftrace capture-target DIR [FILE...]\n"
