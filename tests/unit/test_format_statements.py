"""`--fmt`: statements, blocks, and the comments among them."""

from __future__ import annotations

import pytest
from formatted import body


@pytest.mark.parametrize(
    "written, formatted",
    [
        ("$x=1", "$x = 1;"),
        ("@m [1]<<=2;", "@m[1] <<= 2;"),
        ("$x+=1;", "$x += 1;"),
        ("_=f();", "_ = f();"),
        ("let $x", "let $x;"),
        ("let $x:int8", "let $x : int8;"),
        ("let $x=1", "let $x = 1;"),
        ("let $x:struct s*=1", "let $x : struct s * = 1;"),
        ("return", "return;"),
        ("return(1)", "return 1;"),
        ("import  'a';".replace("'", '"'), 'import "a";'),
        ("@n++", "@n++;"),
        ("$a == 1 ? print(1) : print(2)", "$a == 1 ? print(1) : print(2);"),
    ],
)
def test_a_statement_has_blanks_where_they_belong_and_a_semicolon(written: str, formatted: str) -> None:
    assert body(written) == formatted


def test_each_statement_has_a_line() -> None:
    assert body("$x = 1; print($x); if $x { exit() }; { $y = 2 } $z = 3") == (
        "$x = 1;\nprint($x);\nif $x {\n  exit()\n}\n{\n  $y = 2;\n}\n$z = 3;"
    )


def test_what_is_the_value_of_a_block_stays_without_a_semicolon() -> None:
    assert body("if 1 { f() }") == "if 1 {\n  f()\n}"
    assert body("if 1 { f(); }") == "if 1 {\n  f();\n}"


def test_an_if_that_is_no_value_keeps_the_semicolon_that_says_so() -> None:
    assert body("if 1 { if 2 { f() }; }") == "if 1 {\n  if 2 {\n    f()\n  };\n}"
    assert body("if 1 { if 2 { f() } }") == "if 1 {\n  if 2 {\n    f()\n  }\n}"


def test_a_chain_of_branches() -> None:
    assert body("if(1){f();}else if(2){g();}else if 3{h();}else{i();}") == (
        "if 1 {\n  f();\n} else if 2 {\n  g();\n} else if 3 {\n  h();\n} else {\n  i();\n}"
    )


def test_a_branch_in_an_else_s_block_stays_there() -> None:
    assert body("if 1 { f(); } else { if 2 { g(); } }") == (
        "if 1 {\n  f();\n} else {\n  if 2 {\n    g();\n  }\n}"
    )


@pytest.mark.parametrize(
    "primitive", ["1", '"a"', "true", "$x", "@m", "@m[1]", "f(1)", "args.ret", "$x[1]", "comm", "$1"]
)
def test_a_simple_condition_has_no_parentheses(primitive: str) -> None:
    assert body(f"if ({primitive}) {{ f(); }}") == f"if {primitive} {{\n  f();\n}}"
    assert body(f"while (({primitive})) {{ f(); }}") == f"while {primitive} {{\n  f();\n}}"


@pytest.mark.parametrize("condition", ["$a == 1", "!$a", "-1", "(int8)$a", "$a ? 1 : 2", "$a++", "{ 1 }"])
def test_any_other_condition_has_one_pair_of_parentheses(condition: str) -> None:
    assert body(f"if ((({condition}))) {{ f(); }}") == f"if ({condition}) {{\n  f();\n}}"


def test_comptime_is_a_condition_without_parentheses() -> None:
    assert body("if (comptime ($a == 1)) { f(); }") == "if comptime ($a == 1) {\n  f();\n}"


def test_loops() -> None:
    assert body("for ($x:@m) { f($x) }") == "for $x : @m {\n  f($x);\n}"
    assert body("while(1) {break}") == "while 1 {\n  break;\n}"
    assert body("unroll 5 { continue; }") == "unroll (5) {\n  continue;\n}"


@pytest.mark.parametrize(
    "written, formatted",
    [
        ("0..10", "0..10"),
        ("(0)..(0xff)", "0..0xff"),
        ("0..$x", "0..($x)"),
        ("(-5)..5", "(-5)..5"),
        ("a..f()", "(a)..(f())"),
    ],
)
def test_only_literal_bounds_of_a_range_have_no_parentheses(written: str, formatted: str) -> None:
    assert body(f"for $i : {written} {{ }}") == f"for $i : {formatted} {{}}"


def test_empty_lines_between_statements_stay_and_those_around_them_go() -> None:
    assert body("\n\n\n$x = 1;\n\n\n$y = 2;\n$z = 3;\n\nif 1 {\n\n\nf();\n\n}\n\n") == (
        "$x = 1;\n\n\n$y = 2;\n$z = 3;\n\nif 1 {\n  f();\n}"
    )


def test_an_if_that_is_a_value_stays_on_one_line_if_it_fits() -> None:
    assert body("$x = if (1) { 2 } else if $y { 3 } else { 4 }") == "$x = if 1 { 2 } else if $y { 3 } else { 4 };"


def test_an_if_that_is_a_value_and_too_long_has_its_branches_in_lines() -> None:
    long = '"a text of half a line, or nearly so, of many words"'
    assert body(f"$x = if 1 {{ {long} }} else {{ {long} }}") == (
        f"$x = if 1 {{\n  {long}\n}} else {{\n  {long}\n}};"
    )


def test_a_block_with_only_a_value_stays_on_one_line_if_it_fits() -> None:
    assert body("f({\n1\n})") == "f({ 1 });"


def test_a_statement_in_a_value_has_a_line() -> None:
    assert body("$x = { f();\n\n $x + 1 }; f({ g(); 1 })") == "$x = {\n  f();\n\n  $x + 1\n};\nf({\n  g();\n  1\n});"
    assert body("$x = if 1 { f(); 2 } else { 3 }") == "$x = if 1 {\n  f();\n  2\n} else {\n  3\n};"


def test_an_expression_that_would_be_another_statement_has_parentheses() -> None:
    assert body("({ 1 });") == "({ 1 });"
    assert body("(if 1 { 2 });") == "(if 1 { 2 });"
    assert body("(let) + 1;") == "(let + 1);"
    assert body("({ 1 }) + 1;") == "({ 1 }) + 1;"


# Comments


def test_comments_keep_their_lines_and_have_two_slashes() -> None:
    assert body("// a\n\n//b\n$x = 1; // c\n/* d */ $y = 2; /* e */\n/* f */") == (
        "// a\n\n// b\n$x = 1; // c\n// d\n$y = 2; // e\n// f"
    )


def test_a_comment_of_several_lines_becomes_lines() -> None:
    assert body("/*\n * One,\n *   two.\n *\n */\n$x = 1;\n/* a\n   b */") == (
        "// One,\n//   two.\n$x = 1;\n// a\n// b"
    )


def test_a_comment_in_an_expression_stays_there() -> None:
    assert body("f(/* a */ 1 /* b */, 2, // c\n // d\n 3 /* e */);") == (
        "f(/* a */ 1 /* b */, 2 /* c */, /* d */ 3 /* e */);"
    )
    assert body("$x = $a + // a\n $b /* b */ * /* c */ $c;") == "$x = $a /* a */ + ($b /* b */ * /* c */ $c);"


def test_a_comment_in_an_expression_cannot_end_early() -> None:
    assert body("f(1, // a */ b\n 2);") == "f(1 /* a * / b */, 2);"


def test_a_comment_of_several_lines_in_an_expression_becomes_one_line() -> None:
    assert body("f(/* a\n * b */ 1);") == "f(/* a b */ 1);"


def test_a_comment_before_a_semicolon_goes_behind_it() -> None:
    assert body("f() /* a */; g() // b\n;") == "f(); // a\ng(); // b"


def test_the_comments_of_a_block_s_first_line_stay_there() -> None:
    assert body("if $x { // a\n// b\nf(); }") == "if $x { // a\n  // b\n  f();\n}"
    assert body("if $x // a\n{ f(); }") == "if $x { // a\n  f();\n}"
    assert body("if $x { // a\n}") == "if $x { // a\n}"


def test_a_comment_before_a_branch_goes_into_it() -> None:
    assert body("if $x { f(); }\n// a\nelse { g(); }") == "if $x {\n  f();\n} else {\n  // a\n  g();\n}"
    assert body("if $x { f(); } // a\nelse if $y { g(); }") == "if $x {\n  f();\n} else if $y { // a\n  g();\n}"


def test_a_comment_at_the_end_of_a_block_stays_in_it() -> None:
    assert body("while 1 { f();\n\n // a\n }") == "while 1 {\n  f();\n\n  // a\n}"


def test_a_value_with_a_comment_has_lines() -> None:
    assert body("$x = { 1 // a\n };") == "$x = {\n  1 // a\n};"


def test_a_line_of_slashes_is_one() -> None:
    assert body("//////\n// a\n//////\nf();") == "//////\n// a\n//////\nf();"
