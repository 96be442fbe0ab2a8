"""Runs LLVM's new pass manager over the module."""

from __future__ import annotations

import re
from dataclasses import replace

from ...core.compilation import Compilation
from ...core.frozen import dataclass
from .machine import target_machine
from .module import IrModule

#: LLVM makes this of a division by what it knows to be a power of two; its BPF back end looks the answer up in a table
#: in .rodata, which our programs do not have.
_TRAILING_ZEROS = re.compile(
    r"^ +(?P<result>%\S+) = [a-z ]*call .*?@llvm\.cttz\.(?P<type>i\d+)"
    r"\(i\d+ (?P<value>[^,]+), i1 \w+\)[^,\n]*(?P<rest>.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Optimize:
    """IrModule -> IrModule with `optimized`. `level` is LLVM's speed level, 0 to 3."""

    level: int = 2
    name: str = "optimize"
    stage: str = "codegen"

    def run(self, module: IrModule, compilation: Compilation) -> IrModule:
        import llvmlite.binding as llvm

        parsed = llvm.parse_assembly(module.ir)
        parsed.verify()
        builder = llvm.create_pass_builder(
            target_machine(), llvm.create_pipeline_tuning_options(speed_level=self.level)
        )
        builder.getModulePassManager().run(parsed, builder)
        return replace(module, optimized=_without_tables(str(parsed)))


def _without_tables(text: str) -> str:
    """The same IR, in which zeros below the lowest bit are counted as the bits of a number that has them set."""
    numbers = iter(range(text.count("@llvm.cttz.")))
    types = set()

    def counted(found: re.Match[str]) -> str:
        type_, value, rest = found["type"], found["value"], found["rest"]
        name = f"%zeros.{next(numbers)}"
        types.add(type_)
        return (
            f"  {name}.less = sub {type_} {value}, 1{rest}\n"
            f"  {name}.others = xor {type_} {value}, -1{rest}\n"
            f"  {name} = and {type_} {name}.less, {name}.others{rest}\n"
            f"  {found['result']} = call {type_} @llvm.ctpop.{type_}({type_} {name}){rest}"
        )

    lines = _TRAILING_ZEROS.sub(counted, text)
    declared = (f"declare {type_} @llvm.ctpop.{type_}({type_})\n" for type_ in sorted(types))
    return lines + "".join(line for line in declared if line.rstrip() not in text)
