"""Object-like C macros in expressions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, cast

import pytest
from pybpftrace.core import ast
from pybpftrace.core.c_types import CTypes
from pybpftrace.core.function import Function
from pybpftrace.core.registry import Registry
from pybpftrace.core.source import Span
from pybpftrace.passes.typecheck.c_macros import MAXIMUM_MACROS, ExpandCMacros
from pybpftrace.passes.typecheck.fold import FoldConstants
from pybpftrace.passes.typecheck.unroll import UnrollLoops
from staged import Staged


class Macros:
    """As much of C types as the pass asks for."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts

    def macro(self, name: str) -> str | None:
        return self._texts.get(name)


class Comm(Function):
    names: ClassVar[tuple[str, ...]] = ("comm",)
    bare: ClassVar[bool] = True


class Count(Function):
    names: ClassVar[tuple[str, ...]] = ("count",)


def expanded(text: str, *passes: Any, **macros: str) -> Staged:
    script = Staged(f"begin {{ {text} }}")
    functions: Registry[Function] = Registry()
    functions.add(Comm(), "test")
    functions.add(Count(), "test")
    script.compilation.functions = functions
    script.compilation.c_types = cast(CTypes, Macros(macros))
    definitions = tuple(ast.CDefinition(Span(0, 0), f"#define {name} {value}") for name, value in macros.items())
    script.program = replace(script.program, preamble=definitions)
    for pass_ in (ExpandCMacros(), *passes):
        if not script.diagnostics.failed:
            script.program = pass_.run(script.program, script.compilation)
    return script


def test_a_macro_is_replaced_by_its_text_as_an_expression() -> None:
    assert expanded("f(A + 1, B);", A="(1<<4)|2", B='"text"').text() == '{ f((((1 << 4) | 2) + 1), "text"); }'


def test_what_it_stands_for_is_folded_and_can_be_a_count() -> None:
    script = expanded("unroll (N) { f(); }", FoldConstants(), UnrollLoops(), N="1+1")
    assert script.text() == "{ { { f(); } { f(); } } }"


def test_macros_may_refer_to_each_other() -> None:
    assert expanded("f(A);", A="B+1", B="C*2", C="3").text() == "{ f(((3 * 2) + 1)); }"


def test_all_of_it_stands_where_the_name_stands() -> None:
    script = expanded("f(A / 0);", FoldConstants(), A="1")
    assert script.marked() == ["A / 0"]


def test_recursion_is_an_error() -> None:
    script = expanded("f(A);", A="B+1", B="A")
    assert script.message == "ERROR: Macro recursion: A->B"
    assert script.marked() == ["A"]


@pytest.mark.parametrize("text", ["", "struct foo", "1+", "do{}while(0)"])
def test_a_text_that_is_no_expression_is_an_error(text: str) -> None:
    script = expanded("f(A);", A=text)
    assert script.message == f"ERROR: unable to expand macro as an expression: {text}"
    assert script.marked() == ["A"]


def test_one_that_is_not_used_is_no_error() -> None:
    assert expanded("f(1);", A="struct foo").messages == []


@pytest.mark.parametrize("text", ["sizeof(A)", "typeinfo(A)", "offsetof(A, a)"])
def test_a_bare_name_where_a_type_may_stand_is_no_macro(text: str) -> None:
    assert expanded(f"f({text});", A="5").text() == f"{{ f({text}); }}"


def test_the_language_s_own_names_come_first() -> None:
    assert expanded("f(comm, args, count);", comm="1", args="2", count="3").text() == "{ f(comm, args, 3); }"


def test_texts_that_double_at_every_level_come_to_an_end() -> None:
    macros = {f"A{n}": f"A{n + 1}+A{n + 1}" for n in range(40)}
    assert expanded("f(A0);", A40="1", **macros).message == "ERROR: macro expansion is too large"


def test_macros_inside_of_macros_have_a_limit() -> None:
    macros = {f"A{n}": f"A{n + 1}" for n in range(MAXIMUM_MACROS + 1)}
    assert expanded("f(A0);", **macros).message == "ERROR: macro expansion is too large"


def test_without_a_preamble_nothing_is_looked_at() -> None:
    script = Staged("begin { f(A); }")
    assert ExpandCMacros().run(script.program, script.compilation) is script.program
