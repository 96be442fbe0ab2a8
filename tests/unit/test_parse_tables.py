"""The parser's tables in the user's cache: kept, reused, and never trusted when someone else could write them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from parsing import errors, parse
from pybpftrace.passes.parse import automaton, tables
from pybpftrace.passes.parse.tree import TreeBuilder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "pybpftrace"


@pytest.fixture(autouse=True)
def _no_parser_is_left_from_other_tests() -> Iterator[None]:
    tables.automaton.cache_clear()
    yield
    tables.automaton.cache_clear()


def start_again() -> None:
    """What a new process would do: parse with tables from the cache or from the grammar."""
    tables.automaton.cache_clear()
    assert len(parse("BEGIN {}").probes) == 1


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The grammars that tables were built from."""
    grammars: list[str] = []
    make = tables.make

    def counting(grammar: str) -> automaton.Data:
        grammars.append(grammar)
        return make(grammar)

    monkeypatch.setattr(tables, "make", counting)
    return grammars


def test_tables_are_built_once_and_give_the_same_answers_later(cache: Path, built: list[str]) -> None:
    first = errors("BEGIN { $x 1 }")
    tables.automaton.cache_clear()
    assert errors("BEGIN { $x 1 }") == first
    assert len(parse("BEGIN { $if = 1 / 2; } END { }").probes) == 2
    assert len(built) == 1


def test_the_file_and_its_directory_are_private(cache: Path) -> None:
    start_again()
    assert cache.stat().st_mode & 0o777 == 0o700
    assert (cache / tables.FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o777, 0o720])
def test_a_directory_that_others_can_write_is_not_used(cache: Path, built: list[str], mode: int) -> None:
    cache.mkdir()
    cache.chmod(mode)
    start_again()
    start_again()
    assert len(built) == 2
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_file_that_others_can_write_is_not_read(cache: Path, built: list[str], mode: int) -> None:
    start_again()
    (cache / tables.FILE).chmod(mode)
    start_again()
    assert len(built) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not_read(cache: Path, built: list[str]) -> None:
    start_again()
    os.chown(cache / tables.FILE, 12345, 12345)
    start_again()
    assert len(built) == 2


def test_a_symbolic_link_is_not_followed(cache: Path, built: list[str]) -> None:
    start_again()
    (cache / tables.FILE).rename(cache / "elsewhere")
    (cache / tables.FILE).symlink_to(cache / "elsewhere")
    start_again()
    assert len(built) == 2


@pytest.mark.parametrize("damage", [b"", b"x", b"0" * 32, b"0" * 5000])
def test_a_damaged_file_is_replaced(cache: Path, built: list[str], damage: bytes) -> None:
    start_again()
    kept = (cache / tables.FILE).read_bytes()
    (cache / tables.FILE).write_bytes(damage or kept[:-1])
    start_again()
    assert len(built) == 2
    assert (cache / tables.FILE).read_bytes()[:32] != damage[:32]
    start_again()
    assert len(built) == 2


def test_tables_of_another_python_are_not_used(cache: Path, built: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    start_again()
    monkeypatch.setattr(sys, "version", "0")
    start_again()
    assert len(built) == 2


def test_without_a_cache_directory_the_tables_are_built_each_time(
    tmp_path: Path, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    start_again()
    start_again()
    assert len(built) == 2


def test_kept_tables_need_no_lark(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start_again()
    monkeypatch.setitem(sys.modules, "lark", None)
    start_again()


def test_every_rule_has_its_method_in_the_builder(cache: Path) -> None:
    start_again()
    _, _, rules, *_ = tables.make((Path(tables.__file__).parent / "grammar.lark").read_text())
    methods = {method for _, _, method, _ in rules} - {"", "[]"}
    assert len(methods) > 50
    assert not [method for method in methods if not callable(getattr(TreeBuilder, method, None))]
