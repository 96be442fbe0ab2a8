"""How a watchpoint is written on each architecture, and which of its events may be missing."""

from __future__ import annotations

import errno
import os

import pytest
from checking import TARGET
from match_requests import request
from pybpftrace.core.artifacts import ProgramSpec
from pybpftrace.core.linux import perf
from pybpftrace.core.linux.errors import KernelError
from pybpftrace.core.probe import AttachPointError, AttachRequest, ConcretePoint
from pybpftrace.plugins.probes.watchpoint import MODES, WatchpointProbe

PROBE = WatchpointProbe()


def point(*parts: str) -> ConcretePoint:
    [found] = PROBE.match(PROBE.parse(parts), request(TARGET))
    return found


def test_the_name_has_decimal_numbers_and_a_sorted_mode() -> None:
    assert point("0x100", "8", "wr") == ConcretePoint(
        "watchpoint", "watchpoint:256:8:rw", {"address": 256, "length": 8, "mode": "rw"}
    )


def test_kernel_addresses_can_be_watched() -> None:
    assert point("0xffffffff81000000", "1", "x").settings["address"] == 0xFFFF_FFFF_8100_0000


@pytest.mark.parametrize(
    ("written", "error"),
    [
        ("0:8:w", "watchpoint must be attached to a non-zero address"),
        ("main+arg0:8:w", "Invalid function/address argument: invalid integer"),
        ("1:three:w", "Invalid length argument: invalid integer"),
        ("1:3:w", "watchpoint length must be one of (1,2,4,8)"),
        ("1:0:w", "watchpoint length must be one of (1,2,4,8)"),
        ("1:8:", "watchpoint mode must be combination of (r,w,x)"),
        ("1:8:wq", "watchpoint mode must be combination of (r,w,x)"),
        ("1:8:ww", "watchpoint modes may not be duplicated"),
        ("1:8:r", "invalid watchpoint mode: r"),
        ("1:8:xw", "invalid watchpoint mode: wx"),
        ("1:8", "watchpoint probe type requires 3 arguments, found 2"),
        ("1:8:w:w", "watchpoint probe type requires 3 arguments, found 4"),
    ],
)
def test_what_cannot_be_watched(written: str, error: str) -> None:
    with pytest.raises(AttachPointError) as refused:
        point(*written.split(":"))
    assert str(refused.value) == error


def test_a_mode_that_the_architecture_lacks_has_the_others_as_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AttachPointError) as refused:
        point("1", "8", "r")
    assert refused.value.hints == ("supported modes: rw,w,x",)
    monkeypatch.setattr(type(TARGET), "architecture", "aarch64")
    assert point("1", "8", "r").name == "watchpoint:1:8:r"
    assert MODES["ppc64"] == ("r", "w", "rw")
    monkeypatch.setattr(type(TARGET), "architecture", "s390x")
    with pytest.raises(AttachPointError, match=r"^watchpoints not supported$"):
        point("1", "8", "w")


def opened(monkeypatch: pytest.MonkeyPatch, errors: dict[int, int]) -> list[tuple[int, ...]]:
    """What is asked of the kernel, which refuses on the CPUs of `errors`."""
    asked: list[tuple[int, ...]] = []

    def open_breakpoint(address: int, length: int, access: int, pid: int, cpu: int) -> int:
        asked.append((address, length, access, pid, cpu))
        if cpu in errors:
            raise KernelError(errors[cpu], "perf_event_open", "a breakpoint")
        return os.open(os.devnull, os.O_RDONLY)

    monkeypatch.setattr(perf, "open_breakpoint", open_breakpoint)
    monkeypatch.setattr(perf, "attach_program", lambda event, program: event)
    return asked


def attach(place: ConcretePoint, warnings: list[str]) -> None:
    program = ProgramSpec("p", place, "perf_event", b"")
    PROBE.attach(program, AttachRequest(3, None, (0, 1, 2), warnings.append)).close()


def test_there_is_one_event_on_each_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = opened(monkeypatch, {})
    attach(point("256", "4", "rw"), [])
    assert asked == [(256, 4, 3, -1, cpu) for cpu in (0, 1, 2)]


def test_instructions_are_watched_with_the_length_of_a_long(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = opened(monkeypatch, {})
    attach(point("256", "1", "x"), [])
    assert asked[0] == (256, 8, 4, -1, 0)


def test_a_missing_event_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    opened(monkeypatch, {0: errno.ENOSPC, 2: errno.ENODEV})
    attach(point("256", "8", "w"), warnings)
    assert warnings == [
        "Failed to create a perf event for cpu 0 tid -1: No more HW registers left",
        "Failed to create a perf event for cpu 2 tid -1: No such device",
    ]


def test_when_all_events_are_missing_so_is_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    opened(monkeypatch, dict.fromkeys((0, 1, 2), errno.ENOSPC))
    with pytest.raises(AttachPointError, match=r"^No more HW registers left$"):
        attach(point("256", "8", "w"), warnings)
    opened(monkeypatch, dict.fromkeys((0, 1, 2), errno.EINVAL))
    with pytest.raises(KernelError, match="the address has to be a multiple of the length"):
        attach(point("257", "8", "w"), warnings)
    assert warnings == []
