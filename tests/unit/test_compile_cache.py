"""The compile cache: what was kept is found while everything that it depends on holds, and nothing bad is ever used."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from pybpftrace.core import cache as cache_module
from pybpftrace.core.artifacts import CompiledProgram
from pybpftrace.core.cache import CompileCache, cache_key, code_fingerprint
from pybpftrace.core.config import Config
from pybpftrace.core.source import Source
from pybpftrace.core.target.dependency import Dependency, file_fact

PROGRAM = CompiledProgram(Source("a.bt", "begin{}"), "x86_64", Config(), (), (), (), (), {})
KEY = cache_key({"script": "begin{}"})


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CompileCache:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    opened = CompileCache.open()
    assert opened is not None
    return opened


def entries(tmp_path: Path) -> list[str]:
    return sorted(os.listdir(tmp_path / "pybpftrace" / "programs"))


def test_what_was_put_is_found_under_its_key_only(cache: CompileCache) -> None:
    cache.put(KEY, PROGRAM, [])
    assert cache.get(KEY) == PROGRAM
    assert cache.get(cache_key({"script": "end{}"})) is None


def test_the_directories_are_for_their_owner_alone(cache: CompileCache, tmp_path: Path) -> None:
    cache.put(KEY, PROGRAM, [])
    for path in (tmp_path / "pybpftrace", tmp_path / "pybpftrace" / "programs"):
        assert path.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "pybpftrace" / "programs" / KEY).stat().st_mode & 0o777 == 0o600


def test_an_entry_is_not_used_once_a_file_that_was_read_has_changed(cache: CompileCache, tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"old")
    cache.put(KEY, PROGRAM, [Dependency("file", str(binary), file_fact(str(binary)))])
    assert cache.get(KEY) == PROGRAM
    binary.write_bytes(b"newer")
    assert cache.get(KEY) is None


def test_a_damaged_entry_is_ignored_and_written_over(cache: CompileCache, tmp_path: Path) -> None:
    cache.put(KEY, PROGRAM, [])
    (tmp_path / "pybpftrace" / "programs" / KEY).write_bytes(b"pybpftrace-program 1 x 1\n")
    assert cache.get(KEY) is None
    cache.put(KEY, PROGRAM, [])
    assert cache.get(KEY) == PROGRAM


def test_an_entry_that_others_can_write_is_ignored(cache: CompileCache, tmp_path: Path) -> None:
    cache.put(KEY, PROGRAM, [])
    (tmp_path / "pybpftrace" / "programs" / KEY).chmod(0o666)
    assert cache.get(KEY) is None


@pytest.mark.parametrize("place", ["pybpftrace", "pybpftrace/programs"])
def test_a_directory_that_others_can_write_is_no_cache(cache: CompileCache, tmp_path: Path, place: str) -> None:
    (tmp_path / place).chmod(0o777)
    assert CompileCache.open() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_a_directory_of_another_user_is_no_cache(cache: CompileCache, tmp_path: Path) -> None:
    os.chown(tmp_path / "pybpftrace" / "programs", 12345, 0)
    assert CompileCache.open() is None


def test_what_was_used_longest_ago_is_evicted_first(
    cache: CompileCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "ENTRY_LIMIT", 2)
    for age, key in enumerate(("c", "b", "a")):
        cache.put(key, PROGRAM, [])
        os.utime(tmp_path / "pybpftrace" / "programs" / key, (1000 + age, 1000 + age))
    assert cache.get("b") == PROGRAM  # now it is the newest
    cache.put("d", PROGRAM, [])
    assert entries(tmp_path) == ["b", "d"]


def test_entries_larger_than_the_byte_limit_together_are_evicted(
    cache: CompileCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "BYTE_LIMIT", 3000)
    big = replace(PROGRAM, btf=bytes(1500))
    for age, key in enumerate("abc"):
        cache.put(key, big, [])
        os.utime(tmp_path / "pybpftrace" / "programs" / key, (1000 + age, 1000 + age))
    assert entries(tmp_path) == ["c"]


def test_every_fact_of_a_compilation_changes_the_key() -> None:
    assert cache_key({"a": 1, "b": 2}) == cache_key({"b": 2, "a": 1}) != cache_key({"a": 1, "b": 3})


def test_the_fingerprint_changes_when_a_source_file_of_ours_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in ("core", "passes", "plugins", "api", "cli"):
        (tmp_path / room).mkdir()
    grammar = tmp_path / "passes" / "g.lark"
    grammar.write_text("a")
    monkeypatch.setattr(cache_module, "__file__", str(tmp_path / "core" / "cache.py"))
    before = code_fingerprint()
    assert code_fingerprint() == before
    grammar.write_text("ab")
    assert code_fingerprint() != before


def test_the_fingerprint_names_the_installed_code_generator() -> None:
    assert any(isinstance(stamp, list) and "site-packages" in stamp[0] for stamp in code_fingerprint())
