"""Facts that a compilation depended on: as plain data, and whether they still hold."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from pybpftrace.core.target.dependency import Dependency, file_fact, still_holds, text_fact
from pybpftrace.core.target.features import features, find_features
from pybpftrace.core.target.kallsyms import find_symbol

KALLSYMS = """\
ffffffff81000000 T _text
0000000000001000 A cpu_number
ffffffff81001000 T vfs_read_more
ffffffff81002000 T vfs_read
ffffffff81003000 t twin
ffffffff81004000 t twin
ffffffffc0001000 t in_module\t[some_module]
"""


@pytest.mark.parametrize(
    "dependency",
    [
        Dependency("file", "/bin/x", (1, 2, 3, 4)),
        Dependency("text", "/x/format", None),
        Dependency("path", "libc", ("/lib/a", "/lib/b")),
        Dependency("cgroup", "/sys/fs/cgroup", 1),
        Dependency("environment", "ARCH", None),
        Dependency("access", "/x/list", 1),
    ],
)
def test_a_dependency_survives_the_way_through_json(dependency: Dependency) -> None:
    assert Dependency.from_data(json.loads(json.dumps(dependency.to_data()))) == dependency


@pytest.mark.parametrize("data", [None, [], ["file", "x"], ["nonsense", "x", 1], ["file", 1, 1], ["file", "x", {}]])
def test_data_that_is_no_dependency_is_refused(data: object) -> None:
    with pytest.raises(ValueError):
        Dependency.from_data(data)


def test_a_text_holds_as_long_as_its_content_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "format"
    dependency = Dependency("text", str(file), text_fact(b"one"))
    assert not still_holds(dependency)
    file.write_bytes(b"one")
    assert still_holds(dependency)
    file.write_bytes(b"two")
    assert not still_holds(dependency)


def test_a_refusal_holds_until_the_file_can_be_opened(tmp_path: Path) -> None:
    file = tmp_path / "list"
    refused = Dependency("access", str(file), errno.ENOENT)
    assert still_holds(refused)
    file.write_bytes(b"")
    assert not still_holds(refused)
    assert still_holds(Dependency("access", str(file), 0))


def test_a_variable_of_the_environment_holds_as_long_as_it_has_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    unset, is_set = Dependency("environment", "X_TREE", None), Dependency("environment", "X_TREE", "/a")
    monkeypatch.delenv("X_TREE", raising=False)
    assert (still_holds(unset), still_holds(is_set)) == (True, False)
    monkeypatch.setenv("X_TREE", "/a")
    assert (still_holds(unset), still_holds(is_set)) == (False, True)
    monkeypatch.setenv("X_TREE", "/b")
    assert not still_holds(is_set)


def test_a_file_holds_as_long_as_nothing_replaces_it(tmp_path: Path) -> None:
    file = tmp_path / "binary"
    file.write_bytes(b"one")
    dependency = Dependency("file", str(file), file_fact(str(file)))
    assert still_holds(dependency)
    copy = tmp_path / "copy"
    copy.write_bytes(b"one")
    copy.rename(file)
    assert not still_holds(dependency)


def test_a_missing_file_is_a_fact_until_it_appears(tmp_path: Path) -> None:
    dependency = Dependency("file", str(tmp_path / "absent"), None)
    assert still_holds(dependency)
    (tmp_path / "absent").write_bytes(b"")
    assert not still_holds(dependency)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("vfs_read", (0xFFFFFFFF81002000, True)),
        ("cpu_number", (0x1000, True)),
        ("twin", (0xFFFFFFFF81003000, True)),
        ("in_module", (0xFFFFFFFFC0001000, False)),
        ("vfs_rea", (None, False)),
        ("", (None, False)),
        ("T vfs_read", (None, False)),
        ("a\nb", (None, False)),
    ],
)
def test_a_kernel_symbol_is_found_by_its_whole_name(tmp_path: Path, name: str, found: tuple[int | None, bool]) -> None:
    file = tmp_path / "kallsyms"
    file.write_text(KALLSYMS)
    assert find_symbol(name, str(file)) == found


def test_hidden_kernel_addresses_are_not_taken_for_zero(tmp_path: Path) -> None:
    file = tmp_path / "kallsyms"
    file.write_text("0000000000000000 T _text\n0000000000000000 T vfs_read\n")
    assert find_symbol("vfs_read", str(file)) == (None, False)


def test_without_btf_the_release_decides_which_features_there_are() -> None:
    assert {"ringbuf", "batch_ops"} <= find_features("5.8.0-generic", None)
    assert "loop" not in find_features("5.8.0-generic", None)
    assert find_features("7.0", None) == {feature.name for feature in features}
    assert find_features("unknown", None) == frozenset()
