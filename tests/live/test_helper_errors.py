"""With -k every failed read and look-up is told with its place in the script; without, those that always matter."""

from __future__ import annotations

import json

import pytest
from tracing import run

pytestmark = pytest.mark.live

ALWAYS = [
    ("print(5 / $zero);", "", "Divide or modulo by 0 detected."),
    ("@full[1] = 1; @full[2] = 2;", "map_update_elem", "Map full; can't update element."),
    ("@full[1]++; @full[2] += 3;", "map_update_elem", "Map full; can't update element."),
    ("@full[1]++; @full[2] |= 3;", "map_update_elem", "Map full; can't update element."),
    ("$old = @full[1]++; $old = @full[2]++;", "map_update_elem", "Map full; can't update element."),
    ("@counts[1] = count(); @counts[2] = count();", "map_update_elem", "Map full; can't update element."),
    ("@parts[1] = count(); print((int64)@parts[7]);", "map_lookup_percpu_elem", "Success"),
]
ON_REQUEST = [
    ("print(*(uint64 *)16);", "probe_read", "Bad address"),
    ("print(str((uint8 *)16));", "probe_read_str", "Bad address"),
    ("print(strlen((int8 *)16));", "probe_read_str", "Bad address"),
    ("print(buf((int8 *)16, 4));", "probe_read", "Bad address"),
    ("print(@full[7]);", "map_lookup_elem", "Can't lookup map element because it does not exist."),
]


def script(body: str) -> str:
    uses = "if (pid == 0) { @full[1] = 1; @counts[1] = count(); }"
    return f"let @full = hash(1); let @counts = percpuhash(1); begin {{ let $zero = 0; {body} {uses} exit(); }}"


@pytest.mark.parametrize(("body", "helper", "message"), [*ALWAYS, *ON_REQUEST])
def test_it_is_told_with_its_place(body: str, helper: str, message: str) -> None:
    done = run("-q", "-k", "-e", script(body))
    # With -k a look-up before an update is told, too.
    lines = done.stderr.splitlines()
    at = next(number for number, line in enumerate(lines) if f"WARNING: {message}" in line)
    place, _, _ = lines[at].partition(": WARNING")
    first, last = map(int, place.rpartition(":")[2].split("-"))
    marked = script(body)[first - 1 : last - 1]
    assert marked and marked in body
    if helper:
        assert lines[at + 1].startswith(f"Additional Info - helper: {helper}")
    assert lines[at + 1 + bool(helper)] == script(body)


@pytest.mark.parametrize("body", [body for body, _, _ in ON_REQUEST])
def test_what_is_part_of_normal_life_is_told_on_request_only(body: str) -> None:
    assert "Additional Info" not in run("-q", "-e", script(body)).stderr


def test_without_warnings_nothing_is_told_in_text_and_mishaps_in_json() -> None:
    bodies = "".join(body for body, _, _ in ALWAYS)
    assert run("-q", "--no-warnings", "-e", script(bodies)).stderr == ""
    done = run("-q", "--no-warnings", "-f", "json", "-e", script(bodies))
    kinds = [json.loads(line)["type"] for line in done.stdout.splitlines()]
    assert "runtime_error" in kinds and "helper_error" not in kinds


def test_how_often_is_told_by_probe_at_the_end() -> None:
    text = run("-q", "-v", "-e", script("unroll (5) { @full[3] = 1; @full[4] = 1; }")).stderr
    assert "Failures in begin: 5 x map_update_elem" in text.splitlines()
    done = run("-q", "-f", "json", "-e", script("unroll (5) { @full[3] = 1; @full[4] = 1; }"))
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"type": "failures", "data": {"begin": {"map_update_elem": 5}}} in messages
