"""The tools about what lies above the disks: XFS, RAID, write-back and swap, on files and compressed memory."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import pytest

from .guest import Guest
from .tools import stopped, watch

pytestmark = pytest.mark.kernels("6.1", "6.12", "newest")

CLOCK = r"\d\d:\d\d:\d\d"
FINE_CLOCK = rf"{CLOCK}\.\d{{6}}"
XFS = """
modprobe -a loop xfs
truncate -s 400M /tmp/xfs.image
mkfs.xfs -q /tmp/xfs.image
mkdir -p /tmp/xfs
mount -o loop /tmp/xfs.image /tmp/xfs
"""
RAID = """
modprobe -a loop raid1
truncate -s 40M /tmp/left /tmp/right
mdadm --create /dev/md0 --run --level=1 --metadata=1.2 --raid-devices=2 --assume-clean \
    $(losetup -f --show /tmp/left) $(losetup -f --show /tmp/right)
"""
SWAP = """
modprobe zram
echo 256M > /sys/block/zram0/disksize
mkswap /dev/zram0
swapon /dev/zram0
echo +memory > /sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/tight
echo 20M > /sys/fs/cgroup/tight/memory.max
"""
#: It goes through twice as much memory as its cgroup may have, so half of it is always swapped out.
GREEDY = b"""
import os

open("/sys/fs/cgroup/tight/cgroup.procs", "w").write(str(os.getpid()))
page = os.urandom(4096)
memory = bytearray(page * 10000)
for _ in range(2):
    sum(memory[place] for place in range(0, len(memory), 4096))
"""
WRITE = "dd if=/dev/zero of=/tmp/xfs/file bs=1M count=4 conv=fsync status=none"
READ = "dd if=/tmp/xfs/file of=/dev/null bs=1M status=none"


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")


def prepare(guest: Guest, commands: str) -> None:
    made = guest.run(["sh", "-e", "-c", commands])
    assert made.status == 0, made.stderr


@pytest.fixture(scope="module")
def xfs(guest: Guest) -> None:
    needs("mkfs.xfs")
    prepare(guest, XFS)


@pytest.fixture(scope="module")
def raid(guest: Guest) -> None:
    needs("mdadm")
    prepare(guest, RAID)


@pytest.fixture(scope="module")
def swap(guest: Guest) -> None:
    prepare(guest, SWAP)
    guest.write("/tmp/greedy.py", GREEDY)


def run(guest: Guest, *commands: str) -> Callable[[], None]:
    return lambda: prepare(guest, "; ".join(commands))


def count(text: str, name: str) -> int:
    """How many times are in a histogram of `@usecs`."""
    found = re.search(rf"^@usecs\[{name}\]:\n((?:\[.*\n)+)", text, re.MULTILINE)
    return 0 if found is None else sum(int(number) for number in re.findall(r"(\d+) \|", found[1]))


def test_xfsdist_has_a_histogram_for_each_operation(guest: Guest, xfs: None) -> None:
    seen = watch(guest, "xfsdist", run(guest, WRITE, READ))
    assert seen.lines[0] == "Tracing operations of XFS... Hit Ctrl-C to end."
    usecs = seen.map("@usecs")
    for operation, least in (("read_iter", 4), ("write_iter", 4), ("open", 2), ("fsync", 1)):
        name = f"xfs_file_{operation}"
        # dd reads until there is nothing more; what writes and opens is only dd.
        assert least <= count(seen.text, name) <= least + 1, seen.text
        assert least <= sum(bucket["count"] for bucket in usecs[name]) <= least + 1
    assert "@start" not in seen.text


def test_xfsdist_of_one_process_is_silent_about_others(guest: Guest, xfs: None) -> None:
    run(guest, WRITE)()
    with stopped(guest, READ.split(" ")) as program:

        def workload() -> None:
            run(guest, WRITE)()
            program.go_on()

        seen = watch(guest, "xfsdist", workload, f"--pid={program.pid}")
    assert set(seen.map("@usecs")) == {"xfs_file_open", "xfs_file_read_iter"}
    assert count(seen.text, "xfs_file_open") == 1


def test_writeback_shows_pages_and_reasons(guest: Guest, xfs: None) -> None:
    write = WRITE.replace("conv=fsync", "")
    # A file that was longer before is written when it is closed.
    seen = watch(guest, "writeback", run(guest, "rm -f /tmp/xfs/file", write, "sync"))
    device = guest.run(["sh", "-c", "lsblk -no MAJ:MIN /dev/loop0 || cat /sys/block/loop0/dev"]).stdout.split()[0]
    for text in (seen.text, seen.printed()):
        header, *lines = (line for line in text.splitlines() if line)
        assert " ".join(header.split()) == "TIME DEVICE PAGES REASON LATENCY(ms)"
        rows = [re.fullmatch(rf"{FINE_CLOCK} (\S+) +(\d+) +WB_REASON_(\w+) +\d+\.\d{{3}}", line) for line in lines]
        assert None not in rows, text
        written = sum(int(row[2]) for row in rows if row and (row[1], row[3]) == (device, "SYNC"))
        # 4 MB are 1024 pages; the inode may be counted too.
        assert 1024 <= written <= 1030, text
        assert all(row[2] != "0" for row in rows if row)
    assert "@start" not in seen.text


def test_writeback_shows_when_there_was_nothing_to_write_if_asked(guest: Guest, xfs: None) -> None:
    # sync(2) goes through the inodes twice, and has written all at first.
    write = WRITE.replace("conv=fsync", "")
    seen = watch(guest, "writeback", run(guest, "rm -f /tmp/xfs/file", write, "sync"), "--all")
    assert re.search(rf"^{FINE_CLOCK} \S+ +0 WB_REASON_SYNC ", seen.text, re.MULTILINE), seen.text


def test_mdflush_names_the_array_and_who_flushes_it(guest: Guest, raid: None) -> None:
    flush = "dd if=/dev/zero of=/dev/md0 bs=4k count=1 conv=fsync status=none"
    direct = "dd if=/dev/zero of=/dev/md0 bs=4k count=1 oflag=direct status=none"
    seen = watch(guest, "mdflush", run(guest, flush, direct))
    for text in (seen.text, seen.printed()):
        header, *lines = (line for line in text.splitlines() if line)
        assert " ".join(header.split()) == "TIME PID COMM DEVICE"
        assert [re.fullmatch(rf"{CLOCK} +\d+ dd +md0", line) is not None for line in lines] == [True], text


@pytest.mark.parametrize("options", [(), ("--interval=2",)])
def test_swapin_names_who_waits_for_swapped_pages(guest: Guest, swap: None, options: tuple[str, ...]) -> None:
    after = "sleep 2.2" if options else "sleep 1.2"
    seen = watch(guest, "swapin", run(guest, "python3 -I -S /tmp/greedy.py", after), *options)
    assert re.match(rf"{CLOCK}\n", seen.text)
    rows = re.findall(r"^@swapins\[python3, (\d+)\]: (\d+)$", seen.text, re.MULTILINE)
    # Of 10,000 pages half are out, twice; reads of neighbours are counted too.
    assert len({pid for pid, _ in rows}) == 1 and sum(int(number) for _, number in rows) > 5000, seen.text
    maps = [message["data"]["@swapins"] for message in seen.messages if message["type"] == "map"]
    key = f"python3,{rows[0][0]}"
    assert sum(found.get(key, 0) for found in maps) > 5000
    seconds = [int(second) for second in re.findall(r"^\d\d:\d\d:(\d\d)$", seen.text, re.MULTILINE)]
    if options and len(seconds) > 1:
        assert (seconds[1] - seconds[0]) % 60 in (1, 2, 3)
    assert "@seconds" not in seen.text
