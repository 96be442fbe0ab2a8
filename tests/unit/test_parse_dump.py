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


EVERYTHING = """#define A 1
struct s { int a; };
config = { stack_mode = perf; log_size = 1 }
import "a.bt";
let @m = hash(10);
macro m($a, @b, c) { $a + c }
fn f($a : struct s *[2]) : void { return; }
BEGIN {
  let $x : typeof(@m) = (1, (a=2));
  let $y;
  _ = (uint8)$1 + $#;
  for ($i : 0..5) { break; continue; }
  while (1) { import "b.h"; }
  unroll (2) { $x.0.a; }
  $z = { if comptime 1 { sizeof(int8[]) } else { offsetof(s, a.b) } };
  f(typeof(x), typeinfo(x));
}
"""


def test_every_kind_of_node_is_shown() -> None:
    assert dump_program(parse(EVERYTHING)) == """\
Program 1:1-17:3
  CDefinition text='#define A 1' 1:1-12
  CDefinition text='struct s { int a; };' 2:1-21
  Config 3:1-45
    ConfigEntry key='stack_mode' 3:12-29
      Identifier name='perf' 3:25-29
    ConfigEntry key='log_size' 3:31-43
      IntegerLiteral value=1 text='1' 3:42-43
  Import path=b'a.bt' 4:1-15
  MapDeclaration name='@m' kind='hash' entries=10 5:1-19
  Macro name='m' 6:1-8
    Variable name='$a' 6:9-11
    Map name='@b' 6:13-15
    Identifier name='c' 6:17-18
    Block 6:20-30
      Binary operator='+' 6:22-28
        Variable name='$a' 6:22-24
        Identifier name='c' 6:27-28
  Function name='f' 7:1-44
    Parameter 7:6-24
      Variable name='$a' 7:6-8
      ArrayType count=2 7:11-24
        PointerType 7:11-21
          NamedType tag='struct' name='s' 7:11-19
    NamedType name='void' 7:28-32
    Block 7:33-44
      Return 7:35-42
  Probe 8:1-17:2
    AttachPoint text='BEGIN' parts=['BEGIN'] 8:1-6
    Block 8:7-17:2
      Let 9:3-22
        Variable name='$x' 9:7-9
        TypeOf 9:12-22
          Map name='@m' 9:19-21
        Tuple 9:25-35
          IntegerLiteral value=1 text='1' 9:26-27
          Record 9:29-34
            RecordField name='a' 9:30-33
              IntegerLiteral value=2 text='2' 9:32-33
      Let 10:3-9
        Variable name='$y' 10:7-9
      Discard 11:3-21
        Binary operator='+' 11:7-21
          Cast 11:7-14
            NamedType name='uint8' 11:8-13
            PositionalParameter number=1 11:14-16
          PositionalCount 11:19-21
      For 12:3-39
        Variable name='$i' 12:8-10
        Range 12:13-17
          IntegerLiteral value=0 text='0' 12:13-14
          IntegerLiteral value=5 text='5' 12:16-17
        Block 12:19-39
          Break 12:21-27
          Continue 12:28-37
      While 13:3-30
        IntegerLiteral value=1 text='1' 13:10-11
        Block 13:13-30
          Import path=b'b.h' 13:15-28
      Unroll 14:3-25
        IntegerLiteral value=2 text='2' 14:11-12
        Block 14:14-25
          ExpressionStatement 14:16-22
            FieldAccess name='a' 14:16-22
              FieldAccess name='0' 14:16-20
                Variable name='$x' 14:16-18
      Assignment 15:3-70
        Variable name='$z' 15:3-5
        Block 15:8-70
          If 15:10-68
            Comptime 15:13-23
              IntegerLiteral value=1 text='1' 15:22-23
            Block 15:24-42
              SizeOf 15:26-40
                ArrayType 15:33-39
                  NamedType name='int8' 15:33-37
            Block 15:48-68
              OffsetOf path=['a', 'b'] 15:50-66
                Identifier name='s' 15:59-60
      ExpressionStatement 16:3-28
        Call name='f' 16:3-28
          TypeOf 16:5-14
            Identifier name='x' 16:12-13
          TypeInfo 16:16-27
            Identifier name='x' 16:25-26
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
