"""`--fmt`: what a script is made of, and the empty lines and comments around it."""

from __future__ import annotations

import pytest
from formatted import fmt
from pybpftrace.core.diagnostics import CompileError


def test_a_syntax_error_is_raised() -> None:
    with pytest.raises(CompileError, match="expected expression"):
        fmt("BEGIN { 1 + }")


def test_a_type_error_is_none_of_the_layout_s_business() -> None:
    assert fmt('BEGIN { $x = 1 + "a" + nothing; }') == 'BEGIN\n{\n  $x = (1 + "a") + nothing;\n}\n'


@pytest.mark.parametrize("blank", ["", " ", "\n\n \t\r\n"])
def test_a_script_of_nothing_stays_empty(blank: str) -> None:
    assert fmt(blank) == ""


def test_the_shebang_is_the_first_line() -> None:
    assert fmt("\n// first\n#!/usr/bin/env bpftrace -v \nBEGIN{}") == (
        "#!/usr/bin/env bpftrace -v\n// first\nBEGIN\n{\n}\n"
    )


def test_items_have_one_empty_line_between_them_where_the_script_has_any() -> None:
    assert fmt("\n\nlet @a=hash(1); let @b=hash(2)\nlet @c=hash(3);\n\n\n\nEND{}\nBEGIN{}\n\n") == (
        "let @a = hash(1);\nlet @b = hash(2);\nlet @c = hash(3);\n\nEND\n{\n}\nBEGIN\n{\n}\n"
    )


def test_items_stay_in_their_order() -> None:
    script = "BEGIN\n{\n}\nmacro m()\n{\n}\nlet @a = hash(1);\nfn f() : void\n{\n}\nEND\n{\n}\n"
    assert fmt(script) == script


def test_c_is_left_as_it_is() -> None:
    script = (
        "#include   <a.h>\n#define TWICE(x) \\\n\t((x)*2) // C\n\n"
        "struct  s { int a; /* one */\n\tchar b[4]; } __attribute__((packed));\n\nBEGIN\n{\n}\n"
    )
    assert fmt(script) == script


def test_a_c_definition_gets_the_semicolon_that_it_lacks() -> None:
    assert fmt("enum e { A,B } BEGIN {}") == "enum e { A,B };\nBEGIN\n{\n}\n"


def test_each_attach_point_has_a_line() -> None:
    assert fmt('kprobe:a,kprobe:"b {,c" , mine=uprobe:/bin//x:f,{}') == (
        'kprobe:a,\nkprobe:"b {,c",\nmine=uprobe:/bin//x:f\n{\n}\n'
    )


def test_a_predicate_has_a_line() -> None:
    assert fmt("BEGIN/ pid==1 /{ exit() }") == "BEGIN\n/pid == 1/\n{\n  exit();\n}\n"


def test_a_predicate_does_not_begin_a_comment() -> None:
    assert fmt("BEGIN / *$x / {}") == "BEGIN\n/ *$x/\n{\n}\n"
    assert fmt("BEGIN / /* a */ $x /* b */ / {}") == "BEGIN\n/ /* a */ $x /* b */ /\n{\n}\n"


def test_a_config_block_has_a_line_for_each_value() -> None:
    assert fmt("config={a=1ms;b=raw;c=true}") == "config = {\n  a = 1ms;\n  b = raw;\n  c = true;\n}\n"


def test_a_config_block_can_be_empty() -> None:
    assert fmt("config = { }") == "config = {}\n"


@pytest.mark.parametrize(
    "value, formatted",
    [
        ('"perf"', "perf"),
        ('"GPL v2"', '"GPL v2"'),
        ('".."', '".."'),
        ('"true"', '"true"'),
        ('"10"', '"10"'),
        ('""', '""'),
    ],
)
def test_a_config_value_has_quotes_where_it_would_be_something_else_without(value: str, formatted: str) -> None:
    assert fmt(f"config = {{ a = {value} }}") == f"config = {{\n  a = {formatted};\n}}\n"


def test_a_macro_has_its_bracket_in_a_line_of_its_own() -> None:
    assert fmt("macro add($x,@m , e){@m+=e;$x}") == "macro add($x, @m, e)\n{\n  @m += e;\n  $x\n}\n"


def test_a_macro_s_value_can_be_a_short_if() -> None:
    script = "macro larger(a, b)\n{\n  if (a > b) { a } else { b }\n}\n"
    assert fmt(script) == script


def test_a_function_says_its_types() -> None:
    assert fmt("fn f($a:int8,$p:struct s*):void{return;}") == (
        "fn f($a : int8, $p : struct s *) : void\n{\n  return;\n}\n"
    )


def test_imports_and_map_declarations_have_a_semicolon() -> None:
    assert fmt('import"a.bt" ; let@m = lruhash ( 1_000 ) BEGIN{}') == (
        'import "a.bt";\nlet @m = lruhash(1_000);\nBEGIN\n{\n}\n'
    )


def test_comments_between_items_keep_their_lines() -> None:
    assert fmt("// a\n\n\n// b\nBEGIN{} // c\n\n// d\n/* e */ END{}\n// f") == (
        "// a\n\n// b\nBEGIN\n{\n} // c\n\n// d\n// e\nEND\n{\n}\n// f\n"
    )


def test_comments_in_a_probe_s_head_stay_at_their_lines() -> None:
    assert fmt("kprobe:a, // a\n// b\nkprobe:b // c\n/* d */ /1/ // e\n{ // f\n}") == (
        "kprobe:a, // a\n// b\nkprobe:b // c\n// d\n/1/ // e\n{ // f\n}\n"
    )


def test_comments_in_a_config_block_stay() -> None:
    assert fmt("config = { // a\n// b\nc = 1 // d\n; /* e */ f = 2 /* g */ }") == (
        "config = { // a\n  // b\n  c = 1; // d\n  // e\n  f = 2;\n  // g\n}\n"
    )


def test_a_comment_that_is_not_closed_goes_on_to_the_end() -> None:
    assert fmt("BEGIN {} /* a\n b") == "BEGIN\n{\n} // a\n// b\n"


def test_a_line_of_c_that_never_ends_gets_no_other_one() -> None:
    assert fmt("#define X \\") == "#define X \\"


def test_a_probe_without_an_attach_point_is_kept() -> None:
    assert fmt("BEGIN {}\n\n/1/ {}\n{ f() }") == "BEGIN\n{\n}\n\n/1/\n{\n}\n{\n  f();\n}\n"


def test_windows_ends_of_lines_go() -> None:
    assert fmt("// a\r\nBEGIN\r\n{\r\n  exit(); // b\r\n}\r\n") == "// a\nBEGIN\n{\n  exit(); // b\n}\n"
