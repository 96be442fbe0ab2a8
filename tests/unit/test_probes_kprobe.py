"""kprobe and kretprobe: how attach points are read, what they match, and what is said of those that cannot be."""

from __future__ import annotations

import pytest
from match_requests import request
from pybpftrace.core.probe import AttachPointError, ConcretePoint, NoMatch, ProbeType
from pybpftrace.core.target.kernel_functions import KernelFunctions, parse_functions
from pybpftrace.plugins.probes.kprobe import PROBE_TYPES
from test_probes_attach_points import SmallTarget

KPROBE, KRETPROBE = PROBE_TYPES
LIST = b"vfs_read\nvfs_write\nvfs_open\ncommon\ncommon [ext4]\nxfs_read [xfs]\nxfs_write [xfs]\n"


class Machine(SmallTarget):
    """A kernel with kprobes, and without multi links."""

    kernel_features = frozenset({"kprobe"})
    functions = KernelFunctions(parse_functions(LIST))

    def kernel_functions(self) -> KernelFunctions:
        return self.functions

    def kernel_modules(self) -> tuple[str, ...]:
        return ("ext4", "vmlinux", "xfs")

    def kernel_function_size(self, name: str) -> int | None:
        return 64 if name == "vfs_read" else None


class NewMachine(Machine):
    kernel_features = frozenset({"kprobe", "kprobe_multi", "kprobe_session"})


class LockedMachine(Machine):
    functions = KernelFunctions(b"\n", unreadable="/tracing/available_filter_functions")


def points(written: str, target: Machine | None = None, **settings: object) -> list[ConcretePoint]:
    provider, *parts = written.split(":")
    probe_type: ProbeType = KPROBE if provider == "kprobe" else KRETPROBE
    asked = request(target or Machine("m"), **settings)  # type: ignore[arg-type]  # what `request` takes
    spec = probe_type.parse(tuple(parts))
    return probe_type.combine(spec, probe_type.match(spec, asked), asked)


@pytest.mark.parametrize(
    ("written", "name", "settings"),
    [
        ("kprobe:vfs_read", "kprobe:vfs_read", {"symbol": "vfs_read", "offset": 0}),
        ("kprobe:vfs_read+0x10", "kprobe:vfs_read+16", {"symbol": "vfs_read", "offset": 16}),
        ("kprobe:vmlinux:vfs_read", "kprobe:vmlinux:vfs_read", {"symbol": "vfs_read", "offset": 0}),
        ("kprobe:xfs:xfs_read", "kprobe:xfs:xfs_read", {"symbol": "xfs:xfs_read", "offset": 0}),
        ("kretprobe:vfs_read", "kretprobe:vfs_read", {"symbol": "vfs_read", "offset": 0}),
    ],
)
def test_one_function_is_one_point(written: str, name: str, settings: dict[str, object]) -> None:
    [point] = points(written)
    assert (point.name, point.settings) == (name, settings)


def test_an_address_is_a_point_with_unsafe() -> None:
    [point] = points("kprobe:0xffffffff81000000", allows_unsafe=True)
    assert (point.name, point.settings) == ("kprobe:18446744071578845184", {"address": 0xFFFFFFFF81000000})


def test_without_multi_links_a_wildcard_is_a_point_for_each() -> None:
    assert [point.name for point in points("kprobe:vfs_*")] == [
        "kprobe:vfs_open",
        "kprobe:vfs_read",
        "kprobe:vfs_write",
    ]


def test_with_multi_links_it_is_one_for_all() -> None:
    [point] = points("kretprobe:vfs_*", NewMachine("m"))
    assert (point.name, point.count) == ("kretprobe:vfs_*", 3)
    assert point.settings == {"functions": ("vfs_open", "vfs_read", "vfs_write")}


@pytest.mark.parametrize("written", ["kprobe:xfs:xfs_*", "kprobe:x*:xfs_*"])
def test_with_a_module_there_is_one_for_each(written: str) -> None:
    assert [point.name for point in points(written, NewMachine("m"))] == [
        "kprobe:xfs:xfs_read",
        "kprobe:xfs:xfs_write",
    ]


def test_a_name_in_two_modules_is_one_function_without_a_module() -> None:
    assert [point.name for point in points("kprobe:comm*")] == ["kprobe:common"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("kprobe:", "kprobe should be attached to a function"),
        ("kprobe:a:b:c", "kprobe probe type requires 1 or 2 arguments, found 3"),
        ("kprobe:vfs_read+1+2", "Cannot take more than one offset"),
        ("kprobe:vfs_read+x", "Invalid offset: "),
        ("kprobe:vfs_*+4", "Cannot use wildcards with an offset"),
        ("kprobe:m:0x10", "Cannot use a module with an absolute address"),
        ("kretprobe:vfs_read+4", "Offset not allowed"),
        ("kprobe:0x10", "Probing by address requires --unsafe"),
        ("kretprobe:0x10", "Probing by address requires --unsafe"),
        ("kprobe:nomodule:f", "specified module nomodule in probe kprobe:nomodule:f is not loaded."),
        ("kprobe:vfs_read+64", "Offset outside the function bounds ('vfs_read' size is 64)"),
        ("kprobe:*", "kprobe:* would probe every function of the kernel: 7 of them"),
        ("kretprobe:*:*", "kretprobe:* would probe every function of the kernel: 7 of them"),
    ],
)
def test_a_wrong_one_is_told_what_is_wrong(written: str, message: str) -> None:
    with pytest.raises(AttachPointError) as refusal:
        points(written)
    assert str(refusal.value).startswith(message)


def test_everything_is_probed_with_the_option() -> None:
    assert len(points("kprobe:*", probes_everything=True)) == 6


def test_an_unknown_function_is_a_warning_and_no_match() -> None:
    warnings: list[str] = []
    with pytest.raises(NoMatch) as refusal:
        points("kprobe:vfs_raed", warn=warnings.append)
    assert str(refusal.value) == "No matches for kprobe vfs_raed."
    assert refusal.value.hints == ("did you mean 'vfs_read'?",)
    assert warnings == [
        'vfs_raed is not traceable (either non-existing, inlined, or marked as "notrace"); attaching to it will likely '
        "fail"
    ]


def test_with_unsafe_it_is_the_kernels_to_say() -> None:
    [point] = points("kprobe:hidden", allows_unsafe=True, warn=lambda text: None)
    assert point.settings == {"symbol": "hidden", "offset": 0}


def test_nothing_is_said_of_it_when_missing_probes_are_ignored() -> None:
    with pytest.raises(NoMatch):
        points("kprobe:hidden", missing_probes="ignore")


def test_without_the_list_the_user_is_told_of_the_file() -> None:
    warnings: list[str] = []
    with pytest.raises(NoMatch) as refusal:
        points("kprobe:vfs_read", LockedMachine("m"), warn=warnings.append)
    assert warnings[0] == (
        "Could not read functions from /tracing/available_filter_functions. "
        "If this is expected, use --traceable-functions"
    )
    assert refusal.value.hints == ("with --unsafe the kernel decides",)


def test_a_kernel_without_kprobes_is_told() -> None:
    with pytest.raises(AttachPointError) as refusal:
        KPROBE.match(KPROBE.parse(("f",)), request(SmallTarget("m")))
    assert str(refusal.value) == "this kernel was built without kprobes (CONFIG_KPROBES)"
    assert refusal.value.hints == ("fentry, rawtracepoint and tracepoint probes do without them",)


def session(entry: str, exit_: str, target: Machine) -> dict[str, object] | None:
    points_of = [points(written, target, allows_unsafe=True, warn=lambda text: None) for written in (entry, exit_)]
    [entry_point], [exit_point] = points_of
    made = KPROBE.session(entry_point, exit_point, target)
    assert made is None or (made.name, made.count) == (entry_point.name, entry_point.count)
    return None if made is None else dict(made.settings)


def test_entry_and_return_of_the_same_functions_are_a_session() -> None:
    target = NewMachine("m")
    assert session("kprobe:vfs_read", "kretprobe:vfs_read", target) == {"functions": ("vfs_read",), "session": 1}
    functions = ("vfs_open", "vfs_read", "vfs_write")
    assert session("kprobe:vfs_*", "kretprobe:vfs_*", target) == {"functions": functions, "session": 1}


@pytest.mark.parametrize(
    ("entry", "exit_"),
    [
        ("kprobe:vfs_read", "kretprobe:vfs_write"),
        ("kprobe:vfs_read", "kprobe:vfs_read"),
        ("kprobe:vfs_read", "kretprobe:vfs_*"),
        ("kprobe:vfs_read+4", "kretprobe:vfs_read"),
        ("kprobe:xfs:xfs_read", "kretprobe:xfs:xfs_read"),
        ("kprobe:0x10", "kretprobe:0x10"),
        ("kprobe:hidden_from_ftrace", "kretprobe:hidden_from_ftrace"),
    ],
)
def test_other_pairs_are_no_session(entry: str, exit_: str) -> None:
    assert session(entry, exit_, NewMachine("m")) is None


@pytest.mark.parametrize("lacking", ["kprobe_multi", "kprobe_session"])
def test_a_kernel_that_cannot_has_no_session(lacking: str) -> None:
    target = NewMachine("m")
    target.without = frozenset({lacking})
    assert session("kprobe:vfs_read", "kretprobe:vfs_read", target) is None


def test_lists_have_modules_where_the_pattern_has_one() -> None:
    target = request(Machine("m"))
    assert list(KPROBE.listed(("*_read",), target)) == ["kprobe:vfs_read", "kprobe:xfs_read"]
    assert list(KRETPROBE.listed(("xfs", "*"), target)) == ["kretprobe:xfs:xfs_read", "kretprobe:xfs:xfs_write"]
    assert list(KPROBE.listed(("a", "b", "c"), target)) == []


def test_arguments_are_registers_and_only_the_return_has_a_value() -> None:
    [entry], [exit_] = points("kprobe:vfs_read"), points("kretprobe:vfs_read")
    assert str(KPROBE.argument(entry, 5, "x86_64")) == "uint64"
    assert KRETPROBE.argument(exit_, 0, "x86_64") is None
    assert KPROBE.return_value(entry, Machine("m")) is None
    assert str(KRETPROBE.return_value(exit_, Machine("m"))) == "uint64"
    with pytest.raises(AttachPointError, match="x86_64 doesn't support arg6"):
        KPROBE.argument(entry, 6, "x86_64")
