"""fentry, fexit and rawtracepoint on a kernel and a module that are written out here: points, types and error texts."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from pybpftrace.core.probe import AttachPointError, ConcretePoint, NoMatch, ProbeType
from pybpftrace.core.target import Target
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.btf_split import SplitBtf
from pybpftrace.core.target.kernel_functions import KernelFunctions
from pybpftrace.core.types import INT32, UINT64, Field, Pointer, Struct
from pybpftrace.plugins.probes.fentry import FentryProbe, FexitProbe
from pybpftrace.plugins.probes.rawtracepoint import RawTracepointProbe

from .match_requests import request
from .split_blob import SplitBlob
from .test_btf_c_types import Kernel
from .test_target_btf import Blob
from .test_target_directory import Machine

FENTRY, FEXIT, RAW = FentryProbe(), FexitProbe(), RawTracepointProbe()


def add_function(blob: Blob, name: str, returned: int, *parameters: tuple[str, int]) -> None:
    words = [word for parameter, type_id in parameters for word in (blob.text(parameter), type_id)]
    blob.add("func", name, blob.add("func_proto", "", returned, len(parameters), 0, *words))


def kernel() -> Btf:
    blob = Kernel()
    task = blob.struct("task", 8, ("pid", blob.int, 0))
    pair = blob.struct("pair", 16, ("a", blob.long, 0), ("b", blob.int, 64))
    large = blob.struct("large", 24, ("a", blob.long, 0))
    task_pointer, nothing = blob.pointer(task), blob.pointer(0)
    add_function(blob, "open_file", blob.int, ("task", task_pointer), ("flags", blob.int))
    add_function(blob, "open_pair", task_pointer, ("pair", pair), ("flags", blob.int))
    add_function(blob, "open_large", 0, ("large", large))
    add_function(blob, "open_any", 0, ("format", nothing), ("", 0))
    add_function(blob, "open_seven", blob.int, *((f"p{n}", blob.int) for n in range(7)))
    add_function(blob, "get_pair", pair)
    add_function(blob, "shared", 0)
    add_function(blob, "__probestub_wake", 0, ("__data", nothing), ("task", task_pointer), ("cpu", blob.int))
    add_function(blob, "__traceiter_old", blob.int, ("__data", nothing), ("cpu", blob.int))
    add_function(blob, "__probestub_untyped", 0, ("__data", nothing))
    for event in ("wake", "old"):
        blob.add("typedef", f"btf_trace_{event}", nothing)
    return Btf.parse(blob.build())


def module(base: Btf) -> Btf:
    blob = SplitBlob(base)
    add_function(blob, "shared", 0)
    add_function(blob, "disk_open", 0, ("disk", blob.add("ptr", "", blob.struct("disk", 8, ("number", 1, 0)))))
    add_function(blob, "__probestub_disk_done", 0, ("__data", blob.add("ptr", "", 0)), ("status", 1))
    blob.add("typedef", "btf_trace_disk_done", 1)
    return SplitBtf(blob.build(), base)


class Traced(Machine):
    """Two running BPF programs, and a module `disk`."""

    def __init__(self) -> None:
        super().__init__()
        self.btf = kernel()

    def module_btf(self) -> Iterable[tuple[str, Btf]]:
        return [("disk", module(self.btf))]

    def bpf_functions(self) -> tuple[tuple[int, str], ...]:
        return ((7, "count_opens"), (9, "count_opens"), (9, "part"))


@pytest.fixture
def target() -> Target:
    return Traced()


def points(probe: ProbeType, text: str, target: Target) -> list[ConcretePoint]:
    return probe.match(probe.parse(tuple(text.split(":"))), request(target))


def names(probe: ProbeType, text: str, target: Target) -> list[str]:
    return [point.name for point in points(probe, text, target)]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("open_file", ["fentry:vmlinux:open_file"]),
        ("vmlinux:open_file", ["fentry:vmlinux:open_file"]),
        ("disk_open", ["fentry:disk:disk_open"]),
        ("disk:shared", ["fentry:disk:shared"]),
        ("*:shared", ["fentry:vmlinux:shared", "fentry:disk:shared"]),
        ("open_seven", ["fentry:vmlinux:open_seven"]),
        ("open_*", ["fentry:vmlinux:open_file", "fentry:vmlinux:open_pair"]),
        ("*open*", ["fentry:vmlinux:open_file", "fentry:vmlinux:open_pair", "fentry:disk:disk_open"]),
        ("disk:*", ["fentry:disk:__probestub_disk_done", "fentry:disk:disk_open", "fentry:disk:shared"]),
        ("nothing*", []),
        ("bpf:count_opens", ["fentry:bpf:7:count_opens", "fentry:bpf:9:count_opens"]),
        ("bpf:9:count_opens", ["fentry:bpf:9:count_opens"]),
        ("bpf:*:p*", ["fentry:bpf:9:part"]),
        ("bpf:none*", []),
    ],
)
def test_functions_are_found_in_the_kernel_its_modules_and_bpf_programs(
    written: str, found: list[str], target: Target
) -> None:
    assert names(FENTRY, written, target) == found


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("open_fil", "No matches for fentry open_fil."),
        ("disk:open_file", "No matches for fentry disk:open_file."),
        ("gone:open_file", "No matches for fentry gone:open_file."),
        ("bpf:nothing", "No matches for fentry bpf:nothing."),
        ("bpf:8:part", "No valid BPF program found with name: part and id: 8."),
    ],
)
def test_what_is_not_there_does_not_match(written: str, message: str, target: Target) -> None:
    with pytest.raises(NoMatch) as caught:
        points(FENTRY, written, target)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("shared", "ambiguous attach point, please specify module containing the function 'shared'"),
        ("*", "fentry:* would probe every function of the kernel: 10 of them"),
        ("a:b:c", "Only the 'bpf' variant of this probe supports 4 arguments"),
        ("bpf", "the 'bpf' variant of this probe requires a bpf program name and optional bpf program id"),
        ("bpf:x:part", "bpf program id must be a number or '*'"),
        ("a:b:c:d", "fentry probe type requires 1 or 2 or 3 arguments, found 4"),
        ("vmlinux:", "fentry should be attached to a function"),
    ],
)
def test_attach_points_that_cannot_be_used_say_why(written: str, message: str, target: Target) -> None:
    with pytest.raises(AttachPointError) as caught:
        points(FENTRY, written, target)
    assert str(caught.value) == message


def test_every_function_is_probed_when_that_is_asked_for(target: Target) -> None:
    spec = FENTRY.parse(("*",))
    assert len(FENTRY.match(spec, request(target, probes_everything=True))) == 10


def test_a_name_that_is_nearly_right_is_suggested(target: Target) -> None:
    with pytest.raises(NoMatch) as caught:
        points(FENTRY, "open_fil", target)
    assert caught.value.hints == ("did you mean 'open_file'?",)


def test_arguments_lie_in_slots_of_eight_bytes(target: Target) -> None:
    task = Pointer(Struct("struct task", 8, (), True, 4), "kernel")
    pair = Struct("struct pair", 16, (), True, 8)
    [first] = points(FENTRY, "open_file", target)
    [second] = points(FENTRY, "open_pair", target)
    args, behind = FENTRY.args(first, target), FENTRY.args(second, target)
    assert args is not None
    assert behind is not None
    assert args.fields == (Field("task", task, 0), Field("flags", INT32, 8))
    assert behind.fields == (Field("pair", pair, 0), Field("flags", INT32, 16))


def test_the_types_of_a_module_are_known_by_their_names(target: Target) -> None:
    [point] = points(FENTRY, "disk_open", target)
    args = FENTRY.args(point, target)
    assert args is not None
    [field] = args.fields
    assert isinstance(field.type, Pointer)
    assert isinstance(field.type.pointee, Struct)
    assert [f.name for f in target.c_types.members(field.type.pointee) or ()] == ["number"]


def test_the_return_value_is_behind_the_arguments(target: Target) -> None:
    found = [points(FEXIT, name, target)[0] for name in ("open_file", "open_pair")]
    assert [FEXIT.return_value(point, target) for point in found] == [
        INT32,
        Pointer(Struct("struct task", 8, (), True, 4), "kernel"),
    ]
    assert [point.number("slots") for point in found] == [2, 3]
    assert FENTRY.return_value(found[0], target) is None


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("vmlinux:shared", "The retval builtin can not be used here: shared returns nothing"),
        ("get_pair", "The retval builtin can not be used here: get_pair returns a struct pair"),
        (
            "open_seven",
            'Could not parse arguments of "open_seven": functions with more than 6 parameters are not supported.',
        ),
        ("bpf:7:count_opens", "The retval builtin cannot be used for 'fentry/fexit:bpf' probes"),
    ],
)
def test_a_return_value_that_cannot_be_had_is_refused(function: str, message: str, target: Target) -> None:
    [point] = points(FEXIT, function, target)
    with pytest.raises(AttachPointError) as caught:
        FEXIT.return_value(point, target)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("open_seven", "functions with more than 6 parameters are not supported."),
        ("open_any", "functions with variable arguments are not supported."),
        ("open_large", "the parameter large of 24 bytes is not passed in registers."),
    ],
)
def test_arguments_that_programs_are_not_given_are_refused(function: str, reason: str, target: Target) -> None:
    [point] = points(FENTRY, function, target)
    with pytest.raises(AttachPointError) as caught:
        FENTRY.args(point, target)
    assert str(caught.value) == f'Could not parse arguments of "{function}": {reason}'


def test_a_bpf_program_has_no_args(target: Target) -> None:
    [point] = points(FENTRY, "bpf:7:count_opens", target)
    with pytest.raises(AttachPointError) as caught:
        FENTRY.args(point, target)
    assert str(caught.value) == "The args builtin cannot be used for 'fentry/fexit:bpf' probes"


def test_functions_are_listed_with_their_parameters(target: Target) -> None:
    assert list(FENTRY.listed(("open_f*",), request(target))) == ["fentry:vmlinux:open_file"]
    assert list(FENTRY.listed(("bpf", "*"), request(target))) == [
        "fentry:bpf:7:count_opens",
        "fentry:bpf:9:count_opens",
        "fentry:bpf:9:part",
    ]
    assert list(FENTRY.describe("fentry:vmlinux:open_file", request(target))) == ["struct task * task", "int flags"]
    assert list(FEXIT.describe("fexit:vmlinux:open_file", request(target)))[2:] == ["int retval"]
    assert list(FEXIT.describe("fexit:vmlinux:shared", request(target))) == []


def test_a_list_leaves_out_what_programs_cannot_be_attached_to(target: Target) -> None:
    matched = FENTRY.match(FENTRY.parse(("*",)), request(target, probes_everything=True))
    listed = list(FENTRY.listed(("*",), request(target)))
    assert listed == [point.name for point in matched]
    assert "fentry:vmlinux:open_seven" not in listed
    assert target.function_slots["vmlinux"]["open_seven"] == 7
    assert target.function_slots["vmlinux"]["open_pair"] == 3  # a struct of two slots and a number
    assert "open_any" not in target.function_slots["vmlinux"]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("wake", ["rawtracepoint:vmlinux:wake"]),
        ("vmlinux:old", ["rawtracepoint:vmlinux:old"]),
        ("disk_done", ["rawtracepoint:disk:disk_done"]),
        ("*", ["rawtracepoint:vmlinux:old", "rawtracepoint:vmlinux:wake", "rawtracepoint:disk:disk_done"]),
        ("d*:*", ["rawtracepoint:disk:disk_done"]),
    ],
)
def test_raw_tracepoints_are_those_that_a_program_can_be_attached_to(
    written: str, found: list[str], target: Target
) -> None:
    assert names(RAW, written, target) == found


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("untyped", "No matches for rawtracepoint untyped."),
        ("disk:wake", "No matches for rawtracepoint disk:wake."),
    ],
)
def test_a_raw_tracepoint_that_is_not_there_does_not_match(written: str, message: str, target: Target) -> None:
    with pytest.raises(NoMatch) as caught:
        points(RAW, written, target)
    assert str(caught.value) == message


def test_the_first_parameter_of_a_raw_tracepoint_is_the_kernels_own(target: Target) -> None:
    [wake], [old] = points(RAW, "wake", target), points(RAW, "old", target)
    args, older = RAW.args(wake, target), RAW.args(old, target)
    assert args is not None
    assert older is not None
    assert [(field.name, field.offset) for field in args.fields] == [("task", 0), ("cpu", 8)]
    assert older.fields == (Field("cpu", INT32, 0),)
    assert RAW.argument(wake, 1, "x86_64") == UINT64
    assert list(RAW.describe("rawtracepoint:vmlinux:wake", request(target))) == ["struct task * task", "int cpu"]


class Listed(Traced):
    """The kernel says which functions can be traced."""

    def kernel_functions(self) -> KernelFunctions:
        return KernelFunctions(b"\ndisk_open disk\nopen_file vmlinux\nopen_without_types vmlinux\n")


def test_a_wildcard_means_what_the_kernel_lists_and_has_types() -> None:
    assert names(FENTRY, "*open*", Listed()) == ["fentry:disk:disk_open", "fentry:vmlinux:open_file"]
    assert names(FENTRY, "open_pair", Listed()) == ["fentry:vmlinux:open_pair"]
    assert list(FENTRY.listed(("open*",), request(Listed()))) == ["fentry:vmlinux:open_file"]


class Bare(Machine):
    """A kernel without BTF."""

    def __init__(self) -> None:
        super().__init__()
        self.btf = None


def test_without_types_there_are_no_such_probes() -> None:
    with pytest.raises(NoMatch) as raw:
        points(RAW, "wake", Bare())
    with pytest.raises(NoMatch) as fentry:
        points(FENTRY, "open_file", Bare())
    assert str(raw.value) == "rawtracepoints require kernel BTF. Try using a 'tracepoint' instead."
    assert str(fentry.value) == "No matches for fentry open_file."
    assert fentry.value.hints == ("fentry probes need a kernel with BTF (CONFIG_DEBUG_INFO_BTF); kprobes do not",)
    assert list(FENTRY.listed(("*",), request(Bare()))) == list(RAW.listed(("*",), request(Bare()))) == []
