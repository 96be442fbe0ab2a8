"""Calls of the kernel's own functions: what is refused, which types come out, what a captured machine knows of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from checking import Checked
from pybpftrace.core.kernel_calls import kernel_function
from pybpftrace.core.probe import LoadSettings
from pybpftrace.core.target import Target
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.capture import RecordingTarget
from pybpftrace.core.target.kfuncs import NotCaptured
from pybpftrace.core.types import INT8, INT32, UINT64, Pointer, Struct

from .test_target_btf import Blob
from .test_target_directory import Machine

#: The component of a declaration tag on a function as a whole.
WHOLE = 0xFFFFFFFF


def kernel(*, marks: bool = True) -> Btf:
    """`measure(int8 *, int32) -> uint64`, `give(struct task *)`, `take(int32) -> struct task *`, `odd(struct task)`,
    and `inside(int32) -> int32`, which is no function for programs."""
    blob = Blob()
    integer = blob.add("int", "int", 4, 0, 0, 1 << 24 | 32)
    char = blob.add("int", "char", 1, 0, 0, 1 << 24 | 8)
    wide = blob.add("int", "long unsigned int", 8, 0, 0, 64)
    text = blob.add("ptr", "", char)
    task = blob.struct("task", 8, ("pid", integer, 0), ("tgid", integer, 32))
    task_pointer = blob.add("ptr", "", task)

    def function(name: str, result: int, *parameters: tuple[str, int], marked: bool = True) -> None:
        words = [word for parameter, type_id in parameters for word in (blob.text(parameter), type_id)]
        prototype = blob.add("func_proto", "", result, len(parameters), 0, *words)
        added = blob.add("func", name, prototype, 1)
        if marked and marks:
            blob.add("decl_tag", "bpf_kfunc", added, 0, 0, WHOLE)

    function("measure", wide, ("s", text), ("n", integer))
    function("give", 0, ("t", task_pointer))
    function("take", task_pointer, ("pid", integer))
    function("odd", 0, ("t", task))
    function("many", 0, ("n", integer), ("", 0))
    function("inside", integer, ("n", integer), marked=False)
    return Btf.parse(blob.build())


class Kernel(Machine):
    """A made-up machine whose kernel lets the programs of begin probes call all but `give`."""

    def __init__(self, *, marks: bool = True, knows: bool = True) -> None:
        super().__init__()
        self.btf = kernel(marks=marks)
        self._knows = knows

    def kfunc_allowed(self, name: str, program_type: str, settings: Callable[[], LoadSettings]) -> bool:
        if not self._knows:
            raise NotCaptured("nobody asked")
        return name not in ("give", "inside") and program_type == "raw_tracepoint"


def told(body: str, target: Target | None = None) -> list[str]:
    return Checked(f"begin {{ {body} }}", target=target or Kernel()).messages


# Prototypes


def test_a_prototype_has_the_names_and_types_that_the_kernel_gives() -> None:
    function = kernel_function(Kernel(), "measure")
    assert function is not None
    assert function.parameters == (("s", Pointer(INT8, "kernel")), ("n", INT32))
    assert function.result == UINT64
    assert kernel_function(Kernel(), "nothing") is None


def test_a_call_has_the_type_of_the_function_s_result() -> None:
    checked = Checked('begin { $n = measure("abc", 3); $t = take(1); }', target=Kernel())
    assert checked.messages == []
    assert checked.variables()["$n"] == UINT64
    pointer = checked.variables()["$t"]
    assert isinstance(pointer, Pointer)
    assert isinstance(pointer.pointee, Struct)
    assert (pointer.pointee.name, pointer.space) == ("struct task", "kernel")


def test_what_a_function_gives_can_be_handed_to_another() -> None:
    assert told("$t = take(1); $n = measure((int8 *)$t, 1);") == []


# Arguments


def test_integers_are_converted_between_widths() -> None:
    assert told("$n = (int8)3; $t = take($n); $u = take((int32)$n);") == []


def test_a_conversion_that_may_change_the_number_warns() -> None:
    assert told("$n = (uint64)3; $t = take($n);") == [
        "WARNING: Expression of type: uint64 being cast to type: int32. This may cause unexpected results. "
        "Use an explicit cast to suppress this warning."
    ]


def test_an_argument_that_does_not_fit_is_named_with_all_that_are_expected() -> None:
    assert Checked('begin { $n = measure(1, "a"); }', target=Kernel()).printed == (
        "t:1:22-23: ERROR: Expected int8 * for argument `s` got int8\n"
        'begin { $n = measure(1, "a"); }\n'
        "                     ~\n"
        "t:1:25-28: ERROR: Expected int32 for argument `n` got string[2]\n"
        'begin { $n = measure(1, "a"); }\n'
        "                        ~~~\n"
        "t:1:14-29: ERROR: Function `measure` requires arguments (int8 *, int32)\n"
        'begin { $n = measure(1, "a"); }\n'
        "             ~~~~~~~~~~~~~~~\n"
    )


def test_the_number_of_arguments_is_the_prototype_s() -> None:
    assert told('$n = measure("a");') == ["ERROR: Function `measure` requires 2 arguments, got only 1"]


def test_a_pointer_to_something_else_does_not_fit() -> None:
    assert told("$p = (int32 *)5; $n = measure($p, 1);")[1:] == [
        "ERROR: Function `measure` requires arguments (int8 *, int32)"
    ]


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("odd(1)", "`odd` cannot be called: its argument `t` is of type struct task"),
        ("many(1, 2)", "`many` cannot be called: it takes any number of arguments"),
    ],
)
def test_arguments_that_fit_no_register_cannot_be_passed(call: str, why: str) -> None:
    assert told(f"{call};") == [f"ERROR: Function {why}"]


# Which functions may be called, and where


def test_a_function_that_is_not_for_programs_cannot_be_called() -> None:
    assert told("inside(1);") == ["ERROR: Unsupported function linkage: 'inside'"]


def test_a_kernel_without_marks_is_asked_by_a_trial() -> None:
    unmarked = Kernel(marks=False)
    assert told("inside(1);", unmarked) == ["ERROR: Unsupported function linkage: 'inside'"]
    assert told("$t = take(1);", unmarked) == []


def test_a_function_that_this_probe_may_not_call_is_told_at_the_call() -> None:
    assert Checked("begin { $t = take(1); give($t); }", target=Kernel()).printed == (
        "t:1:23-31: ERROR: Function `give` cannot be called here: the kernel does not allow it in programs of the type "
        "raw_tracepoint\n"
        "begin { $t = take(1); give($t); }\n"
        "                      ~~~~~~~~\n"
        'HINT: `if comptime (kfunc_allowed("give"))` tells beforehand\n'
    )


def test_what_the_target_does_not_know_is_left_to_the_verifier() -> None:
    assert told("$t = take(1); give($t);", Kernel(knows=False)) == []


def test_a_name_that_the_kernel_does_not_have_is_unknown() -> None:
    assert told("nothing_of_that_name(1);") == ["ERROR: Unknown function: 'nothing_of_that_name'"]


def test_a_function_of_the_language_comes_first() -> None:
    target = Kernel()
    blob = Blob()
    integer = blob.add("int", "int", 4, 0, 0, 1 << 24 | 32)
    blob.add("func", "strncmp", blob.add("func_proto", "", integer), 1)
    target.btf = Btf.parse(blob.build())
    assert told('$n = strncmp("a", "b", 1);', target) == []


# Questions


def test_kfunc_exist_tells_what_the_kernel_s_types_have() -> None:
    script = 'begin { if comptime (kfunc_exist("NAME")) { $yes = 1; } else { $no = 1; } }'
    assert list(Checked(script.replace("NAME", "take"), target=Kernel()).variables()) == ["$yes"]
    assert list(Checked(script.replace("NAME", "gone"), target=Kernel()).variables()) == ["$no"]


def test_kfunc_allowed_tells_for_the_probe_that_it_is_asked_in() -> None:
    script = 'begin { if comptime (kfunc_allowed("NAME")) { $yes = 1; } else { $no = 1; } }'
    assert list(Checked(script.replace("NAME", "take"), target=Kernel()).variables()) == ["$yes"]
    assert list(Checked(script.replace("NAME", "give"), target=Kernel()).variables()) == ["$no"]


@pytest.mark.parametrize("name", ["kfunc_exist", "kfunc_allowed"])
@pytest.mark.parametrize("argument", ["1", "$s", "true"])
def test_the_questions_take_a_string_literal_only(name: str, argument: str) -> None:
    messages = told(f'$s = "take"; $x = {name}({argument});')
    assert messages == [f"ERROR: {name}() accepts a string literal only"]


def test_a_target_that_cannot_tell_says_so() -> None:
    assert told('$x = kfunc_allowed("take");', Kernel(knows=False)) == [
        "ERROR: kfunc_allowed() cannot tell whether take may be called: nobody asked"
    ]


def test_a_captured_machine_answers_as_the_machine_did(tmp_path: Path) -> None:
    script = (
        'begin { print((kfunc_exist("take"), kfunc_exist("gone"), kfunc_allowed("take"), kfunc_allowed("give")));'
        ' $n = measure("a", 1); }'
    )
    recording = RecordingTarget(Kernel())
    assert Checked(script, target=recording).messages == []
    recording.save(str(tmp_path))
    captured = Target.from_directory(str(tmp_path))
    assert Checked(script, target=captured).messages == []
    assert [captured.has_function(name) for name in ("take", "gone", "measure")] == [True, False, True]
    assert captured.is_kfunc("measure")

    def settings() -> LoadSettings:
        pytest.fail("a captured machine makes no trial")

    assert captured.kfunc_allowed("take", "raw_tracepoint", settings)
    assert not captured.kfunc_allowed("give", "raw_tracepoint", settings)
    with pytest.raises(NotCaptured) as error:
        captured.kfunc_allowed("take", "xdp", settings)
    assert str(error.value) == f"{tmp_path} does not say it for programs of the type xdp"
