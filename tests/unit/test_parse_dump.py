"""The tree as text and as JSON data."""

from __future__ import annotations

import json

from parsing import parse
from pybpftrace.core.dump_ast import dump_program, program_to_data

SCRIPT = 'kprobe:f, uprobe:/é:g\n/pid/ {\n  @x[comm, "\\xff"]++;\n  if ($a == 0x10) { return; }\n}\n'


def test_a_node_a_line_with_its_members_and_its_place() -> None:
    assert dump_program(parse(SCRIPT)) == """\
Program 1:1-5:3
  Probe 1:1-5:2
    AttachPoint text='kprobe:f' parts=['kprobe', 'f'] 1:1-9
    AttachPoint text='uprobe:/é:g' parts=['uprobe', '/é', 'g'] 1:11-23
    Identifier name='pid' 2:2-5
    Block 2:7-5:2
      ExpressionStatement 3:3-21
        Increment operator='++' postfix=True 3:3-21
          Map name='@x' 3:3-19
            Identifier name='comm' 3:6-10
            StringLiteral value=b'\\xff' 3:12-18
      If 4:3-30
        Binary operator='==' 4:7-17
          Variable name='$a' 4:7-9
          IntegerLiteral value=16 text='0x10' 4:13-17
        Block 4:19-30
          Return 4:21-28
"""


def test_the_same_script_gives_the_same_dump() -> None:
    assert dump_program(parse(SCRIPT)) == dump_program(parse(SCRIPT))


def test_data_has_kind_span_members_and_children() -> None:
    data = program_to_data(parse("BEGIN { @x = true }"))
    assert data == {
        "kind": "Program",
        "span": [0, 19],
        "children": [
            {
                "kind": "Probe",
                "span": [0, 19],
                "children": [
                    {"kind": "AttachPoint", "span": [0, 5], "text": "BEGIN", "parts": ["BEGIN"], "children": []},
                    {
                        "kind": "Block",
                        "span": [6, 19],
                        "children": [
                            {
                                "kind": "Assignment",
                                "span": [8, 17],
                                "children": [
                                    {"kind": "Map", "span": [8, 10], "name": "@x", "children": []},
                                    {"kind": "BooleanLiteral", "span": [13, 17], "value": True, "children": []},
                                ],
                            }
                        ],
                    },
                ],
            }
        ],
    }


def test_data_is_json_whatever_bytes_a_string_has() -> None:
    assert "\\ufffd" in json.dumps(program_to_data(parse(SCRIPT)))
