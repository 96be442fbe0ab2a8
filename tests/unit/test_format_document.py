"""The layout engine: where lines end."""

from __future__ import annotations

import pytest
from pybpftrace.passes.parse.format.document import (
    BLANK,
    HARD,
    NOTHING,
    Document,
    Hard,
    align,
    beside,
    bracketed,
    concat,
    even_lines,
    first_text,
    group,
    nest,
    text,
)
from pybpftrace.passes.parse.format.render import render


def words(count: int, width: int) -> list[Document]:
    return [text(chr(ord("a") + at) * width) for at in range(count)]


def test_a_group_that_fits_is_one_line() -> None:
    assert render(group("a", BLANK, "b", NOTHING, "c")) == "a bc"


def test_a_group_that_does_not_fit_breaks_all_of_its_lines() -> None:
    wide = "x" * 88
    assert render(group("a", BLANK, "b", BLANK, wide)) == f"a\nb\n{wide}"


def test_what_follows_a_group_has_to_fit_too() -> None:
    wide = "x" * 86
    assert render(concat(group("a", BLANK, wide), ";;")) == f"a {wide};;"
    assert render(concat(group("a", BLANK, wide), ";;;")) == f"a\n{wide};;;"


def test_what_follows_counts_only_to_the_next_possible_end_of_a_line() -> None:
    wide = "x" * 86
    assert render(concat(group("a", BLANK, wide), group(BLANK, wide))) == f"a {wide}\n{wide}"


def test_a_hard_line_breaks_the_groups_around_it_and_no_others() -> None:
    assert render(group("a", BLANK, group("b", BLANK, "c"), HARD, "d")) == "a\nb c\nd"


def test_blank_lines_have_no_blanks() -> None:
    assert render(nest("a", Hard(2), "b")) == "a\n\n\n  b"


def test_lines_are_indented_by_a_level_or_to_where_something_begins() -> None:
    assert render(concat("ab", nest(HARD, "c"), align(HARD, "d"))) == "ab\n  c\n   d"


def test_text_beside_a_line_needs_no_room() -> None:
    assert render(concat(group("a", BLANK, "b"), beside(" " + "x" * 100))) == "a b " + "x" * 100


@pytest.mark.parametrize(
    "widths, room, lines",
    [
        ([1, 1, 1], 5, [3]),
        ([1, 1, 1], 4, [2, 1]),
        ([4, 4, 4, 4], 14, [2, 2]),
        ([10, 1, 1, 1, 1], 12, [1, 4]),
        ([5], 5, [1]),
    ],
)
def test_lines_are_as_few_as_possible_and_of_similar_widths(widths: list[int], room: int, lines: list[int]) -> None:
    assert even_lines(widths, room) == lines


def test_a_list_is_aligned_behind_its_bracket() -> None:
    a, b, c, d = (letter * 25 for letter in "abcd")
    assert render(bracketed("f(", words(4, 25), ")")) == f"f({a}, {b},\n  {c}, {d})"


def test_what_follows_a_list_has_to_fit_behind_its_last_line() -> None:
    a, b = "a" * 43, "b" * 41
    items = [text(a), text(b)]
    assert render(concat(bracketed("f(", items, ")"), ";")) == f"f({a}, {b});"
    assert render(concat(bracketed("f(", items, ")"), ";;")) == f"f({a},\n  {b});;"


def test_a_list_with_an_item_that_is_too_wide_is_indented() -> None:
    wide = "x" * 86
    assert render(bracketed("function(", [text("a"), text("b"), text(wide)], ")")) == f"function(\n  a, b,\n  {wide}\n)"


def test_an_item_that_fits_on_no_line_is_broken() -> None:
    one, two = "x" * 60, "y" * 60
    assert render(bracketed("f(", [text("a"), group(one, BLANK, two)], ")")) == f"f(\n  a,\n  {one}\n  {two}\n)"


def test_a_single_item_that_fits_on_no_line_is_broken_behind_its_bracket() -> None:
    one, two = "x" * 60, "y" * 60
    assert render(bracketed("f(", [group(one, BLANK, two)], ")")) == f"f({one}\n  {two})"


def test_a_hugging_list_breaks_its_item_even_if_that_fitted_on_a_line() -> None:
    one, two = "x" * 40, "y" * 46
    assert render(bracketed("(", [group(one, BLANK, two)], "))))", hugs=True)) == f"({one}\n {two}))))"


def test_an_empty_list_has_two_brackets() -> None:
    assert render(bracketed("f(", [], ")")) == "f()"


def test_the_first_text_is_that_which_is_written_first() -> None:
    assert first_text(concat("", group(nest(NOTHING, "a")), "b")) == "a"
    assert first_text(bracketed("(", words(1, 1), ")")) == "("
    assert first_text(HARD) == ""
