"""What expressions mean to the parser: precedence, postfix forms, names that look like words of the language."""

from __future__ import annotations

import pytest
from parsing import error, expression, find, parse, shape, written
from pybpftrace.core import ast


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1 || 2 && 3", "(1 || (2 && 3))"),
        ("1 && 2 | 3", "(1 && (2 | 3))"),
        ("1 | 2 ^ 3", "(1 | (2 ^ 3))"),
        ("1 ^ 2 & 3", "(1 ^ (2 & 3))"),
        ("1 & 2 == 3", "(1 & (2 == 3))"),
        ("1 == 2 < 3", "(1 == (2 < 3))"),
        ("1 != 2 >= 3", "(1 != (2 >= 3))"),
        ("1 < 2 << 3", "(1 < (2 << 3))"),
        ("1 >> 2 + 3", "(1 >> (2 + 3))"),
        ("1 - 2 * 3", "(1 - (2 * 3))"),
        ("1 * -2", "(1 * (-2))"),
        ("-a.b", "(-a.b)"),
        ("!a == b", "((!a) == b)"),
    ],
)
def test_each_level_binds_tighter_than_the_one_before(text: str, meaning: str) -> None:
    assert shape(expression(text)) == meaning


@pytest.mark.parametrize(
    "operator", ["||", "&&", "|", "^", "&", "==", "!=", "<", "<=", ">", ">=", "<<", ">>", "+", "-", "*", "/", "%"]
)
def test_binary_operators_associate_to_the_left(operator: str) -> None:
    assert shape(expression(f"1 {operator} 2 {operator} 3")) == f"((1 {operator} 2) {operator} 3)"


@pytest.mark.parametrize("operator", ["||", "&&", "==", "<=", "<<", ">>", "+", "-", "*", "%"])
def test_operators_need_no_blanks_around_them(operator: str) -> None:
    assert shape(expression(f"$a{operator}$b")) == f"($a {operator} $b)"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
        ("a ? b ? c : d : e", "(a ? (b ? c : d) : e)"),
        ("a || b ? c : d", "((a || b) ? c : d)"),
        ("a ?: b", "(a ? a : b)"),
    ],
)
def test_the_ternary_is_loosest_and_associates_to_the_right(text: str, meaning: str) -> None:
    assert shape(expression(text)) == meaning


def test_both_uses_of_the_condition_of_a_short_ternary_are_one_node() -> None:
    ternary = expression("a ?: b")
    assert isinstance(ternary, ast.Ternary)
    assert ternary.then is ternary.condition


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("- - $x", "(-(-$x))"),
        ("*$x", "(*$x)"),
        ("**$x.a", "(*(*$x.a))"),
        ("$x * *$y", "($x * (*$y))"),
        ("$x**$y", "($x * (*$y))"),
        ("&$x", "(&$x)"),
        ("&@", "(&@)"),
        ("f(&$x, &@m)", "f((&$x), (&@m))"),
        ("$x & &$y", "($x & (&$y))"),
        ("comptime $x + 1", "((comptime $x) + 1)"),
        ("comptime ($x + 1)", "(comptime ($x + 1))"),
        ("!comptime -1", "(!(comptime (-1)))"),
        ("-~!$x", "(-(~(!$x)))"),
        ("--$x", "(--$x)"),
        ("++@x[1]", "(++@x[1])"),
        ("$x++ + ++$y", "(($x++) + (++$y))"),
        ("$x+++$y", "(($x++) + $y)"),
        ("$x---$y", "(($x--) - $y)"),
        ("@x[1, 2]--", "(@x[1, 2]--)"),
        ("1 - -1", "(1 - (-1))"),
        ("($x)++", "($x++)"),
    ],
)
def test_prefix_and_postfix_operators(text: str, meaning: str) -> None:
    assert shape(expression(text)) == meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("args.name", "args.name"),
        ("args->name", "args.name"),
        ("$p->a.b[2].c", "$p.a.b[2].c"),
        ("f($x)[1]", "f($x)[1]"),
        ("(a + b).c", "(a + b).c"),
        ("f(1, g(2), \"x\")", "f(1, g(2), b'x')"),
        ("f()", "f()"),
        ("$t.0", "$t.0"),
        ("$t.0.1", "$t.0.1"),
        ("$t.10.a.0", "$t.10.a.0"),
        ("$t . 0 . 1", "$t.0.1"),
        ("((1, 2), 3).0.1", "<<1, 2>, 3>.0.1"),
        ("f().1->2", "f().1.2"),
        ("@m[1].0[2]", "@m[1].0[2]"),
        ("@", "@"),
        ("@[1]", "@[1]"),
        ("@m[a, f(b)]", "@m[a, f(b)]"),
        ("@m[1][2]", "@m[1][2]"),
    ],
)
def test_postfix_forms(text: str, meaning: str) -> None:
    assert shape(expression(text)) == meaning


@pytest.mark.parametrize("word", ["if", "else", "return", "for", "while", "let", "true", "BEGIN", "struct"])
def test_words_are_not_reserved_as_names_of_variables_maps_and_fields(word: str) -> None:
    assert shape(expression(f"${word} + @{word} + args.{word}")) == f"((${word} + @{word}) + args.{word})"


@pytest.mark.parametrize("word", ["return", "else", "for", "while", "let", "break"])
def test_words_of_statements_are_plain_names_inside_of_expressions(word: str) -> None:
    assert shape(expression(f"f({word})")) == f"f({word})"


@pytest.mark.parametrize("name", ["iffy", "returned", "elsewhere", "trueish", "falsehood", "_", "a1_B"])
def test_a_word_counts_only_as_a_whole(name: str) -> None:
    assert shape(expression(name)) == name


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("$1", "$1"),
        ("$01", "$1"),
        ("$9223372036854775807", "$9223372036854775807"),
        ("str($1 + 2)", "str(($1 + 2))"),
        ("$#", "$#"),
    ],
)
def test_the_parameters_of_a_script_and_their_number(text: str, meaning: str) -> None:
    assert shape(expression(text)) == meaning


@pytest.mark.parametrize("text", ["$0", "$00", "$9223372036854775808", "$" + "9" * 5000])
def test_a_parameter_has_a_number_from_1(text: str) -> None:
    report = error(f"BEGIN {{ {text}; }}")
    assert report == f"1:9-{9 + len(text)} param {text} is out of integer range [1, 9223372036854775807]"


@pytest.mark.parametrize("text", ["&1", "&@m[1]", "&f()", "&($x)", "&$x.a", "&&$x", "&-$x"])
def test_only_variables_and_whole_maps_have_an_address(text: str) -> None:
    report = error(f"BEGIN {{ {text}; }}")
    assert report == f"1:9-{9 + len(text)} address-of operator (&) can only be used on a map or variable"


def test_true_and_false_are_literals() -> None:
    assert shape(expression("true == false")) == "(True == False)"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ast.Variable, "$x"),
        (ast.Map, "@m[1, $y]"),
        (ast.Map, "@"),
        (ast.Identifier, "comm"),
        (ast.IntegerLiteral, "0xff"),
        (ast.StringLiteral, '"a\\n"'),
        (ast.BooleanLiteral, "true"),
        (ast.Call, "f( 1 , 2 )"),
        (ast.Unary, "- (1)"),
        (ast.Binary, "(1) + ( 2 )"),
        (ast.Ternary, "(1) ? 2 : (3)"),
        (ast.FieldAccess, "(a) -> b"),
        (ast.Index, "(a)[ 1 ]"),
        (ast.Increment, "$x ++"),
        (ast.Increment, "-- @m[1]"),
    ],
)
def test_the_span_of_an_expression_goes_from_its_first_to_its_last_token(kind: type[ast.Node], text: str) -> None:
    program = parse(f"BEGIN {{ print( /* before */ {text} /* behind */ ); }}")
    call = find(program, ast.Call)
    assert isinstance(call.arguments[0], kind)
    assert written(program, call.arguments[0]) == text


def test_parentheses_belong_to_what_is_around_an_expression_and_not_to_its_span() -> None:
    program = parse("BEGIN { ((1)) + 2; }")
    assert written(program, find(program, ast.IntegerLiteral)) == "1"
    assert written(program, find(program, ast.Binary)) == "((1)) + 2"


def test_a_call_takes_no_comma_behind_its_last_argument() -> None:
    assert error("BEGIN { f(1,); }") == "1:13-14 expected expression"
