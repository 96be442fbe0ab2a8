"""Functions put together to one program, and what the object file says of them."""

from __future__ import annotations

import struct

import pytest
from pybpftrace.core.disassembler import disassemble
from pybpftrace.passes.codegen.link import link, stack_of
from pybpftrace.passes.codegen.object_file import ObjectFunction, read_data, read_object


def insn(code: int, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> bytes:
    return struct.pack("<BBhi", code, dst | src << 4, offset, imm)


EXIT = insn(0x95)
LOAD = insn(0x18, 2) + insn(0)
CALL = insn(0x85, 0, 1, imm=-1)


def function(
    name: str, code: bytes, references: tuple[tuple[int, str], ...] = (), type_id: int = 1
) -> ObjectFunction:
    return ObjectFunction(name, code, ((0, f"map.{name}"),), references, ((0, 1, 1), (1, 2, 2)), type_id)


FUNCTIONS = {
    item.name: item
    for item in (
        function("main", EXIT + LOAD + CALL + EXIT, ((1, "each"), (3, "helper"))),
        function("other", EXIT + EXIT),
        function("each", LOAD + EXIT, ((0, "inner"),), 2),
        function("inner", EXIT + CALL + EXIT, ((1, "helper"),), 3),
        function("helper", EXIT + EXIT, (), 4),
    )
}


def test_a_program_holds_what_it_refers_to_and_nothing_else() -> None:
    linked = link("main", FUNCTIONS)
    assert linked.functions == ((0, 1, "main"), (5, 2, "each"), (8, 4, "helper"), (10, 3, "inner"))
    assert len(linked.instructions) == 13 * 8
    assert linked.relocations == ((0, "map.main"), (5, "map.each"), (8, "map.helper"), (10, "map.inner"))
    assert [index for index, _, _ in linked.lines] == [0, 1, 5, 6, 8, 9, 10, 11]


def test_loads_and_calls_reach_the_functions_where_they_have_come_to_lie() -> None:
    linked = link("main", FUNCTIONS)
    names = {index: name for index, _, name in linked.functions}
    texts = {item.index: item.text for item in disassemble(linked.instructions, functions=names)}
    assert texts == {
        0: "exit", 1: "r2 = func[each] ll", 3: "call helper", 4: "exit",
        5: "r2 = func[inner] ll", 7: "exit",
        8: "exit", 9: "exit",
        10: "exit", 11: "call helper", 12: "exit",
    }  # fmt: skip


def test_the_stack_is_that_of_the_deepest_chain_each_function_rounded_up_to_16() -> None:
    def using(size: int, target: str = "") -> bytes:
        return insn(0x7B, 10, 1, -size) + (LOAD if target else b"") + EXIT

    functions = {
        "main": ObjectFunction("main", using(40, "a") + LOAD, (), ((1, "a"), (4, "b")), (), 0),
        "a": ObjectFunction("a", using(17), (), (), (), 0),
        "b": ObjectFunction("b", using(8, "c"), (), ((1, "c"),), (), 0),
        "c": ObjectFunction("c", EXIT, (), (), (), 0),
    }
    assert link("main", functions).stack == 48 + 32
    functions["c"] = ObjectFunction("c", using(100), (), (), (), 0)
    assert link("main", functions).stack == 48 + 16 + 112


@pytest.mark.parametrize(
    ("code", "size"),
    [
        (EXIT, 0),
        (insn(0x7B, 10, 1, -24) + insn(0x79, 1, 10, -8), 24),
        (insn(0xBF, 2, 10) + insn(0x07, 2, imm=-64), 64),
        (insn(0xBF, 2, 10) + insn(0xBF, 2, 1) + insn(0x07, 2, imm=-64), 0),
        (insn(0x07, 3, imm=-64), 0),
        (insn(0x79, 1, 2, -400), 0),
    ],
)
def test_only_what_is_reached_from_the_frame_pointer_is_stack(code: bytes, size: int) -> None:
    assert stack_of(code) == size


IR = """
target triple = "bpfel"
define i64 @main(ptr %ctx) section "programs" {
  %a = call i64 inttoptr (i64 181 to ptr)(i64 3, ptr @second, ptr %ctx, i64 0)
  %b = call i64 @called(i64 %a)
  %c = call i64 @global(i64 %b)
  %d = load i64, ptr @map.3
  %e = add i64 %c, %d
  ret i64 %e
}
define i64 @global(i64 %x) noinline section "programs" {
  %r = mul i64 %x, 3
  ret i64 %r
}
define internal i64 @first(i64 %i, ptr %ctx) section "programs" {
  store i64 %i, ptr %ctx
  ret i64 0
}
define internal i64 @second(i64 %i, ptr %ctx) section "programs" {
  %a = call i64 inttoptr (i64 181 to ptr)(i64 %i, ptr @first, ptr %ctx, i64 0)
  ret i64 %a
}
define internal i64 @called(i64 %x) noinline section "programs" {
  %r = call i64 inttoptr (i64 5 to ptr)()
  %s = add i64 %r, %x
  ret i64 %s
}
@map.3 = external global i64
"""


def test_references_to_functions_are_found_whatever_form_llvm_gives_them() -> None:
    import llvmlite.binding as llvm
    from pybpftrace.passes.codegen.machine import target_machine

    functions, _ = read_object(target_machine().emit_object(llvm.parse_assembly(IR)), "programs")
    by_name = {item.name: item for item in functions}
    assert list(by_name) == ["main", "global", "first", "second", "called"]
    assert [name for _, name in by_name["main"].references] == ["second", "called", "global"]
    assert [name for _, name in by_name["second"].references] == ["first"]
    assert [symbol for _, symbol in by_name["main"].relocations] == ["map.3"]
    linked = link("main", by_name)
    texts = [item.text for item in disassemble(linked.instructions, functions={i: n for i, _, n in linked.functions})]
    assert [text for text in texts if "func[" in text or text.startswith("call ")] == [
        "r2 = func[second] ll", "call bpf_loop", "call called", "call global",
        "r2 = func[first] ll", "call bpf_loop",
        "call bpf_ktime_get_ns",
    ]  # fmt: skip


WITH_VARIABLES = """
target triple = "bpfel"
define i64 @main(i64 %x) section "programs" !dbg !4 {
  %a = getelementptr i8, ptr @table, i64 %x
  %b = load i8, ptr %a, !dbg !7
  %c = load i32, ptr @count, !dbg !8
  %d = add i32 %c, 1
  store i32 %d, ptr @count
  %e = load i64, ptr @zero, !dbg !9
  %f = zext i8 %b to i64
  %g = add i64 %e, %f
  ret i64 %g
}
@text = internal constant [20 x i8] c"abcdefghijklmnopqrs\\00"
@table = internal constant [3 x i8] c"xyz"
@count = internal global i32 7
@zero = internal global i64 0
@llvm.used = appending global [1 x ptr] [ptr @text]
!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!3}
!0 = distinct !DICompileUnit(language: DW_LANG_C99, file: !1, emissionKind: FullDebug)
!1 = !DIFile(filename: "script", directory: ".")
!2 = !DIFile(filename: "/x/y.bpf.c", directory: "/")
!3 = !{i32 2, !"Debug Info Version", i32 3}
!4 = distinct !DISubprogram(name: "main", file: !1, line: 1, type: !5, spFlags: DISPFlagDefinition, unit: !0)
!5 = !DISubroutineType(types: !{null})
!6 = distinct !DILexicalBlockFile(scope: !4, file: !2, discriminator: 0)
!7 = !DILocation(line: 3, column: 2, scope: !6)
!8 = !DILocation(line: 2, column: 1, scope: !4)
!9 = !DILocation(line: 4, column: 1, scope: !10)
!10 = distinct !DILexicalBlockFile(scope: !4, file: !11, discriminator: 0)
!11 = !DIFile(filename: "/x/header.h", directory: "/")
"""


def compiled(text: str) -> bytes:
    import llvmlite.binding as llvm
    from pybpftrace.passes.codegen.machine import target_machine

    data: bytes = target_machine().emit_object(llvm.parse_assembly(text))
    return data


def test_variables_have_a_place_among_those_of_their_kind() -> None:
    data = compiled(WITH_VARIABLES)
    ((main,), _) = read_object(data, "programs")
    values = {"constants": b"", "variables": b""}
    for section in read_data(data).values():
        assert section.start % 16 == 0
        values[section.kind] = values[section.kind].ljust(section.start, b"\0") + section.contents
    symbols = dict.fromkeys(symbol for _, symbol in main.relocations)
    found = [(kind, values[kind][int(at) :]) for kind, _, at in (symbol.partition(".") for symbol in symbols)]
    starts = [(kind, rest[:4]) for kind, rest in found]
    assert sorted(starts) == [
        ("constants", b"xyz"), ("variables", bytes(4)), ("variables", b"\7\0\0\0")]  # fmt: skip


def test_lines_are_counted_from_where_their_file_begins_and_those_of_other_files_are_left_out() -> None:
    data = compiled(WITH_VARIABLES)
    ((main,), _) = read_object(data, "programs", {"./script": 1, "/x/y.bpf.c": 101})
    assert {(line, column) for _, line, column in main.lines} == {(103, 2), (2, 1)}
    ((main,), _) = read_object(data, "programs")
    assert (4, 1) in {(line, column) for _, line, column in main.lines}


def test_a_function_that_calls_itself_is_linked_and_counted_once() -> None:
    code = insn(0x7B, 10, 1, -16) + CALL + EXIT
    functions = {
        "main": ObjectFunction("main", code, (), ((1, "a"),), (), 0),
        "a": ObjectFunction("a", code, (), ((1, "a"),), (), 0),
    }
    assert link("main", functions).stack == 16 + 16
