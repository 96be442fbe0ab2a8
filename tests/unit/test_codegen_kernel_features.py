"""What only the code generator sees to be too much for an old kernel."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import Checked
from test_types_kernel_features import without


@pytest.mark.parametrize(
    ("body", "marked"),
    [
        ("@x = @n++;", "@n"),
        ("print(--@n);", "@n"),
        ("if (@m[1, 2]++ == 0) { }", "@m[1, 2]"),
        ("$x = (@n++, 1);", "@n"),
    ],
)
def test_the_value_of_an_increment_takes_atomic_instructions_that_give_it(
    body: str, marked: str, tmp_path: Path
) -> None:
    script = f"begin {{ {body} }}"
    start = script.index(marked)
    errors = Checked(script, stage="codegen", target=without("atomic_fetch", tmp_path)).printed.splitlines()
    place = f"t:1:{start + 1}-{start + 1 + len(marked)}"
    assert errors[0] == f"{place}: ERROR: Missing required kernel feature: atomic_fetch"
    assert len(errors) == 3, "with its two lines of excerpt it is all that is said"


def test_it_is_said_once_for_all_places_of_a_probe(tmp_path: Path) -> None:
    script = "interval:s:1, interval:s:2 { @x = @n++; }"
    printed = Checked(script, stage="codegen", target=without("atomic_fetch", tmp_path)).printed
    assert printed.count("ERROR") == 1


@pytest.mark.parametrize(
    "body",
    [
        "@n++; --@n; @n += 2; @m[1]++; @m[1] -= 3;",
        "@n |= 1; @n &= 3; @m[1] ^= 2; @m[1] |= 4;",
        "$x = 1; $y = $x++; print(++$x);",
    ],
)
def test_a_change_whose_old_value_nobody_reads_needs_none(body: str, tmp_path: Path) -> None:
    target = without("atomic_fetch", tmp_path)
    assert Checked(f"begin {{ {body} }}", stage="codegen", target=target).printed == ""
