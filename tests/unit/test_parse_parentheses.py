"""What an opening parenthesis means: the empty tuple, a record, a cast, a tuple, or just a group."""

from __future__ import annotations

import pytest
from parsing import error, errors, expression, find, parse, shape, written
from pybpftrace.core import ast

CASTS = [
    ("(uint8)$x", "({type uint8} $x)"),
    ("(uint8)$x + 1", "(({type uint8} $x) + 1)"),
    ("(uint8)1", "({type uint8} 1)"),
    ('(string[5])"a"', "({type string[5]} b'a')"),
    ("(foo)bar", "({type foo} bar)"),
    ("(foo)_bar", "({type foo} _bar)"),
    ("(foo)@m[1]", "({type foo} @m[1])"),
    ("(foo)-1", "({type foo} (-1))"),
    ("(foo) - 1", "({type foo} (-1))"),
    ("(foo)!$x", "({type foo} (!$x))"),
    ("(foo)~$x", "({type foo} (~$x))"),
    ("(foo)*$a", "({type foo} (*$a))"),
    ("(foo)&$a", "({type foo} (&$a))"),
    ("(foo)--$a", "({type foo} (--$a))"),
    ("(foo)(x)", "({type foo} x)"),
    ("(foo)(bar)1", "({type foo} ({type bar} 1))"),
    ("-(foo)1", "(-({type foo} 1))"),
    ("(retval)(x)", "({type retval} x)"),
    ("(struct foo *)arg0->f", "({type struct foo*} arg0.f)"),
    ("((struct task_struct *)curtask)->pid", "({type struct task_struct*} curtask).pid"),
    ("(union u)$x", "({type union u} $x)"),
    ("(enum e)$x", "({type enum e} $x)"),
    ("(int32*[4])$x", "({type int32*[4]} $x)"),
    ("(int32[4]*)$x", "({type int32[4]*} $x)"),
    ("(int8[])$x", "({type int8[]} $x)"),
    ("(foo**)$x", "({type foo**} $x)"),
    ("(typeof($y))$x", "({typeof($y)} $x)"),
    ("(typeof(struct s *)*)$x", "({typeof(type struct s*)*} $x)"),
    ("(typeof((x)))$x", "({typeof(x)} $x)"),
    ("( foo /* ) */ * // )\n ) /* + */ $x", "({type foo*} $x)"),
    ("1 + (foo)2 * 3", "(1 + (({type foo} 2) * 3))"),
    ("comptime (foo)1", "(comptime ({type foo} 1))"),
    ("(structure)1", "({type structure} 1)"),
    ("(argument)-1", "({type argument} (-1))"),
    ("(pids)*2", "({type pids} (*2))"),
]
GROUPS = [
    ("(foo)", "foo"),
    ("((foo))", "foo"),
    ("(foo)+1", "(foo + 1)"),
    ("(foo)/2", "(foo / 2)"),
    ("(foo)%2", "(foo % 2)"),
    ("(foo) && 1", "(foo && 1)"),
    ("(foo) != 1", "(foo != 1)"),
    ("(foo) == 1", "(foo == 1)"),
    ("(foo) < 1", "(foo < 1)"),
    ("(foo)->bar", "foo.bar"),
    ("(foo).bar", "foo.bar"),
    ("(foo)[1]", "foo[1]"),
    ("(foo) ? 1 : 2", "(foo ? 1 : 2)"),
    ("(foo[1])", "foo[1]"),
    ("(foo[$i] - 1)", "(foo[$i] - 1)"),
    ("(foo[$i]) - 1", "(foo[$i] - 1)"),
    ("(foo * bar)", "(foo * bar)"),
    ("(foo())-1", "(foo() - 1)"),
    ("(foo.bar)-1", "(foo.bar - 1)"),
    ("($x)-1", "($x - 1)"),
    ("(1)-1", "(1 - 1)"),
    ("f((foo), 1)", "f(foo, 1)"),
]
#: None of these names a type.
BUILTIN_WORDS = [
    *("args", "ctx", "kstack", "ustack", "nsecs", "pid", "tid", "arg0", "arg12", "sarg1", "arg01"),
    *(f"__builtin_{name}" for name in ("comm", "cpid", "cpu", "dw_ustack", "elapsed")),
    *(f"__builtin_{name}" for name in ("func", "ncpus", "probe", "retval", "usermode")),
]
TUPLES = [
    ("()", "<>"),
    ("( )", "<>"),
    ("(1,)", "<1>"),
    ("(1, 2)", "<1, 2>"),
    ("(1, 2,)", "<1, 2>"),
    ("((1, 2), ())", "<<1, 2>, <>>"),
    ("(foo, bar)", "<foo, bar>"),
    ("(foo == 1, 2)", "<(foo == 1), 2>"),
    ("@m[(1, 2)]", "@m[<1, 2>]"),
    ("f((1, 2), 3)", "f(<1, 2>, 3)"),
]
RECORDS = [
    ("(a=1)", "<a=1>"),
    ('(a=1, b="x")', "<a=1, b=b'x'>"),
    ("( a /* = */ = 1 )", "<a=1>"),
    ("(a=(b=1), c=(1, 2))", "<a=<b=1>, c=<1, 2>>"),
    ("(if=1, pid=2)", "<if=1, pid=2>"),
    ("(a==1)", "(a == 1)"),
    ("(pid == 1)", "(pid == 1)"),
    ("(a=1).a", "<a=1>.a"),
]


@pytest.mark.parametrize(("text", "meaning"), CASTS)
def test_a_type_in_front_of_an_operand_is_a_cast(text: str, meaning: str) -> None:
    assert shape(expression(text)) == meaning


@pytest.mark.parametrize(("text", "meaning"), GROUPS)
def test_a_name_in_front_of_anything_else_is_a_group(text: str, meaning: str) -> None:
    assert shape(expression(text)) == meaning


@pytest.mark.parametrize("word", BUILTIN_WORDS)
def test_a_builtin_word_is_no_type(word: str) -> None:
    assert shape(expression(f"({word})*2 || ({word})-1")) == f"(({word} * 2) || ({word} - 1))"


@pytest.mark.parametrize(("text", "meaning"), TUPLES)
def test_commas_make_a_tuple(text: str, meaning: str) -> None:
    assert shape(expression(text)) == meaning


@pytest.mark.parametrize(("text", "meaning"), RECORDS)
def test_a_name_and_a_single_equals_sign_make_a_record(text: str, meaning: str) -> None:
    assert shape(expression(text)) == meaning


def test_the_span_of_a_cast_is_that_of_its_parentheses_and_what_is_around_it_has_all() -> None:
    program = parse("BEGIN { (uint8)($x) + 1; (foo)(bar)$y; }")
    assert written(program, find(program, ast.Binary)) == "(uint8)($x) + 1"
    casts = [node for node in ast.walk(program) if isinstance(node, ast.Cast)]
    assert [written(program, cast) for cast in casts] == ["(uint8)", "(foo)", "(bar)"]
    statement = program.probes[0].body.statements[1]
    assert written(program, statement) == "(foo)(bar)$y"


@pytest.mark.parametrize(
    ("text", "kind"), [("( 1 , 2, )", ast.Tuple), ("( )", ast.Tuple), ("( a = 1, b = (2) )", ast.Record)]
)
def test_the_span_of_a_tuple_or_record_has_its_parentheses(text: str, kind: type[ast.Node]) -> None:
    program = parse(f"BEGIN {{ f({text}); }}")
    assert written(program, find(program, kind)) == text


def test_the_span_of_a_record_field_goes_from_its_name_to_its_value() -> None:
    program = parse("BEGIN { f(( a = 1, b = (2) )); }")
    fields = [node for node in ast.walk(program) if isinstance(node, ast.RecordField)]
    assert [written(program, field) for field in fields] == ["a = 1", "b = (2)"]


def test_a_field_may_be_named_once() -> None:
    assert errors("BEGIN { $x = (a=1, b=2, a=3, a=4); }") == [
        "1:25-28 Named argument list already contains name: a",
        "1:30-33 Named argument list already contains name: a",
    ]


@pytest.mark.parametrize(
    ("script", "report"),
    [
        ("BEGIN { (a=1,); }", "1:14-15 unexpected ')', expected a name"),
        ("BEGIN { (,); }", "1:10-11 expected expression"),
        ("BEGIN { (1,,2); }", "1:12-13 expected expression"),
        ("BEGIN { (struct s *); }", "1:21-22 expected expression"),
        ("BEGIN { (struct s *)+1; }", "1:21-22 expected expression"),
        ("BEGIN { (pid=1); }", "1:13-14 unexpected '=', expected ')' or ','"),
        ("BEGIN { f(a=1); }", "1:12-13 unexpected '=', expected ')' or ','"),
        ("BEGIN { if (a /* b */ = 1) { } }", "1:23-24 unexpected '=', expected ')'"),
        ("BEGIN { unroll (1 , 2) { } }", "1:19-20 unexpected ',', expected ')'"),
        ("BEGIN { while () { } }", "1:16-17 expected expression"),
        ("BEGIN { $x = if () { } }", "1:18-19 expected expression"),
        ("BEGIN { (uint8[x])$y; }", "1:19-20 expected ';'"),
    ],
)
def test_what_parentheses_cannot_hold(script: str, report: str) -> None:
    assert error(script) == report


@pytest.mark.parametrize("word", ["true", "false"])
def test_a_truth_value_in_parentheses_is_no_type(word: str) -> None:
    assert shape(expression(f"({word}) & 1")) == f"({word.title()} & 1)"


def test_a_tuple_in_parentheses_of_its_own_is_a_condition_that_the_type_checker_refuses() -> None:
    (choice,) = parse("BEGIN { if ((1, 2)) { } }").probes[0].body.statements
    assert isinstance(choice, ast.If)
    assert shape(choice.condition) == shape(expression("(1, 2)"))
