"""`--fmt`: expressions."""

from __future__ import annotations

import pytest
from formatted import body


def expression(text: str) -> str:
    formatted = body(f"$x = {text};")
    return formatted.removeprefix("$x = ").removesuffix(";")


@pytest.mark.parametrize(
    "written, formatted",
    [
        ("$a+$b", "$a + $b"),
        ("$a+$b*$c", "$a + ($b * $c)"),
        ("($a+$b)*$c", "($a + $b) * $c"),
        ("$a*$b+$c", "($a * $b) + $c"),
        ("$a-$b-$c", "($a - $b) - $c"),
        ("$a-($b-$c)", "$a - ($b - $c)"),
        ("!$a==~$b", "(!$a) == (~$b)"),
        ("$a++ + --$b", "($a++) + (--$b)"),
        ("(int8)$a+1", "((int8)$a) + 1"),
        ("$a&&$b&&$c", "$a && $b && $c"),
        ("$a&&($b&&$c)", "$a && ($b && $c)"),
        ("$a==1||$b==2||$c", "($a == 1) || ($b == 2) || $c"),
        ("$a&&$b||$c&&$d", "($a && $b) || ($c && $d)"),
        ("comptime 1+2", "(comptime 1) + 2"),
    ],
)
def test_an_operand_that_is_not_simple_has_parentheses(written: str, formatted: str) -> None:
    assert expression(written) == formatted


@pytest.mark.parametrize(
    "written, formatted",
    [("$a- -1", "$a - -1"), ("-7/(2)", "-7 / 2"), ("-(-1)", "-(-1)"), ("- - $a", "-(-$a)"), ("(-1).a", "(-1).a")],
)
def test_a_negative_number_is_a_simple_operand_of_two(written: str, formatted: str) -> None:
    assert expression(written) == formatted


@pytest.mark.parametrize(
    "written, formatted",
    [
        ("-$a", "-$a"),
        ("!($a)", "!$a"),
        ("!!$a", "!(!$a)"),
        ("!($a==1)", "!($a == 1)"),
        ("*(uint8*)$p", "*(uint8 *)$p"),
        ("*($p+1)", "*($p + 1)"),
        ("& $a", "&$a"),
        ("++ @m", "++@m"),
        ("@m[1] --", "@m[1]--"),
        ("- --$a", "-(--$a)"),
        ("comptime(1)", "comptime 1"),
        ("comptime ($a+1)", "comptime ($a + 1)"),
    ],
)
def test_operators_with_one_operand(written: str, formatted: str) -> None:
    assert expression(written) == formatted


@pytest.mark.parametrize(
    "written, formatted",
    [
        ("$a==1?2:3", "$a == 1 ? 2 : 3"),
        ("$a?:3", "$a ?: 3"),
        ("$a?1:$b?2:3", "$a ? 1 : $b ? 2 : 3"),
        ("$a?($b?1:2):3", "$a ? ($b ? 1 : 2) : 3"),
        ("($a?$b:$c)?1:2", "($a ? $b : $c) ? 1 : 2"),
        ("($a?1:2)+1", "($a ? 1 : 2) + 1"),
    ],
)
def test_ternaries(written: str, formatted: str) -> None:
    assert expression(written) == formatted


@pytest.mark.parametrize(
    "written, formatted",
    [
        ("args->a->b", "args.a.b"),
        ("$t.0.1", "$t.0.1"),
        ("$p [ 1 ] . x", "$p[1].x"),
        ("((struct s*)$p)->x", "((struct s *)$p).x"),
        ("(struct s*)$p->x", "(struct s *)$p.x"),
        ("(*$p).x", "(*$p).x"),
        ("(@m)[1]", "(@m)[1]"),
        ("@m[1][2]", "@m[1][2]"),
        ('"abc"[1]', '"abc"[1]'),
        ("(1,2).0", "(1, 2).0"),
        ("{ 1 }.x", "({ 1 }).x"),
    ],
)
def test_fields_and_elements(written: str, formatted: str) -> None:
    assert expression(written) == formatted


@pytest.mark.parametrize(
    "written, formatted",
    [
        ("(uint8)1", "(uint8)1"),
        ("( uint8 ) -1", "(uint8)-1"),
        ("(a)-1", "(a)-1"),
        ("(a)+1", "a + 1"),
        ("(pid)*2", "pid * 2"),
        ("(int64)(uint32)$a", "(int64)(uint32)$a"),
        ("(int64)($a+1)", "(int64)($a + 1)"),
        ("(int64)(++$a)", "(int64)(++$a)"),
        ("(int64)({1})", "(int64)({ 1 })"),
        ("(struct  s**)$a", "(struct s **)$a"),
        ("(int8*[0x4])$a", "(int8 *[0x4])$a"),
        ("(int8[ ])$a", "(int8[])$a"),
        ("(string[8])$a", "(string[8])$a"),
        ("(typeof( $a ))1", "(typeof($a))1"),
        ("(typeof(struct s)*)1", "(typeof(struct s) *)1"),
    ],
)
def test_casts_and_types(written: str, formatted: str) -> None:
    assert expression(written) == formatted


@pytest.mark.parametrize(
    "written, formatted",
    [
        ("sizeof(int8)", "sizeof(int8)"),
        ("sizeof((int8))", "sizeof((int8))"),
        ("sizeof( a )", "sizeof(a)"),
        ("sizeof(a[1])", "sizeof(a[1])"),
        ("sizeof((a)[1])", "sizeof((a[1]))"),
        ("sizeof(($a))", "sizeof($a)"),
        ("sizeof(struct s*)", "sizeof(struct s *)"),
        ("offsetof(struct s,a . b)", "offsetof(struct s, a.b)"),
        ("typeinfo(@m)", "typeinfo(@m)"),
        ("f(typeof( int8 ))", "f(typeof(int8))"),
    ],
)
def test_types_stay_types_and_expressions_stay_expressions(written: str, formatted: str) -> None:
    assert expression(written) == formatted


@pytest.mark.parametrize(
    "written, formatted",
    [
        ("()", "()"),
        ("(1 , )", "(1,)"),
        ("(1,2,)", "(1, 2)"),
        ("((1,2),$a+1)", "((1, 2), $a + 1)"),
        ("(a = 1,b=$a+1)", "(a=1, b=$a + 1)"),
        ("@m[1,2]", "@m[1, 2]"),
        ("@m[(1,2)]", "@m[(1, 2)]"),
        ("f ( )", "f()"),
        ("f(1 ,g( 2 ))", "f(1, g(2))"),
        ("str( $1 )", "str($1)"),
        ("$#", "$#"),
        ("true", "true"),
    ],
)
def test_lists(written: str, formatted: str) -> None:
    assert expression(written) == formatted


@pytest.mark.parametrize("number", ["1_000", "0xFF", "0755", "1e6", "5ms", "10UL", "18446744073709551615"])
def test_numbers_keep_their_spelling(number: str) -> None:
    assert expression(number) == number


@pytest.mark.parametrize(
    "written, formatted",
    [
        (r'"\n\t\r\"\\"', r'"\n\t\r\"\\"'),
        (r'"\101\x42"', '"AB"'),
        (r'"\0\x7f\xff"', r'"\x00\x7f\xff"'),
        ('"\t\xff"', r'"\t\xff"'),
        ('"\xc3\xa9"', '"\xc3\xa9"'),
        (r'"\xc2\x85"', r'"\xc2\x85"'),
    ],
)
def test_strings_have_escapes_for_what_cannot_be_seen(written: str, formatted: str) -> None:
    assert expression(written) == formatted


# Long lines


def test_long_arguments_are_aligned_in_lines_of_similar_widths() -> None:
    assert body('printf("%-16s %d %d %d %d %d\\n", comm, pid, tid, args.first, args.second, args.the_third_one);') == (
        'printf("%-16s %d %d %d %d %d\\n", comm, pid, tid,\n       args.first, args.second, args.the_third_one);'
    )


def test_arguments_that_do_not_fit_behind_the_bracket_are_indented() -> None:
    long = f'"{"x" * 80}"'
    assert body(f"printf({long}, pid, tid);") == f"printf(\n  {long},\n  pid, tid\n);"


def test_the_only_argument_is_broken_where_it_stands() -> None:
    one = "a_long_name_of_an_argument"
    assert body(f"print(({one}, {one}, {one}, {one}));") == f"print(({one}, {one},\n       {one}, {one}));"


def test_a_long_ternary_has_three_lines() -> None:
    text = '"a text that is half a line, more or less"'
    assert body(f"$x = $a == 1 ? {text} : {text};") == f"$x = $a == 1\n  ? {text}\n  : {text};"


def test_a_long_condition_has_a_line_for_each_operand() -> None:
    one = "$a_long_name_of_a_variable == 1"
    assert body(f"if ({one} && {one} && {one}) {{ }}") == f"if (({one}) &&\n    ({one}) &&\n    ({one})) {{}}"


def test_behind_a_long_target_the_value_has_a_line() -> None:
    key = "a_long_name_of_a_key_in_a_map"
    assert body(f"@m[{key}, {key}] = hist($a_long_variable, 4);") == (
        f"@m[{key}, {key}] =\n  hist($a_long_variable, 4);"
    )


def test_a_comment_behind_a_line_does_not_break_it() -> None:
    assert body(f"f(1, 2); // {'x' * 100}") == f"f(1, 2); // {'x' * 100}"


def test_columns_are_characters_and_not_bytes() -> None:
    text = "\xc3\xa9" * 70
    assert body(f'printf("{text}", 1, 2);') == f'printf("{text}", 1, 2);'


def test_a_thousand_operands_do_without_parentheses() -> None:
    script = " + ".join(["1"] * 500)
    assert "(" not in expression(script).replace("\n", " ")
