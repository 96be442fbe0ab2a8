"""What a script learns about itself while it is compiled, and what it can refuse: the texts as a user reads them."""

from __future__ import annotations

import pytest
from checking import Checked
from pybpftrace.core.config import Config
from pybpftrace.core.types import BOOL, Pointer, Record, String
from pybpftrace.plugins.stdlib.introspection import CONFIG_KEYS


def messages(body: str) -> list[str]:
    return Checked(f"begin {{ {body} }}").messages


def decided(condition: str, before: str = "") -> bool:
    """Which way an `if comptime` goes."""
    checked = Checked(f"begin {{ {before} if comptime ({condition}) {{ $yes = 1; }} else {{ $no = 1; }} }}")
    assert checked.messages == []
    names = set(checked.variables())
    assert len(names & {"$yes", "$no"}) == 1
    return "$yes" in names


# Questions about types


@pytest.mark.parametrize(
    ("question", "true", "false"),
    [
        ("is_str", ['"a"', "comm", "$s", "typeof(string[5])"], ["1", "(1, 2)", "$u", "kstack"]),
        ("is_ptr", ["curtask", "(int8 *)5", "typeof(int8 *)"], ["1", '"a"', "$u"]),
        ("is_array", ["typeof(int8[4])", "(int8[2])(int16)1"], ["1", '"a"', "(1, 2)"]),
        ("is_integer", ["1", "$u", "$i", "cpu", "pid", "typeof(uint8)"], ['"a"', "(1, 2)", "curtask", "true"]),
        ("is_unsigned_integer", ["$u", "cpu", "pid", "typeof(uint8)"], ["1", "$i", '"u"', "true", "typeof(int8)"]),
        ("is_literal", ["1", '"a"', "true", "-5", "1 + 1", '(1, "a")', "(a=1, b=(true, 2))", "sizeof($u)"],
         ["$u", "(1, $u)", "(a=1, b=$s)", "comm", "pid", "$u + 1"]),
    ],
)  # fmt: skip
def test_a_question_about_a_type_is_answered_while_compiling(
    question: str, true: list[str], false: list[str]
) -> None:
    before = "$u = nsecs; $i = (int32)pid; $s = comm;"
    assert [value for value in true if not decided(f"{question}({value})", before)] == []
    assert [value for value in false if decided(f"{question}({value})", before)] == []


def test_a_question_does_not_evaluate_what_it_is_asked_of() -> None:
    script = "begin { $n = 1; if comptime (is_integer($n++)) { $yes = 1; } }"
    checked = Checked(script)
    assert (checked.messages, set(checked.variables())) == ([], {"$n", "$yes"})


def test_typeinfo_in_the_library_needs_no_flag_but_a_script_s_own_does() -> None:
    assert messages("$x = is_str(1);") == []
    assert messages("$x = typeinfo(1);") == [
        "ERROR: typeinfo feature is not enabled by default. To enable this unstable feature, set the config flag to "
        "enable. unstable_typeinfo=enable"
    ]


def test_is_scalar_tells_how_a_map_is_used() -> None:
    assert decided("is_scalar(@a)", "@a = 1;")
    assert not decided("is_scalar(@a)", "@a[1] = 1;")
    assert decided("is_scalar(@a)", "@a = count();")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("is_scalar(1)", "is_scalar() expects a map for the first argument"),
        ("is_scalar($x)", "is_scalar() expects a map for the first argument"),
        ("is_scalar(@unknown)", "Unknown map: @unknown"),
    ],
)
def test_is_scalar_takes_a_map_that_is_used(call: str, told: str) -> None:
    assert messages(f"$x = 1; print({call});") == [f"ERROR: {told}"]


# Settings


def test_config_is_a_record_of_the_settings_in_their_order() -> None:
    type_ = Checked("begin { $c = config; }").variables()["$c"]
    assert isinstance(type_, Record)
    assert tuple(name for name, _ in type_.fields) == CONFIG_KEYS
    kinds = {name: type(getattr(Config(), name)) for name in CONFIG_KEYS}
    assert [name for name in CONFIG_KEYS if kinds[name] is bool] == list(CONFIG_KEYS[:5])
    assert [name for name in CONFIG_KEYS if kinds[name] is int] == list(CONFIG_KEYS[5:13])
    assert dict(type_.fields)["license"] == String(4)
    assert dict(type_.fields)["cpp_demangle"] == BOOL


def test_config_follows_the_script_s_own_settings() -> None:
    script = 'config = { max_strlen = 100; stack_mode = "perf"; } begin { if comptime (CONDITION) { $yes = 1; } }'
    for condition in ("config.max_strlen == 100", 'config.stack_mode == "perf"', "default_str_length() == 100"):
        checked = Checked(script.replace("CONDITION", condition))
        assert (checked.messages, list(checked.variables())) == ([], ["$yes"]), condition


def test_default_str_length_is_written_with_and_without_parentheses() -> None:
    assert decided("default_str_length == 1024")
    assert decided("default_str_length() == 1024")


def test_config_has_no_other_members() -> None:
    assert "does not contain a field named 'nothing'" in " ".join(messages("$x = config.nothing;"))


# Refusing


def test_fail_says_what_it_is_given() -> None:
    script = 'begin { fail("bad %s: %d, %x, %s", "number", -3, 255, true); }'
    assert Checked(script).printed == (
        "t:1:9-60: ERROR: bad number: -3, ff, true\n" + script + "\n" + " " * 8 + "~" * 51 + "\n"
    )


def test_fail_in_a_branch_that_is_dropped_says_nothing() -> None:
    assert messages('if comptime (sizeof(int32) == 5) { fail("no"); }') == []


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("fail()", "fail() requires at least one argument (0 provided)"),
        ("fail(5)", "fail() expects a string literal (int provided)"),
        ('fail("%d", $x)', "fail() arguments need to be literals"),
        ('fail("%d")', "not enough arguments for format string (0 supplied, 1 expected)"),
        ('fail("%d", "a")', "unsupported format specifier for type 'string[2]': d"),
    ],
)
def test_fail_takes_a_format_and_literals(call: str, told: str) -> None:
    assert messages(f"$x = 1; {call};") == [f"ERROR: {told}"]


def test_fail_takes_what_types_have_made_literals() -> None:
    assert messages('fail("%d bytes", sizeof(int32));') == ["ERROR: 4 bytes"]


def test_static_assert_says_nothing_where_its_condition_holds() -> None:
    assert messages('static_assert(sizeof(int64) == 8, "eight bytes");') == []


def test_static_assert_is_told_at_the_script_s_own_line_last() -> None:
    script = 'begin { static_assert(sizeof(int64) == 4, "four bytes"); }'
    assert Checked(script).printed == (
        "stdlib/assert.bt:5:5-14: ERROR: four bytes\n"
        "    fail(msg);\n"
        "    ~~~~~~~~~\n"
        "t:1:9-56: ERROR: expanded from\n" + script + "\n" + " " * 8 + "~" * 47 + "\n"
    )


def test_static_assert_needs_a_condition_that_is_known() -> None:
    assert messages('$x = nsecs; static_assert($x == 1, "m");') == ["ERROR: Unable to resolve comptime expression"]


@pytest.mark.parametrize("expression", ["comptime nsecs", "comptime $x"])
def test_comptime_needs_what_is_known(expression: str) -> None:
    assert messages(f"$x = nsecs; $y = {expression};") == ["ERROR: Unable to resolve comptime expression"]


def test_assert_takes_a_condition_and_a_message() -> None:
    assert Checked("begin { assert(1); }").printed.startswith(
        "t:1:9-18: ERROR: Call to assert() has arguments that do not match any definition.\n"
    )
    assert messages('$x = 1; assert($x == 1, "one");') == []


# Pointers


def test_container_of_gives_a_pointer_to_the_struct_around_a_member() -> None:
    checked = Checked(
        "struct inner { int x; }; struct outer { long before; struct inner in; int pid; };"
        " begin { $p = (struct inner *)100; $o = container_of($p, typeof(struct outer), in);"
        " $q = container_of((int32 *)100, typeof(struct outer), pid); }"
    )
    assert checked.messages == []
    for name in ("$o", "$q"):
        type_ = checked.variables()[name]
        assert isinstance(type_, Pointer)
        assert str(type_) == "struct outer *"


def test_container_of_a_member_that_is_not_there_is_told() -> None:
    checked = Checked(
        "struct outer { int x; }; begin { $o = container_of((int32 *)100, typeof(struct outer), y); }"
    )
    assert checked.messages == ["ERROR: 'struct outer' has no field named 'y'"]


def test_is_err_is_known_only_at_run_time() -> None:
    assert Checked("begin { $e = is_err(curtask); }").variables()["$e"] == BOOL


def test_fail_shows_settings_and_what_else_is_known() -> None:
    assert messages('fail("%s, %d", config.license, config.max_strlen);') == ["ERROR: GPL, 1024"]


def test_a_misspelt_library_macro_is_recognised() -> None:
    printed = Checked('begin { asert(1 == 1, "one"); }').printed
    assert printed.endswith("HINT: did you mean 'assert'?\n")
