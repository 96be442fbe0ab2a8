"""The tools about block I/O, on a disk of memory whose every request takes 20 ms and that takes one at a time."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from .guest import Guest
from .tools import stopped, watch

pytestmark = pytest.mark.kernels("6.1", "6.12", "newest")

FINE_CLOCK = r"\d\d:\d\d:\d\d\.\d{6}"
#: The queue has a scheduler, as that of a real disk.
DISK = """
modprobe -a sd_mod mq-deadline
modprobe scsi_debug dev_size_mb=64 ndelay=20000000 submit_queues=1 max_queue=1
until [ -b /dev/sda ]; do sleep 0.1; done
echo mq-deadline > /sys/block/sda/queue/scheduler
"""
WRITE = "dd if=/dev/zero of=/dev/sda bs=64k count=8 oflag=direct status=none"
READ = "dd if=/dev/sda of=/dev/null bs=4k count=4 iflag=direct status=none"
#: Three at once wait for each other.
CROWD = " & ".join(f"{READ} skip={place}" for place in (100, 200, 300)) + " & wait"


@pytest.fixture(scope="module")
def disk(guest: Guest) -> None:
    made = guest.run(["sh", "-e", "-c", DISK])
    assert made.status == 0, made.stderr


def run(guest: Guest, *commands: str) -> Callable[[], None]:
    def workload() -> None:
        done = guest.run(["sh", "-e", "-c", "; ".join(commands)])
        assert done.status == 0, done.stderr

    return workload


def intervals(text: str) -> dict[str, int]:
    """The filled buckets of a histogram's text."""
    found = re.findall(r"^(\[.+?\)) +(\d+) \|", text, re.MULTILINE)
    return {name: int(count) for name, count in found if int(count)}


def test_bitesize_shows_how_big_requests_are(guest: Guest, disk: None) -> None:
    seen = watch(guest, "bitesize", run(guest, WRITE, READ))
    assert seen.lines[0] == "Tracing block I/O... Hit Ctrl-C to end."
    histogram = re.search(r"^@bytes\[dd\]:\n((?:\[.*\n)+)", seen.text, re.MULTILINE)
    assert histogram and intervals(histogram[1]) == {"[4K, 8K)": 4, "[64K, 128K)": 8}, seen.text
    buckets = seen.map("@bytes")["dd"]
    assert {bucket["min"]: bucket["count"] for bucket in buckets if bucket["count"]} == {4096: 4, 65536: 8}


def test_biolatency_shows_what_the_disk_takes(guest: Guest, disk: None) -> None:
    seen = watch(guest, "biolatency", run(guest, WRITE, READ))
    assert seen.lines[0] == "Tracing block I/O... Hit Ctrl-C to end."
    assert "\n@usecs:\n" in seen.text and "@start" not in seen.text
    counts = intervals(seen.text)
    assert sum(counts.values()) == 12 and min(counts) == "[16K, 32K)" and counts["[16K, 32K)"] >= 6, seen.text
    buckets = [bucket for bucket in seen.map("@usecs") if bucket["count"]]
    assert sum(bucket["count"] for bucket in buckets) == 12 and buckets[0]["min"] == 16384


def test_biolatency_of_each_disk_and_of_one(guest: Guest, disk: None) -> None:
    each = watch(guest, "biolatency", run(guest, READ), "--disks")
    assert re.search(r"^@usecs\[sda\]:\n\[16K, 32K\) +[1-4] ", each.text, re.MULTILINE), each.text
    assert list(each.map("@usecs")) == ["sda"]
    assert sum(intervals(watch(guest, "biolatency", run(guest, READ), "--disk=sda").text).values()) == 4
    assert intervals(watch(guest, "biolatency", run(guest, READ), "--disk=sdb").text) == {}


def test_biolatency_counts_the_time_in_the_queue_if_asked(guest: Guest, disk: None) -> None:
    alone = watch(guest, "biolatency", run(guest, CROWD))
    queued = watch(guest, "biolatency", run(guest, CROWD), "--queued")
    for seen in (alone, queued):
        assert sum(intervals(seen.text).values()) == 12, seen.text
    # Most requests wait for two others first, which makes 60 ms.
    assert sum(count for name, count in intervals(queued.text).items() if name != "[16K, 32K)") >= 6, queued.text
    assert intervals(alone.text).get("[16K, 32K)", 0) >= 6, alone.text


def test_biosnoop_shows_each_request(guest: Guest, disk: None) -> None:
    seen = watch(guest, "biosnoop", run(guest, WRITE, READ))
    for text in (seen.text, seen.printed()):
        header, *lines = (line for line in text.splitlines() if line)
        assert " ".join(header.split()) == "TIME COMM PID DISK OP SECTOR BYTES QUE(ms) LAT(ms)"
        number = r" +(\d+\.\d{3})"
        row = re.compile(rf"{FINE_CLOCK} dd {{14}} +(\d+) sda +([RW]) +(\d+) +(\d+){number}{number}")
        found = [row.fullmatch(line) for line in lines]
        assert None not in found and len(found) == 12, text
        requests = [(match[2], int(match[3]), int(match[4])) for match in found if match]
        assert requests == [("W", 128 * n, 65536) for n in range(8)] + [("R", 8 * n, 4096) for n in range(4)]
        assert all(float(match[6]) >= 20 for match in found if match)
        assert len({match[1] for match in found if match}) == 2


def test_biosnoop_shows_one_process_or_disk(guest: Guest, disk: None) -> None:
    with stopped(guest, READ.split(" ")) as program:

        def workload() -> None:
            run(guest, WRITE)()
            program.go_on()

        seen = watch(guest, "biosnoop", workload, f"--pid={program.pid}")
    lines = [line for line in seen.lines if " sda " in line]
    assert len(lines) == 4 and all(f" {program.pid} sda  " in line and " R " in line for line in lines), seen.text
    assert " sda " in watch(guest, "biosnoop", run(guest, READ), "--disk=sda").text
    assert " sda " not in watch(guest, "biosnoop", run(guest, READ), "--disk=sdb").text


def test_biosnoop_shows_how_long_requests_wait(guest: Guest, disk: None) -> None:
    seen = watch(guest, "biosnoop", run(guest, CROWD))
    queued = [float(line.split()[7]) for line in seen.lines if " sda " in line]
    assert len(queued) == 12 and sum(wait >= 20 for wait in queued) >= 4, seen.text


def test_biostacks_shows_who_reads_and_who_writes(guest: Guest, disk: None) -> None:
    seen = watch(guest, "biostacks", run(guest, WRITE, READ), "--disk=sda")
    assert seen.lines[0] == "Tracing block I/O with stacks... Hit Ctrl-C to end."
    stacks = re.findall(r"^@usecs\[\n((?: {8}\S+\n)+)\]:\n((?:\[.*\n)+)", seen.text, re.MULTILINE)
    counts = {
        name: sum(sum(intervals(times).values()) for stack, times in stacks if f"{name}+" in stack)
        for name in ("vfs_read", "vfs_write")
    }
    assert counts == {"vfs_read": 4, "vfs_write": 8}, seen.text
    assert all("submit_bio" in stack and times.startswith("[16K, 32K)") for stack, times in stacks)
    assert "@submitted" not in seen.text
    usecs = seen.map("@usecs")
    assert sum(bucket["count"] for stack, buckets in usecs.items() if "vfs_read+" in stack for bucket in buckets) == 4
    assert "@usecs" not in watch(guest, "biostacks", run(guest, READ), "--disk=sdb").text
