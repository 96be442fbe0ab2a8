"""How the built-in probe types read attach points, what they name them, and what they say of wrong ones."""

from __future__ import annotations

import pytest
from match_requests import request
from pybpftrace.core.probe import AttachPointError, ProbeType
from pybpftrace.core.registry import Registry, builtin_objects
from pybpftrace.core.target import Target, UserFunction


class SmallTarget(Target):
    """Three tracepoints and one program with one function."""

    architecture = "x86_64"
    kernel_release = "6.18.0"
    kernel_build_id = ""
    possible_cpus = online_cpus = (0, 1)
    pid_namespace = btf = None
    kernel_features = frozenset()

    def tracepoints(self) -> list[tuple[str, str]]:
        return [("sched", "sched_switch"), ("syscalls", "sys_enter_openat"), ("syscalls", "sys_exit_openat")]

    def tracepoint_text(self, category: str, event: str) -> str | None:
        return "" if (category, event) in self.tracepoints() else None

    def user_function(self, path: str, symbol: str) -> UserFunction | None:
        return UserFunction(path, 0x1100, 0x40, 0x100) if (path, symbol) == ("/bin/app", "main") else None

    def user_functions(self, path: str) -> list[str]:
        return ["main"] if path == "/bin/app" else []

    def resolve_binary(
        self, name: str, pid: int | None = None, *, any_file: bool = False, short_names: bool = True
    ) -> list[str]:
        return ["/bin/app"] if name == "app" else []

    def cgroup_id(self, path: str) -> int:
        raise FileNotFoundError(path)

    def has_kernel_symbol(self, name: str) -> bool:
        return False


def probe_types() -> Registry[ProbeType]:
    registry: Registry[ProbeType] = Registry()
    for module, item in builtin_objects("PROBE_TYPES"):
        assert isinstance(item, ProbeType)
        registry.add(item, module)
    return registry


TYPES = probe_types()


def listed(provider: str, *parts: str) -> list[str]:
    probe_type = TYPES.get(provider)
    assert probe_type is not None
    return list(probe_type.listed(parts, request(SmallTarget("small"))))


def names_of(attach_point: str) -> list[str]:
    provider, *parts = attach_point.split(":")
    probe_type = TYPES.get(provider)
    assert probe_type is not None
    return [point.name for point in probe_type.match(probe_type.parse(tuple(parts)), request(SmallTarget("small")))]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("begin", "begin"),
        ("begin:*", "begin"),
        ("end", "end"),
        ("self:signal:SIGUSR1", "self:signal:SIGUSR1"),
        ("test:adds up", "test:adds up"),
        ("bench:a*", "bench:a*"),
        ("interval:s:1", "interval:s:1"),
        ("i:1s", "interval:us:1000000"),
        ("interval:1500", "interval:us:1"),
        ("p:hz:99", "profile:hz:99"),
        ("profile:ms:1e2", "profile:ms:100"),
        ("software:faults", "software:faults"),
        ("s:faults:", "software:faults"),
        ("s:faults:*", "software:faults"),
        ("software:faults:0x64", "software:faults:100"),
        ("h:cycles", "hardware:cycles"),
        ("t:sched:sched_switch", "tracepoint:sched:sched_switch"),
    ],
)
def test_an_attach_point_has_one_canonical_name(written: str, name: str) -> None:
    assert names_of(written) == [name]


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("tracepoint:syscalls:sys_*_openat", ["sys_enter_openat", "sys_exit_openat"]),
        ("tracepoint:*openat", ["sys_enter_openat", "sys_exit_openat"]),
        ("tracepoint:syscalls:*zzz", []),
        ("tracepoint:syscalls:sys_[ex]*", []),
    ],
)
def test_a_tracepoint_wildcard_names_every_event_that_fits(written: str, names: list[str]) -> None:
    assert names_of(written) == [f"tracepoint:syscalls:{name}" for name in names]


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("begin:x", "begin probe type requires 0 arguments, found 1"),
        ("self", "self probe type requires 2 arguments, found 0"),
        ("self:signal:SIGUSR2", "SIGUSR2 is not a supported signal"),
        ("self:signal:sigusr1", "sigusr1 is not a supported signal"),
        ("self:timer:SIGUSR1", "timer is not a supported trigger"),
        ("test:", "test probes must have a name"),
        ("bench:", "bench probes must have a name"),
        ("test:a:b", "test probe type requires 1 arguments, found 2"),
        ("interval", "interval probe type requires 1 or 2 arguments, found 0"),
        ("interval:999", "Invalid rate of interval probe. Minimum is 1000 or 1us. Found: 999 nanoseconds"),
        ("profile:1ns", "Invalid rate of profile probe. Minimum is 1000 or 1us. Found: 1 nanoseconds"),
        ("interval:soon", "Invalid rate of interval probe: invalid integer"),
        ("interval:h:1", "h is not an accepted unit of time"),
        ("profile:hz:0", "profile frequency should be a positive integer"),
        ("interval:s:9223372037", "Invalid rate of interval probe: overflow error, maximum value is 9223372036"),
        ("software:nothing", "nothing is not a software probe"),
        ("hardware:faults", "faults is not a hardware probe"),
        ("software:*", "wildcards are not allowed for software probe type"),
        ("software:faults:many", "Invalid count for software probe: invalid integer"),
        ("tracepoint:sched_switch", "tracepoint probe type requires 2 arguments, found 1"),
        ("tracepoint::sched_switch", "tracepoint probe must have a target"),
        ("tracepoint:sched:nothing", "No matches for tracepoint sched:nothing."),
    ],
)
def test_a_wrong_attach_point_is_told_what_is_wrong(written: str, complaint: str) -> None:
    with pytest.raises(AttachPointError) as caught:
        names_of(written)
    assert str(caught.value) == complaint


def test_a_misspelt_name_is_told_the_closest_one() -> None:
    for written, hint in [
        ("software:fault", "did you mean 'faults'?"),
        ("tracepoint:sched:sched_swich", "did you mean 'sched:sched_switch'?"),
    ]:
        with pytest.raises(AttachPointError) as caught:
            names_of(written)
        assert caught.value.hints == (hint,)


def test_arguments_come_from_the_registers_of_the_machine() -> None:
    uprobe, uretprobe = TYPES.get("uprobe"), TYPES.get("uretprobe")
    assert uprobe is not None and uretprobe is not None
    (point,) = uprobe.match(uprobe.parse(("app", "main")), request(SmallTarget("small")))
    assert str(uprobe.argument(point, 5, "x86_64")) == "uint64"
    assert str(uprobe.argument(point, 7, "aarch64")) == "uint64"
    with pytest.raises(AttachPointError, match="x86_64 doesn't support arg6"):
        uprobe.argument(point, 6, "x86_64")
    assert uretprobe.argument(point, 0, "x86_64") is None
    assert str(uretprobe.return_value(point, SmallTarget("small"))) == "uint64"
    assert uprobe.return_value(point, SmallTarget("small")) is None


def test_lists_show_every_event_with_its_aliases_and_a_trailing_colon() -> None:
    names = ("software", "interval", "tracepoint", "begin", "test", "self")
    by_name = {name: listed(name, "*") for name in names}
    assert "software:faults:" in by_name["software"] and "software:page-faults:" in by_name["software"]
    assert by_name["interval"] == ["interval:hz:", "interval:ms:", "interval:s:", "interval:us:"]
    assert by_name["tracepoint"][0] == "tracepoint:sched:sched_switch"
    assert by_name["begin"] == by_name["test"] == []
    assert by_name["self"] == ["self:signal:SIGUSR1"]


def test_a_pattern_lists_what_it_names() -> None:
    assert listed("tracepoint", "syscalls", "sys_*_openat") == [
        "tracepoint:syscalls:sys_enter_openat",
        "tracepoint:syscalls:sys_exit_openat",
    ]
    assert listed("tracepoint", "sched_*") == ["tracepoint:sched:sched_switch"]
    assert listed("software", "faults") == listed("software", "faults", "") == ["software:faults:"]


def test_a_traced_process_limits_each_probe_type_in_its_own_way() -> None:
    ways = {probe_type.names[0]: probe_type.pid_filter for probe_type in TYPES.items()}
    assert ways == {
        **dict.fromkeys(("begin", "end", "self", "test", "bench"), "none"),
        **dict.fromkeys(("interval", "xdp", "tc"), "none"),
        **dict.fromkeys(("tracepoint", "rawtracepoint", "fentry", "fexit", "kprobe", "kretprobe"), "program"),
        **dict.fromkeys(("profile", "software", "hardware", "uprobe", "uretprobe", "usdt"), "attach"),
        **dict.fromkeys(("iter", "watchpoint"), "attach"),
    }
