"""Where probes begin and end: attach points, predicates, comments, the shebang, line ends."""

from __future__ import annotations

import pytest
from parsing import error, parse, parse_with_diagnostics, shape, written


def heads(script: str | bytes) -> list[list[str]]:
    return [[point.text for point in probe.attach_points] for probe in parse(script).probes]


def predicate(script: str) -> str:
    found = parse(script).probes[0].predicate
    assert found is not None
    return shape(found)


def test_an_empty_script_has_no_probes() -> None:
    assert parse("").probes == ()
    assert parse(" // nothing\n/* at all").probes == ()


def test_several_probes_with_several_attach_points_each() -> None:
    assert heads("BEGIN{}END{} kprobe:f,kprobe:g , tracepoint:a:b\n,\nprofile:hz:99 { }") == [
        ["BEGIN"],
        ["END"],
        ["kprobe:f", "kprobe:g", "tracepoint:a:b", "profile:hz:99"],
    ]


def test_a_trailing_comma_is_allowed_and_empty_attach_points_are_dropped() -> None:
    assert heads("kprobe:f, {} kprobe:g,,kprobe:h, /1/ {}") == [["kprobe:f"], ["kprobe:g", "kprobe:h"]]


@pytest.mark.parametrize(
    "text",
    [
        "uprobe:/bin/bash:readline",
        "uprobe:/usr/lib/*/libc.so.6:malloc",
        "uprobe:/a//b:f",
        "uprobe:./a.out:main+0x10",
        'kprobe:"a b,{}/*"',
        'uprobe:/bin/x:"ns::f(int, \\"q\\")"',
        '"kprobe":f',
        "*:vfs_*",
        "kprobe:f/1/",
        "usdt:/tmp/à:x",
        "struct:probe",
        "if",
    ],
)
def test_an_attach_point_is_one_raw_piece_of_text(text: str) -> None:
    assert heads(text + " {} END {}") == [[text.encode().decode("latin-1")], ["END"]]


def test_a_quoted_part_loses_its_quotes_and_hides_colons() -> None:
    (probe,) = parse(r'uprobe:"/a:b":"f(\"x\")":3 {}').probes
    assert probe.attach_points[0].parts == ("uprobe", "/a:b", 'f("x")', "3")


def test_a_probe_can_have_a_name_of_its_own() -> None:
    program = parse('first=kprobe:f, uprobe:/a=b:f, =kprobe:g, x= {}')
    points = program.probes[0].attach_points
    assert [(point.name, point.text) for point in points] == [
        ("first", "kprobe:f"),
        ("", "uprobe:/a=b:f"),
        ("", "=kprobe:g"),
        ("", "x="),
    ]
    assert points[0].parts == ("kprobe", "f")
    assert written(program, points[0]) == "first=kprobe:f"


def test_parts_may_be_empty_between_colons() -> None:
    (probe,) = parse("tracepoint::f: {}").probes
    assert probe.attach_points[0].parts == ("tracepoint", "", "f", "")


def test_an_attach_point_of_empty_quotes_is_invalid() -> None:
    _, diagnostics = parse_with_diagnostics('"" {}')
    assert [(d.message, d.span and (d.span.start, d.span.end)) for d in diagnostics.recorded] == [
        ("Invalid attachpoint definition", (0, 2))
    ]


@pytest.mark.parametrize("script", ["{}", ", {}", ",,/1/{}"])
def test_a_probe_needs_an_attach_point(script: str) -> None:
    _, diagnostics = parse_with_diagnostics(script)
    assert [d.message for d in diagnostics.recorded] == ["No attach points for probe"]


@pytest.mark.parametrize(
    ("script", "meaning"),
    [
        ("BEGIN/1/{}", "1"),
        ("BEGIN /1/ {}", "1"),
        ("kprobe:f /pid == 4/ {}", "(pid == 4)"),
        ("kprobe:f\n/pid / 2/\n{}", "(pid / 2)"),
        ("kprobe:f /1 / 2 / 3/{}", "((1 / 2) / 3)"),
        ("kprobe:f /1/ // and { so on\n {}", "1"),
        ("kprobe:f /1/ /* { */ /* } */ {}", "1"),
        ("kprobe:f /4 / // half {\n 2 / {}", "(4 / 2)"),
        ("kprobe:f /4 / /* half { */ 2 / {}", "(4 / 2)"),
        ("kprobe:f /* a */ // b\n /1/ {}", "1"),
        ('kprobe:f /comm == "/{"/ {}', "(comm == b'/{')"),
        ("kprobe:f, /1/ {}", "1"),
    ],
)
def test_the_slash_before_a_brace_closes_the_predicate(script: str, meaning: str) -> None:
    assert predicate(script) == meaning


def test_a_comment_between_a_condition_and_its_block_is_no_predicate() -> None:
    assert len(parse("BEGIN { if $x /// three slashes\n { } }").probes) == 1


def test_many_slashes_without_a_brace_do_not_take_exponential_time() -> None:
    assert error("BEGIN { 1 / " + "// " * 2000 + "\n; }") == "2:1-2 expected expression"


@pytest.mark.parametrize("script", ["#!/usr/bin/bpftrace\nBEGIN {}", "// c\n\n#!x {\n BEGIN {}"])
def test_a_shebang_line_comes_first(script: str) -> None:
    assert heads(script) == [["BEGIN"]]


def test_a_shebang_line_comes_once() -> None:
    assert error("BEGIN {}\n#! again\n")


def test_the_script_may_end_without_a_newline_or_in_a_comment() -> None:
    assert heads("BEGIN { 1 }") == heads("BEGIN { 1 } // x") == heads("BEGIN { 1 } /* {") == [["BEGIN"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\t", " \t \r\n"])
def test_any_white_space_separates(end: str) -> None:
    script = end.join(["kprobe:f", "/1/", "{", "$x", "=", "1", ";", "}", ""])
    assert heads(script) == [["kprobe:f"]]


def test_a_carriage_return_does_not_stay_in_an_attach_point_or_a_shebang() -> None:
    assert heads("#!/bin/x\r\nkprobe:f\r\n{\r\n}\r\n") == [["kprobe:f"]]


def test_spans_count_bytes() -> None:
    program = parse("// é\nkprobe:f { @é; }".replace("@é", '"é" == comm'))
    node = program.probes[0].body.statements[0]
    assert written(program, node).encode("latin-1").decode() == '"é" == comm'


def test_spans_of_a_probe_and_its_parts() -> None:
    program = parse(" kprobe:f , kprobe:g /pid/ { 1 } ")
    (probe,) = program.probes
    assert written(program, probe) == "kprobe:f , kprobe:g /pid/ { 1 }"
    assert [written(program, point) for point in probe.attach_points] == ["kprobe:f", "kprobe:g"]
    assert probe.predicate is not None
    assert written(program, probe.predicate) == "pid"
    assert written(program, probe.body) == "{ 1 }"
    assert (program.span.start, program.span.end) == (0, len(program.source.text))
