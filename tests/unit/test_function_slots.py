"""How many slots the arguments of a kernel's functions take: counted in one walk, and kept until the kernel changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from pybpftrace.core.linux import machine
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.btf_functions import function_slots
from pybpftrace.core.target.live_function_slots import function_slots as kept_slots

from .test_btf_c_types import Kernel
from .test_probes_fentry import add_function


def test_each_argument_fills_the_slots_of_its_type() -> None:
    blob = Kernel()
    pair = blob.struct("pair", 12, ("a", blob.long, 0), ("b", blob.int, 64))
    large = blob.struct("large", 24, ("a", blob.long, 0))
    add_function(blob, "pointers", 0, ("a", blob.pointer(0)), ("b", blob.pointer(large)))
    add_function(blob, "nothing", blob.int)
    add_function(blob, "by_value", 0, ("pair", pair), ("n", blob.long))
    add_function(blob, "too_large", 0, ("large", large))
    add_function(blob, "variable", 0, ("format", blob.pointer(0)), ("", 0))
    add_function(blob, "twice", 0)
    add_function(blob, "twice", 0, ("n", blob.int))
    slots = function_slots(Btf.parse(blob.build()))
    assert slots == {"by_value": 3, "nothing": 0, "pointers": 2, "twice": 0}
    assert list(slots) == sorted(slots)


class Kept:
    """A target, and how often the BTF was walked."""

    kernel_build_id = "abcd"

    def __init__(self) -> None:
        self.walked = 0

    def read(self) -> Mapping[str, Mapping[str, int]]:
        self.walked += 1
        return {"vmlinux": {"f\udcff": 1}, "xfs": {"open": self.walked}}

    def slots(self) -> Mapping[str, Mapping[str, int]]:
        return kept_slots(cast(Any, self), self.read)


def test_the_count_is_kept_until_a_module_comes_or_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(machine, "loaded_modules", lambda: ("xfs", "0badcafe"))
    target = Kept()
    first = target.slots()
    assert first == target.slots() == {"vmlinux": {"f\udcff": 1}, "xfs": {"open": 1}}
    monkeypatch.setattr(machine, "loaded_modules", lambda: ("xfs", "0badbeef"))
    assert target.slots()["xfs"] == {"open": 2}
    target.kernel_build_id = "abce"
    assert target.slots()["xfs"] == {"open": 3}
    assert target.walked == 3


def test_without_a_cache_the_types_are_walked_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pybpftrace").mkdir()
    (tmp_path / "pybpftrace").chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    target = Kept()
    assert [target.slots()["xfs"]["open"] for _ in range(2)] == [1, 2]
