"""dw_ustack on older kernels: what the verifier takes, and where it says that the kernel lacks something."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from .guest import Guest
from .tracing import trace

SOURCE = """
#include <stdlib.h>
#include <unistd.h>
__attribute__((noinline)) int leaf(int x) { return getppid() ? x + 1 : 0; }
int order(const void *a, const void *b) { return leaf(*(int *)a) - leaf(*(int *)b); }
__attribute__((noinline)) int sorted(int n) { int v[] = {n, 3, 1, 2}; qsort(v, 4, 4, order); return v[0] + 1; }
__attribute__((noinline)) int down(int x) { return x ? down(x - 1) + leaf(x) : leaf(0) + 1; }
int main(void) { int n = down(3) + down(1100); return sorted(4) == n; }
"""
CONFIG = "config = { unstable_dw_ustack = enable } "


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from programs import build

    options = ("-O2", "-fomit-frame-pointer", "-fno-optimize-sibling-calls")
    yield build(tmp_path_factory.mktemp("unwound"), "app", SOURCE, *options)


@pytest.mark.kernels("6.1", "6.12", "newest")
@pytest.mark.parametrize("probe", ["uprobe:PROGRAM:leaf", "tracepoint:syscalls:sys_enter_getppid"])
def test_stacks_without_frame_pointers_are_whole(guest: Guest, program: str, probe: str) -> None:
    script = (
        f"{CONFIG} {probe.replace('PROGRAM', program)} "
        "{ @n += 1; if (@n == 1) { print(dw_ustack); print(ustack(2)); } @[dw_ustack(1024)] = count(); "
        "print(len(dw_ustack(raw, 127))); }"
    )
    done = trace(guest, script, workload=program)
    frames = r" {8}leaf\+\d+\n {8}down\+\d+\n( {8}down\+\d+\n){3} {8}main\+\d+\n( {8}\w+\+\d+\n)* {8}_start\+\d+\n"
    assert re.search(frames, done.stdout), done
    assert re.search(r" {8}order\+\d+\n(.*\n)* {8}sorted\+\d+\n {8}main\+\d+\n", done.stdout), done


@pytest.mark.kernels("6.1", "6.12", "newest")
def test_calls_whose_returns_are_traced_do_not_end_the_stack(guest: Guest, program: str) -> None:
    script = (
        f"{CONFIG} uprobe:{program}:leaf /@done == 0/ {{ @done = 1; print(dw_ustack); }} "
        f"uretprobe:{program}:down {{ @n += 1; }} uretprobe:{program}:leaf {{ @n += 1; }}"
    )
    done = trace(guest, script, workload=program)
    frames = r" {8}leaf\+\d+\n( {8}down\+\d+\n){4} {8}main\+\d+\n( {8}\w+\+\d+\n)* {8}_start\+\d+\n"
    assert re.search(frames, done.stdout), done


@pytest.mark.kernels("5.10")
def test_a_kernel_without_loops_is_named_as_such(guest: Guest, program: str) -> None:
    done = trace(guest, f"{CONFIG} uprobe:{program}:leaf {{ print(dw_ustack); }}", workload=program)
    assert "ERROR: Missing required kernel feature: loop" in done.stderr
