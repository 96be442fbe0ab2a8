"""The BTF reader, its cached index and the subset writer, on small blobs that are written out here byte by byte."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path

import pytest
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.btf_subset import reach, write
from pybpftrace.core.target.btf_types import (
    Array,
    BtfError,
    Const,
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Member,
    Parameter,
    Ptr,
    Restrict,
    SectionEntry,
    Struct,
    Typedef,
    TypeTag,
    Union,
    Var,
    Void,
    Volatile,
)
from pybpftrace.core.target.cache_directory import cache_directory

KINDS = {
    "int": 1, "ptr": 2, "array": 3, "struct": 4, "union": 5, "enum": 6, "fwd": 7, "typedef": 8, "volatile": 9,
    "const": 10, "restrict": 11, "func": 12, "func_proto": 13, "var": 14, "datasec": 15, "float": 16, "decl_tag": 17,
    "type_tag": 18, "enum64": 19,
}  # fmt: skip


class Blob:
    """Puts a BTF blob together: every call adds one type and gives its id."""

    def __init__(self, order: str = "<") -> None:
        self.order = order
        self.types = b""
        self.strings = b"\0"
        self.count = 0

    def text(self, name: str) -> int:
        if not name:
            return 0
        at = len(self.strings)
        self.strings += name.encode() + b"\0"
        return at

    def add(self, kind: str, name: str = "", size: int = 0, count: int = 0, flag: int = 0, *words: int) -> int:
        info = flag << 31 | KINDS[kind] << 24 | count
        self.types += struct.pack(f"{self.order}III{len(words)}I", self.text(name), info, size, *words)
        self.count += 1
        return self.count

    def struct(self, name: str, size: int, *members: tuple[str, int, int], flag: int = 0, kind: str = "struct") -> int:
        words = [word for member, target, at in members for word in (self.text(member), target, at)]
        return self.add(kind, name, size, len(members), flag, *words)

    def build(self) -> bytes:
        header = struct.pack(
            self.order + "HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(self.types), len(self.types), len(self.strings)
        )
        return header + self.types + self.strings


def every_kind(order: str = "<") -> bytes:
    blob = Blob(order)
    integer = blob.add("int", "int", 4, 0, 0, 1 << 24 | 32)
    blob.add("int", "char", 1, 0, 0, 2 << 24 | 8)
    blob.add("int", "_Bool", 1, 0, 0, 4 << 24 | 8)
    blob.add("ptr", "", integer)
    blob.add("array", "", 0, 0, 0, 2, integer, 16)
    blob.struct("pair", 8, ("a", integer, 0), ("b", integer, 32))
    blob.struct("bits", 4, ("low", integer, 3 << 24 | 0), ("high", integer, 5 << 24 | 3), flag=1)
    blob.struct("either", 4, ("x", integer, 0), kind="union")
    blob.add("enum", "colour", 4, 2, 0, blob.text("RED"), 0, blob.text("BLUE"), 0xFFFFFFFF)
    blob.add("enum", "sign", 4, 1, 1, blob.text("MINUS"), 0xFFFFFFFF)
    blob.add("enum64", "wide", 8, 2, 1, blob.text("BIG"), 1, 2, blob.text("LOW"), 0xFFFFFFFE, 0xFFFFFFFF)
    blob.add("fwd", "later", 0, 0, 1)
    blob.add("typedef", "pair_t", 6)
    blob.add("volatile", "", 13)
    blob.add("const", "", 14)
    blob.add("restrict", "", 4)
    blob.add("type_tag", "user", 15)
    blob.add("decl_tag", "kfunc", 20, 0, 0, 0xFFFFFFFF)
    blob.add("func_proto", "", integer, 2, 0, blob.text("p"), 4, blob.text("q"), 15)
    blob.add("func", "do_it", 19, 1)
    blob.add("var", "counter", integer, 0, 0, 1)
    blob.add("datasec", ".data", 4, 1, 0, 21, 0, 4)
    blob.add("float", "double", 8)
    return blob.build()


EVERY_KIND = {
    0: Void(),
    1: Int("int", 4, True, False, False, 0, 32),
    2: Int("char", 1, False, True, False, 0, 8),
    3: Int("_Bool", 1, False, False, True, 0, 8),
    4: Ptr("", 1),
    5: Array(2, 1, 16),
    6: Struct("pair", 8, (Member("a", 1, 0, 0), Member("b", 1, 32, 0))),
    7: Struct("bits", 4, (Member("low", 1, 0, 3), Member("high", 1, 3, 5))),
    8: Union("either", 4, (Member("x", 1, 0, 0),)),
    9: Enum("colour", 4, False, (("RED", 0), ("BLUE", 0xFFFFFFFF))),
    10: Enum("sign", 4, True, (("MINUS", -1),)),
    11: Enum64("wide", 8, True, (("BIG", 0x2_0000_0001), ("LOW", -2))),
    12: Fwd("later", True),
    13: Typedef("pair_t", 6),
    14: Volatile("", 13),
    15: Const("", 14),
    16: Restrict("", 4),
    17: TypeTag("user", 15),
    18: DeclTag("kfunc", 20, -1),
    19: FuncProto(1, (Parameter("p", 4), Parameter("q", 15))),
    20: Func("do_it", 19, 1),
    21: Var("counter", 1, 1),
    22: Datasec(".data", 4, (SectionEntry(21, 0, 4),)),
    23: Float("double", 8),
}


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_kind_of_type_is_read_in_either_byte_order(order: str) -> None:
    btf = Btf.parse(every_kind(order))
    assert {type_id: btf.type(type_id) for type_id in range(len(btf) + 1)} == EVERY_KIND


def test_a_name_is_found_only_among_the_kinds_that_are_asked_for() -> None:
    btf = Btf.parse(every_kind())
    assert btf.find("pair", {Struct}) == 6
    assert btf.find("pair", {Union, Enum}) is None
    assert btf.find("pair_t", {Struct, Typedef}) == 13
    assert btf.find("absent", {Struct}) is None
    assert btf.find("", {Ptr}) is None


def test_of_several_structs_of_one_name_the_first_is_found() -> None:
    blob = Blob()
    blob.struct("twin", 1)
    blob.struct("other", 1)
    blob.struct("twin", 2)
    btf = Btf.parse(blob.build())
    assert btf.find("twin", {Struct}) == 1
    assert list(btf.find_all("twin", {Struct})) == [1, 3]


def test_an_enum_is_found_by_its_constants_and_not_taken_for_a_type_of_that_name() -> None:
    btf = Btf.parse(every_kind())
    assert btf.find_constant("BLUE") == (9, 0xFFFFFFFF)
    assert btf.find_constant("LOW") == (11, -2)
    assert btf.find_constant("pair") is None
    assert btf.find("BLUE", {Enum}) is None


def test_an_enum_with_a_constant_of_its_own_name_is_found_once() -> None:
    blob = Blob()
    blob.add("enum", "same", 4, 1, 0, blob.text("same"), 7)
    btf = Btf.parse(blob.build())
    assert list(btf.find_all("same", {Enum})) == [1]
    assert btf.find_constant("same") == (1, 7)


def test_names_are_listed_by_their_beginning_and_kind() -> None:
    blob = Blob()
    for name in ("probe_b", "other", "probe_a"):
        blob.struct(name, 1)
    blob.add("typedef", "probe_t", 1)
    assert Btf.parse(blob.build()).names("probe_", {Struct}) == ["probe_a", "probe_b"]


def test_modifiers_and_typedefs_are_stripped_down_to_the_type_beneath() -> None:
    btf = Btf.parse(every_kind())
    assert btf.resolve(17) == 6
    assert btf.resolve(6) == 6
    assert btf.resolve(0) == 0


@pytest.mark.parametrize(
    ("type_id", "size"), [(1, 4), (4, 8), (5, 16), (6, 8), (8, 4), (11, 8), (17, 8), (21, 4), (22, 4)]
)
def test_the_size_of_a_type_is_that_of_what_is_under_it(type_id: int, size: int) -> None:
    assert Btf.parse(every_kind()).size_of(type_id) == size


@pytest.mark.parametrize("type_id", [0, 12, 19, 20])
def test_void_a_declared_type_and_a_function_have_no_size(type_id: int) -> None:
    with pytest.raises(BtfError, match="has no size"):
        Btf.parse(every_kind()).size_of(type_id)


def test_a_typedef_of_itself_is_an_error_not_a_hang() -> None:
    blob = Blob()
    blob.add("typedef", "loop", 1)
    btf = Btf.parse(blob.build())
    with pytest.raises(BtfError, match="chain"):
        btf.resolve(1)


def test_an_array_of_itself_is_an_error_not_a_hang() -> None:
    blob = Blob()
    blob.add("array", "", 0, 0, 0, 1, 1, 1)
    btf = Btf.parse(blob.build())
    with pytest.raises(BtfError, match="chain"):
        btf.size_of(1)


def test_an_id_beyond_the_last_is_refused() -> None:
    btf = Btf.parse(every_kind())
    for type_id in (-1, 24, 1 << 31):
        with pytest.raises(BtfError, match="no type"):
            btf.type(type_id)


def test_no_cut_off_or_altered_blob_does_worse_than_btf_error() -> None:
    good = every_kind()
    refused = 0
    for at in range(len(good)):
        altered = [good[:at], good[:at] + b"\xff" + good[at + 1 :], good[:at] + b"\x03" + good[at + 1 :]]
        for blob in altered:
            try:
                btf = Btf.parse(blob)
                for type_id in range(len(btf) + 1):
                    btf.type(type_id)
                    btf.size_of(type_id)
            except BtfError:
                refused += 1
    assert refused > len(good)  # every shorter blob is refused at the very least


def test_a_second_opening_uses_the_cached_index(tmp_path: Path) -> None:
    file = tmp_path / "vmlinux"
    file.write_bytes(every_kind())
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    Btf.open(str(file), "abc123", str(cache))
    (stored,) = cache.iterdir()
    assert stored.stat().st_mode & 0o777 == 0o600
    stored_at = stored.stat().st_mtime_ns
    again = Btf.open(str(file), "abc123", str(cache))
    assert isinstance(again.index.names, memoryview)
    assert stored.stat().st_mtime_ns == stored_at
    assert {type_id: again.type(type_id) for type_id in range(len(again) + 1)} == EVERY_KIND
    assert again.find("pair_t", {Typedef}) == 13
    assert again.find_constant("MINUS") == (10, -1)


def corrupt(stored: Path) -> None:
    stored.write_bytes(stored.read_bytes()[:-3])


def make_writable_by_all(stored: Path) -> None:
    stored.chmod(0o666)


def replace_by_link(stored: Path) -> None:
    stored.rename(stored.with_suffix(".elsewhere"))
    stored.symlink_to(stored.with_suffix(".elsewhere"))


def give_away(stored: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(stored, 12345, 12345)


@pytest.mark.parametrize("spoil", [corrupt, make_writable_by_all, replace_by_link, give_away])
def test_a_cached_index_that_cannot_be_trusted_is_ignored_and_written_anew(tmp_path: Path, spoil: object) -> None:
    file = tmp_path / "vmlinux"
    file.write_bytes(every_kind())
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    Btf.open(str(file), "abc123", str(cache))
    (stored,) = cache.iterdir()
    good = stored.read_bytes()
    assert callable(spoil)
    spoil(stored)
    assert not isinstance(Btf.open(str(file), "abc123", str(cache)).index.names, memoryview)
    assert stored.read_bytes() == good and not stored.is_symlink()
    assert stored.stat().st_uid == os.geteuid() and stored.stat().st_mode & 0o777 == 0o600


def test_an_index_of_another_blob_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "vmlinux"
    file.write_bytes(every_kind())
    Btf.open(str(file), "abc123", str(tmp_path))
    blob = Blob()
    blob.struct("new", 4)
    file.write_bytes(blob.build())
    assert Btf.open(str(file), "abc123", str(tmp_path)).find("new", {Struct}) == 1


def test_the_cache_directory_is_made_private_and_refused_when_others_can_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    directory = cache_directory()
    assert directory == str(tmp_path / "xdg" / "pybpftrace")
    assert os.stat(directory).st_mode & 0o777 == 0o700
    os.chmod(directory, 0o777)
    assert cache_directory() is None


def test_a_relative_xdg_cache_home_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory() == str(tmp_path / ".cache" / "pybpftrace")


def names_of(btf: Btf) -> list[tuple[str, str]]:
    return [(type(btf.type(i)).__name__, btf.type(i).name) for i in range(1, len(btf) + 1)]


def linked() -> Btf:
    """struct a holds b and points to c; c points to d; d is not to be reached from a by one pointer."""
    blob = Blob()
    blob.struct("unrelated", 1)  # 1
    blob.struct("a", 16, ("b", 3, 0), ("c", 5, 64))  # 2
    blob.struct("b", 8, ("x", 4, 0))  # 3
    blob.add("int", "long", 8, 0, 0, 1 << 24 | 64)  # 4
    blob.add("ptr", "", 6)  # 5
    blob.struct("c", 16, ("d", 7, 0), ("call", 9, 64), ("nameless", 11, 0))  # 6
    blob.add("ptr", "", 8)  # 7
    blob.struct("d", 8, ("x", 4, 0))  # 8
    blob.add("ptr", "", 10)  # 9
    blob.add("func_proto", "", 4)  # 10
    blob.add("ptr", "", 12)  # 11
    blob.struct("", 8, ("x", 4, 0))  # 12
    return Btf.parse(blob.build())


def subset(btf: Btf, ids: Iterable[int], pointer_levels: int = 1) -> bytes:
    return write(btf, reach(btf, ids, pointer_levels)).blob


def test_a_subset_holds_what_is_reached_by_value_or_one_pointer_and_declares_the_rest() -> None:
    small = Btf.parse(subset(linked(), [2]))
    assert names_of(small) == [
        ("Struct", "a"), ("Struct", "b"), ("Int", "long"), ("Ptr", ""), ("Struct", "c"), ("Ptr", ""), ("Fwd", "d"),
        ("Ptr", ""), ("Ptr", ""),
    ]  # fmt: skip
    c = small.type(5)
    assert isinstance(c, Struct)
    assert [small.type(member.type_id) for member in c.members] == [Ptr("", 7), Ptr("", 0), Ptr("", 0)]


def test_a_struct_that_is_asked_for_is_whole_however_else_it_is_reached() -> None:
    small = Btf.parse(subset(linked(), [2, 8]))
    assert ("Struct", "d") in names_of(small)
    assert ("Fwd", "d") not in names_of(small)


def test_a_subset_without_pointers_declares_all_that_is_pointed_to() -> None:
    small = Btf.parse(subset(linked(), [2], pointer_levels=0))
    assert names_of(small) == [("Struct", "a"), ("Struct", "b"), ("Int", "long"), ("Ptr", ""), ("Fwd", "c")]


def test_a_subset_of_everything_has_the_same_types_and_ids() -> None:
    btf = Btf.parse(every_kind())
    small = Btf.parse(subset(btf, range(1, len(btf) + 1)))
    assert {type_id: small.type(type_id) for type_id in range(len(small) + 1)} == EVERY_KIND


def test_a_subset_has_the_same_bytes_in_whatever_order_its_types_are_given() -> None:
    assert subset(linked(), [8, 2, 1]) == subset(linked(), [1, 2, 8, 2])
    assert subset(Btf.parse(subset(linked(), [2])), [1]) == subset(linked(), [2])


def test_a_list_that_points_to_itself_is_cut_out_whole() -> None:
    blob = Blob()
    blob.struct("node", 8, ("next", 2, 0))
    blob.add("ptr", "", 1)
    small = Btf.parse(subset(Btf.parse(blob.build()), [1]))
    assert names_of(small) == [("Struct", "node"), ("Ptr", "")]
