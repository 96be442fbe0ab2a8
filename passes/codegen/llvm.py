"""The little of LLVM IR that llvmlite's builder does not say by itself: types, volatile loads, debug places.

Only this package imports llvmlite, and only when code is generated.
"""

from __future__ import annotations

from llvmlite import ir

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
PTR = ir.PointerType()
INTEGERS = {1: I8, 2: I16, 4: I32, 8: I64}

#: The section of all programs. LLVM refuses a section that has the name of a function in it.
SECTION = "pybpftrace.programs"


class VolatileLoad(ir.instructions.LoadInstr):  # type: ignore[misc]  # llvmlite has no type hints
    """A load that LLVM neither merges nor widens: the verifier checks every access to a context by offset and size."""

    def descr(self, buf: list[str]) -> None:
        text: list[str] = []
        super().descr(text)
        buf.append("".join(text).replace("load ", "load volatile ", 1))


class ProgramAttributes(ir.values.FunctionAttributes):  # type: ignore[misc]  # llvmlite has no type hints
    """Function attributes with `no-builtins`: LLVM must not make calls of memset or memcpy of stores and loops."""

    _known = ir.values.FunctionAttributes._known | {'"no-builtins"'}


class DebugPlaces:
    """Debug metadata of one module, from which LLVM makes the line table of the .BTF.ext section."""

    def __init__(self, module: ir.Module, script: str) -> None:
        self._module = module
        self._file = module.add_debug_info("DIFile", {"filename": script, "directory": "."})
        unit = module.add_debug_info(
            "DICompileUnit",
            {
                "language": ir.DIToken("DW_LANG_C99"),
                "file": self._file,
                "producer": "pybpftrace",
                "isOptimized": True,
                "runtimeVersion": 0,
                "emissionKind": ir.DIToken("FullDebug"),
            },
            is_distinct=True,
        )
        module.add_named_metadata("llvm.dbg.cu", unit)
        flags = module.add_named_metadata("llvm.module.flags")
        for name, value in (("Dwarf Version", 5), ("Debug Info Version", 3)):
            flags.add(module.add_metadata([I32(2), name, I32(value)]))
        integer = module.add_debug_info(
            "DIBasicType", {"name": "long", "size": 64, "encoding": ir.DIToken("DW_ATE_signed")}
        )
        # No parameters: the kernel refuses BTF of a function whose parameters have no names.
        self._type = module.add_debug_info("DISubroutineType", {"types": module.add_metadata([integer])})
        self._unit = unit
        self._places: dict[tuple[int, int, int], ir.DIValue] = {}

    def function(self, function: ir.Function, name: str, line: int, *, static: bool = False) -> ir.DIValue:
        """The debug scope of a function; the kernel takes no callback whose type does not say that it is static."""
        scope = self._module.add_debug_info(
            "DISubprogram",
            {
                "name": name,
                "scope": self._file,
                "file": self._file,
                "line": line,
                "type": self._type,
                "scopeLine": line,
                "spFlags": ir.DIToken("DISPFlagLocalToUnit | DISPFlagDefinition" if static else "DISPFlagDefinition"),
                "unit": self._unit,
            },
            is_distinct=True,
        )
        function.set_metadata("dbg", scope)
        return scope

    def at(self, scope: ir.DIValue, line: int, column: int) -> ir.DIValue:
        """A place in the script; one node for all instructions there."""
        key = (id(scope), line, column)
        if key not in self._places:
            self._places[key] = self._module.add_debug_info(
                "DILocation", {"line": line, "column": column, "scope": scope}
            )
        return self._places[key]
