"""What the words of a command line mean: GNU's rules for options, bpftrace's texts for mistakes."""

from __future__ import annotations

import json

import pytest
from pybpftrace import __version__
from pybpftrace.cli.arguments import Arguments
from pybpftrace.cli.command import DEBUG_STAGES, help_text, parse
from pybpftrace.cli.main import execute
from pybpftrace.cli.remembered import keep, recall
from pybpftrace.cli.usage import UsageError


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        (["x.bt"], Arguments(script="x.bt")),
        (["-"], Arguments(script="-")),
        (["x.bt", "-v"], Arguments(script="x.bt", verbose=True)),
        (["x.bt", "a", "--", "-v", "--n=3"], Arguments(script="x.bt", script_arguments=("a", "-v", "--n=3"))),
        (["-e", "begin{}", "a"], Arguments(program="begin{}", script_arguments=("a",))),
        (["-e", "-x"], Arguments(program="-x")),
        (["-e", "", "x.bt"], Arguments(script="x.bt")),
        (["-qvp123", "x"], Arguments(script="x", quiet=True, verbose=True, pid=123)),
        (["-p", "0x10", "x"], Arguments(script="x", pid=16)),
        (["--verb", "--out=o", "x"], Arguments(script="x", verbose=True, output="o")),
        (["--pid", "1", "--pid=2", "x"], Arguments(script="x", pid=2)),
        (["--dwarf-pid", "1", "--dwarf-pid=2", "x"], Arguments(script="x", dwarf_pids=(1, 2))),
        (["-f", "json", "-Bnone", "x"], Arguments(script="x", format="json", buffering="none")),
        (["-k", "x"], Arguments(script="x", report_helper_failures=True)),
        (["--no-warnings", "x"], Arguments(script="x", show_warnings=False)),
        (["--dump-ast", "x"], Arguments(script="x", dumps=("ast",))),
        (["--dump-ast=p", "--dump-ast=q", "x"], Arguments(script="x", dump_ast_after=("p", "q"))),
        (["--dump-maps", "--dump-ir", "x"], Arguments(script="x", dumps=("ir", "maps"))),
        (["-d", "types,dis", "-d", "ast", "x"], Arguments(script="x", dumps=("ast", "types", "asm"))),
        (["-dverifier", "x"], Arguments(script="x", show_verifier_log=True)),
        (["--dry-run", "x"], Arguments(script="x", stop_after="load")),
        (["--mode", "codegen", "x"], Arguments(script="x", stop_after="codegen")),
        (["--mode", "test", "x"], Arguments(script="x", mode="test")),
        (["--mode", "test", "--mode=bench", "x"], Arguments(script="x", mode="bench")),
        (["--mode", "bench", "--mode", "codegen", "x"], Arguments(script="x", stop_after="codegen")),
        (["--test", "x"], Arguments(script="x", mode="test")),
        (["--bench", "x"], Arguments(script="x", mode="bench")),
        (["--fmt", "x", "-o", "y"], Arguments(script="x", mode="format", output="y")),
        (["--test", "--mode", "compiler-bench", "x"], Arguments(script="x", mode="compiler-bench")),
        (["-I", "a", "-Ib", "x"], Arguments(script="x", include_directories=("a", "b"))),
        (["--include", "a.h", "--include=b.h", "x"], Arguments(script="x", include_files=("a.h", "b.h"))),
        (["--unsafe", "x"], Arguments(script="x", allows_unsafe=True)),
        (["--use", "load=a", "--use=parse=b", "x"], Arguments(script="x", use=(("load", "a"), ("parse", "b")))),
        (["--no-cache", "--no-plugins", "x"], Arguments(script="x", cache=False, plugins=False)),
        (["--no-feature", "uprobe_multi", "x"], Arguments(script="x", no_features=("uprobe_multi",))),
        (
            ["--no-feature=uprobe_multi,kprobe_session", "--no-feature", "kprobe_session", "x"],
            Arguments(script="x", no_features=("kprobe_session", "uprobe_multi")),
        ),
        (["-c", "ls -l", "x"], Arguments(script="x", command="ls -l")),
        (["-c", "", "-p", "1", "x"], Arguments(script="x", command="", pid=1)),
        (["--list-passes"], Arguments(list_passes=True)),
    ],
)
def test_a_command_line_means_what_getopt_long_makes_of_it(words: list[str], meaning: Arguments) -> None:
    assert parse(words) == meaning


USAGE_ERRORS = [
    (["--nonsense"], "pybpftrace: unrecognized option '--nonsense'", True),
    (["-z"], "pybpftrace: invalid option -- 'z'", True),
    (["-qz"], "pybpftrace: invalid option -- 'z'", True),
    (["x", "-e"], "pybpftrace: option requires an argument -- 'e'", True),
    (["--pid"], "pybpftrace: option '--pid' requires an argument", True),
    (["--quiet=1"], "pybpftrace: option '--quiet' doesn't allow an argument", True),
    (["--du"], "pybpftrace: option '--du' is ambiguous; possibilities: '--dump-ast' '--dump-types'", True),
    ([], "", True),
    (["-v"], "ERROR: USAGE: filename or -e 'program' required.", False),
    (["-d", "bad", "x"], "ERROR: USAGE: invalid option for -d: bad (it takes ast, types, codegen, ", False),
    (["-d", "ast,bad", "x"], "ERROR: USAGE: invalid option for -d: bad", False),
    (["-B", "some", "x"], "ERROR: USAGE: -B must be either 'line', 'full', or 'none'.", False),
    (
        ["--mode", "bad", "x"],
        "ERROR: USAGE: --mode can only be 'codegen', 'compiler-bench', 'bench', 'test' or 'format'.",
        False,
    ),
    *(
        (
            ["--no-feature", value, "x"],
            "ERROR: USAGE: --no-feature can only have values 'kprobe_multi,kprobe_session,uprobe_multi'.",
            False,
        )
        for value in ("bad", "", "uprobe_multi,", "ringbuf", "kprobe_multi uprobe_multi")
    ),
    (["--mode", "test", "--test", "x"], "ERROR: USAGE: --test conflicts with existing --mode", False),
    (["--mode", "test", "--fmt", "x"], "ERROR: USAGE: --fmt conflicts with existing --mode", False),
    (["--test", "--bench", "x"], "ERROR: USAGE: --bench conflicts with existing --mode", False),
    (["--bench", "--test", "x"], "ERROR: USAGE: --test conflicts with existing --mode", False),
    (["--test", "--test", "x"], "ERROR: USAGE: --test conflicts with existing --mode", False),
    (["--mode", "test", "--fmt", "--mode", "bench", "x"], "ERROR: USAGE: --fmt conflicts with existing --mode", False),
    (["-k", "-k", "x"], "ERROR: USAGE: -kk has been deprecated. Use a single -k for runtime warnings.", False),
    (["-kk", "x"], "ERROR: USAGE: -kk has been deprecated. Use a single -k for runtime warnings.", False),
    (["--no-warnings", "-k", "x"], "ERROR: USAGE: -k, --warnings conflicts with --no-warnings", False),
    (["-c", "a", "-p", "1", "x"], "ERROR: USAGE: Cannot use both -c and -p.", True),
    (["-p", "many", "x"], "ERROR: Failed to parse pid: invalid integer: many", False),
    (["-p", "4194305", "x"], "ERROR: Pid out of range: 4194305", False),
    (["-p", "0", "x"], "ERROR: Pid out of range: 0", False),
    (["--dump-format", "xml", "x"], "ERROR: USAGE: --dump-format can only be 'text', 'json'.", False),
    (["--stop-after", "never", "x"], "ERROR: USAGE: --stop-after can only be 'parse', 'typecheck', ", False),
    (["--use", "cooking=me", "x"], "ERROR: USAGE: --use takes STAGE=PLUGIN with a stage of parse, ", False),
]


@pytest.mark.parametrize(("words", "line", "shows_usage"), USAGE_ERRORS)
def test_a_usage_error_is_told_in_one_line_on_stderr_and_the_status_is_1(
    words: list[str], line: str, shows_usage: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(words, {}) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(line)
    assert ("USAGE:\n    pybpftrace [options] FILE" in printed.err) is shows_usage
    assert shows_usage or printed.err.count("\n") == 1


def test_help_and_version_go_to_stdout_with_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    for words, text in ((["-h"], help_text()), (["--help"], help_text()), (["-V"], f"pybpftrace v{__version__}\n")):
        with pytest.raises(SystemExit) as ended:
            parse(words)
        assert ended.value.code == 0
        assert capsys.readouterr().out == text


def test_help_acts_when_it_is_met_so_later_mistakes_do_not_matter_and_earlier_ones_do() -> None:
    with pytest.raises(SystemExit):
        parse(["-h", "--nonsense"])
    with pytest.raises(UsageError, match="unrecognized option '--nonsense'"):
        parse(["--nonsense", "-h"])


def test_every_option_stands_in_the_help_under_its_group() -> None:
    text = help_text()
    groups = ["OPTIONS:", "DEVELOPER OPTIONS:", "TROUBLESHOOTING OPTIONS:", "CONFIGURATION:", "EXAMPLES:"]
    assert [text.index(f"\n{group}\n") for group in groups] == sorted(text.index(f"\n{g}\n") for g in groups)
    assert all(f"    {option}" in text for option in ("-e PROGRAM", "--dump-ast[=PASS]", "--use STAGE=PLUGIN"))
    assert all(name in text for name in DEBUG_STAGES)


def test_a_command_line_is_recalled_as_it_was_parsed_but_not_by_other_code(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    words = ["-p1", "--use", "load=a", "-d", "all", "--dump-ast=x", "-e", "begin{}", "1", "2"]
    keep(words, ["code"], parse(words))
    assert recall(words, ["code"]) == parse(words)
    assert recall(words, ["newer code"]) is None
    assert recall([*words, "3"], ["code"]) is None


@pytest.mark.parametrize(
    ("command", "quotes"),
    [
        ("sh -c 'echo a'", True),
        ('sh -c "echo a"', True),
        ("printf ' '", True),
        ("printf 'a'", False),
        ("printf it's a", False),
        ("ls -l  /", False),
        ("", False),
    ],
)
def test_quotes_that_only_a_shell_would_understand_are_noticed(command: str, quotes: bool) -> None:
    assert Arguments(command=command).quotes_blanks is quotes


def test_arguments_survive_json() -> None:
    arguments = parse(["--use", "load=a", "--dump-types", "x", "1"])
    assert Arguments.from_data(json.loads(json.dumps(arguments.to_data()))) == arguments
