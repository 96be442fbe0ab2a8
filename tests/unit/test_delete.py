"""What `delete` removes of a map without keys, and what it refuses, word for word."""

from __future__ import annotations

import pytest
from checking import GOLDEN_TARGET, Checked
from output_fakes import FUNCTIONS, Call, Machine, aggregated
from pybpftrace.core.emitter import Value
from pybpftrace.core.target import Target
from pybpftrace.core.types import INT8, INT64, OwnedType

#: Where the machine has what the CPUs have of a value.
PARTS = (64, 128, 192)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "begin { @k[1] = 2; _ = delete(@k); }",
            "t:1:31-33: ERROR: call to delete() with a single argument expects a map without explicit keys "
            "(scalar map)\n"
            "begin { @k[1] = 2; _ = delete(@k); }\n"
            "                              ~~\n",
        ),
        (
            "begin { @s = count(); _ = delete(@s, 1); }",
            "t:1:34-36: ERROR: call to delete() with two arguments expects a map with explicit keys (non-scalar map)\n"
            "begin { @s = count(); _ = delete(@s, 1); }\n"
            "                                 ~~\n",
        ),
        (
            "begin { delete(5); }",
            "t:1:9-18: ERROR: Call to delete() has arguments that do not match any definition.\n"
            "begin { delete(5); }\n"
            "        ~~~~~~~~~\n"
            "t:1:16-17: ERROR: Mismatched arg. delete() expects a map for arg @map but got an expression.\n"
            "begin { delete(5); }\n"
            "               ~\n",
        ),
        (
            "begin { @k[1] = 2; delete(@k[1], 2); }",
            "t:1:20-36: ERROR: Call to delete() has arguments that do not match any definition.\n"
            "begin { @k[1] = 2; delete(@k[1], 2); }\n"
            "                   ~~~~~~~~~~~~~~~~\n"
            "t:1:27-32: ERROR: Mismatched arg. delete() expects a map for arg @map but got an expression.\n"
            "begin { @k[1] = 2; delete(@k[1], 2); }\n"
            "                          ~~~~~\n",
        ),
    ],
)
def test_what_cannot_be_deleted_is_refused(script: str, message: str) -> None:
    assert Checked(script).printed == message


AGGREGATIONS = (
    "count()", "sum(1)", "min(1)", "max(1)", "avg(1)", "stats(1)", "hist(1)", "hist(1, 5)", "lhist(1, 0, 9, 1)",
)  # fmt: skip


@pytest.mark.parametrize("value", AGGREGATIONS)
def test_a_scalar_aggregation_takes_a_kernel_that_reaches_the_parts_of_other_cpus(value: str) -> None:
    script = f"begin {{ @a = {value}; _ = delete(@a); }}"
    assert Checked(script).printed == ""
    old = Target.from_directory(str(GOLDEN_TARGET))
    old.without = frozenset({"map_lookup_percpu_elem"})
    at = script.rindex("@a") + 1
    assert Checked(script, target=old).printed == (
        f"t:1:{at}-{at + 2}: ERROR: Missing required kernel feature: map_lookup_percpu_elem\n"
        f"{script}\n{' ' * (at - 1)}~~\n"
    )


def test_a_key_of_an_aggregation_and_a_plain_scalar_take_no_such_kernel() -> None:
    old = Target.from_directory(str(GOLDEN_TARGET))
    old.without = frozenset({"map_lookup_percpu_elem"})
    script = "begin { @k[1] = count(); _ = delete(@k, 1); @n = 5; if (delete(@n)) { exit(); } }"
    assert Checked(script, target=old).printed == ""


def deleted(machine: Machine, type_: OwnedType) -> bool:
    machine.parts = {"@a": PARTS}
    call = Call("delete", type_, maps={0: "@a"})
    gone = FUNCTIONS["delete"].emit(machine, call)  # type: ignore[arg-type]  # a machine emits what tests need
    return bool(gone.handle)


@pytest.mark.parametrize("cpus", [(0,), (2,), (0, 1, 2), ()])
@pytest.mark.parametrize("name", ["count", "sum", "min", "max", "avg", "stats", "hist"])
def test_the_parts_and_marks_of_all_cpus_are_gone(name: str, cpus: tuple[int, ...]) -> None:
    type_ = FUNCTIONS[name].type_of(Call(name, *([] if name == "count" else [INT64, INT8])))
    assert isinstance(type_, OwnedType)
    # A hist is larger than the distance of the parts here; a word of it will do.
    size = min(type_.size, 16)
    type_ = OwnedType(name, type_.name, size, type_.params, aggregation=True)
    machine = Machine()
    machine.cpus = len(PARTS)
    for cpu in cpus:
        part = (aggregated(type_, [-7]) if name != "hist" else bytes(8) + b"\1").ljust(size, b"\0")[:size]
        machine.memory[PARTS[cpu] : PARTS[cpu] + size] = part
        machine.memory[PARTS[cpu] + size] = 1
    for at in PARTS:
        machine.memory[at + size + 8] = 0xEE  # what is behind the mark
    assert deleted(machine, type_) == bool(cpus)
    for at in PARTS:
        assert machine.memory[at : at + size + 9] == bytes(size + 8) + b"\xee"
    assert not deleted(machine, type_)


def test_a_cpu_without_a_part_is_passed_over() -> None:
    machine = Machine()
    machine.memory[0:16] = bytes(range(1, 17))
    machine.parts = {"@a": (0, 0)}
    type_ = FUNCTIONS["count"].type_of(Call("count"))
    call = Call("delete", type_, maps={0: "@a"})
    gone: Value = FUNCTIONS["delete"].emit(machine, call)  # type: ignore[arg-type]  # a machine emits what tests need
    assert not gone.handle and machine.memory[0:16] == bytes(range(1, 17))
