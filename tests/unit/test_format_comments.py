"""Where `--fmt` writes comments, and how."""

from __future__ import annotations

import pytest
from formatting import formatted, statements


def test_a_comment_at_the_end_of_a_line_stays_there() -> None:
    assert statements("$x = 1; //a\n$y = 2; /* b */\n$z = 3 // c\n;") == "$x = 1; // a\n$y = 2; // b\n$z = 3; // c"


def test_a_comment_on_a_line_of_its_own_stays_there() -> None:
    assert statements("\n//a\n$x = 1;\n /* b */\n\n// c\n$y = 2;\n// d\n") == (
        "// a\n$x = 1;\n// b\n\n// c\n$y = 2;\n// d"
    )


def test_a_comment_in_front_of_a_statement_becomes_a_line() -> None:
    assert statements("/* a */ $x = 1; /* b */ $y = 2;") == "// a\n$x = 1;\n// b\n$y = 2;"
    assert statements("(/* a */ $x) + 1;") == "// a\n$x + 1;"


@pytest.mark.parametrize(
    "script, written",
    [
        ("$x = /*a*/ 1;", "$x = /* a */ 1;"),
        ("$x = 1 + // a\n 2;", "$x = 1 + /* a */ 2;"),
        ("f(/* a */);", "f(/* a */);"),
        ("f(1, // one\n 2 // two\n);", "f(1, /* one */ 2 /* two */);"),
        ("@m[1 /* a */] = 2;", "@m[1 /* a */] = 2;"),
        ("$x = /* a\n * b\n */ 1;", "$x = /* a b */ 1;"),
        ("$x = (/* a */ 1 + 2) * 3;", "$x = (/* a */ 1 + 2) * 3;"),
        ("$x = -/* a */1;", "$x = -/* a */ 1;"),
        ("$x = */* a */$p;", "$x = */* a */ $p;"),
        ("$x = (/* a */ uint8)/* b */$y;", "$x = (/* a */ uint8)/* b */ $y;"),
        ("$x = (1, /* a */);", "$x = (1 /* a */,);"),
        ("$x = (f=/* a */ 1, /* b */ g=2);", "$x = (f=/* a */ 1, /* b */ g=2);"),
        ("let /* a */ $x : /* b */ uint8 = /* c */ 1;", "let /* a */ $x : /* b */ uint8 = /* c */ 1;"),
        ("$x = /**/ 1;", "$x = /* */ 1;"),
    ],
)
def test_a_comment_inside_of_an_expression_stays_in_front_of_what_followed_it(script: str, written: str) -> None:
    assert statements(script) == written


def test_a_comment_that_no_block_comment_can_hold_ends_its_line() -> None:
    assert statements("f(1, // a */ b\n 2);") == "f(\n  1,\n  // a */ b\n  2\n);"


def test_a_block_comment_of_several_lines_becomes_as_many_comments() -> None:
    assert formatted("/*\n * a\n *   b\n *\n * c\n */\nbegin {}") == "// a\n//   b\n//\n// c\nbegin\n{\n}\n"
    assert formatted("/* a\n   b\n     c */\nbegin {}") == "// a\n// b\n//   c\nbegin\n{\n}\n"
    assert statements("/* a\n * b */ $x = 1;") == "// a\n// b\n$x = 1;"
    assert statements("$x = 1; /* a\n b */") == "$x = 1; // a\n// b"


@pytest.mark.parametrize(
    "comment, written",
    [("//a", "// a"), ("//", "//"), ("//   a", "//   a"), ("/// a", "/// a"), ("/** a **/", "// a"), ("/**/", "//")],
)
def test_the_spelling_of_a_comment(comment: str, written: str) -> None:
    assert statements(f"\n{comment}\n$x = 1;") == f"{written}\n$x = 1;"


def test_a_comment_behind_a_brace_stays_behind_it() -> None:
    assert statements("if $x { // a\n f(); } // b\n while $x { // c\n }") == (
        "if $x { // a\n  f();\n} // b\nwhile $x { // c\n}"
    )
    assert formatted("begin { // a\n f(); } // b") == "begin\n{ // a\n  f();\n} // b\n"


def test_a_comment_in_an_empty_block_has_its_own_line() -> None:
    assert statements("if $x { /* a */ }") == "if $x {\n  // a\n}"
    assert statements("$x = { /* a */ };") == "$x = {\n  // a\n};"
    assert formatted("config = { /* a */ }") == "config = {\n  // a\n}\n"


def test_a_comment_keeps_a_value_from_being_one_line() -> None:
    assert statements("$x = if $y { 1 /* a */ } else { 2 };") == "$x = if $y {\n  1 // a\n} else {\n  2\n};"


def test_comments_between_the_words_of_a_statement() -> None:
    assert statements("if /* a */ ($x) /* b */ { f(); } /* c */ else /* d */ { g(); }") == (
        "if /* a */ $x /* b */ {\n  f();\n} /* c */ /* d */ else {\n  g();\n}"
    )
    assert statements("for /* a */ $i : /* b */ 1..2 /* c */ { }") == "for /* a */ $i : /* b */ 1..2 /* c */ {\n}"


def test_comments_between_the_parts_of_a_probe() -> None:
    assert formatted("kprobe:f, // a\n// b\nkprobe:g // c\n/1/ // d\n// e\n{ }") == (
        "kprobe:f, // a\n// b\nkprobe:g // c\n/1/ // d\n// e\n{\n}\n"
    )


def test_comments_between_the_parts_of_other_items() -> None:
    assert formatted("macro f(/* a */ $x, /* b */ c) // d\n{ $x }") == (
        "macro f(/* a */ $x, /* b */ c) // d\n{\n  $x\n}\n"
    )
    assert formatted("config = { // a\n x = 1; // b\n // c\n y = 2 /* d */ }") == (
        "config = { // a\n  x = 1; // b\n  // c\n  y = 2; // d\n}\n"
    )
    assert formatted("let @m = hash(1); // a\n// b\nbegin {} // c\n\n// d") == (
        "let @m = hash(1); // a\n// b\nbegin\n{\n} // c\n\n// d\n"
    )


def test_what_looks_like_a_comment_and_is_none_stays() -> None:
    script = 'uprobe:/bin//bash:f,\nuprobe:/a/*:g\n/comm == "// a"/\n{\n  f("/* b */", "\\"// c");\n}\n'
    assert formatted(script) == script


def test_a_comment_does_not_make_a_line_too_long() -> None:
    line = f"f({'a' * 50}, {'b' * 30}); // {'c' * 80}"
    assert statements(f"{line}\n") == line


def test_a_comment_that_is_not_closed_is_written_as_far_as_it_goes() -> None:
    assert formatted("begin { }\n/* a\n b") == "begin\n{\n}\n// a\n// b\n"
