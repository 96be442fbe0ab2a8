"""The wildcard of attach points."""

from __future__ import annotations

import pytest
from pybpftrace.core.glob import glob, has_wildcard


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "anything", True),
        ("sys_enter_*", "sys_enter_openat", True),
        ("sys_enter_*", "sys_exit_openat", False),
        ("*ab", "abxab", True),
        ("a*b*c", "a_b_b_c", True),
        ("a*b*c", "a_c_b", False),
        ("ab*ba", "aba", False),
        ("a?c", "abc", False),
        ("[ab]", "a", False),
    ],
)
def test_only_the_star_is_special(pattern: str, name: str, matches: bool) -> None:
    assert bool(glob(pattern).fullmatch(name)) == matches


def test_many_stars_do_not_take_exponential_time() -> None:
    assert glob("*a" * 30 + "*b").fullmatch("a" * 200) is None


def test_brackets_count_as_a_wildcard_although_they_match_nothing() -> None:
    assert has_wildcard("vfs_[rw]")
    assert not has_wildcard("vfs_read")
