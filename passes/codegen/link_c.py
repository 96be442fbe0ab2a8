"""Brings imported C files into the module, so that their functions are functions of its programs like any other.

clang's code is changed as text where LLVM's binding offers nothing else: what it says of sections, linkage and the
machine is for an object of its own.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ...core.compilation import Compilation
from ...core.frozen import dataclass
from .module import C_PREFIX, IrModule

#: What is changed in a C file's code, in this order.
_CHANGES = tuple(
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        # The machine is the same, however it is written.
        (r"^target (?:triple|datalayout) = .*\n", ""),
        # LLVM inlines no function into one whose CPU has another name, and ours have none.
        (r' "target-(?:cpu|features)"="[^"]*"', ""),
        # These keep functions and variables that nobody uses.
        (r"^@llvm\.(?:compiler\.)?used = .*\n", ""),
        # LLVM would put the types of variables into the BTF in a form that libbpf completes, and no kernel takes.
        (r"^(@.*?)(?:, ![\w.]+ !\d+)+$", r"\1"),
        # A static function is verified where it is called, with what is known of its arguments there.
        (r"\bspFlags: DISPFlagDefinition\b", "spFlags: DISPFlagLocalToUnit | DISPFlagDefinition"),
        # All code is in our one section; alignment is of no use there.
        (
            r'^(define .*?)(?: section "[^"]*")?(?: align \d+)?((?: ![\w.]+ !\d+)*) \{$',
            r'\1 "no-builtins" section "%s"\2 {',
        ),
    )
)


@dataclass(frozen=True, slots=True)
class LinkC:
    """IrModule -> IrModule with the functions of imported C files; without such files it stays as it is."""

    name: str = "link-c"
    stage: str = "codegen"

    def run(self, module: IrModule, compilation: Compilation) -> IrModule:
        typed = module.expanded.typed
        if not typed.c_modules:
            return module
        import llvmlite.binding as llvm

        whole = llvm.parse_assembly(module.ir)
        spans = [file.span for file in typed.program.c_files]
        for c_module, span in zip(typed.c_modules, spans, strict=True):
            try:
                whole.link_in(_ready(llvm, c_module.bitcode))
            except RuntimeError as error:
                version = ".".join(map(str, llvm.llvm_version_info))
                message = f"LLVM {version} cannot link what clang made of {c_module.path}: {error}"
                compilation.diagnostics.error(message, span)
                return module
        _make_private(whole)
        return replace(module, ir=str(whole))


def _ready(llvm: Any, bitcode: bytes) -> Any:
    """A C file's module with names of its own. Raises: RuntimeError: the bitcode is of an LLVM that is too new."""
    from .llvm import SECTION

    text = str(llvm.parse_bitcode(bitcode))
    for pattern, replacement in _CHANGES:
        text = pattern.sub(replacement % SECTION if "%s" in replacement else replacement, text)
    module = llvm.parse_assembly(f'target triple = "bpfel"\n{text}')
    for item in (*module.functions, *module.global_variables):
        if not item.name.startswith("llvm."):
            item.name = C_PREFIX + item.name
    return module


def _make_private(module: Any) -> None:
    """Lets LLVM drop what no program uses, and change the functions to suit their callers."""
    for item in (*module.functions, *module.global_variables):
        if item.name.startswith(C_PREFIX) and not item.is_declaration:
            item.linkage = "internal"
