"""The script's own options: how `getopt` declares them, and what the command line may say."""

from __future__ import annotations

import pytest
from checking import Checked
from pybpftrace.cli.arguments import Arguments
from pybpftrace.core.compile_options import CompileOptions
from pybpftrace.core.diagnostics import CompileError, Diagnostic, Diagnostics, Severity, format_all
from pybpftrace.passes.typecheck.fold import FoldConstants
from pybpftrace.passes.typecheck.options import ReplaceOptions
from pybpftrace.passes.typecheck.positional_parameters import ReplaceParameters
from staged import Staged

PASSES = (ReplaceParameters(), FoldConstants(), ReplaceOptions())


def given(text: str, *words: str) -> Staged:
    arguments = Arguments(script_arguments=words)
    return Staged(f"begin {{ f({text}); }}", *PASSES, arguments=arguments.positional, named=arguments.named)


def value(text: str, *words: str) -> str:
    script = given(text, *words)
    assert script.messages == []
    return script.text().removeprefix("{ f(").removesuffix("); }")


def test_a_command_line_is_split_into_options_and_other_arguments() -> None:
    arguments = Arguments(script_arguments=("10", "--n=7", "--b", "-x", "--s=", "20"))
    assert arguments.positional == ("10", "-x", "20")
    assert arguments.named == (("n", "7"), ("b", None), ("s", ""))


@pytest.mark.parametrize(
    ("call", "default"),
    [
        ('getopt("n")', "false"),
        ('getopt("n", true)', "true"),
        ('getopt("n", 5)', "(uint64)5"),
        ('getopt("n", -5)', "(int64)-5"),
        ('getopt("n", "a")', '"a"'),
        ('getopt("n", 2 + 3, "how many")', "(uint64)5"),
    ],
)
def test_an_option_that_is_not_given_has_its_default(call: str, default: str) -> None:
    assert value(call) == default


@pytest.mark.parametrize(
    ("call", "word", "expected"),
    [
        ('getopt("n")', "--n", "true"),
        ('getopt("n", true)', "--n=Off", "false"),
        ('getopt("n", false)', "--n=1", "true"),
        ('getopt("n", 5)', "--n=0x10", "(uint64)16"),
        ('getopt("n", 5)', "--n=2s", "(uint64)2000000000"),
        ('getopt("n", 5)', "--n=-1", "18446744073709551615"),
        ('getopt("n", -5)', "--n=7", "(int64)7"),
        ('getopt("n", -5)', "--n=-7", "(int64)-7"),
        ('getopt("n", -5)', "--n=", "(int64)0"),
        ('getopt("n", "a")', "--n=b c", '"b c"'),
        ('getopt("n", "a")', "--n=", '""'),
        ('getopt("n", "a")', "--n=b=c", '""'),
    ],
)
def test_a_value_is_read_as_its_default_says(call: str, word: str, expected: str) -> None:
    assert value(call, word) == expected


def test_the_last_occurrence_wins() -> None:
    assert value('getopt("n", 5)', "--n=6", "--n=7") == "(uint64)7"


@pytest.mark.parametrize(
    ("call", "word", "message"),
    [
        ('getopt("n", 5)', "--n=v", "expects an integer (value: v)"),
        ('getopt("n", 5)', "--n", "expects an integer (value: true)"),
        ('getopt("n", 5)', "--n=", "invalid integer (value: )"),
        ('getopt("n", 5)', "--n=18446744073709551616", "value is out of range (value: 18446744073709551616)"),
        ('getopt("n", -5)', "--n=9223372036854775808", "value is out of range (value: 9223372036854775808)"),
        ('getopt("n")', "--n=maybe", "expects a boolean (e.g. 'true') (value: maybe)"),
        ('getopt("n", "a")', "--n", "expects a string (value: true)"),
    ],
)
def test_a_bad_value_is_an_error_without_a_place(call: str, word: str, message: str) -> None:
    script = given(call, word)
    assert script.printed() == f"ERROR: program command line option --n {message}\n"


def test_an_option_that_no_call_declares_is_refused_with_those_there_are() -> None:
    script = Staged(
        'begin { f(getopt("x"), getopt("y", 5, "how many")); }', *PASSES, named=(("a", None), ("x", None), ("b", "1"))
    )
    assert script.printed() == (
        "ERROR: unexpected program command line options: --a, --b\n"
        "HINT: expected program options:\n--x:\n--y: how many\n"
    )


def test_a_script_without_options_says_so() -> None:
    script = Staged("begin { }", *PASSES, named=(("a", None),))
    assert script.printed() == (
        "ERROR: unexpected program command line options: --a\nHINT: no custom program options defined.\n"
    )


def test_help_lists_the_options_and_nothing_else() -> None:
    with pytest.raises(CompileError) as caught:
        given('getopt("x", 5, "how many"), getopt("y")', "--help", "--unknown")
    text = format_all(caught.value.diagnostics, None, colour=True)
    assert text == "HINT: expected program options:\n--x: how many\n--y:\n"


def test_a_script_may_have_a_help_option_of_its_own() -> None:
    assert value('getopt("help")', "--help") == "true"


def test_a_hint_is_no_failure() -> None:
    diagnostics = Diagnostics()
    diagnostics.add(Diagnostic(Severity.HINT, "text"))
    assert not diagnostics.failed


def test_the_same_option_may_be_asked_for_twice() -> None:
    assert value('getopt("n", 5, "how many"), getopt("n", 5)', "--n=7") == "(uint64)7, (uint64)7"


def test_a_missing_description_is_inherited() -> None:
    script = given('getopt("n", 5), getopt("n", 5, "how many"), getopt("n", 5)', "--a")
    assert script.hints == ["expected program options:\n--n: how many"]


@pytest.mark.parametrize(
    ("first", "second", "shown"), [("5", "6", "5"), ('"a"', "5", '"a"'), ("true", "false", "true"), ("1", "true", "1")]
)
def test_defaults_have_to_agree(first: str, second: str, shown: str) -> None:
    script = given(f'getopt("n", {first}), getopt("n", {second})')
    assert script.message == (
        "ERROR: Command line option 'n' needs to have the same default value in all places it is used. "
        f"Previous default value: {shown}"
    )


def test_descriptions_have_to_agree() -> None:
    script = given('getopt("n", 5, "a"), getopt("n", 5, "b")')
    assert script.message.startswith(
        "ERROR: Command line option 'n' must have the same description in all places it is used."
    )


@pytest.mark.parametrize("call", ["getopt()", 'getopt("a", 1, "b", 2)'])
def test_the_number_of_arguments(call: str) -> None:
    script = given(call)
    assert script.message == (
        "ERROR: The 'getopt' function can take a maximum of three arguments and a minimum of one argument."
    )
    assert script.marked() == [call]


@pytest.mark.parametrize("name", ["5", "$x", "true"])
def test_the_name_is_a_literal(name: str) -> None:
    assert given(f"getopt({name})").message == "ERROR: First argument to 'getopt' must be a string literal."


def test_a_parameter_that_is_a_number_is_no_name_but_can_become_one() -> None:
    script = given("getopt($1)", "5")
    assert script.hints == ["Use str($1) to treat $1 as a string"]
    assert value("getopt(str($1))", "5", "--5") == "true"


@pytest.mark.parametrize("default", ["$x", "pid", "(1, 2)"])
def test_the_default_is_a_literal(default: str) -> None:
    assert given(f'getopt("n", {default})').message == (
        "ERROR: Second argument to 'getopt' must be a string literal, integer literal, or a boolean literal."
    )


def test_a_description_that_is_no_literal_makes_the_function_unknown() -> None:
    assert given('getopt("n", 5, 6)').messages == [
        "WARNING: Function 'getopt' requires the third parameter to be a string literal.",
        "ERROR: Unknown function: 'getopt'",
    ]


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ('begin {{ @m[1] = 1; print(@m, {}); }}', "top"),
        ('begin {{ @m = lhist(1, 0, {}, 1); }}', "max"),
    ],
)
def test_an_option_may_stand_where_a_literal_must(script: str, name: str) -> None:
    options = CompileOptions(named=((name, "20"),))
    assert Checked(script.format(f'getopt("{name}", 10)'), options=options).printed == ""


def test_an_option_that_is_a_text_is_no_literal_number() -> None:
    script = 'begin { @m[1] = 1; print(@m, getopt("top", "10")); }'
    assert Checked(script).messages == ["ERROR: print() expects a int literal (string provided)"]
