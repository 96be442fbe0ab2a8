"""KernelError and its table: what a user reads when the kernel says no."""

from __future__ import annotations

import errno

import pytest
from pybpftrace.core.linux import errors, machine
from pybpftrace.core.linux.errors import ENOTSUPP, KernelError, VerifierError


def facts(monkeypatch: pytest.MonkeyPatch, missing: str | None, lockdown: str | None = None) -> None:
    """What the table's rows find out about this process and kernel."""
    held = frozenset(machine.CAPABILITIES) - {"CAP_SYS_ADMIN", missing} if missing else frozenset(machine.CAPABILITIES)
    monkeypatch.setattr(machine, "effective_capabilities", lambda: held)
    monkeypatch.setattr(machine, "is_root", lambda: False)
    monkeypatch.setitem(errors._facts, "lockdown", lambda: lockdown)


def test_a_refusal_without_capabilities_is_one_line_that_names_the_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    facts(monkeypatch, missing="CAP_BPF")
    assert str(KernelError(errno.EPERM, "bpf(BPF_MAP_CREATE)", "map '@x'")) == (
        "bpf(BPF_MAP_CREATE) of map '@x': Operation not permitted (EPERM): this process lacks CAP_BPF; run as root"
    )


@pytest.mark.parametrize(
    ("number", "call", "missing", "named"),
    [
        (errno.EPERM, "bpf(BPF_PROG_LOAD)", "CAP_PERFMON", True),
        (errno.EPERM, "bpf(BPF_PROG_LOAD)", "CAP_DAC_READ_SEARCH", False),
        (errno.EACCES, "perf_event_open", "CAP_PERFMON", True),
        (errno.EACCES, "perf_event_open", "CAP_BPF", False),
        (errno.EACCES, "open", "CAP_DAC_OVERRIDE", True),
    ],
)
def test_only_a_capability_that_the_call_needs_is_named(
    monkeypatch: pytest.MonkeyPatch, number: int, call: str, missing: str, named: bool
) -> None:
    facts(monkeypatch, missing)
    assert (KernelError(number, call, "it").reason == f"this process lacks {missing}") is named


def test_a_refusal_with_all_capabilities_is_blamed_on_lockdown_when_that_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    facts(monkeypatch, missing=None, lockdown="confidentiality")
    assert KernelError(errno.EPERM, "bpf(BPF_PROG_LOAD)", "p").reason == "the kernel is locked down (confidentiality)"


def test_a_refusal_with_all_capabilities_and_no_lockdown_is_blamed_on_the_container(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts(monkeypatch, missing=None)
    assert "seccomp" in KernelError(errno.EPERM, "perf_event_open", "an event").advice


@pytest.mark.parametrize(
    ("number", "call", "words"),
    [
        (errno.E2BIG, "bpf(BPF_MAP_UPDATE_ELEM)", "the map is full"),
        (errno.E2BIG, "bpf(BPF_PROG_LOAD)", "too large or too complex"),
        (errno.ENOSYS, "bpf(BPF_MAP_CREATE)", "no BPF"),
        (errno.ENOENT, "perf_event_open", "no such event"),
        (errno.ENOENT, "bpf(BPF_RAW_TRACEPOINT_OPEN)", "no such tracepoint"),
        (errno.EMFILE, "perf_event_open", "too many open files"),
        (errno.ENOMEM, "bpf(BPF_MAP_CREATE)", "does not fit in memory"),
        (errno.ENOSPC, "perf_event_open", "no more hardware registers"),
        (errno.EILSEQ, "perf_event_open", "middle of an instruction"),
    ],
)
def test_one_errno_means_different_things_in_different_calls(number: int, call: str, words: str) -> None:
    assert words in KernelError(number, call, "it").reason


def test_advice_that_is_given_replaces_the_table_s() -> None:
    error = KernelError(errno.EMFILE, "perf_event_open", "an event", "close something")
    assert str(error).endswith("this process has too many open files; close something")


def test_an_errno_that_the_table_does_not_know_is_still_one_line() -> None:
    assert str(KernelError(errno.EXDEV, "mount", "x")) == "mount of x: Invalid cross-device link (EXDEV)"


def test_the_kernel_s_internal_enotsupp_has_a_name() -> None:
    assert "Operation not supported by this object (ENOTSUPP)" in str(KernelError(ENOTSUPP, "bpf(BPF_X)", "x"))


def test_it_is_an_oserror_with_the_errno() -> None:
    with pytest.raises(OSError, match="EBADF") as caught:
        raise KernelError(errno.EBADF, "bpf(BPF_MAP_LOOKUP_ELEM)", "map fd 7")
    assert caught.value.errno == errno.EBADF


def test_a_verifier_error_carries_the_log_but_its_line_does_not() -> None:
    error = VerifierError(errno.EACCES, "bpf(BPF_PROG_LOAD)", "program 'p'", "0: (95) exit\nR0 !read_ok\n")
    assert error.log.endswith("R0 !read_ok\n")
    assert str(error) == ("bpf(BPF_PROG_LOAD) of program 'p': Permission denied (EACCES): the verifier rejected it")


def test_every_row_of_the_table_can_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    facts(monkeypatch, missing=None)
    unconditional = [row for row in errors.explanations if not row.when]
    for row in unconditional:
        assert errors.explain(row.errno, row.call) == (row.reason, row.advice)
    assert {row.when for row in errors.explanations if row.when} <= errors._facts.keys()
