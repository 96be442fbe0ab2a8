"""What stands at the top of a script besides probes: C, config, imports, map declarations, macros and functions."""

from __future__ import annotations

import pytest
from parsing import error, errors, find, parse, shape, written
from pybpftrace.core import ast


def preamble(script: str | bytes) -> list[str]:
    return [definition.text for definition in parse(script).preamble]


def test_every_section_has_its_place() -> None:
    program = parse(
        """#!/usr/bin/env pybpftrace
        #include <linux/fs.h>
        struct s { int a; };
        config = { max_strlen = 64 }
        import "a.bt";
        let @m = hash(10);
        macro twice(x) { x * 2 }
        fn f() : void { }
        BEGIN { }
        let @n = lruhash(1_000)
        END { }
        """
    )
    assert [len(section) for section in (program.preamble, program.configs, program.imports)] == [2, 1, 1]
    assert [len(section) for section in (program.maps, program.macros, program.functions)] == [2, 1, 1]
    assert [probe.attach_points[0].text for probe in program.probes] == ["BEGIN", "END"]


# The C preamble


@pytest.mark.parametrize(
    "line",
    [
        "#include <linux/fs.h>",
        '#include "a b.h"',
        "#define A { (",
        "#define A 1 // one",
        "# define A",
        "#ifndef BPFTRACE_HAVE_BTF",
        "#endif",
        "#pragma once",
        "#define A(x) \\\n  x +\\\r\n 1",
        "#define S \"a",
        "#",
    ],
)
def test_a_line_that_begins_with_a_hash_is_taken_as_it_is(line: str) -> None:
    assert preamble(f"{line}\nBEGIN {{ }}") == [line]
    assert preamble(f"  {line}\r\nBEGIN {{ }}") == [line]


@pytest.mark.parametrize(
    "definition",
    [
        "struct s { int a; };",
        "union u { int a; char b[4]; };",
        "enum e { A, B = 2 };",
        "enum { A };",
        "struct s { struct { int a; } b; union { int c; }; };",
        "struct __attribute__((packed)) s { int a; };",
        "struct s /* { */ { int a; /* } */ // }\n int b; };",
        "struct s { int a; } __attribute__((packed));",
        "struct s { int a; } __attribute__((packed)) __attribute__((aligned(8)));",
        "struct s { int a; } __attribute__ /* x */ ( (packed) );",
        "struct s\n{\n#ifdef A\n  int a;\n#endif\n};",
        "struct s { int a __attribute__((aligned(4))); };",
        "struct s { int (*f)(int, struct t *); };",
        "struct s { char c; /* don't \" */ };",
        "struct s { };",
    ],
)
def test_a_c_type_is_taken_as_it_is(definition: str) -> None:
    assert preamble(f"{definition} BEGIN {{ }}") == [definition]


def test_a_missing_semicolon_behind_a_c_type_is_added() -> None:
    assert preamble("struct s { int a; } enum e { A }\nBEGIN { }") == ["struct s { int a; };", "enum e { A };"]


@pytest.mark.parametrize("point", ["struct:probe", "union:a:b", "enum:x", "structure", "enum:*"])
def test_a_probe_may_look_like_a_c_type(point: str) -> None:
    assert [probe.attach_points[0].text for probe in parse(f"{point} {{ }}").probes] == [point]


def test_the_span_of_a_c_definition_is_its_text() -> None:
    program = parse("\n #define A 1\nstruct s { int a; } BEGIN { }")
    assert [written(program, definition) for definition in program.preamble] == ["#define A 1", "struct s { int a; }"]


@pytest.mark.parametrize("attribute", ["__attribute__(packed)", "__attribute__", "__attribute__()"])
def test_an_attribute_has_two_parentheses(attribute: str) -> None:
    assert error(f"struct s {{ int a; }} {attribute}; BEGIN {{ }}") == (
        f"1:21-{21 + len(attribute)} __attribute__ syntax error, expected '(('"
    )


# Config


def test_a_config_block_has_strings_numbers_truth_values_and_names() -> None:
    program = parse('config = { a = 1e3; B="x y"; BPFTRACE_c = true; d = PER_PID; e=0x10 }')
    (config,) = program.configs
    assert [(entry.key, shape(entry.value)) for entry in config.entries] == [
        ("a", "1000"),
        ("B", "b'x y'"),
        ("BPFTRACE_c", "True"),
        ("d", "PER_PID"),
        ("e", "16"),
    ]
    assert [written(program, entry) for entry in config.entries[:2]] == ["a = 1e3", 'B="x y"']


@pytest.mark.parametrize("text", ["config={}", "config = { a = 1; }", "config /* = */ = // {\n { a = 1 }"])
def test_entries_are_optional_and_so_is_the_last_semicolon(text: str) -> None:
    assert len(parse(f"{text} BEGIN {{ }}").configs) == 1


def test_configs_and_imports_may_be_mixed() -> None:
    program = parse('import "a"; config = { } import "b\\x41"; BEGIN { }')
    assert [item.path for item in program.imports] == [b"a", b"bA"]
    assert [written(program, item) for item in program.imports] == ['import "a";', 'import "b\\x41";']


# Maps, macros, functions


@pytest.mark.parametrize("end", ["", ";"])
def test_a_map_declaration(end: str) -> None:
    program = parse(f"let @m = percpulruhash(0x10){end} BEGIN {{ }}")
    (declaration,) = program.maps
    assert (declaration.name, declaration.kind, declaration.entries) == ("@m", "percpulruhash", 16)
    assert written(program, declaration) == f"let @m = percpulruhash(0x10){end}"


def test_a_macro_takes_variables_maps_and_expressions() -> None:
    program = parse("macro m($a, @b, c, @) { $x = c; $a + $x } BEGIN { }")
    (macro,) = program.macros
    assert [type(parameter) for parameter in macro.parameters] == [ast.Variable, ast.Map, ast.Identifier, ast.Map]
    assert [shape(parameter) for parameter in macro.parameters] == ["$a", "@b", "c", "@"]
    assert macro.body.value is not None
    assert shape(macro.body.value) == "($a + $x)"
    assert written(program, macro) == "macro m"
    assert written(program, macro.body) == "{ $x = c; $a + $x }"


@pytest.mark.parametrize("word", ["args", "ctx", "pid", "arg0", "sarg3", "nsecs", "__builtin_comm"])
def test_a_builtin_word_is_no_parameter_of_a_macro(word: str) -> None:
    message = f"builtin '{word}' can't be used as a macro argument"
    assert error(f"macro m(a, {word}) {{ 1 }} BEGIN {{ }}") == f"1:12-{12 + len(word)} {message}"


def test_a_macro_may_have_no_parameters_and_no_value() -> None:
    (macro,) = parse("macro m() { print(1); } BEGIN { m() }").macros
    assert (macro.parameters, macro.body.value) == ((), None)
    assert len(macro.body.statements) == 1


def test_a_function_has_types_for_its_parameters_and_its_result() -> None:
    program = parse("fn f($a : int8, $b : struct s *) : string[4] { return $a } BEGIN { }")
    (function,) = program.functions
    parameters = [(parameter.variable.name, shape(parameter.type)) for parameter in function.parameters]
    assert parameters == [("$a", "type int8"), ("$b", "type struct s*")]
    assert (function.name, shape(function.result)) == ("f", "type string[4]")
    assert [type(item) for item in function.body.statements] == [ast.Return]


@pytest.mark.parametrize("point", ["config:a", "import:a", "macro:a", "fn:a", "let:a", "configure", "letter", "fnord"])
def test_a_probe_may_begin_with_the_words_of_other_items(point: str) -> None:
    assert [probe.attach_points[0].text for probe in parse(f"{point} {{ }}").probes] == [point]


@pytest.mark.parametrize("word", ["config", "import", "macro", "fn", "let", "struct", "enum"])
def test_the_words_of_items_are_names_elsewhere(word: str) -> None:
    program = parse(f"BEGIN {{ ${word} = @{word} + args.{word} + f({word}); }}")
    assert find(program, ast.Variable).name == f"${word}"


# Order


@pytest.mark.parametrize(
    ("item", "length", "message"),
    [
        ("#include <a.h>", 8, "C definitions must appear before probes and functions"),
        ("struct s { int a; };", 6, "C definitions must appear before probes and functions"),
        ("enum e { A }", 4, "C definitions must appear before probes and functions"),
        ("config = { a = 1 }", 6, "config must appear before probes and functions"),
        ('import "a";', 6, "root imports must appear before probes and functions"),
    ],
)
@pytest.mark.parametrize("before", ["BEGIN { }", "macro m() { }", "fn f() : void { }", "let @m = hash(1);"])
def test_an_item_that_comes_too_late(item: str, length: int, message: str, before: str) -> None:
    assert error(f"{before}\n{item}\n") == f"2:1-{1 + length} {message}"


@pytest.mark.parametrize("before", ["config = { }", 'import "a";'])
def test_c_comes_before_config_and_imports(before: str) -> None:
    assert error(f"{before}\n#define A\nBEGIN {{ }}") == "2:1-8 C definitions must appear before probes and functions"


def test_a_second_config_block() -> None:
    assert errors("config = { }\nconfig = { } BEGIN { }") == ["2:1-7 duplicate config block"]


@pytest.mark.parametrize(
    ("script", "report"),
    [
        ("let $x = 1;", "1:5-7 root-level let statements need to be map declarations"),
        ("let x = hash(1);", "1:5-6 root-level let statements need to be map declarations"),
        ("let @x = 1;", "1:10-11 unexpected '1', expected a name"),
        ("let @x = hash(n);", "1:15-16 unexpected 'n', expected a number"),
        ("let @x = hash(08);", "1:15-17 invalid trailing bytes"),
        ("let @x += hash(1);", "1:8-10 unexpected '+=', expected '='"),
        ("config { a = 1 }", "1:8-9 unexpected '{', expected '='"),
        ("config = { a 1 }", "1:14-15 unexpected '1', expected '='"),
        ("config = { a = }", "1:16-17 unexpected '}', expected a name, a number or a string"),
        ("config = { a = -1 }", "1:16-17 unexpected '-', expected a name, a number or a string"),
        ("config = { a = 1 b = 2 }", "1:17-18 expected ';'"),
        ("config = { a = 0b1 }", "1:16-19 invalid integer suffix 'b1'"),
        ("import a;", "1:8-9 unexpected 'a', expected a string"),
        ('import "a" BEGIN { }', "1:11-12 expected ';'"),
        ('import "\\q"; BEGIN { }', "1:9-11 invalid escape character '\\q'"),
        ("macro m { 1 }", "1:9-10 unexpected '{', expected '('"),
        ("macro m(1) { }", "1:9-10 unexpected '1', expected ')', a map, a name or a variable"),
        ("macro m(a,) { }", "1:11-12 unexpected ')', expected a map, a name or a variable"),
        ("macro (a) { }", "1:7-8 unexpected '(', expected a name"),
        ("fn f() { }", "1:8-9 unexpected '{', expected ':'"),
        ("fn f($a) : int8 { }", "1:8-9 unexpected ')', expected ':'"),
        ("fn f(a : int8) : int8 { }", "1:6-7 unexpected 'a', expected ')' or a variable"),
        ("struct s { int a;", "1:18-19 unexpected end of input, expected '{' or '}'"),
    ],
)
def test_what_does_not_fit_at_the_top(script: str, report: str) -> None:
    assert error(script) == report


def test_errors_in_different_items_are_reported_together() -> None:
    script = "struct s { int a; }\nmacro m(1) { }\nconfig = { a }\nBEGIN { $x 1 }\nEND { }\nfn f() { }\n"
    assert errors(script) == [
        "2:9-10 unexpected '1', expected ')', a map, a name or a variable",
        "3:14-15 unexpected '}', expected '='",
        "4:11-12 expected ';'",
        "6:8-9 unexpected '{', expected ':'",
    ]


@pytest.mark.parametrize(
    "text",
    ["typedef int word_t;", "typedef struct { int a; struct { char b; } c; } t, *p;", "typedef int (*f)(int, char *);"],
)
def test_a_typedef_is_a_c_definition(text: str) -> None:
    assert [definition.text for definition in parse(f"{text}\nBEGIN {{ }}").preamble] == [text]
