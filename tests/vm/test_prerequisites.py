"""What a machine that cannot have guests is told."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from . import prerequisites
from .prerequisites import Unavailable, programs


@pytest.fixture(autouse=True)
def any_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prerequisites, "ARCHITECTURE", os.uname().machine)


def test_a_missing_program_is_told_with_the_package_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path: None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(Unavailable) as raised:
        programs()
    assert str(raised.value) == "no qemu-system-x86_64: apt-get install qemu-system-x86"


def test_a_busybox_that_needs_libraries_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "busybox").write_bytes(b"\x7fELF\x02 /lib64/ld-linux-x86-64.so.2\0")
    monkeypatch.setattr(shutil, "which", lambda name, path: str(tmp_path / name))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(prerequisites, "VIRTIOFSD", (str(tmp_path),))
    with pytest.raises(Unavailable) as raised:
        programs()
    assert str(raised.value) == "busybox is not the static one: apt-get install busybox-static"


def test_others_than_root_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match="need root"):
        programs()
