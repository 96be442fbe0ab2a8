"""What is said about calls of the functions of strings, buffers and memory, word for word."""

from __future__ import annotations

import pytest
from checking import Checked
from pybpftrace.core.compile_options import CompileOptions

#: The expression, what is underlined, and the message.
CASES: list[tuple[str, str, str]] = [
    ("buf(comm)", "buf(comm)", "buf() expects a length argument for non-array type string"),
    ("buf(1)", "buf(1)", "buf() expects a length argument for non-array type int"),
    ("buf((uint8 *)1)", "buf((uint8 *)1)", "buf() expects a length argument for non-array type pointer"),
    ("buf(1, -1)", "-1", "bufcannot use negative length (-1)"),
    ("buf(true, 1)", "true", "buf() expects an integer, string, or array argument but saw bool"),
    ("buf((1, 2), 1)", "(1, 2)", "buf() expects an integer, string, or array argument but saw tuple"),
    ('buf(1, "a")', '"a"', "buf() only supports int arguments (string provided)"),
    ("strlen(5)", "5", "string-like values must be either strings, arrays or pointers"),
    ("strlen(true)", "true", "string-like values must be either strings, arrays or pointers"),
    ("strlen((uint8 *)1)", "(uint8 *)", "string-like pointers must point to a char-like type"),
    ("strlen((int32 *)1)", "(int32 *)", "string-like pointers must point to a char-like type"),
    ("strlen((uint8[8])(uint64)1)", "(uint8[8])", "string-like arrays must contain a char-like type"),
    ("strcap(5)", "5", "string-like values must be either strings, arrays or pointers"),
    ('strstr("a", 1)', "1", "string-like values must be either strings, arrays or pointers"),
    ('strstr(2, "a")', "2", "string-like values must be either strings, arrays or pointers"),
    ("strcontains(comm, 3)", "3", "string-like values must be either strings, arrays or pointers"),
    ("str_concat(comm, 3)", "3", "string-like values must be either strings, arrays or pointers"),
    ("strncmp(comm, comm, -1)", "-1", "Builtin strncmp requires a non-negative literal"),
    ("strncmp(comm, comm, pid)", "pid", "Builtin strncmp requires a non-negative literal"),
    ('strncmp("a", 2, 1)', "2", "strncmp() only supports string arguments (int provided)"),
    ('strncmp("a", "b")', 'strncmp("a", "b")', "strncmp() requires 3 arguments (2 provided)"),
    ('memcmp("a", "b", "c")', '"c"', "memcmp() only supports int arguments (string provided)"),
    ('bswap("a")', '"a"', "bswap() only supports integer arguments (string provided)"),
    ("bswap()", "bswap()", "bswap() requires one argument (0 provided)"),
    ('strerror("a")', '"a"', "strerror() only supports int arguments (string provided)"),
    ("signal_name(comm)", "comm", "signal_name() only supports int arguments (string provided)"),
    ("syscall_name(true)", "true", "syscall_name() only supports int arguments (bool provided)"),
    ("write_user(1, 2, 3)", "write_user(1, 2, 3)", "write_user() is unsafe. To use you need the --unsafe flag"),
    ('"abc"[4]', "4", "the index 4 is out of bounds for array of size 4"),
    ("str((1, 2))", "(1, 2)", "str() expects a string, integer or a pointer type as first argument (tuple provided)"),
    ("str(1, -2)", "-2", "strcannot use negative length (-2)"),
    (
        'buf("a", 1) < buf("a", 1)',
        'buf("a", 1) < buf("a", 1)',
        "The < operator can not be used on expressions of types buffer[5], buffer[5]",
    ),
    ('comm + "b"', 'comm + "b"', "The + operator can not be used on expressions of types string[16], string[2]"),
    ('(int64)buf("a", 1)', "(int64)", 'Cannot cast from "buffer[5]" to "int64"'),
]


@pytest.mark.parametrize(("expression", "place", "message"), CASES, ids=[case[0] for case in CASES])
def test_it_is_refused(expression: str, place: str, message: str) -> None:
    script = f"begin {{ print({expression}); }}"
    column = script.index(expression) + expression.rindex(place) + 1
    start = f"t:1:{column}-{column + len(place)}: ERROR: {message}\n"
    assert Checked(script).printed.startswith(start)


@pytest.mark.parametrize(("value", "word"), [("1", "values"), ("(uint8 *)1", "pointers"), ("true", "values")])
def test_assert_str_refuses_what_is_not_like_a_string(value: str, word: str) -> None:
    assert f"ERROR: string-like {word} must " in Checked(f"begin {{ assert_str({value}); }}").printed


@pytest.mark.parametrize("value", ['"a"', "comm", "(int8 *)1", "(int8[8])(uint64)1"])
def test_assert_str_says_nothing_else(value: str) -> None:
    assert Checked(f"begin {{ assert_str({value}); }}").printed == ""


@pytest.mark.parametrize(
    ("expression", "type_"),
    [
        ("buf(1, 10)", "buffer[14]"),
        ("buf(1, 5000)", "buffer[1024]"),
        ("buf(1, pid)", "buffer[1024]"),
        ('buf("abc", 100)', "buffer[8]"),
        ("buf((uint8[8])(uint64)1)", "buffer[12]"),
        ("buf((uint8[8])(uint64)1, 3)", "buffer[7]"),
        ("strlen(comm)", "uint64"),
        ('strstr(comm, "a")', "int32"),
        ('strcontains(comm, "a")', "bool"),
        ("str_concat(comm, comm)", "string[1024]"),
        ("strncmp(comm, comm, 3)", "uint64"),
        ("memcmp(comm, comm, 3)", "int32"),
        ("bswap(pid)", "uint32"),
        ("bswap((int16)1)", "uint16"),
        ("strerror(1)", "string[64]"),
        ("signal_name(1)", "string[64]"),
        ("syscall_name(1)", "string[64]"),
        ("str((uint64)1, 5)", "string[6]"),
        ("str(pid)", "string[1024]"),
        ('str("hello", 3)', "string[4]"),
    ],
)
def test_a_value_has_its_type(expression: str, type_: str) -> None:
    (found,) = Checked(f"begin {{ $x = {expression}; }}").variables().values()
    assert str(found) == type_


def test_writing_is_a_bool_where_unsafe_is_allowed() -> None:
    checked = Checked("begin { $x = write_user(1, 2, 3); }", options=CompileOptions(allows_unsafe=True))
    assert list(map(str, checked.variables().values())) == ["bool"]


def test_a_long_length_is_shortened_with_a_warning() -> None:
    printed = Checked("begin { print(str(pid, 5000)); }").printed
    message = "length param (5000) is too long and will be shortened to 1024 bytes (see BPFTRACE_MAX_STRLEN)"
    assert f"t:1:24-28: WARNING: {message}\n" in printed


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ('$b = buf("a", 1); $b = "x";', "trying to assign value of type 'string[2]' when variable already has a type"),
        ('let $b : buffer[8]; $b = buf("abcdefghij", 10);', "trying to assign value of type 'buffer[14]' when"),
        ('if (buf("a", 1)) { }', "Invalid condition: buffer"),
    ],
)
def test_a_buffer_is_nothing_else(script: str, message: str) -> None:
    assert message in Checked(f"begin {{ {script} }}").printed
