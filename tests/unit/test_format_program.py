"""How `--fmt` writes the items of a script, and what it does with one that does not parse."""

from __future__ import annotations

import pytest
from formatting import formatted
from pybpftrace.core.diagnostics import CompileError
from pybpftrace.core.source import Source, Span
from pybpftrace.passes.parse.format import format_source


def test_a_probe_has_a_line_for_each_point_one_for_its_predicate_and_one_for_its_brace() -> None:
    assert formatted("kprobe:f,uprobe:/bin//bash:g , /pid==1/ {f();}") == (
        "kprobe:f,\nuprobe:/bin//bash:g\n/pid == 1/\n{\n  f();\n}\n"
    )


@pytest.mark.parametrize(
    "point", ['kprobe:"a b,{ //"', "mine=kprobe:f", "uprobe:/a/*:f", "tracepoint:a:b*", "BEGIN", "kprobe:$1"]
)
def test_an_attach_point_is_not_changed(point: str) -> None:
    assert formatted(f"{point} {{ f(); }}") == f"{point}\n{{\n  f();\n}}\n"


def test_an_empty_body_has_two_lines() -> None:
    assert formatted("begin {}") == "begin\n{\n}\n"


@pytest.mark.parametrize(
    "predicate, written",
    [
        ("/ pid==1&&$1 /", "/(pid == 1) && $1/"),
        ("/ *$p /", "/ *$p/"),
        ("/ @m[tid] /", "/@m[tid]/"),
        ("/ a / 2 / ", "/a / 2/"),
        ("/ (a / b) /", "/a / b/"),
        ("/ /* c */ a /* d */ /", "/ /* c */ a /* d */ /"),
    ],
)
def test_a_predicate(predicate: str, written: str) -> None:
    assert formatted(f"begin {predicate} {{ }}") == f"begin\n{written}\n{{\n}}\n"


def test_a_long_predicate_has_an_operand_a_line() -> None:
    one, two = (f"${letter * 50}" for letter in "ab")
    assert formatted(f"begin /{one} && {two}/ {{}}") == f"begin\n/{one} &&\n {two}/\n{{\n}}\n"


def test_a_config_block_has_an_entry_a_line() -> None:
    script = 'config={stack_mode="perf";license="Dual BSD/GPL";max_strlen=0x40;cpp_demangle=true;x="true";y=z}'
    assert formatted(script) == (
        'config = {\n  stack_mode = perf;\n  license = "Dual BSD/GPL";\n  max_strlen = 0x40;\n  cpp_demangle = true;\n'
        '  x = "true";\n  y = z;\n}\n'
    )


def test_an_empty_config_block_is_one_line() -> None:
    assert formatted("config = {\n}") == "config = {}\n"


@pytest.mark.parametrize(
    "script, written",
    [
        ("macro f($a,@b,c){$a+1}", "macro f($a, @b, c)\n{\n  $a + 1\n}\n"),
        ("macro f(){g();}", "macro f()\n{\n  g();\n}\n"),
        ("macro f(){if a {g();};}", "macro f()\n{\n  if a {\n    g();\n  };\n}\n"),
        ("fn f($a:int64,$b:struct s*):void{g()}", "fn f($a : int64, $b : struct s *) : void\n{\n  g();\n}\n"),
        ("fn f():uint8[0x2]{return 1}", "fn f() : uint8[0x2]\n{\n  return 1;\n}\n"),
        ('import   "a.bt" ;', 'import "a.bt";\n'),
        ("let @m=hash( 1_000 )", "let @m = hash(1_000);\n"),
    ],
)
def test_other_items(script: str, written: str) -> None:
    assert formatted(script) == written


@pytest.mark.parametrize(
    "text",
    [
        "#include <linux/sched.h>",
        "#define  A   1  // not ours",
        "#define A \\\n   1",
        "struct s {\n\tint a; /* b */\n\n    char c [ 8 ];\n};",
        "struct __attribute__((packed)) s { int a : 3; } __attribute__((aligned(8)));",
        "enum  { A,B };",
    ],
)
def test_the_c_section_is_verbatim(text: str) -> None:
    assert formatted(f"{text}\nbegin {{ }}") == f"{text}\nbegin\n{{\n}}\n"


def test_a_missing_semicolon_of_a_c_definition_is_added() -> None:
    assert formatted("struct s { int a; }") == "struct s { int a; };\n"


def test_the_shebang_is_first() -> None:
    assert formatted("#!/usr/bin/env -S x // y\nbegin{}") == "#!/usr/bin/env -S x // y\nbegin\n{\n}\n"
    assert formatted("// a\n#!/x\n\nbegin{}") == "#!/x\n// a\n\nbegin\n{\n}\n"


def test_items_stay_in_their_order() -> None:
    script = "begin\n{\n}\nmacro f()\n{\n}\nlet @m = hash(1);\nfn g() : void\n{\n}\nend\n{\n}\n"
    assert formatted(script) == script


def test_there_is_a_blank_line_between_items_where_the_source_has_one() -> None:
    assert formatted("\n\nbegin {}\n\n\n\nend {} interval:s:1 {}\n\n") == (
        "begin\n{\n}\n\nend\n{\n}\ninterval:s:1\n{\n}\n"
    )


def test_a_script_without_items_stays_empty() -> None:
    assert formatted("") == ""
    assert formatted(" \n\t\n") == ""


def test_carriage_returns_go() -> None:
    assert formatted("begin // a\r\n{\r\n\r\n  f();\r\n\r\n  g();\r\n}\r\n") == "begin // a\n{\n  f();\n\n  g();\n}\n"


def test_bytes_that_are_no_text_stay() -> None:
    assert format_source(Source.from_bytes("t", b"kprobe:\xff { } // \xfe")) == "kprobe:\xff\n{\n} // \xfe\n"


def test_a_script_that_does_not_parse_raises_all_of_its_errors() -> None:
    with pytest.raises(CompileError) as raised:
        format_source(Source("t", "begin { $x 1 }\nend { 08; }"))
    assert [(diagnostic.message, diagnostic.span) for diagnostic in raised.value.diagnostics] == [
        ("syntax: expected ';'", Span(10, 11)),
        ("syntax: invalid trailing bytes", Span(21, 23)),
    ]


def test_an_error_that_the_tree_s_maker_finds_raises_too() -> None:
    with pytest.raises(CompileError) as raised:
        format_source(Source("t", "begin { 1++; &f; }"))
    assert [diagnostic.message for diagnostic in raised.value.diagnostics] == [
        "syntax: increment/decrement requires a variable or map",
        "syntax: address-of operator (&) can only be used on a map or variable",
    ]


@pytest.mark.parametrize(
    "body",
    [
        "(" * 190 + "1" + ")" * 190,
        "{" * 190 + "1" + "}" * 190,
        "f(" * 190 + "1" + ")" * 190,
        "f({" * 90 + "1" + "})" * 90,
        "1" + " + 1" * 990,
        "1" + " + 1 * 2 - 3" * 200,
        "1" + " || $a" * 990,
        "if 1 {} else " * 990 + "{}",
        "1 ? " * 190 + "1" + " : 1" * 190,
        "a" + ".a" * 190,
        "- " * 190 + "1",
    ],
)
def test_what_is_nested_as_deep_as_the_parser_allows_is_formatted(body: str) -> None:
    assert formatted(f"begin {{ {body} }}")


def test_the_time_for_a_long_script_grows_with_its_length() -> None:
    script = "begin { " + "$x = f(1, 2) + 3; // a\n" * 3000 + "}"
    assert formatted(script).count("\n") == 3003
