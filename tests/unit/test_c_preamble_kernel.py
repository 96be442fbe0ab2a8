"""Kernel types written as C: the C compiler must lay them out as BTF says."""

from __future__ import annotations

from typing import Any

from pybpftrace.core.c_preamble.kernel_declarations import KernelDeclarations
from pybpftrace.core.target.btf import Btf

from .test_btf_c_types import Kernel

Layout = dict[str, tuple[int, int]]


def declared(kernel: Kernel, *requests: str) -> KernelDeclarations:
    btf = Btf.parse(kernel.build())
    declarations = KernelDeclarations(lambda: [btf])
    for request in requests:
        tag, _, name = request.rpartition(" ")
        declarations.add(tag, name)
    return declarations


def compiled(declarations: KernelDeclarations, more: str = "") -> Any:
    """The cursor of the unit; the C compiler must have nothing against it."""
    from clang import cindex

    text = (declarations.text + more).encode()
    unit = cindex.Index.create().parse("k.c", ["-x", "c", "-nostdinc"], [("k.c", text)])
    assert [str(found) for found in unit.diagnostics if found.severity >= cindex.Diagnostic.Error] == []
    return unit.cursor


def layout(kernel: Kernel, name: str) -> tuple[int, int, Layout]:
    """Size, alignment, and (bit offset, bits or 0) of the members that are not gaps."""
    (cursor,) = [c for c in compiled(declared(kernel, name)).get_children() if c.type.spelling == name]

    def members(record: Any, base: int = 0) -> Layout:
        found: Layout = {}
        for field in record.get_fields():
            at = base + field.get_field_offsetof()
            if "(" in field.spelling:
                found |= members(field.type.get_canonical(), at)
            elif field.spelling and not field.spelling.startswith("__gap"):
                found[field.spelling] = (at, field.get_bitfield_width() if field.is_bitfield() else 0)
        return found

    return cursor.type.get_size(), cursor.type.get_align(), members(cursor.type)


def test_members_lie_where_btf_has_them() -> None:
    kernel = Kernel()
    a, b = ("a", kernel.char, 0), ("b", kernel.int, 32)
    kernel.struct("s", 24, a, b, ("c", kernel.long, 64), ("d", kernel.bool, 128))
    assert layout(kernel, "struct s") == (24, 8, {"a": (0, 0), "b": (32, 0), "c": (64, 0), "d": (128, 0)})


def test_so_do_members_that_are_packed_or_far_apart() -> None:
    kernel = Kernel()
    kernel.struct("s", 64, ("a", kernel.char, 0), ("b", kernel.long, 8), ("c", kernel.int, 320))
    assert layout(kernel, "struct s") == (64, 4, {"a": (0, 0), "b": (8, 0), "c": (320, 0)})


def test_bit_fields_lie_where_btf_has_them_with_gaps_of_bits_between() -> None:
    kernel = Kernel()
    rows = [(3, 0), (7, 5), (1, 31), (30, 32), (40, 70)]
    members = [(f"b{index}", kernel.long, width << 24 | at) for index, (width, at) in enumerate(rows)]
    kernel.struct("s", 24, *members, ("last", kernel.int, 128), flag=1)
    expected = {f"b{index}": (at, width) for index, (width, at) in enumerate(rows)}
    assert layout(kernel, "struct s") == (24, 4, {**expected, "last": (128, 0)})


def test_unions_and_nameless_members_keep_their_places() -> None:
    kernel = Kernel()
    inner = kernel.struct("", 16, ("x", kernel.char, 0), ("y", kernel.long, 64))
    raw = kernel.array(kernel.char, 24)
    union = kernel.struct("", 24, ("l", kernel.long, 0), ("", inner, 0), ("raw", raw, 0), kind="union")
    kernel.struct("s", 56, ("first", kernel.int, 0), ("", union, 64), ("other", union, 256))
    size, align, members = layout(kernel, "struct s")
    assert (size, align) == (56, 8)
    places = {name: at for name, (at, _) in members.items()}
    assert places == {"first": 0, "l": 64, "x": 64, "y": 128, "raw": 64, "other": 256}


def test_what_lies_inside_is_defined_before_and_what_is_pointed_to_only_named() -> None:
    kernel = Kernel()
    far = kernel.struct("far", 4, ("z", kernel.int, 0))
    pointer = kernel.pointer(far)
    inner = kernel.struct("inner", 8, ("p", pointer, 0))
    kernel.struct("outer", 24, ("i", inner, 0), ("many", kernel.array(inner, 2), 64))
    text = declared(kernel, "struct outer").text
    assert text.index("struct inner {") < text.index("struct outer {")
    assert "struct far {" not in text
    assert layout(kernel, "struct outer") == (24, 8, {"i": (0, 0), "many": (64, 0)})


def test_pointers_to_functions_and_to_anything_nameless_are_void_pointers() -> None:
    kernel = Kernel()
    function = kernel.pointer(kernel.add("func_proto", "", kernel.int))
    nameless = kernel.pointer(kernel.struct("", 4))
    kernel.struct("s", 24, ("f", function, 0), ("n", nameless, 64), ("v", kernel.pointer(0), 128))
    assert declared(kernel, "struct s").text.count("void *") == 3


def test_typedefs_inside_are_spelled_out_and_asked_ones_are_declared() -> None:
    kernel = Kernel()
    kernel.add("typedef", "u8", kernel.uchar)
    kernel.struct("s", 1, ("a", kernel.count, 0))
    assert "typedef" not in declared(kernel, "struct s").text
    assert declared(kernel, "u8").text == "typedef unsigned char u8;\n"
    nameless = kernel.struct("", 4, ("counter", kernel.int, 0))
    kernel.add("typedef", "atomic_t", nameless)
    callback = kernel.add("func_proto", "", kernel.int)
    kernel.add("typedef", "function_t", callback)
    kernel.add("typedef", "matrix_t", kernel.array(kernel.array(kernel.int, 3), 2))
    declarations = declared(kernel, "atomic_t", "function_t", "matrix_t")
    unit = compiled(declarations, "atomic_t a; function_t *f; matrix_t m;")
    sizes = {c.spelling: c.type.get_size() for c in unit.get_children()}
    assert [sizes[name] for name in "afm"] == [4, 8, 24]


def test_enums_have_their_size_and_constants_and_inside_of_structs_are_integers() -> None:
    kernel = Kernel()
    small = kernel.add("enum", "small", 1, 2, 0, kernel.text("ONE"), 1, kernel.text("BIG"), 255)
    least, most = (kernel.text("LEAST"), 0, 0x80000000), (kernel.text("MOST"), 0xFFFFFFFF, 0x7FFFFFFF)
    kernel.add("enum64", "wide", 8, 2, 1, *least, *most)
    kernel.struct("s", 1, ("e", small, 0))
    assert "enum" not in declared(kernel, "struct s").text
    declarations = declared(kernel, "enum small", "enum wide", "LEAST", "MOST")
    values = {}
    for cursor in compiled(declarations).get_children():
        values |= {c.spelling: c.enum_value for c in cursor.get_children()}
        values[cursor.spelling] = cursor.type.get_size()
    assert values == {"small": 1, "ONE": 1, "BIG": 255, "wide": 8, "LEAST": -(1 << 63), "MOST": (1 << 63) - 1}


def test_a_private_struct_of_the_same_name_inside_another_keeps_its_own_size() -> None:
    kernel = Kernel()
    first = kernel.struct("twin", 4, ("a", kernel.int, 0))
    second = kernel.struct("twin", 16, ("b", kernel.long, 0), ("c", kernel.long, 64))
    kernel.struct("s", 24, ("x", first, 0), ("y", second, 64))
    assert layout(kernel, "struct s") == (24, 8, {"x": (0, 0), "y": (64, 0)})


def test_members_that_lie_over_each_other_leave_a_struct_of_bytes() -> None:
    kernel = Kernel()
    kernel.struct("s", 8, ("a", kernel.long, 0), ("b", kernel.int, 32))
    assert layout(kernel, "struct s")[0] == 8


def test_what_was_asked_before_or_is_nowhere_adds_nothing() -> None:
    kernel = Kernel()
    kernel.struct("s", 4, ("a", kernel.int, 0))
    btf = Btf.parse(kernel.build())
    declarations = KernelDeclarations(lambda: [btf])
    assert declarations.add("struct", "s")
    text = declarations.text
    assert not declarations.add("struct", "s")
    assert not declarations.add("union", "s")
    assert not declarations.add("", "s")
    assert declarations.text == text
