"""`-l`: which lines a pattern and a script give, on the captured machine of the golden tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pybpftrace.cli import main, probe_list

TARGET = str(Path(__file__).parent.parent / "golden" / "target")

Listing = tuple[int, list[str], str]


@pytest.fixture(name="listing")
def _listing(capfdbinary: pytest.CaptureFixture[bytes]) -> object:
    def run(*words: str) -> Listing:
        status = main.execute(["--target", TARGET, "--no-plugins", "-l", *words], {})
        out, err = capfdbinary.readouterr()
        return status, out.decode().splitlines(), err.decode()

    return run


class Run:
    """What the fixture gives, for the type checker."""

    def __call__(self, *words: str) -> Listing:
        raise NotImplementedError


def test_a_pattern_with_a_provider_lists_its_names_sorted(listing: Run) -> None:
    assert listing("tracepoint:syscalls:sys_enter_open*") == (
        0,
        ["tracepoint:syscalls:sys_enter_openat", "tracepoint:syscalls:sys_enter_openat2"],
        "",
    )


def test_aliases_are_understood(listing: Run) -> None:
    assert listing("t:syscalls:sys_enter_openat")[1] == ["tracepoint:syscalls:sys_enter_openat"]


def test_one_part_means_any_category(listing: Run) -> None:
    assert listing("tracepoint:sys_enter_openat")[1] == ["tracepoint:syscalls:sys_enter_openat"]


def test_without_a_colon_it_is_a_name_of_any_provider(listing: Run) -> None:
    assert listing("cpu-*")[1] == [
        "hardware:cpu-cycles:",
        "software:cpu-clock:",
        "software:cpu-migrations:",
    ]


def test_patterns_are_separated_by_commas_and_listed_one_after_another(listing: Run) -> None:
    assert listing("software:faults,  software:cs")[1] == ["software:faults:", "software:cs:"]


def test_stray_commas_are_left_out(listing: Run) -> None:
    assert listing(", software:faults,,software:cs ,")[1] == ["software:faults:", "software:cs:"]
    assert listing(",") == (0, [], "")


def test_commas_and_blanks_in_quotes_belong_to_the_pattern(listing: Run) -> None:
    assert listing('"software:faults,software:cs"')[1] == []
    assert listing('software:"faults",software:"c"s')[1] == ["software:faults:", "software:cs:"]
    assert probe_list.patterns('uprobe:"/tmp/a,  b":main ,  t:a  b') == ['uprobe:"/tmp/a,  b":main', "t:a b"]


def test_an_empty_part_is_no_wildcard(listing: Run) -> None:
    for pattern in ("tracepoint:", "tracepoint:syscalls:", "tracepoint::sys_enter_openat", ":", "software:"):
        assert listing(pattern)[:2] == (0, [])


def test_timers_are_listed_only_by_name(listing: Run) -> None:
    assert listing("interval:*")[1] == ["interval:hz:", "interval:ms:", "interval:s:", "interval:us:"]
    assert not [line for line in listing()[1] if line.startswith(("interval", "profile", "begin", "self"))]


def test_an_unknown_provider_lists_nothing(listing: Run) -> None:
    assert listing("nowhere:*") == (0, [], "")


def test_what_looks_like_a_missing_file_is_searched_for_with_a_warning(listing: Run) -> None:
    status, lines, warnings = listing("open.bt")
    assert (status, lines) == (0, [])
    assert warnings.splitlines()[0] == (
        "WARNING: It appears that 'open.bt' is a filename but the file does not exist. "
        "Treating 'open.bt' as a search pattern."
    )


def test_verbose_shows_fields_as_they_are_declared(listing: Run) -> None:
    assert listing("-v", "tracepoint:syscalls:sys_enter_openat")[1] == [
        "tracepoint:syscalls:sys_enter_openat",
        "    int __syscall_nr",
        "    int dfd",
        "    const char * filename",
        "    int flags",
        "    umode_t mode",
    ]


def test_a_script_lists_what_it_would_attach_to(listing: Run, tmp_path: Path) -> None:
    script = "begin { } tracepoint:syscalls:sys_enter_open*, software:faults:100 { } interval:1s { } end { }"
    expected = [
        "tracepoint:syscalls:sys_enter_openat",
        "tracepoint:syscalls:sys_enter_openat2",
        "software:faults:100",
        "interval:us:1000000",
    ]
    assert listing("-e", script) == (0, expected, "")
    file = tmp_path / "script.bt"
    file.write_text(script)
    assert listing(str(file)) == (0, expected, "")


def test_a_script_with_an_error_lists_what_can_be_and_says_what_cannot(listing: Run) -> None:
    status, lines, errors = listing("-e", "software:faults { } software:fawlts { }")
    assert (status, lines) == (1, ["software:faults"])
    assert errors.splitlines()[0] == "stdin:1:21-36: ERROR: fawlts is not a software probe"


@pytest.mark.parametrize(
    ("setting", "warnings"),
    [("warn", "WARNING: No matches for tracepoint syscalls:nothing. Skipping.\n"), ("ignore", "")],
)
def test_what_is_missing_from_a_script_is_no_error_when_it_says_so(listing: Run, setting: str, warnings: str) -> None:
    script = f"config = {{ missing_probes={setting} }} tracepoint:syscalls:nothing {{ }} software:cs {{ }}"
    assert listing("-e", script) == (0, ["software:cs"], warnings)
    assert listing("-e", script.replace(setting, "error"))[:2] == (1, ["software:cs"])


def test_types_are_listed_by_their_word_and_name(listing: Run) -> None:
    assert listing("struct list_*")[1] == ["struct list_head"]
    assert listing("-v", "struct list_head")[1] == [
        "vmlinux: struct list_head {",
        "\tstruct list_head * next;",
        "\tstruct list_head * prev;",
        "};",
        "",
    ]


def test_the_users_own_list_of_functions_must_be_there(listing: Run) -> None:
    status, lines, errors = listing("--traceable-functions", "/nowhere/functions", "software:cs")
    assert (status, lines) == (1, [])
    assert errors == "ERROR: Failed to open kernel function info: /nowhere/functions: No such file or directory\n"


def test_nothing_is_said_when_the_reader_goes_away() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pybpftrace", "--target", TARGET, "--no-plugins", "-l", "software:*"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_two_patterns_are_a_usage_error(listing: Run) -> None:
    status, lines, errors = listing("a", "b")
    assert (status, lines) == (1, [])
    assert "USAGE:" in errors
