"""Facts about the machine, from text as the kernel writes it."""

from __future__ import annotations

import resource
import struct

import pytest
from pybpftrace.core.linux import machine

ALL = frozenset(machine.CAPABILITIES)


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("0\n", (0,)), ("0-3,5\n", (0, 1, 2, 3, 5)), ("0,2-3,8-9\n", (0, 2, 3, 8, 9)), ("\n", ())],
)
def test_a_cpu_list_is_ranges_and_single_cpus(text: str, cpus: tuple[int, ...]) -> None:
    assert machine.parse_cpu_list(text) == cpus


def test_every_online_cpu_is_a_possible_cpu() -> None:
    assert machine.online_cpus()
    assert set(machine.online_cpus()) <= set(machine.possible_cpus())


def note(name: bytes, kind: int, data: bytes) -> bytes:
    def padded(part: bytes) -> bytes:
        return part + bytes(-len(part) % 4)

    return struct.pack("=III", len(name), len(data), kind) + padded(name) + padded(data)


def test_the_build_id_is_found_among_other_notes() -> None:
    notes = note(b"Xen\0", 3, b"odd") + note(b"GNU\0", 1, b"1234") + note(b"GNU\0", 3, bytes(range(20)))
    assert machine.build_id_of_notes(notes) == bytes(range(20)).hex()


@pytest.mark.parametrize("cut", [0, 5, 12, 15, 20, 35])
def test_a_cut_note_has_no_build_id(cut: int) -> None:
    assert machine.build_id_of_notes(note(b"GNU\0", 3, bytes(20))[:cut]) == ""


def test_root_with_every_capability_lacks_none() -> None:
    assert machine.missing_capability(ALL, root=True) is None


@pytest.mark.parametrize(
    ("lacking", "root", "missing"),
    [
        ({"CAP_SYS_ADMIN"}, True, None),
        ({"CAP_BPF", "CAP_PERFMON"}, True, None),
        ({"CAP_SYS_ADMIN", "CAP_PERFMON"}, True, "CAP_PERFMON"),
        ({"CAP_SYS_ADMIN", "CAP_BPF", "CAP_PERFMON"}, True, "CAP_BPF"),
        ({"CAP_DAC_OVERRIDE"}, True, None),
        ({"CAP_DAC_OVERRIDE"}, False, "CAP_DAC_OVERRIDE"),
        ({"CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN", "CAP_BPF"}, False, "CAP_DAC_READ_SEARCH"),
    ],
)
def test_tracing_needs_sys_admin_or_bpf_with_perfmon_and_others_than_root_must_read_files(
    lacking: set[str], root: bool, missing: str | None
) -> None:
    assert machine.missing_capability(ALL - lacking, root) == missing


def test_capability_names_stand_at_their_bit_numbers() -> None:
    numbers = {"CAP_SYS_ADMIN": 21, "CAP_SYS_RESOURCE": 24, "CAP_PERFMON": 38, "CAP_BPF": 39}
    assert {name: machine.CAPABILITIES.index(name) for name in numbers} == numbers


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("[none] integrity confidentiality\n", None),
        ("none [integrity] confidentiality\n", "integrity"),
        ("none integrity [confidentiality]\n", "confidentiality"),
    ],
)
def test_the_lockdown_level_in_force_is_in_brackets(text: str, level: str | None) -> None:
    assert machine.parse_lockdown(text) == level


def test_raising_the_number_of_files_never_lowers_it() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert machine.raise_nofile(before[0])
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_the_number_of_files_is_raised_to_what_is_asked_for() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[0] - 10, before[1]))
        assert machine.raise_nofile(before[0] - 5)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[0] - 5, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
