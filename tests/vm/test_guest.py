"""The guest that the other tests rely on. It is the same on every kernel, so one kernel will do."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from .guest import Guest, TimeLimit

pytestmark = pytest.mark.kernels("6.12")


def test_a_command_gives_its_status_and_both_streams(guest: Guest) -> None:
    done = guest.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.status, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_a_command_that_is_not_there_has_the_shells_status(guest: Guest) -> None:
    assert guest.run(["/no/such/command"]).status == 127


def test_a_command_gets_its_directory_and_its_environment(guest: Guest) -> None:
    done = guest.run(["sh", "-c", 'pwd; echo "$WORD"'], directory="/usr/lib", environment={"WORD": "two words"})
    assert done.stdout == "/usr/lib\ntwo words\n"


def test_every_byte_comes_through_in_both_directions(guest: Guest) -> None:
    content = bytes(range(256)) * 4000
    guest.write("/tmp/new/bytes", content)
    assert os.fsencode(guest.run(["cat", "/tmp/new/bytes"]).stdout) == content


def test_a_command_that_takes_too_long_is_killed_with_its_children(guest: Guest) -> None:
    with pytest.raises(TimeLimit, match="begun"):
        guest.run(["sh", "-c", "echo begun; sleep 98765; true"], timeout=1)
    assert guest.run(["pgrep", "-f", "sleep [9]8765"]).stdout == ""


def test_a_command_runs_while_others_do_and_can_be_interrupted(guest: Guest) -> None:
    running = guest.start(["sleep", "1000"])
    assert guest.run(["echo", "meanwhile"]).stdout == "meanwhile\n"
    running.signal(signal.SIGINT)
    assert running.wait().status == -signal.SIGINT


def test_a_file_that_was_made_here_after_the_boot_is_seen_in_the_guest(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("made here")
    assert guest.run(["cat", str(tmp_path / "file")]).stdout == "made here"


def test_what_the_guest_writes_stays_in_the_guest(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("before")
    done = guest.run(["sh", "-c", 'echo after >"$0"; cat "$0"', str(tmp_path / "file")])
    assert (done.stdout, (tmp_path / "file").read_text()) == ("after\n", "before")
    assert guest.run(["sh", "-c", "mkdir -p /mnt/host && mount -t virtiofs host /mnt/host"]).status == 0
    assert guest.run(["touch", f"/mnt/host{tmp_path}/new"]).status != 0
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
