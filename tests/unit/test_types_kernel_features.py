"""What is refused because the kernel is too old for it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from checking import GOLDEN_TARGET, Checked
from pybpftrace.core.target import Target


def without(feature: str, directory: Path) -> Target:
    """The captured machine, one feature of its kernel taken away."""
    shutil.copytree(GOLDEN_TARGET, directory / "target")
    facts = directory / "target" / "target.json"
    data = json.loads(facts.read_text())
    data["features"].remove(feature)
    facts.write_text(json.dumps(data))
    return Target.from_directory(str(directory / "target"))


@pytest.mark.parametrize(
    ("feature", "body", "marked"),
    [
        ("loop", "for ($i : 0..5) { }", "0..5"),
        ("loop", "while (@x == 0) { }", "@x == 0"),
        ("for_each_map_elem", "@m[1] = 1; for ($kv : @m) { }", "@m"),
        ("map_lookup_percpu_elem", "@c = count(); print(@c + 1);", "@c"),
        ("map_lookup_percpu_elem", "@c[1] = sum(2); $x = @c[1];", "@c[1]"),
        ("map_lookup_percpu_elem", "@c[1] = sum(2); for ($kv : @c) { }", "@c"),
    ],
)
def test_a_missing_feature_is_named(feature: str, body: str, marked: str, tmp_path: Path) -> None:
    script = f"begin {{ {body} }}"
    start = script.rindex(marked)
    checked = Checked(script, target=without(feature, tmp_path))
    errors = [line for line in checked.printed.splitlines() if "ERROR" in line]
    place = f"t:1:{start + 1}-{start + 1 + len(marked)}"
    assert errors == [f"{place}: ERROR: Missing required kernel feature: {feature}"]


def test_counting_and_printing_need_none_of_them(tmp_path: Path) -> None:
    target = without("map_lookup_percpu_elem", tmp_path)
    assert Checked("begin { @c[1] = count(); print(@c); clear(@c); }", target=target).printed == ""
