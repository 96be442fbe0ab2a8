"""What the kernel tells of programs that are started and of files that they map, of processes that the test starts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from pybpftrace.core.linux.errors import KernelError
from pybpftrace.core.linux.mapping_records import Executed, Forked, Mapped, MappingRecords, Record

pytestmark = pytest.mark.live


@pytest.fixture
def waiting() -> Iterator[subprocess.Popen[bytes]]:
    """A shell that becomes `true` once it is given a line."""
    process = subprocess.Popen(["sh", "-c", "read line; (exit 0); exec true"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()


def records_of(pid: int | None, waiting: subprocess.Popen[bytes]) -> list[Record]:
    try:
        told = MappingRecords(pid)
    except KernelError as error:
        pytest.skip(f"needs permission for perf events: {error}")
    try:
        waiting.communicate(b"go\n")
        return list(told.take())
    finally:
        told.close()


def test_a_program_that_a_process_starts_is_told_of_with_the_files_that_it_maps(
    waiting: subprocess.Popen[bytes]
) -> None:
    records = records_of(waiting.pid, waiting)
    (fork,) = [record for record in records if isinstance(record, Forked)]
    assert fork.parent == waiting.pid
    own = [record for record in records if record.pid == waiting.pid]
    executed = own.index(Executed(waiting.pid))
    mapped = [record for record in own[executed:] if isinstance(record, Mapped)]
    program = os.path.realpath("/bin/true")
    status = os.stat(program)
    (found,) = [record for record in mapped if os.fsdecode(record.path) == program]
    assert (found.device, found.inode, found.length % 4096) == (status.st_dev, status.st_ino, 0)
    assert any(b"libc" in record.path for record in mapped)


def test_without_a_process_all_are_told_of(waiting: subprocess.Popen[bytes]) -> None:
    records = records_of(None, waiting)
    assert Executed(waiting.pid) in records
    assert {type(record) for record in records if record.pid == waiting.pid} == {Executed, Mapped}


def test_a_process_that_does_not_exist_is_an_error_in_words() -> None:
    with pytest.raises(KernelError, match="mappings of process 1073741824"):
        MappingRecords(1 << 30)


def test_a_buffer_is_read_round_its_end(waiting: subprocess.Popen[bytes]) -> None:
    try:
        told = MappingRecords(os.getpid())
    except KernelError as error:
        pytest.skip(f"needs permission for perf events: {error}")
    started, heard = 0, []
    for _ in range(60):  # each maps some files: together far more than a buffer of 8 pages holds
        started += 1
        subprocess.run(["true"], check=True)
        heard += [record for record in told.take() if isinstance(record, Executed)]
    told.close()
    assert len(heard) == started
