"""Counting in maps, where a kernel before 5.12 adds atomically but does not tell what was there before."""

from __future__ import annotations

import pytest

from .guest import Guest
from .tracing import trace


def test_an_increment_that_nobody_reads_works_on_every_kernel(guest: Guest) -> None:
    done = trace(guest, "begin { @n++; @n++; --@n; @n += 5; @m[7]++; ++@m[7]; @m[7] -= 4; exit(); }", "-q")
    assert (done.status, done.stdout.split("\n")) == (0, ["", "", "@m[7]: -2", "@n: 6", ""]), done.stderr


def test_bits_are_set_and_cleared_on_every_kernel(guest: Guest) -> None:
    done = trace(guest, "begin { @n |= 12; @n &= 6; @n ^= 1; @m[7] |= 12; @m[7] ^= 5; @m[8] &= 3; exit(); }", "-q")
    assert (done.status, done.stdout.split("\n")) == (0, ["", "", "@m[8]: 0", "@m[7]: 9", "@n: 5", ""]), done.stderr


@pytest.mark.kernels("5.10")
@pytest.mark.parametrize(("body", "place"), [("@x = @n++;", "1:14-16"), ("print(--@m[1]);", "1:17-22")])
def test_the_value_of_an_increment_is_refused_by_name_where_the_kernel_has_none(
    guest: Guest, body: str, place: str
) -> None:
    done = trace(guest, f"begin {{ {body} }}")
    assert done.status == 1
    assert f"stdin:{place}: ERROR: Missing required kernel feature: atomic_fetch\n" in done.stderr


@pytest.mark.kernels("6.1", "6.12", "newest")
def test_the_value_of_an_increment_is_the_one_before_or_the_one_after(guest: Guest) -> None:
    done = trace(guest, "begin { @n = 4; print((@n++, @n--, ++@n, --@n)); print((@m[1]++, ++@m[1])); exit(); }", "-q")
    assert done.stdout.startswith("(4, 5, 5, 4)\n(0, 2)\n"), done
