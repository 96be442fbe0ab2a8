"""The kernel's C types out of BTF: how each kind becomes a type of the language, on blobs written out here."""

from __future__ import annotations

import pytest
from pybpftrace.core.c_types import complete
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.btf_c_types import BtfCTypes
from pybpftrace.core.target.btf_split import SplitBtf
from pybpftrace.core.target.btf_types import BtfError
from pybpftrace.core.types import (
    BOOL,
    INT8,
    INT32,
    INT64,
    UINT8,
    UINT32,
    VOID,
    Array,
    Enum,
    Field,
    Pointer,
    String,
    Struct,
)

from .split_blob import SplitBlob
from .test_target_btf import Blob

SIGNED, CHAR, BOOL_FLAG = (how << 24 for how in (1, 2, 4))


class Kernel(Blob):
    """A blob that begins with C's integers."""

    def __init__(self) -> None:
        super().__init__()
        self.int = self.add("int", "int", 4, 0, 0, SIGNED | 32)
        self.uint = self.add("int", "unsigned int", 4, 0, 0, 32)
        self.long = self.add("int", "long int", 8, 0, 0, SIGNED | 64)
        self.char = self.add("int", "char", 1, 0, 0, SIGNED | 8)
        self.uchar = self.add("int", "unsigned char", 1, 0, 0, 8)
        self.bool = self.add("int", "_Bool", 1, 0, 0, BOOL_FLAG | 8)

    def array(self, element: int, count: int) -> int:
        return self.add("array", "", 0, 0, 0, element, self.uint, count)

    def pointer(self, target: int, *tags: str) -> int:
        for tag in reversed(tags):
            target = self.add("type_tag", tag, target)
        return self.add("ptr", "", target)

    def c_types(self) -> BtfCTypes:
        btf = Btf.parse(self.build())
        return BtfCTypes(lambda: btf, lambda: ())


def only_member(kernel: Kernel, target: int, size: int = 8) -> Field:
    """The member `m` of this type in a struct of `size` bytes."""
    kernel.struct("holder", size, ("m", target, 0))
    types = kernel.c_types()
    holder = types.named("struct", "holder")
    assert isinstance(holder, Struct)
    (member,) = types.members(holder) or ()
    return member


def members(types: BtfCTypes, name: str) -> list[tuple[str, int, int, int]]:
    tag, _, word = name.partition(" ")
    struct = types.named(tag, word)
    assert isinstance(struct, Struct)
    return [(f.name, f.offset, f.bit_shift, f.bit_width) for f in types.members(struct) or ()]


def test_a_struct_has_a_name_and_its_members_are_asked_for() -> None:
    kernel = Kernel()
    kernel.struct("pair", 16, ("a", kernel.int, 0), ("b", kernel.long, 64))
    types = kernel.c_types()
    pair = Struct("struct pair", 16, (), True, 8)
    assert types.named("struct", "pair") == types.named("", "pair") == pair
    assert types.members(pair) == (Field("a", INT32, 0), Field("b", INT64, 8))
    assert types.named("union", "pair") is None
    assert types.named("enum", "pair") is None


def test_members_are_found_by_a_struct_made_elsewhere() -> None:
    kernel = Kernel()
    kernel.struct("pair", 4, ("a", kernel.int, 0))
    assert kernel.c_types().members(Struct("struct pair", by_name=True)) == (Field("a", INT32, 0),)
    assert kernel.c_types().members(Struct("struct none", by_name=True)) is None
    assert kernel.c_types().members(Struct("args", 4, (Field("x", INT32, 0),))) == (Field("x", INT32, 0),)


def test_integers_characters_and_truth_values() -> None:
    kernel = Kernel()
    ids = (kernel.int, kernel.uint, kernel.long, kernel.char, kernel.uchar, kernel.bool)
    kernel.struct("s", 64, *((f"m{index}", target, index * 64) for index, target in enumerate(ids)))
    types = kernel.c_types()
    found = [f.type for f in types.members(Struct("struct s", by_name=True)) or ()]
    assert found == [INT32, UINT32, INT64, INT8, UINT8, BOOL]


@pytest.mark.parametrize(("word", "type_"), [("int", INT32), ("long", INT64), ("char", INT8), ("unsigned", UINT32)])
def test_a_base_type_of_c_needs_no_btf(word: str, type_: object) -> None:
    assert BtfCTypes(lambda: None, lambda: ()).named("", word) == type_


def test_wider_integers_and_floats_have_no_values() -> None:
    kernel = Kernel()
    wide = kernel.add("int", "__int128", 16, 0, 0, 128)
    real = kernel.add("float", "double", 8)
    kernel.struct("s", 32, ("wide", wide, 0), ("real", real, 128))
    found = kernel.c_types().members(Struct("struct s", by_name=True)) or ()
    assert [f.type for f in found] == [VOID, VOID]
    assert kernel.c_types().named("struct", "s") == Struct("struct s", 32, (), True, 16)


def test_bit_fields_say_their_byte_shift_and_width() -> None:
    kernel = Kernel()
    at = [(3, 0), (7, 3), (12, 14), (1, 63)]
    rows = [(f"b{index}", kernel.uint, width << 24 | bit) for index, (width, bit) in enumerate(at)]
    kernel.struct("bits", 12, *rows, ("plain", kernel.int, 64), flag=1)
    assert members(kernel.c_types(), "struct bits") == [
        ("b0", 0, 0, 3), ("b1", 0, 3, 7), ("b2", 1, 6, 12), ("b3", 7, 7, 1), ("plain", 8, 0, 0),
    ]  # fmt: skip


def test_bit_fields_of_older_compilers_are_integers_of_few_bits() -> None:
    kernel = Kernel()
    narrow = kernel.add("int", "unsigned int", 4, 0, 0, 5 << 16 | 3)  # three bits, five bits into their word
    kernel.struct("bits", 4, ("b", narrow, 8))
    assert members(kernel.c_types(), "struct bits") == [("b", 1, 5, 3)]


def test_members_of_nameless_structs_and_unions_are_members_of_the_outer_one() -> None:
    kernel = Kernel()
    deep = kernel.struct("", 4, ("x", kernel.int, 5 << 24 | 4), flag=1)
    union = kernel.struct("", 8, ("l", kernel.long, 0), ("", deep, 0), kind="union")
    constant = kernel.add("const", "", union)
    kernel.struct("outer", 16, ("a", kernel.int, 0), ("", constant, 64))
    assert members(kernel.c_types(), "struct outer") == [("a", 0, 0, 0), ("l", 8, 0, 0), ("x", 8, 4, 5)]


def test_a_nameless_struct_goes_by_the_name_of_its_typedef() -> None:
    kernel = Kernel()
    nameless = kernel.struct("", 4, ("counter", kernel.int, 0))
    kernel.add("typedef", "atomic_t", nameless)
    kernel.struct("holder", 4, ("m", nameless + 1, 0))
    atomic = Struct("atomic_t", 4, (Field("counter", INT32, 0),), False, 4)
    types = kernel.c_types()
    assert types.named("", "atomic_t") == atomic
    assert types.members(Struct("struct holder", by_name=True)) == (Field("m", atomic, 0),)


def test_a_typedef_of_a_named_struct_is_that_struct() -> None:
    kernel = Kernel()
    kernel.add("typedef", "other_name", kernel.struct("pair", 4, ("a", kernel.int, 0)))
    assert kernel.c_types().named("", "other_name") == Struct("struct pair", 4, (), True, 4)


def test_enums_have_signs_and_constants() -> None:
    kernel = Kernel()
    kernel.add("enum", "colour", 4, 2, 0, kernel.text("RED"), 0, kernel.text("BLUE"), 0xFFFFFFFF)
    kernel.add("enum", "sign", 4, 1, 1, kernel.text("MINUS"), 0xFFFFFFFF)
    kernel.add("enum64", "wide", 8, 1, 0, kernel.text("BIG"), 1, 2)
    kernel.add("enum64", "low", 8, 1, 1, kernel.text("LOW"), 0xFFFFFFFE, 0xFFFFFFFF)
    nameless = kernel.add("enum", "", 4, 1, 0, kernel.text("LONELY"), 9)
    kernel.add("typedef", "lonely_t", nameless)
    types = kernel.c_types()
    colour = Enum("enum colour", 4, False, (("RED", 0), ("BLUE", 0xFFFFFFFF)))
    assert types.named("enum", "colour") == types.named("", "colour") == colour
    assert types.constant("BLUE") == (0xFFFFFFFF, colour)
    assert types.constant("MINUS") == (-1, Enum("enum sign", 4, True, (("MINUS", -1),)))
    assert types.constant("BIG") == (0x200000001, Enum("enum wide", 8, False, (("BIG", 0x200000001),)))
    assert types.constant("LOW") == (-2, Enum("enum low", 8, True, (("LOW", -2),)))
    assert types.constant("LONELY") == (9, Enum("enum", 4, False, (("LONELY", 9),)))
    assert types.named("", "lonely_t") == Enum("enum lonely_t", 4, False, (("LONELY", 9),))
    assert types.constant("colour") is None


def test_a_pointer_tagged_as_the_users_points_into_user_memory() -> None:
    kernel = Kernel()
    member = only_member(kernel, kernel.pointer(kernel.char, "user"))
    assert member == Field("m", Pointer(INT8, "user"), 0)


@pytest.mark.parametrize(
    ("tags", "tag"), [((), ""), (("rcu",), ""), (("percpu",), "percpu"), (("rcu", "percpu"), "percpu")]
)
def test_the_tag_of_a_pointer_that_may_not_be_followed_is_kept(tags: tuple[str, ...], tag: str) -> None:
    kernel = Kernel()
    assert only_member(kernel, kernel.pointer(kernel.int, *tags)) == Field("m", Pointer(INT32, "kernel"), 0, tag=tag)


def test_tags_are_seen_through_const() -> None:
    kernel = Kernel()
    tagged = kernel.add("const", "", kernel.add("type_tag", "user", kernel.add("const", "", kernel.char)))
    assert only_member(kernel, kernel.add("ptr", "", tagged)).type == Pointer(INT8, "user")


def test_arrays_of_characters_are_strings_and_others_are_not() -> None:
    kernel = Kernel()
    text, raw = kernel.array(kernel.char, 16), kernel.array(kernel.uchar, 6)
    texts = kernel.array(text, 3)
    matrix = kernel.array(kernel.array(kernel.int, 3), 2)
    kernel.struct("s", 96, ("text", text, 0), ("raw", raw, 128), ("texts", texts, 176), ("matrix", matrix, 576))
    found = kernel.c_types().members(Struct("struct s", by_name=True)) or ()
    assert [f.type for f in found] == [
        String(16), Array(UINT8, 6), Array(String(16), 3), Array(Array(INT32, 3), 2),
    ]  # fmt: skip


def test_a_flexible_array_has_no_elements() -> None:
    kernel = Kernel()
    numbers, text = kernel.array(kernel.long, 0), kernel.array(kernel.char, 0)
    kernel.struct("s", 8, ("n", kernel.int, 0), ("numbers", numbers, 64), ("text", text, 64))
    found = kernel.c_types().members(Struct("struct s", by_name=True)) or ()
    assert [f.type for f in found] == [INT32, Array(INT64, 0), Array(INT8, 0)]


def test_structs_may_refer_to_themselves_and_to_each_other() -> None:
    kernel = Kernel()
    first = kernel.count + 1
    kernel.struct("node", 16, ("next", first + 1, 0), ("owner", first + 3, 64))
    kernel.add("ptr", "", first)
    kernel.struct("owner", 16, ("node", first, 0))
    kernel.add("ptr", "", first + 2)
    types = kernel.c_types()
    node, owner = Struct("struct node", 16, (), True, 8), Struct("struct owner", 16, (), True, 8)
    members = (Field("next", Pointer(node, "kernel"), 0), Field("owner", Pointer(owner, "kernel"), 8))
    assert types.members(node) == members
    whole = Struct("struct node", 16, members, False, 8)
    assert complete(types, owner) == Struct("struct owner", 16, (Field("node", whole, 0),), False, 8)


def test_a_struct_that_is_only_declared_has_a_name_and_no_members() -> None:
    kernel = Kernel()
    pointer = kernel.pointer(kernel.add("fwd", "hidden"))
    member = only_member(kernel, pointer)
    hidden = Struct("struct hidden", by_name=True, alignment=1)
    assert member.type == Pointer(hidden, "kernel")
    types = kernel.c_types()
    assert types.named("struct", "hidden") == hidden
    assert types.members(hidden) is None


def test_function_pointers_point_to_nothing_that_has_a_value() -> None:
    kernel = Kernel()
    assert only_member(kernel, kernel.pointer(kernel.add("func_proto", "", kernel.int))).type == Pointer(VOID, "kernel")
    assert only_member(kernel, kernel.pointer(0)).type == Pointer(VOID, "kernel")


def test_alignment_is_what_members_want_and_offsets_allow() -> None:
    kernel = Kernel()
    natural = kernel.struct("natural", 16, ("a", kernel.char, 0), ("b", kernel.long, 64))
    kernel.struct("packed", 9, ("a", kernel.char, 0), ("b", kernel.long, 8))
    kernel.struct("half", 12, ("a", kernel.int, 0), ("b", kernel.long, 32))
    kernel.struct("outer", 32, ("c", kernel.char, 0), ("n", kernel.array(natural, 1), 64))
    types = kernel.c_types()
    found = [types.named("struct", name) for name in ("natural", "packed", "half", "outer")]
    assert [s.alignment for s in found if isinstance(s, Struct)] == [8, 1, 4, 8]


def test_of_structs_with_one_name_the_first_has_it_and_all_keep_their_members() -> None:
    kernel = Kernel()
    kernel.struct("twin", 4, ("first", kernel.int, 0))
    second = kernel.struct("twin", 8, ("second", kernel.long, 0))
    kernel.struct("user", 8, ("p", kernel.pointer(second), 0))
    types = kernel.c_types()
    (member,) = types.members(Struct("struct user", by_name=True)) or ()
    assert member.type == Pointer(Struct("struct twin#2", 8, (), True, 8), "kernel")
    assert types.members(Struct("struct twin#2", 8, (), True, 8)) == (Field("second", INT64, 0),)
    assert types.members(Struct("struct twin", by_name=True)) == (Field("first", INT32, 0),)


def test_the_kernels_types_come_before_those_of_modules_which_are_opened_only_for_names_that_it_lacks() -> None:
    kernel = Kernel()
    both_id = kernel.struct("both", 4, ("a", kernel.int, 0))
    base = Btf.parse(kernel.build())
    opened: list[bool] = []

    def open_modules() -> list[Btf]:
        opened.append(True)
        module = SplitBlob(base)
        first = module.struct("both", 8, ("b", kernel.long, 0))
        module.struct("own", 16, ("p", first + 2, 0), ("k", both_id, 64))
        module.add("ptr", "", first)
        return [SplitBtf(module.build(), base)]

    types = BtfCTypes(lambda: base, open_modules)
    both = types.named("struct", "both")
    assert both == Struct("struct both", 4, (), True, 4)
    assert not opened
    own = types.named("struct", "own")
    assert opened == [True]
    assert own == Struct("struct own", 16, (), True, 8)
    assert isinstance(own, Struct) and types.members(own) == (
        Field("p", Pointer(Struct("struct both#2", 8, (), True, 8), "kernel"), 0),
        Field("k", Struct("struct both", 4, (), True, 4), 8),
    )
    assert types.named("struct", "neither") is None
    assert opened == [True]


def test_btf_that_leads_in_circles_is_an_error_and_no_endless_loop() -> None:
    for kind in ("typedef", "const", "ptr"):
        kernel = Kernel()
        kernel.add("typedef", "round", kernel.count + 2)
        kernel.add(kind, "again" if kind == "typedef" else "", kernel.count)
        with pytest.raises(BtfError):
            kernel.c_types().named("", "round")
    kernel = Kernel()
    kernel.struct("inside", 8, ("itself", kernel.count + 1, 0))
    with pytest.raises(BtfError):
        kernel.c_types().named("struct", "inside")


def test_without_btf_nothing_is_known() -> None:
    types = BtfCTypes(lambda: None, lambda: ())
    assert types.named("struct", "task_struct") is None
    assert types.constant("BUSY") is None
    assert types.members(Struct("struct task_struct", by_name=True)) is None
    assert types.macro("A") is None
    assert list(types.names()) == []
