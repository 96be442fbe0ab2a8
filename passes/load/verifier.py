"""Explains a rejection by the kernel's verifier in terms of the script.

The verifier's log speaks of instructions and registers. The last instruction it looked at leads to the script's own
place, its last words say what it minded, and for well-known complaints a plain sentence says what that means. It knows
the text of the log (Documentation/bpf/verifier.rst) and nothing of how programs are loaded.
"""

from __future__ import annotations

import errno
import os
import re

from ...core.artifacts import ProgramSpec
from ...core.diagnostics import Diagnostic, Severity
from ...core.source import Source, Span
from .script_places import place_of

_INSTRUCTION = re.compile(r"^(\d+): \(", re.MULTILINE)
#: Lines at the end of a log that count what the verifier did.
_STATISTICS = re.compile(r"processed \d+ insns|verification time|stack depth|max_states_per_insn|mark_precise")
#: Linux 7.3 explains itself behind its last words, at length and with a suggestion.
_REPORT = "\nVerification failed:"
_SUGGESTION = re.compile(r"^Suggestion:\n((?:  .*\n)+)", re.MULTILINE)

#: What the verifier says -> what it means for somebody who wrote a script.
EXPLANATIONS = (
    (
        r"combined stack size|stack frame is too large|stack size \d+ exceeds",
        "Stack size is too large. A smaller on_stack_limit moves large values off the stack; loops inside each other "
        "share it.",
    ),
    (
        r"invalid mem access '(?:scalar|inv)'",
        "the program follows a number that the kernel does not know as an address; memory of other kinds is only "
        "reached through a cast, as in *(uint64 *)addr",
    ),
    (
        r"_or_null'|_or_null expected|invalid mem access '\w*_or_null",
        "a result that may be null is used without a test",
    ),
    (
        r"BPF program is too large|jumps is too complex|processed \d+ insns.*limit.*exceeded|too many instructions",
        "following every path through the program takes the verifier more steps than it allows; shorter loops or "
        "fewer branches help",
    ),
    (
        r"back-edge|infinite loop|loop is not bounded",
        "the verifier cannot see that this loop ends",
    ),
    (
        r"(?:unknown func|cannot use helper) bpf_override_return",
        "override() needs a kernel that was built with CONFIG_BPF_KPROBE_OVERRIDE",
    ),
    (
        r"failed to find the address for kernel symbol",
        "this kernel lists no variables among its symbols (CONFIG_KALLSYMS_ALL)",
    ),
    (
        r"unknown func|invalid func|cannot use helper|helper call is not allowed",
        "this kernel does not offer that BPF helper to this type of probe",
    ),
    (
        r"calling kernel function \w+ is not allowed",
        "this kernel does not let this type of probe call that function of its own",
    ),
    (
        r"lead to reference leak",
        "what a kernel function gave has to be given back, on every path, before the probe ends",
    ),
    (
        r"unbounded memory access|unbounded min value|min value is (?:negative|outside)|max value is outside",
        "an offset or a size here could be larger than the memory that it is used on",
    ),
    (
        r"invalid bpf_context access|dereference of modified ctx",
        "the kernel does not let programs of this type read that part of the probe's data",
    ),
    (
        r"invalid access to map value|invalid access to memory|invalid variable-offset",
        "the access lies outside the value that it is made on",
    ),
    (
        r"cannot call GPL-restricted function|GPL compatible",
        "that BPF helper may only be used by programs under the GPL",
    ),
    (
        r"!read_ok|Unreleased reference|R0 not readable|unreachable insn|jump out of range|unknown opcode",
        "the script is not at fault: this is an error in the code that was generated for it, please report it",
    ),
)


def explain(
    program: ProgramSpec, source: Source, code: int, log: str, *, show_log: bool, log_was_cut: bool
) -> tuple[Diagnostic, ...]:
    """The diagnostics for a rejected program; `code` is the errno that loading it gave, `log` the verifier's."""
    head = (
        f"Error loading BPF program for {program.point.name}. Error code: {-code} ({os.strerror(code)})."
        + (f"\nKernel error log: \n{log.rstrip()}" if show_log else " Use -v for full kernel error log.")
    )
    found = [Diagnostic(Severity.ERROR, head)]
    words = last_words(log)
    if words or not log:
        reason = f"the kernel's verifier says: {words}" if words else _without_log(code)
        found.append(Diagnostic(Severity.ERROR, reason, _last_place(program, source, log), explanations(log)))
    if show_log and log_was_cut:
        text = "Kernel log seems to be trimmed. A larger log fits with BPFTRACE_LOG_SIZE set to more bytes."
        found.append(Diagnostic(Severity.WARNING, text))
    return tuple(found)


def _without_log(code: int) -> str:
    if code == errno.E2BIG:
        return "the program has more instructions than the kernel takes"
    return "the kernel gave no further reason"


def last_words(log: str) -> str:
    """The last line of a log in which the verifier complains; empty when there is none."""
    for line in reversed(log.partition(_REPORT)[0].splitlines()):
        words = line.strip()
        if words and not _STATISTICS.search(words) and not _INSTRUCTION.match(words):
            return words
    return ""


def explanations(log: str) -> tuple[str, ...]:
    """The plain sentence for the log's last words, or else what the kernel itself suggests, or nothing."""
    words = last_words(log)
    known = next((sentence for pattern, sentence in EXPLANATIONS if re.search(pattern, words)), "")
    suggested = _SUGGESTION.search(log.partition(_REPORT)[2])
    return (known,) if known else (" ".join(suggested[1].split()),) if suggested else ()


def _last_place(program: ProgramSpec, source: Source, log: str) -> Span | None:
    """The place in the script of the last instruction that the verifier looked at."""
    seen = _INSTRUCTION.findall(log)
    return place_of(program, source, int(seen[-1])) if seen else None
