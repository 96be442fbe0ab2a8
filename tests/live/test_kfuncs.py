"""Calls of kernel functions on this kernel: compiled by name, found in its BTF when the program is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from pybpftrace.core.artifacts import CompiledProgram
from pybpftrace.core.emitter import Emitter, Value
from pybpftrace.core.function import CallSite, EmitSite, Function, Signature
from pybpftrace.core.hookspecs import hookimpl
from pybpftrace.core.invariants import check
from pybpftrace.core.pipeline import Pipeline, plugin_manager
from pybpftrace.core.source import Source
from pybpftrace.core.target import Target
from pybpftrace.core.target.btf_types import Func
from pybpftrace.core.types import INT32, INT64, Type
from pybpftrace.passes import builtin_plugins
from test_load import hits, loaded, messages, refusal

#: Since Linux 6.17; every type of program may call it (common_btf_ids of kernel/bpf/helpers.c).
LENGTH = "bpf_strlen"


def _lacks_length() -> bool:
    btf = Target.live().btf
    return btf is None or btf.find(LENGTH, (Func,)) is None


pytestmark = [pytest.mark.live, pytest.mark.skipif(_lacks_length(), reason=f"needs a kernel with {LENGTH}")]


class KernelLength(Function):
    """`kernel_length(text)`: how long the kernel says that a string is."""

    names: ClassVar[tuple[str, ...]] = ("kernel_length",)
    signature: ClassVar[Signature] = Signature(1, 1, kinds={0: ("string",)})
    kernel_function: ClassVar[str] = LENGTH

    def type_of(self, call: CallSite) -> Type:
        return INT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.kfunc(self.kernel_function, call.value(0), result=INT32)


class Missing(KernelLength):
    """The same of a function that no kernel has."""

    names: ClassVar[tuple[str, ...]] = ("missing",)
    kernel_function: ClassVar[str] = "pybpftrace_no_such_function"


class Forbidden(KernelLength):
    """A function that the kernel has, but not for programs."""

    names: ClassVar[tuple[str, ...]] = ("forbidden",)
    kernel_function: ClassVar[str] = "kernel_halt"


class Plugin:
    @hookimpl
    def register_functions(self) -> Sequence[Function]:
        return [KernelLength(), Missing(), Forbidden()]


def compiled(script: str) -> CompiledProgram:
    pipeline = Pipeline(plugin_manager([*builtin_plugins(), ("lengths", Plugin())]))
    program = pipeline.compile(Source("test.bt", script), Target.live())
    assert check(program) == []
    return program


def result(script: str) -> int:
    program = compiled(script)
    with loaded(program) as session:
        return hits(session, program.map("@hits"))


def test_the_kernel_is_called_and_gives_its_result() -> None:
    assert result('begin { @hits = kernel_length("four"); }') == 4


def test_a_program_may_call_several_times_and_from_a_loop() -> None:
    script = """begin {
        @hits = kernel_length("four") + kernel_length("");
        for ($i : 0..3) { @hits += kernel_length("ab"); if ($i == 1) { return; } }
    }"""
    assert result(script) == 4 + 2 * 2


def test_it_reads_the_memory_of_the_program() -> None:
    own_name = Path("/proc/self/comm").read_bytes().rstrip(b"\n")
    assert result("begin { $name = comm; @hits = kernel_length($name); }") == len(own_name)


def test_a_function_that_this_kernel_lacks_is_named() -> None:
    error = refusal(compiled('begin { @hits = missing("x"); }'))
    [message] = messages(error)
    assert message == "The program for begin calls pybpftrace_no_such_function, which this kernel does not have."


def test_a_function_that_programs_must_not_call_is_refused_by_the_verifier() -> None:
    error = refusal(compiled('begin { @hits = forbidden("x"); }'))
    assert "kernel_halt" in " ".join(messages(error))
