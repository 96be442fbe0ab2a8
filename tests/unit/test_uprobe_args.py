"""`args` of uprobes and places by source line, as the compiler sees them: types, registers and error texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import Checked
from dwarf_programs import ProgramTarget, compiled
from match_requests import request
from pybpftrace.core.binary.dwarf_signature import Parameter, Passing, Signature
from pybpftrace.core.probe import AttachPointError
from pybpftrace.core.target import Target, UserFunction
from pybpftrace.core.target.capture import RecordingTarget
from pybpftrace.core.types import INT32, INT64, VOID, Field, Pointer, Struct, Type
from pybpftrace.plugins.probes.uprobe import PROBE_TYPES
from pybpftrace.plugins.probes.user.uprobe_args import STACK, uprobe_args

UPROBE, URETPROBE = PROBE_TYPES


@pytest.fixture
def program(tmp_path: Path) -> str:
    return compiled(tmp_path, "gcc", "-g")


def checked(script: str) -> Checked:
    return Checked(script, target=ProgramTarget())


def complaint(script: str) -> str:
    return checked(script).messages[0]


def test_a_parameter_is_a_member_of_args_through_as_many_pointers_as_there_are(program: str) -> None:
    body = "$a = args.a; $v = args.p->next->next->value; $s = str(args.s); $n = *args.p;"
    found = checked(f"uprobe:{program}:f {{ {body} }}")
    assert {slot[:2]: str(type_) for slot, type_ in found.variables().items()} == {
        "$a": "int32", "$v": "int32", "$s": "string[1024]", "$n": "struct node"}  # fmt: skip


def test_a_parameter_that_is_not_there_is_an_error(program: str) -> None:
    assert complaint(f"uprobe:{program}:f {{ print(args.b) }}") == "ERROR: Can't find function parameter b"


def test_a_member_that_is_not_there_is_an_error(program: str) -> None:
    assert complaint(f"uprobe:{program}:f {{ print(args.p->valu) }}") == (
        "ERROR: Struct/union of type 'struct node' does not contain a field named 'valu'"
    )


def test_a_floating_point_parameter_has_no_value(program: str) -> None:
    assert complaint(f"uprobe:{program}:h {{ print(args.d) }}") == "ERROR: d has unsupported type"


def test_a_struct_that_is_only_declared_has_no_members(program: str) -> None:
    assert complaint(f"uprobe:{program}:h {{ print(args.o->x) }}") == "ERROR: Unknown struct/union: 'struct opaque'"


@pytest.mark.parametrize("function", ["seven", "many"])
def test_parameters_on_the_stack_are_refused(program: str, function: str) -> None:
    assert complaint(f"uprobe:{program}:{function} {{ print(args.a) }}") == f"ERROR: {STACK}"


def test_a_program_without_debug_information_has_no_args(tmp_path: Path) -> None:
    program = compiled(tmp_path, "gcc", "-g0")
    assert complaint(f"uprobe:{program}:f {{ print(args.a) }}") == (
        f'ERROR: Could not parse arguments of "uprobe:{program}:f": no debuginfo found for {program}'
    )


def test_a_cast_finds_the_programs_own_struct_before_the_kernels(program: str) -> None:
    """The kernel has a struct node as well."""
    found = checked(f"uprobe:{program}:f {{ $p = (struct node *)arg2; $v = $p->next->value }}")
    assert str(found.variables()["$v"]) == "int32"


def test_types_of_the_program_have_a_size_and_constants(program: str) -> None:
    body = "$s = sizeof(struct bits); $t = sizeof(unnamed); $o = offsetof(struct node, value); $e = (enum colour)5;"
    found = checked(f"uprobe:{program}:f {{ {body} }}")
    assert found.printed == ""
    assert str(found.variables()["$e"]) == "enum colour"


def test_a_cast_finds_the_scripts_own_struct_first(program: str) -> None:
    script = "struct node { char first; }; uprobe:%s:f { $v = ((struct node *)arg2)->first; print(args.p->first) }"
    assert complaint(script % program) == (
        "ERROR: Struct/union of type 'struct node' does not contain a field named 'first'"
    )
    script = "struct node { char first; }; uprobe:%s:f { $v = ((struct node *)arg2)->first; $w = args.p->value }"
    found = checked(script % program).variables()
    assert {slot[:2]: str(type_) for slot, type_ in found.items()} == {"$v": "int8", "$w": "int32"}


def test_a_probe_elsewhere_does_not_see_the_programs_types(program: str) -> None:
    script = f"uprobe:{program}:f {{ $b = (struct bits *)arg0 }} begin {{ $b = (struct bits *)0 }}"
    assert complaint(script) == 'ERROR: Cannot resolve unknown type "struct bits"'


def test_each_function_of_a_probe_is_checked_by_its_own_parameters(program: str) -> None:
    found = checked(f"uprobe:{program}:f,uprobe:{program}:g {{ print(args.a) }}")
    assert found.messages == ["ERROR: Can't find function parameter a"]


class Described(Target):
    """A machine with one function, of these parameters."""

    architecture = "x86_64"
    kernel_release = kernel_build_id = ""
    possible_cpus = online_cpus = ()
    pid_namespace = btf = None
    features = frozenset()

    def __init__(self, signature: Signature, architecture: str = "x86_64") -> None:
        super().__init__("test")
        self.architecture = architecture
        self.signature = signature

    def user_function(self, path: str, symbol: str) -> UserFunction | None:
        return UserFunction(path, 0x1000, 16, 0x1000)

    def user_signature(self, path: str, address: int) -> Signature | None:
        return self.signature


Described.__abstractmethods__ = frozenset()


def parameter(name: str, *pieces: str, type_: Type = INT64, by_reference: bool = False) -> Parameter:
    return Parameter(name, type_, "T", Passing(8 * len(pieces), pieces, by_reference))


INTEGER, FLOAT = "integer", "float"
PAIR = Struct("struct pair", 16, (), True, 8, "app")


def laid_out(architecture: str, *parameters: Parameter, result: Parameter | None = None) -> dict[str, tuple[str, int]]:
    target = Described(Signature(parameters, result), architecture)
    fields = uprobe_args("uprobe:app:f", "app", "f", target).fields
    return {field.name: (str(field.type), field.offset) for field in fields}


def test_parameters_are_where_pt_regs_has_their_registers() -> None:
    names = [parameter(name, INTEGER) for name in "abcdef"]
    assert laid_out("x86_64", *names) == {
        "a": ("int64", 112), "b": ("int64", 104), "c": ("int64", 96), "d": ("int64", 88), "e": ("int64", 72),
        "f": ("int64", 64)}  # fmt: skip
    assert laid_out("aarch64", *names[:3]) == {"a": ("int64", 0), "b": ("int64", 8), "c": ("int64", 16)}


def test_floating_point_takes_no_integer_register() -> None:
    for architecture, at in (("x86_64", 112), ("aarch64", 0)):
        found = laid_out(architecture, parameter("x", FLOAT), parameter("a", INTEGER))
        assert found == {"x": ("void", 0), "a": ("int64", at)}


def test_a_struct_in_two_registers_takes_both() -> None:
    pair, last = parameter("p", INTEGER, INTEGER, type_=PAIR), parameter("a", INTEGER)
    assert laid_out("x86_64", pair, last) == {"p": ("void", 0), "a": ("int64", 96)}
    assert laid_out("aarch64", pair, last) == {"p": ("struct pair", 0), "a": ("int64", 16)}


def test_what_is_passed_by_reference_is_a_pointer() -> None:
    given = parameter("p", INTEGER, type_=PAIR, by_reference=True)
    fields = uprobe_args("n", "app", "f", Described(Signature((given,), None))).fields
    assert fields == (Field("p", Pointer(PAIR, "user"), 112),)


def test_a_result_in_memory_takes_the_first_register() -> None:
    big = parameter("", INTEGER, INTEGER, INTEGER)
    assert laid_out("x86_64", parameter("a", INTEGER), result=big) == {"a": ("int64", 104)}
    assert laid_out("x86_64", parameter("a", INTEGER), result=parameter("", INTEGER, INTEGER)) == {"a": ("int64", 112)}
    assert laid_out("aarch64", parameter("a", INTEGER), result=big) == {"a": ("int64", 0)}


def test_a_parameter_without_a_name_takes_its_register() -> None:
    assert laid_out("x86_64", parameter("", INTEGER), parameter("b", INTEGER)) == {"b": ("int64", 104)}


def test_an_empty_class_takes_no_register() -> None:
    assert laid_out("x86_64", parameter("e", type_=VOID), parameter("a", INTEGER))["a"] == ("int64", 112)


@pytest.mark.parametrize(
    "parameters",
    [
        [parameter("x", FLOAT)] * 9,
        [parameter("x", INTEGER)] * 5 + [parameter("p", INTEGER, INTEGER)],
        [parameter("p", INTEGER, INTEGER, INTEGER)],
        [parameter("x", "memory")],
    ],
)
def test_what_no_register_holds_is_on_the_stack(parameters: list[Parameter]) -> None:
    with pytest.raises(AttachPointError) as error:
        laid_out("x86_64", *parameters)
    assert str(error.value) == STACK


def test_a_class_of_which_nothing_is_known_is_refused() -> None:
    with pytest.raises(AttachPointError) as error:
        laid_out("x86_64", parameter("x", "unknown"), parameter("a", INTEGER))
    assert str(error.value) == (
        'Could not parse arguments of "uprobe:app:f": the debug information does not say what T is'
    )


def test_a_function_that_the_compiler_has_cut_up_is_refused() -> None:
    target = Described(Signature((parameter("a", INTEGER, type_=INT32),), None))
    with pytest.raises(AttachPointError) as error:
        uprobe_args("uprobe:app:f.isra.0", "app", "f.isra.0", target)
    assert str(error.value) == (
        'Could not parse arguments of "uprobe:app:f.isra.0": the compiler has changed the parameters of f.isra.0'
    )


# Places by source line

FORM = "Invalid uprobe arguments, expected format: uprobe:TARGET@FILE:LINE[:COL]"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("app", "@", "a.c"), FORM),
        (("app", "@", "a.c", "1", "2", "3"), FORM),
        (("app", "f", "@", "a.c", "1"), FORM),
        (("", "@", "a.c", "1"), FORM),
        (("app", "@", "a.c", "x"), "Invalid line number: invalid integer"),
        (("app", "@", "a.c", "0"), "Invalid line number: 0"),
        (("app", "@", "a.c", "1", "x"), "Invalid column number: invalid integer"),
        (("ap*", "@", "a.c", "1"), "Cannot use wildcards with source code location"),
    ],
)
def test_a_source_location_has_one_form(parts: tuple[str, ...], message: str) -> None:
    with pytest.raises(AttachPointError) as error:
        UPROBE.parse(parts)
    assert str(error.value) == message


def test_a_return_probe_has_no_source_location() -> None:
    with pytest.raises(AttachPointError, match=r"^Source code location not allowed$"):
        URETPROBE.parse(("app", "@", "a.c", "1"))


def test_a_source_location_is_an_address_probe(program: str) -> None:
    spec = UPROBE.parse((program, "@", "prog.c", "11"))
    target = ProgramTarget()
    address = target.source_address(program, "prog.c", 11, None)
    (point,) = UPROBE.match(spec, request(target))
    function = target.user_function(program, "f")
    assert function is not None
    assert address is not None
    assert point.name == f"uprobe:{program}:{address}"
    assert point.number("offset") - function.file_offset == address - function.address > 0


def test_an_unknown_source_is_an_error(program: str, tmp_path: Path) -> None:
    assert complaint(f"uprobe:{program}@other.c:11 {{}}") == "ERROR: No compilation unit matches other.c"
    assert complaint(f"uprobe:{program}@prog.c:2 {{}}") == "ERROR: Unable to map 'prog.c:2' to address"
    plain = compiled(tmp_path, "gcc", "-g0", name="plain")
    assert complaint(f"uprobe:{plain}@prog.c:2 {{}}") == (
        f"ERROR: No DWARF debug info found for '{plain}', cannot attach by source code location."
    )


# Captured machines


def test_a_captured_machine_answers_without_the_program(program: str, tmp_path: Path) -> None:
    script = (f"uprobe:{program}:f {{ $v = args.p->next->value; $b = ((struct bits *)arg0)->b; $k = args.a }}"
              f" uprobe:{program}@prog.c:11 {{ $l = 1 }}")  # fmt: skip
    recording = RecordingTarget(ProgramTarget())
    there = Checked(script, target=recording)
    assert there.messages == []
    recording.save(str(tmp_path / "captured"))
    Path(program).unlink()
    captured = Target.from_directory(str(tmp_path / "captured"))
    again = Checked(script, target=captured)
    assert again.variables() == there.variables()
    for question, text in (("@prog.c:2", "Unable to map 'prog.c:2' to address"), (":nowhere", "No matches for uprobe")):
        assert text in Checked(f"uprobe:{program}{question} {{}}", target=captured).messages[0]


def test_the_debug_file_is_a_dependency_where_it_is_missing_too(tmp_path: Path) -> None:
    target = ProgramTarget()
    program = compiled(tmp_path, "gcc", "-g0")
    assert target.user_signature(program, 0x1000) is None
    keys = [dependency.key for dependency in target.live.dependencies]
    assert program in keys
    assert any(key.startswith("/usr/lib/debug/.build-id/") for key in keys)
