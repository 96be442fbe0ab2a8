"""Stacks and symbols on kernels with and without what newer ones have: names of programs that ended, addresses of
variables, the length of maps."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from .guest import Guest
from .target import target_of
from .tracing import trace

SOURCE = """
#include <unistd.h>
unsigned short medium = 60000;
__attribute__((noinline)) int leaf(int x) { return getppid() ? x + 1 : 0; }
__attribute__((noinline)) int middle(int x) { return leaf(x) + 1; }
int main(void) { return middle(1) == 0; }
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from programs import build

    options = ("-O2", "-fno-omit-frame-pointer", "-pie", "-fPIE", "-Wl,--build-id=sha1")
    yield build(tmp_path_factory.mktemp("traced"), "app", SOURCE, *options)


def test_a_program_that_ends_at_once_has_names_and_build_ids_in_its_stack(guest: Guest, program: str) -> None:
    script = (
        "tracepoint:syscalls:sys_enter_getppid { @[ustack(perf, 3)] = count(); @id = ustack(build_id, 2); "
        "print(len(ustack(3))); }"
    )
    done = trace(guest, script, workload=program)
    assert re.search(rf"\t[0-9a-f]+ middle\+\d+ \({program}\)\n", done.stdout), done
    assert re.search(r"@id: \n[0-9a-f]{40} 0x[0-9a-f]+\n[0-9a-f]{40} 0x[0-9a-f]+\n", done.stdout), done
    assert done.stdout.startswith("3\n"), done


def test_kernel_stacks_of_a_kprobe_begin_with_its_function(guest: Guest, program: str) -> None:
    script = 'kprobe:vfs_read { print(kstack(2)); print(ksym(reg("ip"))); exit(); }'
    done = trace(guest, script, workload=program)
    assert re.match(r"\n {8}vfs_read\+\d+\n {8}\w+\+\d+\n\nvfs_read\n", done.stdout), done


def test_the_address_of_a_variable_is_found_in_a_program_that_was_moved(guest: Guest, program: str) -> None:
    done = trace(guest, f'uprobe:{program}:leaf {{ print(*uaddr("medium")); print(func); }}', workload=program)
    assert done.stdout.split()[0] == "60000", done


def test_the_keys_of_a_map_are_counted(guest: Guest) -> None:
    done = trace(guest, "begin { @[1] = 1; @[2] = 2; @[3] = 3; _ = delete(@, 1); print(len(@)); exit(); }")
    if "for_each_map_elem" not in target_of(guest).features:
        assert "ERROR: Missing required kernel feature: for_each_map_elem" in done.stderr
    else:
        assert done.stdout.startswith("2\n"), done
