"""The language tested in itself: every script in tests/self, with `--test`, must pass all of its tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tracing import Finished, run

pytestmark = pytest.mark.live

SCRIPTS = sorted((Path(__file__).parent.parent / "self").glob("*.bt"))


def run_tests(script: Path) -> Finished:
    return run("--test", "--no-cache", str(script))


def assert_passed(script: Path) -> None:
    """All tests of the script ran, at least one, and none failed."""
    done = run_tests(script)
    report = f"{script.name}: status {done.status}\n{done.stdout}{done.stderr}"
    assert done.status == 0, report
    passed = re.search(r"\[  PASSED  \]\S* (\d+) tests?\.", done.stdout)
    assert passed is not None and int(passed[1]) > 0, report


def test_there_are_scripts() -> None:
    assert SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_says_of_itself_that_it_is_right(script: Path) -> None:
    assert_passed(script)


@pytest.mark.parametrize(
    "text",
    [
        "test:wrong { if (2 + 2 != 5) { return 1; } }",
        "test:wrong { exit(1); }",
        "test:right { } test:wrong { return 1; }",
        "begin { }",
        "test:wrong { nonsense(); }",
    ],
)
def test_a_script_that_is_wrong_or_tests_nothing_is_noticed(tmp_path: Path, text: str) -> None:
    script = tmp_path / "wrong.bt"
    script.write_text(text)
    with pytest.raises(AssertionError, match="status"):
        assert_passed(script)
