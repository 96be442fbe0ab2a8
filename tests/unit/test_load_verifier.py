"""How a rejection by the verifier is explained: its last words, what they mean, and where in the script it happened."""

from __future__ import annotations

import errno

import pytest
from pybpftrace.core.artifacts import LineInfo, ProgramSpec
from pybpftrace.core.probe import ConcretePoint
from pybpftrace.core.source import Source
from pybpftrace.passes.load.maps import ring_size
from pybpftrace.passes.load.script_places import place_of
from pybpftrace.passes.load.verifier import EXPLANATIONS, explain, explanations, last_words

SCRIPT = "begin {\n\t@a = 1; @b = str(arg0);\n}\n"
LOG = """func#0 @0
0: R1=ctx() R10=fp0
0: (b7) r0 = 0                        ; R0_w=0
7: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'scalar'
verification time 40 usec
stack depth 0
processed 8 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""


def program(*lines: LineInfo) -> ProgramSpec:
    return ProgramSpec("p", ConcretePoint("begin", "begin", {}), "raw_tracepoint", b"", lines=lines)


def test_the_last_words_are_the_complaint_and_not_the_statistics_behind_it() -> None:
    assert last_words(LOG) == "R0 invalid mem access 'scalar'"
    assert last_words("") == ""
    assert last_words("0: (95) exit\nprocessed 1 insns (limit 1000000)\n") == ""


def test_the_place_of_an_instruction_goes_up_to_the_end_of_its_statement() -> None:
    source = Source("s.bt", SCRIPT)
    span = place_of(program(LineInfo(0, 2, 2), LineInfo(6, 2, 10), LineInfo(8, 3, 1)), source, 7)
    assert span is not None and SCRIPT[span.start : span.end] == "@b = str(arg0)"


@pytest.mark.parametrize("lines", [(), (LineInfo(9, 1, 1),), (LineInfo(0, 99, 1),)])
def test_without_lines_that_fit_there_is_no_place(lines: tuple[LineInfo, ...]) -> None:
    assert place_of(program(*lines), Source("s.bt", SCRIPT), 7) is None


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("combined stack size of 2 calls is 544. Too large", "on_stack_limit"),
        ("R1 invalid mem access 'map_value_or_null'", "may be null"),
        ("BPF program is too large. Processed 1000001 insn", "shorter loops"),
        ("back-edge from insn 12 to 3", "loop ends"),
        ("program of this type cannot use helper bpf_send_signal#109", "does not offer that BPF helper"),
        ("program of this type cannot use helper bpf_override_return#58", "CONFIG_BPF_KPROBE_OVERRIDE"),
        ("unknown func bpf_override_return#58", "CONFIG_BPF_KPROBE_OVERRIDE"),
        ("ldimm64 failed to find the address for kernel symbol 'runqueues'.", "CONFIG_KALLSYMS_ALL"),
        ("R2 unbounded memory access, use 'var &= const' or 'if (var < const)'", "larger than the memory"),
        ("invalid bpf_context access off=0 size=8", "does not let programs of this type"),
        ("R4 !read_ok", "please report it"),
    ],
)
def test_a_well_known_complaint_has_a_plain_sentence(words: str, part: str) -> None:
    (sentence,) = explanations(f"0: (95) exit\n{words}\n")
    assert part in sentence


def test_an_unknown_complaint_has_none() -> None:
    assert explanations("0: (95) exit\nsomething new\n") == ()
    assert len({pattern for pattern, _ in EXPLANATIONS}) == len(EXPLANATIONS)


def test_a_cut_log_is_told_only_with_the_log_itself() -> None:
    def words(show_log: bool) -> list[str]:
        source = Source("s.bt", SCRIPT)
        found = explain(program(), source, errno.EACCES, LOG, show_log=show_log, log_was_cut=True)
        return [diagnostic.message for diagnostic in found]

    assert not any("trimmed" in message for message in words(False))
    assert "BPFTRACE_LOG_SIZE" in words(True)[-1]


def test_the_ring_buffer_is_a_power_of_two_of_bytes() -> None:
    assert ring_size(1) == 4096
    assert ring_size(5) == 4 * 4096
    assert ring_size(7) == 8 * 4096
    assert ring_size(1 << 40) == 1 << 31
    automatic = ring_size(0)
    assert 256 << 10 <= automatic <= 16 << 20 and automatic & automatic - 1 == 0


REPORT = """0: R1=ctx() R10=fp0
1: (85) call bpf_new#900
{words}

Verification failed: Policy: Operation is not allowed

Reason:
  The helper bpf_new#900 is not allowed: this program type does not allow the helper.

At:
  insn 1
  >>> 1 | (85) call bpf_new#900

Suggestion:
  Use a helper allowed for this program type, or move the logic to a compatible
  program type.

processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""


def test_what_a_new_kernel_explains_at_length_still_has_last_words() -> None:
    assert last_words(REPORT.format(words="R0 minded that")) == "R0 minded that"


def test_a_new_kernel_s_own_suggestion_is_shown_where_there_is_no_plain_sentence() -> None:
    suggestion = "Use a helper allowed for this program type, or move the logic to a compatible program type."
    assert explanations(REPORT.format(words="R0 minded that")) == (suggestion,)
    assert explanations(REPORT.format(words="R4 !read_ok")) != (suggestion,)
