"""The parser's tables in the user's cache: kept, reused, and never trusted when someone else could write them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from parsing import errors, parse
from pybpftrace.passes.parse import tables


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "pybpftrace"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The grammars that tables were built from."""
    grammars: list[str] = []
    lark_init = tables.lark.Lark.__init__

    def counting(self: object, grammar: str, **options: object) -> None:
        grammars.append(grammar)
        lark_init(self, grammar, **options)

    monkeypatch.setattr(tables.lark.Lark, "__init__", counting)
    return grammars


def test_tables_are_built_once_and_give_the_same_answers_later(cache: Path, built: list[str]) -> None:
    first = errors("BEGIN { $x 1 }")
    assert errors("BEGIN { $x 1 }") == first
    assert len(parse("BEGIN { $if = 1 / 2; } END { }").probes) == 2
    assert len(built) == 1


def test_the_file_and_its_directory_are_private(cache: Path) -> None:
    parse("BEGIN {}")
    assert cache.stat().st_mode & 0o777 == 0o700
    assert (cache / tables.FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o777, 0o720])
def test_a_directory_that_others_can_write_is_not_used(cache: Path, built: list[str], mode: int) -> None:
    cache.mkdir()
    cache.chmod(mode)
    parse("BEGIN {}")
    parse("BEGIN {}")
    assert len(built) == 2
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_file_that_others_can_write_is_not_read(cache: Path, built: list[str], mode: int) -> None:
    parse("BEGIN {}")
    (cache / tables.FILE).chmod(mode)
    parse("BEGIN {}")
    assert len(built) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not_read(cache: Path, built: list[str]) -> None:
    parse("BEGIN {}")
    os.chown(cache / tables.FILE, 12345, 12345)
    parse("BEGIN {}")
    assert len(built) == 2


def test_a_symbolic_link_is_not_followed(cache: Path, built: list[str]) -> None:
    parse("BEGIN {}")
    (cache / tables.FILE).rename(cache / "elsewhere")
    (cache / tables.FILE).symlink_to(cache / "elsewhere")
    parse("BEGIN {}")
    assert len(built) == 2


@pytest.mark.parametrize("damage", [b"", b"x", b"0" * 32, b"0" * 5000])
def test_a_damaged_file_is_replaced(cache: Path, built: list[str], damage: bytes) -> None:
    parse("BEGIN {}")
    kept = (cache / tables.FILE).read_bytes()
    (cache / tables.FILE).write_bytes(damage or kept[:-1])
    parse("BEGIN {}")
    assert len(built) == 2
    assert (cache / tables.FILE).read_bytes()[:32] != damage[:32]
    parse("BEGIN {}")
    assert len(built) == 2


def test_tables_of_another_lark_are_not_used(cache: Path, built: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    parse("BEGIN {}")
    monkeypatch.setattr(tables.lark, "__version__", "0")
    parse("BEGIN {}")
    assert len(built) == 2


def test_without_a_cache_directory_the_tables_are_built_each_time(
    tmp_path: Path, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(parse("BEGIN {}").probes) == len(parse("END {}").probes) == 1
    assert len(built) == 2
