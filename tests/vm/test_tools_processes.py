"""The tools about processes: programs, threads, sleeps, capabilities, and the end of those that eat all memory."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .guest import Guest
from .tools import stopped, watch

pytestmark = pytest.mark.kernels("6.1", "6.12", "newest")

CLOCK = r"\d\d:\d\d:\d\d"
FINE_CLOCK = rf"{CLOCK}\.\d{{6}}"

THREADS = """
#include <pthread.h>
void *first_job(void *p) { return p; }
void *second_job(void *p) { return p; }
int main(void)
{
	void *(*jobs[])(void *) = { first_job, second_job };
	for (int i = 0; i < 2; i++) {
		pthread_t thread;
		pthread_create(&thread, 0, jobs[i], 0);
		pthread_join(thread, 0);
	}
	return 0;
}
"""
HUNGRY = b"""
pieces = []
while True:
    pieces.append(bytearray(1 << 20))
"""
#: A process in a cgroup that may have 30 MB; the same limits hold for each that comes after it.
IN_A_SMALL_CGROUP = """
cd /sys/fs/cgroup
echo +memory > cgroup.subtree_control
mkdir -p small
echo 30M > small/memory.max
sh -c 'echo $$ > small/cgroup.procs; exec python3 /tmp/hungry.py'
"""
REFUSED = "setpriv --reuid 1234 --clear-groups chroot / true; setpriv --reuid 1234 --clear-groups nice -n -5 true"


@pytest.fixture(scope="module")
def threads() -> Iterator[str]:
    from programs import build

    with tempfile.TemporaryDirectory() as directory:
        yield build(Path(directory), "threads", THREADS, "-pthread")


def run(guest: Guest, command: str) -> None:
    guest.run(["sh", "-c", command])


def test_execsnoop_shows_the_arguments_of_each_program(guest: Guest) -> None:
    commands = (
        "/bin/echo one 'two three' '' four",
        "/bin/true 1 2 3 4 5 6 7",
        "/bin/true 1 2 3 4 5 6 7 8",
        f"/bin/true {'x' * 200}",
        "/nonexistent",
        "/bin/false",
    )
    seen = watch(guest, "execsnoop", lambda: run(guest, "; ".join(commands) + "; :"))
    for text in (seen.text, seen.printed()):
        header, *lines = (line for line in text.splitlines() if line)
        assert header == "TIME                PID    PPID    UID ARGS"
        rows = [re.fullmatch(rf"{FINE_CLOCK} +(\d+) +(\d+) +0 (.*)", line) for line in lines]
        assert None not in rows, text
        found = [(row[1], row[2], row[3]) for row in rows if row]
        [(shell, _, _)] = [row for row in found if row[2].startswith("sh -c")]
        assert [words for _, parent, words in found if parent == shell] == [
            "/bin/echo one two three  four",
            "/bin/true 1 2 3 4 5 6 7",
            "/bin/true 1 2 3 4 5 6 7 ...",
            f"/bin/true {'x' * 127}",
            "/bin/false",
        ]


def test_execsnoop_shows_one_user_or_one_name(guest: Guest) -> None:
    commands = "/bin/false; setpriv --reuid 1234 --clear-groups /bin/sh -c '/bin/true; /bin/false; :'"
    for option, wanted in (
        ("--uid=1234", ["/bin/sh -c /bin/true; /bin/false; :", "/bin/true", "/bin/false"]),
        ("--name=false", ["/bin/false", "/bin/false"]),
    ):
        seen = watch(guest, "execsnoop", lambda: run(guest, commands), option)
        for text in (seen.text, seen.printed()):
            assert re.findall(rf"^{FINE_CLOCK} +\d+ +\d+ +\d+ (.*)", text, re.MULTILINE) == wanted, text


def test_threadsnoop_names_the_functions_that_threads_begin_in(guest: Guest, threads: str) -> None:
    seen = watch(guest, "threadsnoop", lambda: guest.run([threads]))
    for text in (seen.text, seen.printed()):
        assert text.splitlines()[0] == "TIME                PID COMM             FUNCTION"
        rows = re.findall(rf"^{FINE_CLOCK} +(\d+) threads {{10}}(\w+)$", text, re.MULTILINE)
        assert [function for _, function in rows] == ["first_job", "second_job"], text
        assert len({pid for pid, _ in rows}) == 1


def test_threadsnoop_of_one_process_is_silent_about_others(guest: Guest, threads: str) -> None:
    with stopped(guest, [threads]) as program:

        def workload() -> None:
            guest.run([threads])
            program.go_on()

        pid = program.pid
        seen = watch(guest, "threadsnoop", workload, f"--pid={pid}")
    rows = re.findall(rf"^{FINE_CLOCK} +(\d+) (\S+) +(\S+)$", seen.text, re.MULTILINE)
    assert rows == [(str(pid), "threads", "first_job"), (str(pid), "threads", "second_job")], seen.text


def test_naptime_shows_who_sleeps_how_long(guest: Guest) -> None:
    seen = watch(guest, "naptime", lambda: run(guest, "echo $$; sleep 0.25; perl -e 'sleep 1'; :"))
    for text in (seen.text, seen.printed()):
        assert text.splitlines()[0] == "TIME        PPID PCOMM                PID COMM             SECONDS"
        rows = re.findall(rf"^{CLOCK} +(\d+) sh {{15}} +(\d+) (\w+) +(\d+\.\d+)$", text, re.MULTILINE)
        assert [(name, length) for _, _, name, length in rows] == [("sleep", "0.250"), ("perl", "1.000")], text
        assert len({parent for parent, *_ in rows}) == 1 and len({pid for _, pid, *_ in rows}) == 2


def test_naptime_of_one_process_is_silent_about_others(guest: Guest) -> None:
    with stopped(guest, ["sleep", "0.125"]) as program:

        def workload() -> None:
            guest.run(["sleep", "0.5"])
            program.go_on()

        pid = program.pid
        seen = watch(guest, "naptime", workload, f"--pid={pid}")
    assert re.findall(r"(\d+) sleep +(\d+\.\d+)$", seen.text, re.MULTILINE) == [(str(pid), "0.125")], seen.text


def test_capable_shows_what_is_refused_to_whom(guest: Guest) -> None:
    seen = watch(guest, "capable", lambda: run(guest, REFUSED), "--denied")
    for text in (seen.text, seen.printed()):
        assert text.splitlines()[0] == "TIME         UID     PID COMM             CAPABILITY             AUDIT ALLOWED"
        rows = re.findall(rf"^{CLOCK} +1234 +\d+ (\w+) +(CAP_\w+) +([01]) no$", text, re.MULTILINE)
        assert {("chroot", "CAP_SYS_CHROOT", "1"), ("nice", "CAP_SYS_NICE", "1")} <= set(rows), text
        assert not re.search(r" yes$", text, re.MULTILINE)


def test_capable_shows_what_is_allowed_with_the_stack(guest: Guest) -> None:
    with stopped(guest, ["chroot", "/", "true"]) as program:

        def workload() -> None:
            run(guest, REFUSED)
            program.go_on()

        pid = program.pid
        seen = watch(guest, "capable", workload, f"--pid={pid}", "--stacks")
    line = rf"^{CLOCK} +0 +{pid} chroot +CAP_SYS_CHROOT +1 yes\n"
    stack = re.search(line + r"\n((?: {8}\S+\n)+)", seen.text, re.MULTILINE)
    assert stack and re.search(r"ns_capable\+\d+\n.*_sys_chroot\+\d+\n", stack[1]), seen.text
    assert re.search(line, seen.printed(), re.MULTILINE)
    stacks = [message["data"] for message in seen.messages if message["type"] == "value"]
    assert any("_sys_chroot+" in text for text in stacks)
    assert " no\n" not in seen.text


def test_oomkill_tells_of_the_killed_and_of_the_limit(guest: Guest) -> None:
    guest.write("/tmp/hungry.py", HUNGRY)
    seen = watch(guest, "oomkill", lambda: run(guest, IN_A_SMALL_CGROUP))
    for text in (seen.text, seen.printed()):
        header, *lines = (line for line in text.splitlines() if line)
        assert header == "Tracing the OOM killer... Hit Ctrl-C to end."
        [line] = lines
        found = re.fullmatch(
            rf"{CLOCK} killed python3 \(PID (\d+)\) for python3 \(PID (\d+)\); limit: cgroup, "
            r"(\d+) pages; loads: \d+\.\d\d \d+\.\d\d \d+\.\d\d",
            line,
        )
        assert found and found[1] == found[2] and int(found[3]) >= 30 << 20 >> 12, line
