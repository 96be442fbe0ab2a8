"""The compiled program's file: what is saved comes back, and what is not such a file is refused with one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pybpftrace.core.artifact_file import ArtifactError, from_bytes, load, save, to_bytes
from pybpftrace.core.artifacts import (
    CompiledProgram,
    EventSpec,
    FailureSite,
    FunctionInfo,
    LineInfo,
    MapSpec,
    ProgramSpec,
    Relocation,
)
from pybpftrace.core.config import Config
from pybpftrace.core.probe import ConcretePoint
from pybpftrace.core.source import Source
from pybpftrace.core.target.dependency import Dependency
from pybpftrace.core.type_data import from_data, to_data
from pybpftrace.core.types import (
    BOOL,
    INT8,
    INT16,
    INT32,
    INT64,
    NOTHING,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    VOID,
    Array,
    Enum,
    Field,
    OwnedType,
    Pointer,
    Record,
    String,
    Struct,
    Tuple,
    Type,
)

COUNT = OwnedType("count", "count_t", 8, (3, "x"), True, UINT64)
PROGRAM = CompiledProgram(
    source=Source.from_bytes("x.bt", b"begin { @[comm] = count(); }\n// caf\xe9\n"),
    architecture="x86_64",
    config=Config(max_strlen=99),
    programs=(
        ProgramSpec(
            "begin_1",
            ConcretePoint("begin", "begin", {"n": 1, "s": "x"}),
            "raw_tracepoint",
            bytes(range(24)),
            (Relocation(1, "map", "@"),),
            (LineInfo(0, 1, 9), LineInfo(2, 2, 1)),
            (FunctionInfo(0, 7, "begin_1"), FunctionInfo(2, 9, "begin_1_loop_1")),
        ),
    ),
    maps=(
        MapSpec("@", "percpu_hash", 28, 16, 4096, Tuple((String(16), INT32)), COUNT),
        MapSpec("events", "ringbuf", 0, 0, 65536),
        MapSpec("c_constants", "array", 4, 3, 1, contents=b"a\xff\0"),
    ),
    events=(
        EventSpec(
            3,
            "printf",
            (
                String(1024),
                UINT8,
                Pointer(Struct("file", 8, (Field("f", Array(BOOL, 2), 4),)), "kernel"),
                Struct("bits", 4, (Field("b", INT32, 1, bit_shift=3, bit_width=5, tag="percpu"),), alignment=4),
                Record((("r", Enum("colour", 4, False, (("RED", 1), ("BLUE", 2)))),)),
            ),
            {"format": b"%s\xff\n", "types": (UINT64, [1, None]), "nested": {"a": True, 5: "b"}},
        ),
    ),
    failures=(FailureSite(0, 0, "probe_read", "", 1, 1, 2, 3),),
    origins={"count": "pybpftrace.plugins.stdlib.count", "probe:begin": "pybpftrace.plugins.probes.begin"},
    btf=b"\x9f\xeb\x01",
    warnings=("x.bt:1:1-2: WARNING: w\n",),
    dumps={"ir": "define"},
)
DEPENDENCIES = (Dependency("file", "/bin/ls", (1, 2, 3, 4)), Dependency("cgroup", "/c", 5))
SAVED = to_bytes(PROGRAM, DEPENDENCIES)


def signed(body: bytes) -> bytes:
    """A file whose checksum fits, whatever is in it."""
    return b"pybpftrace-program 5 %s %d\n%s" % (blake2b(body, digest_size=16).hexdigest().encode(), len(body), body)


def body() -> list[object]:
    data: list[object] = json.loads(SAVED.partition(b"\n")[2])
    return data


def test_a_saved_program_comes_back_equal_with_its_dependencies() -> None:
    program, dependencies = from_bytes(SAVED, "x")
    assert program == PROGRAM
    assert dependencies == DEPENDENCIES
    assert to_bytes(program, dependencies) == SAVED


@pytest.mark.parametrize(
    "type_",
    [
        *(INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, BOOL, VOID, NOTHING, String(0), String(16)),
        Enum("enum colour", 8, True, (("RED", -1), ("BLUE", 2**63))),
        Enum("enum", 1, False, ()),
        Pointer(Struct("struct file", 232, (), True, 8), "kernel"),
        Pointer(Pointer(VOID, "user"), "context"),
        Array(Array(String(4), 3), 0),
        Struct("struct {int32,int32}", 8, (Field("a", INT32, 0), Field("b", Struct("union u", 4), 4)), alignment=4),
        Struct("args", 24, (Field("name", INT64, 8, data_loc=True), Field("p", Pointer(VOID), 16, tag="percpu"))),
        Struct("struct bits", 4, (Field("b", UINT32, 1, bit_shift=7, bit_width=11),), alignment=4),
        Tuple(()),
        Tuple((Tuple((INT8,)), Record((("a", BOOL), ("b", Record(())))))),
        OwnedType("kstack", "kstack_raw_3", 32, ("raw", 3)),
        COUNT,
    ],
)
def test_every_type_comes_back_equal_from_json(type_: Type) -> None:
    assert from_data(json.loads(json.dumps(to_data(type_)))) == type_


@pytest.mark.parametrize(
    "data",
    [
        *([], ["Int"], ["Int", "4", True], ["Record"], ["Struct", "s", 8, [], False], ["Float", 8]),
        ["Enum", "e", 4, True],
        ["Struct", "s", 8, [["f", ["Bool"], 0]], False, 1],
    ],
)
def test_data_that_is_no_type_is_refused(data: list[object]) -> None:
    with pytest.raises(ValueError, match="not a "):
        from_data(data)


def test_dumps_are_not_saved() -> None:
    assert from_bytes(SAVED, "x")[0].dumps == {}


def test_save_writes_a_file_that_load_reads(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "p")
    save(PROGRAM, path)
    save(PROGRAM, path)
    assert load(path) == PROGRAM
    assert os.listdir(tmp_path) == ["p"]


def test_saving_to_a_device_writes_to_it_and_leaves_it_a_device() -> None:
    save(PROGRAM, "/dev/null")
    assert not os.path.isfile("/dev/null")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "x: not a pybpftrace program"),
        (b"#!/bin/sh\n", "x: not a pybpftrace program"),
        (SAVED.replace(b"m 5 ", b"m 1 ", 1), "x: in format version 1, only 5 is read here: compile it again"),
        (SAVED.replace(b"m 5 ", b"m \x1b[31m ", 1), "x: in format version ?[31m, only"),
        (SAVED[:-1], "x: truncated"),
        (SAVED[:20], "x: truncated"),
        (SAVED + b"x", "x: corrupt (the checksum does not fit)"),
        (SAVED[:-9] + b"x" + SAVED[-8:], "x: corrupt (the checksum does not fit)"),
        (signed(b"{}"), "x: corrupt (not a program and its dependencies)"),
        (signed(b"[" * 100_000), "x: corrupt ("),
        (signed(b"[1e400, []]"), "x: corrupt (unexpected number 1e400)"),
        (signed(b"[NaN, []]"), "x: corrupt (unexpected number NaN)"),
        (signed(b"[" + b"9" * 5000 + b", []]"), "x: corrupt ("),
    ],
)
def test_what_is_no_usable_program_is_refused_with_one_line(data: bytes, why: str) -> None:
    with pytest.raises(ArtifactError) as refusal:
        from_bytes(data, "x")
    assert str(refusal.value).startswith(why)
    assert "\n" not in str(refusal.value)


@given(st.integers(0, len(SAVED) - 1), st.binary(min_size=0, max_size=4))
def test_any_damage_is_noticed(at: int, instead: bytes) -> None:
    damaged = SAVED[:at] + instead + SAVED[at + 1 :]
    if damaged != SAVED:
        with pytest.raises(ArtifactError):
            from_bytes(damaged, "x")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: object, here: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The path of every value inside JSON data."""
    items = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    return [here, *(path for key, item in items for path in places(item, (*here, key)))]


PLACES = [path for path in places(body()) if path]


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(PLACES), JSON)
def test_a_forged_value_anywhere_gives_an_artifact_error_or_a_program_that_saves_again(
    path: tuple[object, ...], value: object
) -> None:
    data: object = body()
    holder = data
    for key in path[:-1]:
        holder = holder[key]  # type: ignore[index]  # paths are made from the same data
    holder[path[-1]] = value  # type: ignore[index]
    try:
        program, dependencies = from_bytes(signed(json.dumps(data).encode()), "x")
    except ArtifactError as error:
        assert "\n" not in str(error)
    else:
        assert from_bytes(to_bytes(program, dependencies), "x") == (program, dependencies)


@pytest.mark.parametrize(
    "wrong",
    [
        {"programs": (replace(PROGRAM.programs[0], instructions=b"1234567"),)},
        {"programs": (replace(PROGRAM.programs[0], relocations=(Relocation(2, "map", "@"),)),)},
        {"programs": (replace(PROGRAM.programs[0], relocations=(Relocation(0, "map", "@gone"),)),)},
        {"programs": (replace(PROGRAM.programs[0], relocations=(Relocation(3, "kfunc", "f"),)),)},
        {"programs": (replace(PROGRAM.programs[0], relocations=(Relocation(2, "kernel_symbol", "f"),)),)},
        {"programs": (replace(PROGRAM.programs[0], lines=(LineInfo(3, 1, 1),)),)},
        {"programs": (replace(PROGRAM.programs[0], functions=(FunctionInfo(1, 7, "f"),)),)},
        {"programs": (replace(PROGRAM.programs[0], functions=(FunctionInfo(0, 7, "f"), FunctionInfo(3, 7, "g"))),)},
        {"programs": (replace(PROGRAM.programs[0], functions=(FunctionInfo(0, 7, "f"), FunctionInfo(0, 7, "g"))),)},
        {"maps": (PROGRAM.maps[0], PROGRAM.maps[0])},
        {"maps": (replace(PROGRAM.maps[0], key_size=4),)},
        {"maps": (*PROGRAM.maps[:2], replace(PROGRAM.maps[2], value_size=4))},
        {"maps": (*PROGRAM.maps[:2], replace(PROGRAM.maps[2], kind="hash"))},
        {"events": PROGRAM.events * 2},
        {"failures": (replace(PROGRAM.failures[0], program=1),)},
        {"failures": (replace(PROGRAM.failures[0], line=9, end_line=9),)},
    ],
)
def test_parts_that_do_not_fit_together_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ArtifactError, match="corrupt"):
        from_bytes(to_bytes(replace(PROGRAM, **wrong)), "x")  # type: ignore[arg-type]  # deliberately wrong


@pytest.mark.parametrize(
    "relocation",
    [
        Relocation(2, "kfunc", "bpf_session_is_return"),
        Relocation(1, "kernel_symbol", "vfs_read"),
        Relocation(1, "kernel_variable", "runqueues"),
    ],
    ids=lambda relocation: relocation.kind,
)
def test_what_is_the_kernels_needs_no_map_and_a_call_is_one_slot(relocation: Relocation) -> None:
    program = replace(PROGRAM, programs=(replace(PROGRAM.programs[0], relocations=(relocation,)),))
    assert from_bytes(to_bytes(program), "x")[0] == program


def test_a_setting_that_is_no_plain_data_cannot_be_saved() -> None:
    with pytest.raises(ValueError, match="plain data, not object"):
        to_bytes(replace(PROGRAM, events=(EventSpec(0, "f", (), {"x": object()}),)))


@pytest.mark.parametrize("mode", [0o666, 0o646])
def test_a_file_that_others_can_write_is_refused(tmp_path: os.PathLike[str], mode: int) -> None:
    path = os.path.join(tmp_path, "p")
    save(PROGRAM, path)
    os.chmod(path, mode)
    with pytest.raises(ArtifactError, match="refused, because others can write the file"):
        load(path)


def test_a_file_in_a_directory_that_others_can_write_is_refused_unless_it_is_sticky(
    tmp_path: os.PathLike[str],
) -> None:
    path = os.path.join(tmp_path, "p")
    save(PROGRAM, path)
    os.chmod(tmp_path, 0o1777)
    assert load(path) == PROGRAM
    os.chmod(tmp_path, 0o777)
    with pytest.raises(ArtifactError, match="refused, because others can write its directory"):
        load(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "p")
    save(PROGRAM, path)
    os.chown(path, 12345, 0)
    with pytest.raises(ArtifactError, match="belongs to user 12345"):
        load(path)


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "pipe")
    os.mkfifo(path)
    with pytest.raises(ArtifactError, match="not a plain file"):
        load(path)


def test_loading_needs_neither_compiler_nor_command_line_packages(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "p")
    save(PROGRAM, path)
    code = (
        "import sys; from pybpftrace.core.artifact_file import load; load(sys.argv[1]);"
        "print(sorted({'lark', 'llvmlite', 'click', 'pluggy', 'pyroute2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
