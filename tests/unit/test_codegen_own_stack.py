"""Programs that tasks can preempt each other in have a tail call that is never reached, for which the kernel leaves
each run its own stack."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from pybpftrace.core import bytecode as b
from pybpftrace.core.artifacts import CompiledProgram
from pybpftrace.core.bytecode import Instruction
from pybpftrace.core.pipeline import Pipeline, plugin_manager
from pybpftrace.core.probe import ProbeType
from pybpftrace.core.registry import builtin_objects
from pybpftrace.core.source import Source
from pybpftrace.core.target.directory import DirectoryTarget
from pybpftrace.passes import builtin_plugins
from pybpftrace.passes.codegen.own_stack import shares_stack

GOLDEN = Path(__file__).parent.parent / "golden"
ADDER, MARKED = "/tmp/pybpftrace-golden/adder", "/tmp/pybpftrace-golden/marked"
TAIL_CALL = 12
LOOP = "for ($i : 0..arg0) { @a[$i] = count(); }"


class Release(DirectoryTarget):
    """The golden target with another release of its kernel."""

    def __init__(self, release: str) -> None:
        super().__init__(str(GOLDEN / "target"))
        self._release = release

    @property
    def kernel_release(self) -> str:
        return self._release


def compiled(script: str, release: str = "6.18.0", target: str = "target") -> CompiledProgram:
    machine = Release(release) if target == "target" else DirectoryTarget(str(GOLDEN / target))
    return Pipeline(plugin_manager(builtin_plugins())).compile(Source("test.bt", script), machine)


def code(script: str, release: str = "6.18.0", target: str = "target") -> list[Instruction]:
    """The slots of the script's only program."""
    (program,) = compiled(script, release, target).programs
    return b.decode(program.instructions)


def tail_calls(slots: list[Instruction]) -> list[int]:
    call = b.JMP | b.CALL
    return [at for at, slot in enumerate(slots) if (slot.opcode, slot.src, slot.imm) == (call, 0, TAIL_CALL)]


def after_test_of_zero(slots: list[Instruction]) -> tuple[int, int]:
    """Of the first test of a register that was just set to zero: the slot where it goes on, and the other one."""
    for at, (before, slot) in enumerate(pairwise(slots), 1):
        is_zero = (before.opcode, before.imm) == (b.ALU64 | b.MOV | b.K, 0)
        if not is_zero or (slot.dst, slot.imm) != (before.dst, 0):
            continue
        if slot.opcode == b.JMP | b.JEQ | b.K:
            return at + 1 + slot.offset, at + 1
        if slot.opcode == b.JMP | b.JNE | b.K:
            return at + 1, at + 1 + slot.offset
    raise AssertionError("no such test")


@pytest.mark.parametrize(
    "script",
    [
        f"uprobe:{ADDER}:add {{ @[arg0] = count(); }}",
        f"uretprobe:{ADDER}:add {{ @[retval] = count(); }}",
        f"usdt:{MARKED}:app:turn {{ @[arg0] = count(); }}",
        f"uprobe:{ADDER}:add {{ {LOOP} }}",
        f'uprobe:{ADDER}:add {{ printf("%s\\n", str(arg0)); }}',
    ],
)
def test_the_verifier_sees_that_the_tail_call_of_a_user_probe_is_never_reached(script: str) -> None:
    slots = code(script)
    (call,) = tail_calls(slots)
    goes_on, never = after_test_of_zero(slots)
    assert never == call != goes_on
    assert not any(slot.opcode & 7 == b.JMP and slot.opcode & 0xF0 == b.CALL for slot in slots[: min(goes_on, call)])


@pytest.mark.parametrize("release", ["5.10.0", "6.12.0", "7.3.0"])
def test_it_is_there_for_every_kernel_as_a_saved_program_may_run_on_a_newer_one(release: str) -> None:
    assert len(tail_calls(code(f"uprobe:{ADDER}:add {{ @[arg0] = count(); }}", release))) == 1


def test_each_program_of_a_script_has_its_own_and_none_needs_a_map_of_programs() -> None:
    made = compiled(f"uprobe:{ADDER}:add {{ @a = count(); }} uretprobe:{ADDER}:add {{ @b = count(); }}")
    assert [len(tail_calls(b.decode(program.instructions))) for program in made.programs] == [1, 1]
    assert [spec.name for spec in made.maps] == ["@a", "@b"]


@pytest.mark.parametrize(
    ("script", "target"),
    [
        ("begin { @[1] = count(); }", "target"),
        ("profile:hz:99 { @[cpu] = count(); }", "target"),
        ("iter:task_file { @[1] = count(); }", "target"),
        ("kprobe:vfs_read { @[arg0] = count(); }", "kernel_target"),
        ("fentry:vfs_read { @[1] = count(); }", "kernel_target"),
    ],
)
def test_a_program_whose_second_run_on_a_cpu_the_kernel_prevents_has_none(script: str, target: str) -> None:
    assert tail_calls(code(script, target=target)) == []


def test_user_probes_are_what_would_share_stacks() -> None:
    types = [item for _, item in builtin_objects("PROBE_TYPES") if isinstance(item, ProbeType)]
    assert {item.names[0] for item in types if shares_stack(item)} == {"uprobe", "uretprobe", "usdt"}
