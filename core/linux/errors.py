"""What the kernel says when it refuses, in words: which call, of what, the errno, why, and what to do about it.

The knowledge is a table of errno and call, because one errno means ten things in bpf(2). Nothing here knows what a
script or a probe is: a caller names its object in `subject`.
"""

from __future__ import annotations

import errno as numbers
import os
from collections.abc import Callable

from ..frozen import dataclass
from . import machine

#: include/linux/errno.h: "Operation is not supported"; not meant to reach user space, so libc has no name for it.
ENOTSUPP = 524

_names = {**numbers.errorcode, ENOTSUPP: "ENOTSUPP"}
_texts = {ENOTSUPP: "Operation not supported by this object"}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A row of the table: what `errno` of a call that begins with `call` means.

    `when` names a fact of `_facts`: the row is skipped when that is None, and its value replaces '{}' in `reason`.
    """

    errno: int
    call: str
    reason: str
    advice: str = ""
    when: str = ""


def _missing_perfmon() -> str | None:
    return None if machine.effective_capabilities() & {"CAP_PERFMON", "CAP_SYS_ADMIN"} else "CAP_PERFMON"


_facts: dict[str, Callable[[], str | None]] = {
    "missing for bpf": lambda: machine.missing_capability(root=True),
    "missing for perf": _missing_perfmon,
    "missing for files": machine.missing_capability,
    "lockdown": machine.lockdown,
}

_LACKING = "this process lacks {}"
_AS_ROOT = "run as root"
_RAISE_NOFILE = "raise the limit (ulimit -n), or attach to fewer probes"
_WITH_TRACING = "tracepoints need a kernel with CONFIG_FTRACE"
_MOUNT_BPF = "mount one: mount -t bpf bpf /sys/fs/bpf"
_OLD_KERNEL = "an older kernel may not know this feature"

#: The first row that fits is used. Sources: bpf(2), perf_event_open(2), capabilities(7), kernel_lockdown(7) and, for
#: what these leave out, kernel/bpf/syscall.c, kernel/bpf/verifier.c, kernel/events/core.c and kernel/events/uprobes.c.
explanations = (
    Explanation(numbers.EPERM, "bpf(", _LACKING, _AS_ROOT, "missing for bpf"),
    Explanation(numbers.EPERM, "perf_event_open", _LACKING, _AS_ROOT, "missing for perf"),
    Explanation(
        numbers.EPERM, "", "the kernel is locked down ({})", "boot without lockdown or secure boot", "lockdown"
    ),
    Explanation(numbers.EPERM, "bpf(BPF_OBJ_PIN)", "it would not be in a BPF file system", _MOUNT_BPF),
    Explanation(
        numbers.EPERM,
        "bpf(BPF_MAP_UPDATE_ELEM)",
        "the map is frozen or read-only",
    ),
    Explanation(
        numbers.EPERM,
        "bpf(",
        "a security module or container forbids it, or RLIMIT_MEMLOCK is too low (before Linux 5.11)",
        "allow bpf(2) in the container's seccomp profile, or try ulimit -l unlimited",
    ),
    Explanation(
        numbers.EPERM,
        "perf_event_open",
        "a security module or container forbids it",
        "allow perf_event_open(2) in the container's seccomp profile",
    ),
    Explanation(numbers.EACCES, "bpf(BPF_PROG_LOAD)", "the verifier rejected the program"),
    Explanation(numbers.EACCES, "perf_event_open", _LACKING, _AS_ROOT, "missing for perf"),
    Explanation(
        numbers.EACCES,
        "perf_event_open",
        "kernel.perf_event_paranoid forbids it",
        "run as root, or lower kernel.perf_event_paranoid",
    ),
    Explanation(numbers.EACCES, "", _LACKING, _AS_ROOT, "missing for files"),
    Explanation(numbers.E2BIG, "bpf(BPF_MAP_UPDATE_ELEM)", "the map is full", "give the map more entries"),
    Explanation(numbers.E2BIG, "bpf(BPF_MAP_CREATE)", "the map is too big", "use fewer entries or smaller values"),
    Explanation(
        numbers.E2BIG,
        "bpf(BPF_PROG_LOAD)",
        "the program is too large or too complex for the verifier",
        "shorten it or loop less",
    ),
    Explanation(numbers.E2BIG, "", "the kernel does not know some of the fields", _OLD_KERNEL),
    Explanation(numbers.ENOSYS, "bpf(", "this kernel has no BPF", "use a kernel with CONFIG_BPF_SYSCALL"),
    Explanation(
        numbers.ENOSYS, "perf_event_open", "this kernel has no perf events", "use a kernel with CONFIG_PERF_EVENTS"
    ),
    Explanation(numbers.ENOSYS, "", "this kernel does not have the call", _OLD_KERNEL),
    Explanation(numbers.EMFILE, "", "this process has too many open files", _RAISE_NOFILE),
    Explanation(numbers.ENFILE, "", "the system has too many open files", "raise fs.file-max"),
    Explanation(
        numbers.ENOMEM,
        "bpf(BPF_MAP",
        "the map does not fit in memory or in the control group's limit",
        "use fewer entries or smaller values",
    ),
    Explanation(numbers.ENOMEM, "", "the kernel or the control group is out of memory"),
    Explanation(numbers.ENOSPC, "bpf(BPF_MAP_UPDATE_ELEM)", "the map is full", "give the map more entries"),
    Explanation(
        numbers.ENOSPC,
        "perf_event_open",
        "no more hardware registers are left",
        "attach to fewer hardware events or watchpoints",
    ),
    Explanation(numbers.ENOENT, "mount", "sysfs is not mounted on /sys, or this kernel cannot trace", _WITH_TRACING),
    Explanation(numbers.ENODEV, "mount", "this kernel cannot trace", _WITH_TRACING),
    Explanation(numbers.ENOENT, "perf_event_open", "this machine or virtual machine has no such event"),
    Explanation(numbers.ENOENT, "bpf(BPF_RAW_TRACEPOINT_OPEN)", "the kernel has no such tracepoint", "check the name"),
    Explanation(numbers.ENOENT, "bpf(BPF_MAP", "the map has no such key"),
    Explanation(numbers.ENOENT, "bpf(BPF_OBJ_PIN)", "there is no such directory", _MOUNT_BPF),
    Explanation(numbers.EEXIST, "bpf(BPF_OBJ_PIN)", "there is a file of that name already", "remove it first"),
    Explanation(numbers.EEXIST, "bpf(BPF_MAP", "the map has that key already"),
    Explanation(numbers.EEXIST, "", "a BPF program is attached there already"),
    Explanation(numbers.ENODEV, "perf_event_open", "this machine has no hardware for the event"),
    Explanation(
        numbers.EOPNOTSUPP,
        "perf_event_open",
        "the hardware cannot interrupt for this event",
        "use a software event in a virtual machine",
    ),
    Explanation(numbers.EOPNOTSUPP, "", "this kernel is configured without it"),
    Explanation(ENOTSUPP, "bpf(BPF_PROG_TEST_RUN)", "programs of this type cannot be run by hand"),
    Explanation(ENOTSUPP, "perf_event_open", "the kernel cannot place a probe on this instruction"),
    Explanation(ENOTSUPP, "", "this kernel does not support it here"),
    Explanation(numbers.EILSEQ, "", "the address is in the middle of an instruction", "try a different offset"),
    Explanation(numbers.ESRCH, "perf_event_open", "there is no such process"),
    Explanation(numbers.ESRCH, "", "there is no such process or symbol"),
    Explanation(numbers.EBUSY, "perf_event_open", "another tracer uses the hardware exclusively"),
    Explanation(numbers.EINVAL, "bpf(BPF_MAP_CREATE)", "the kernel does not take these sizes or flags", _OLD_KERNEL),
    Explanation(
        numbers.EINVAL, "bpf(BPF_PROG_LOAD)", "the verifier rejected the program, or a field is not valid", _OLD_KERNEL
    ),
    Explanation(numbers.EINVAL, "", "the kernel does not take these values", _OLD_KERNEL),
)


class KernelError(OSError):
    """A system call that failed. `str()` is one line: call, object, errno, reason, advice.

    `call` is written as in the manual, with the command where there is one: 'bpf(BPF_MAP_CREATE)', 'perf_event_open'.
    `subject` is a noun phrase: "map '@x'". `reason` and `advice` come from the table ('' when it has nothing to say);
    an `advice` that is given replaces the table's.
    """

    def __init__(self, errno: int, call: str, subject: str, advice: str = "") -> None:
        super().__init__(errno, _texts.get(errno) or os.strerror(errno))
        self.call = call
        self.subject = subject
        self.reason, known_advice = explain(errno, call)
        self.advice = advice or known_advice

    def __str__(self) -> str:
        name = _names.get(self.errno or 0, str(self.errno))
        line = f"{self.call} of {self.subject}: {self.strerror} ({name})"
        explanation = "; ".join(part for part in (self.reason, self.advice) if part)
        return f"{line}: {explanation}" if explanation else line


class VerifierError(KernelError):
    """The kernel's verifier rejected a program or its BTF. `log` is all that it wrote (the end, when over 16 MiB)."""

    def __init__(self, errno: int, call: str, subject: str, log: str, advice: str = "") -> None:
        super().__init__(errno, call, subject, advice)
        self.reason = "the verifier rejected it"
        self.advice = advice
        self.log = log


def explain(errno: int, call: str) -> tuple[str, str]:
    """(reason, advice) of a failed call, as far as the table knows."""
    for row in explanations:
        if row.errno == errno and call.startswith(row.call):
            fact = _facts[row.when]() if row.when else ""
            if fact is not None:
                return row.reason.format(fact), row.advice
    return "", ""
