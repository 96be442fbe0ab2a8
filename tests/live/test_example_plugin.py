"""The example of a third party's package: built, installed into a fresh environment, and used there as by anybody."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pybpftrace
import pytest

pytestmark = pytest.mark.live

EXAMPLE = Path(pybpftrace.__file__).resolve().parent / "examples" / "pybpftrace-example-probe"
NO_SUCH_FILE = "/nowhere-to-be-found"

Install = Callable[[Path, Iterable[Path]], Path]


@pytest.fixture(scope="module")
def commands(
    wheel: Path, build: Callable[[Path], Path], install: Install, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The directory of the commands of an environment with pybpftrace and the example."""
    copy = tmp_path_factory.mktemp("example") / "source"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    return install(tmp_path_factory.mktemp("environment"), [wheel, build(copy)])


@pytest.fixture
def run(commands: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run_command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(commands / "pybpftrace"), *words],
            cwd=tmp_path,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )

    return run_command


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def another_plugin(commands: Path, tmp_path: Path) -> Iterable[Callable[[str], None]]:
    """Installs one more plugin, `other`, with the given text as its module; it is gone after the test."""
    [site] = commands.parent.glob("lib/python*/site-packages")
    info, module = site / "other_plugin-2.0.dist-info", site / "other_plugin.py"

    def add(text: str) -> None:
        info.mkdir()
        (info / "entry_points.txt").write_text("[pybpftrace]\nother = other_plugin\n")
        module.write_text(text)

    yield add
    shutil.rmtree(info)
    module.unlink()


def test_it_is_listed_with_what_it_adds(run: Run) -> None:
    [line] = [line for line in run("--list-plugins").stdout.splitlines() if line.startswith("example")]
    assert line.split(maxsplit=4) == [
        "example",
        "pybpftrace_example_probe",
        "pybpftrace_example_probe",
        "1.0",
        "functions errname; probe types fileopen",
    ]


def test_its_probes_are_listed_by_name_and_under_a_wildcard(run: Run) -> None:
    assert run("-l", "fileopen:*").stdout == "fileopen:enter\nfileopen:exit\n"
    assert "fileopen:enter\n" in run("-l", "*:enter").stdout


def test_without_plugins_it_is_not_there(run: Run) -> None:
    done = run("--no-plugins", "-e", "fileopen:enter { }")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "stdin:1:1-15: ERROR: Invalid probe type: fileopen"


def test_a_wrong_attach_point_is_told_in_its_own_words(run: Run) -> None:
    assert run("-e", "fileopen:both { }").stderr.splitlines() == [
        "stdin:1:1-14: ERROR: fileopen has no 'both'",
        "fileopen:both { }",
        "~~~~~~~~~~~~~",
        "HINT: there are: enter, exit",
    ]


def test_a_wrong_argument_of_its_function_is_an_error(run: Run) -> None:
    done = run("-e", 'begin { print(errname("x")); }')
    assert done.stderr.splitlines()[0] == (
        "stdin:1:23-26: ERROR: errname() only supports int arguments (string provided)"
    )


@pytest.mark.parametrize("time", ["the first time", "from the cache"])
def test_it_traces_and_names_errors(run: Run, time: str) -> None:
    script = (
        "fileopen:enter /pid == cpid/ { @enters = count(); }"
        "fileopen:exit /pid == cpid && args.ret < 0/ { @errors[errname(args.ret)] = count(); }"
    )
    if time == "from the cache":
        run("-c", f"cat {NO_SUCH_FILE}", "-e", script)
    done = run("-c", f"cat {NO_SUCH_FILE}", "-e", script)
    assert done.returncode == 0, done.stderr
    assert "@errors[ENOENT]: " in done.stdout
    assert "@enters: " in done.stdout


def test_its_values_are_json_too(run: Run) -> None:
    done = run("-f", "json", "-e", "begin { print((errname(-13), errname(1000000))); exit(); }")
    assert '{"type": "value", "data": ["EACCES","1000000"]}' in done.stdout


_CLASH = """
from pybpftrace.core.hookspecs import hookimpl
from pybpftrace.core.function import Function

API_VERSION = 1

class Another(Function):
    names = ("errname",)

@hookimpl
def register_functions():
    return [Another()]
"""


def test_a_name_that_two_plugins_have_is_an_error_that_names_both(
    run: Run, another_plugin: Callable[[str], None]
) -> None:
    another_plugin(_CLASH)
    done = run("-e", "begin { exit(); }")
    assert (done.returncode, done.stderr) == (
        1,
        "ERROR: 'errname' of other_plugin clashes with 'errname' of pybpftrace_example_probe.errname\n",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import no_such_module\n",
            "ERROR: plugin 'other' (other_plugin) cannot be imported: ModuleNotFoundError: "
            "No module named 'no_such_module'\n",
        ),
        ("API_VERSION = 999\n", "ERROR: plugin 'other' (other_plugin) is for API version 999, this is 1\n"),
    ],
)
def test_a_plugin_that_cannot_be_used_ends_the_run_with_its_name(
    run: Run, another_plugin: Callable[[str], None], text: str, message: str
) -> None:
    another_plugin(text)
    done = run("-e", "begin { exit(); }")
    assert (done.returncode, done.stderr) == (1, message)
    assert run("--no-plugins", "-e", "begin { exit(); }").returncode == 0
