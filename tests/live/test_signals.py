"""Signals that a probe sends to what it traces: programs of the test's own."""

from __future__ import annotations

import pytest
from programs import build
from tracing import run

pytestmark = pytest.mark.live

#: Says which signals it gets, and in which thread; the status tells that it came to its end.
SOURCE = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
__attribute__((noinline)) void step(int number) { __asm__ volatile("" ::: "memory"); }
static pthread_t second;
static void told(int number) {
    char text[] = "got 00 main\n";
    text[4] += number / 10, text[5] += number % 10;
    if (second && pthread_equal(pthread_self(), second)) memcpy(text + 7, "2nd ", 4);
    write(1, text, sizeof text - 1);
}
static void *work(void *unused) { step(2); usleep(50000); return 0; }
int main(void) {
    int numbers[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGRTMIN};
    for (int i = 0; i < 4; i++) signal(numbers[i], told);
    step(1);
    usleep(50000);
    pthread_create(&second, 0, work, 0);
    pthread_join(second, 0);
    write(1, "end\n", 4);
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("signals"), "signalled", SOURCE, "-pthread", "-no-pie")


def signalled(program: str, body: str) -> tuple[list[str], list[str]]:
    """What the program said, and what the tracer said of it."""
    script = f"uprobe:{program}:step {{ {body} }}"
    done = run("--no-cache", "-q", "--unsafe", "-e", script, "-c", program)
    assert done.status == 0, done.stderr
    return done.stdout.split("\n\n")[0].splitlines(), done.stderr.splitlines()


@pytest.mark.parametrize(
    "signal", ['"USR1"', '"SIGUSR1"', '"sigusr1"', '"usr1"', "10", "(uint8)10", "arg0 + 9", "{ $n = 10; $n }"]
)
def test_a_signal_is_sent_by_name_or_number(program: str, signal: str) -> None:
    lines, errors = signalled(program, f"if (arg0 == 1) {{ signal({signal}); }}")
    assert (lines, errors) == (["got 10 main", "end"], [])


def test_a_realtime_signal_has_a_number_only(program: str) -> None:
    assert signalled(program, "if (arg0 == 1) { signal(34); }")[0] == ["got 34 main", "end"]


def test_a_signal_ends_a_program_that_does_not_expect_it(program: str) -> None:
    assert signalled(program, 'signal("kill");')[0] == []


def test_a_thread_gets_its_own_signal(program: str) -> None:
    lines, errors = signalled(program, 'if (arg0 == 2) { signal_thread("USR2"); }')
    assert (lines, errors) == (["got 12 2nd ", "end"], [])


@pytest.mark.parametrize("name", ["signal", "signal_thread"])
@pytest.mark.parametrize("number", [0, 65, -3])
def test_a_number_that_is_none_of_a_signal_is_told_as_it_is_met(program: str, name: str, number: int) -> None:
    lines, errors = signalled(program, f"if (arg0 == 1) {{ {name}((int64)arg0 - 1 + {number}); }}")
    assert lines == ["end"]
    text = f"{name}() expects an integer between 1 and 64 (inclusive). Got {number}"
    assert errors[0].startswith("stdlib/signal.bt:")
    assert errors[0].endswith(f": ERROR: {text}")
    assert errors[1].endswith(": ERROR: expanded from")


def test_a_loop_sends_as_many_as_it_runs(program: str) -> None:
    body = "if (arg0 == 1) { for ($i : 34..37) { signal($i == 34 ? 10 : 12); } }"
    # Of signals that wait together the last one's handler runs first.
    assert sorted(signalled(program, body)[0]) == ["end", "got 10 main", "got 12 main"]
