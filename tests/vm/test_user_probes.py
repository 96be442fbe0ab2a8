"""uprobes and usdt probes on kernels with and without multi links and cookies."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .guest import Guest
from .tracing import trace

SOURCE = r"""
#include <unistd.h>
static volatile int sum;
__attribute__((noinline)) int step_one(int n) { sum += n; return n * 2; }
__attribute__((noinline)) int step_two(int n) { sum -= n; return n * 3; }
static inline __attribute__((always_inline)) void mark(long n) { MARKER("app", "turn", "-8@%0", NOR(n)); }
SEMAPHORE(app, guarded);
int main(int argc, char **argv) {
    for (int i = 1; i <= 3; i++) {
        step_one(i);
        step_two(i);
        mark(i);
    }
    mark(argc + 41);
    if (app_guarded_semaphore)
        GUARDED_MARKER("app", "guarded", "4@%0", NOR(7));
    usleep(200000);  // its symbols can be read meanwhile
    return 0;
}
"""


@pytest.fixture(scope="module")
def program() -> Iterator[str]:
    from markers import HEADER
    from programs import build

    source = HEADER + SOURCE
    # A probe's name of more than 64 bytes is built in memory that 5.10 cannot claim.
    with tempfile.TemporaryDirectory() as directory:
        yield build(Path(directory), "app", source, "-O2")


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


def test_arguments_and_return_values_of_functions(guest: Guest, program: str) -> None:
    script = (
        f'uprobe:{program}:step_one {{ printf("in %d\\n", arg0); }} '
        f'uretprobe:{program}:step_one {{ printf("out %d\\n", retval); }}'
    )
    done = trace(guest, script, workload=program)
    assert lines(done.stdout) == [f"{word} {n}" for i in (1, 2, 3) for word, n in (("in", i), ("out", 2 * i))], done


def test_a_wildcard_is_on_all_functions_that_it_names(guest: Guest, program: str) -> None:
    done = trace(guest, f"uprobe:{program}:step_* {{ @ = count(); }}", workload=program)
    assert done.stderr.splitlines()[-1] == "Attached 2 probes"
    assert lines(done.stdout) == ["@: 6"]


@pytest.mark.kernels("6.1", "6.12", "newest")
def test_each_function_has_its_name(guest: Guest, program: str) -> None:
    done = trace(guest, f"uprobe:{program}:step_* {{ @[func, probe] = count(); }}", workload=program)
    assert lines(done.stdout) == [
        f"@[step_one, uprobe:{program}:step_one]: 3",
        f"@[step_two, uprobe:{program}:step_two]: 3",
    ], done.stderr


@pytest.mark.kernels("5.10")
def test_the_memory_that_preemptible_programs_claim_takes_a_newer_kernel(guest: Guest, program: str) -> None:
    done = trace(guest, f"uprobe:{program}:step_one {{ @[func, probe] = count(); }}", workload=program)
    assert done.status == 1
    assert "ERROR: Missing required kernel feature: atomic_fetch\n" in done.stderr


def test_a_marker_is_seen_at_all_of_its_places(guest: Guest, program: str) -> None:
    done = trace(guest, f'usdt:{program}:turn {{ printf("%s %d\\n", probe, arg0); }}', workload=program)
    assert lines(done.stdout) == [f"usdt:{program}:app:turn {n}" for n in (1, 2, 3, 42)], done.stderr


def test_a_semaphore_is_raised_while_somebody_looks(guest: Guest, program: str) -> None:
    done = trace(guest, f'usdt:{program}:guarded {{ printf("guarded %d\\n", arg0); }}', workload=program)
    assert lines(done.stdout) == ["guarded 7"], done.stderr


def test_user_stacks_have_names(guest: Guest, program: str) -> None:
    done = trace(guest, f"uprobe:{program}:step_two {{ @[ustack(2)] = count(); }}", workload=program)
    assert re.search(r"^\s+step_two\+0$", done.stdout, re.MULTILINE), done
