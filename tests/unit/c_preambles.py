"""Preambles for the tests of their types: a script, and a machine with a handful of kernel types."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from pybpftrace.core import ast
from pybpftrace.core.c_preamble import load_c_types
from pybpftrace.core.c_types import CTypes
from pybpftrace.core.compilation import Compilation
from pybpftrace.core.compile_options import CompileOptions
from pybpftrace.core.diagnostics import format_all
from pybpftrace.core.registry import Registry
from pybpftrace.core.source import Source
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.btf_c_types import BtfCTypes
from pybpftrace.core.target.dependency import Dependency
from pybpftrace.core.types import Field, Struct
from pybpftrace.passes.parse.syntax import ParseSyntax

from .test_target_btf import Blob

SIGNED, CHAR, BOOL = (how << 24 for how in (1, 2, 4))


def kernel_types() -> Btf:
    """`u32`, `pid_t`, `struct list_head`, `struct task` (with a list_head), `enum state`, `struct only_named`."""
    blob = Blob()
    integer = blob.add("int", "int", 4, 0, 0, SIGNED | 32)
    blob.add("typedef", "pid_t", integer)
    unsigned = blob.add("int", "unsigned int", 4, 0, 0, 32)
    blob.add("typedef", "u32", unsigned)
    blob.add("ptr", "", 6)
    list_head = blob.struct("list_head", 16, ("next", 5, 0), ("prev", 5, 64))
    tag = blob.add("type_tag", "user", list_head)
    user = blob.add("ptr", "", tag)
    blob.struct("task", 32, ("pid", 2, 0), ("list", list_head, 64), ("buffer", user, 192))
    blob.add("enum", "state", 4, 2, 0, blob.text("IDLE"), 0, blob.text("BUSY"), 7)
    blob.add("fwd", "only_named")
    return Btf.parse(blob.build())


class Preamble:
    """The types of a script, and what was said of it."""

    def __init__(self, script: str | bytes, kernel: Btf | None = None, **options: Any) -> None:
        self.dependencies: list[Dependency] = []
        target = SimpleNamespace(
            btf=kernel,
            c_types=BtfCTypes(lambda: kernel, lambda: ()),
            architecture="x86_64",
            kernel_release="none",
            remember=self.dependencies.append,
        )
        self.compilation = Compilation(
            target=cast(Any, target),
            functions=Registry(),
            probe_types=Registry(),
            pipeline=cast(Any, None),
            options=CompileOptions(**options),
        )
        text = script.encode() if isinstance(script, str) else script
        self.source = Source.from_bytes("t", text + b"\nbegin { }\n")
        self.program: ast.Program = ParseSyntax().run(self.source, self.compilation)
        assert not self.compilation.diagnostics.failed, self.printed
        self.types: CTypes = load_c_types(self.program, self.compilation)

    @property
    def printed(self) -> str:
        return format_all(self.compilation.diagnostics.recorded, self.source)

    @property
    def messages(self) -> list[str]:
        return [d.message for d in self.compilation.diagnostics.recorded]

    @property
    def marked(self) -> list[str]:
        """The part of the script that each diagnostic points at."""
        spans = [d.span for d in self.compilation.diagnostics.recorded if d.span]
        return [self.source.text[span.start : span.end] for span in spans]

    def struct(self, name: str) -> Struct:
        """A struct by its name with or without its tag; the script must be in order."""
        assert self.printed == ""
        tag, _, word = name.rpartition(" ")
        found = self.types.named(tag, word)
        assert isinstance(found, Struct), found
        return found

    def members(self, name: str) -> tuple[Field, ...]:
        return self.types.members(self.struct(name)) or ()
