"""What is said of wrong calls of the functions that ask or move the kernel: clocks, users, groups, paths, signals."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import TARGET, Checked
from pybpftrace.core.compile_options import CompileOptions
from pybpftrace.core.target import Target
from pybpftrace.core.types import OwnedType

KERNEL = Target.from_directory(str(Path(__file__).parent.parent / "golden" / "kernel_target"))
ADDER = "/tmp/pybpftrace-golden/adder"
SAFE, UNSAFE = CompileOptions(), CompileOptions(allows_unsafe=True)


def messages(script: str, options: CompileOptions = UNSAFE, target: Target = TARGET) -> list[str]:
    return [message.partition(": ")[2] for message in Checked(script, options=options, target=target).messages]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("nsecs(lunar)", "Invalid timestamp mode: lunar"),
        ("nsecs(5)", "nsecs() only supports timestamp_mode arguments (int provided)"),
        ('nsecs("boot")', "nsecs() only supports timestamp_mode arguments (string provided)"),
        ("nsecs(boot, boot)", "nsecs() takes up to one argument (2 provided)"),
        ("strftime(nsecs)", "strftime() requires 2 arguments (1 provided)"),
        ("strftime(5, nsecs)", "strftime() expects a string literal (int provided)"),
        ("strftime(comm, nsecs)", "strftime() expects a string literal (string provided)"),
        ('strftime("%H", comm)', "strftime() only supports int arguments (string provided)"),
        ('strftime("%H", nsecs(monotonic))', "strftime() can not take a monotonic timestamp"),
        ('strftime("%H", -1)', "strftime() does not accept negative timestamps"),
        ("cgroup_path()", "cgroup_path() requires at least one argument (0 provided)"),
        ("cgroup_path(comm)", "cgroup_path() only supports int|string arguments (string provided)"),
        ("cgroup_path(1, 2)", "cgroup_path() only supports int|string arguments (int provided)"),
        ('cgroup_path(1, "a", 2)', "cgroup_path() takes up to 2 arguments (3 provided)"),
        ("cgroupid(5)", "cgroupid() expects a string literal (int provided)"),
        ('percpu_kaddr("nosuch")', 'Could not resolve variable "nosuch" from BTF'),
        ("percpu_kaddr(5)", "percpu_kaddr() expects a string literal (int provided)"),
        ("pid(other)", "Invalid PID namespace mode: other (expects: curr_ns or init)"),
        ("tid(5)", "tid() only supports curr_ns and init as the argument"),
    ],
)
def test_a_value_that_cannot_be_had_is_refused(call: str, message: str) -> None:
    assert messages(f"begin {{ $x = {call}; }}")[0] == message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("time(5)", "time() expects a string literal (int provided)"),
        ('time("%H", 5)', "time() takes up to one argument (2 provided)"),
    ],
)
def test_a_time_that_cannot_be_shown_is_refused(call: str, message: str) -> None:
    assert messages(f"begin {{ {call}; }}") == [message]


def test_a_filter_of_hierarchies_is_known_beforehand() -> None:
    message = "cgroup_path() expects a string literal (string provided)"
    assert messages("begin { print(cgroup_path(1, comm)); }") == [message]


@pytest.mark.parametrize("name", ["signal", "signal_thread"])
@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ('"NOSUCH"', "Invalid string for signal: NOSUCH"),
        ('"SIG"', "Invalid string for signal: SIG"),
        ('"STOPSTOP"', "Invalid string for signal: STOPSTOP"),
        ('""', "Invalid string for signal: "),
        ("0", "{}() accepts a string literal or an integer between 1 and 64 (inclusive)"),
        ("65", "{}() accepts a string literal or an integer between 1 and 64 (inclusive)"),
        ("-9", "{}() accepts a string literal or an integer between 1 and 64 (inclusive)"),
        ("true", "{}() accepts a string literal or a positive integer"),
        ("comm", "{}() accepts a string literal or an integer"),
        ("(1, 2)", "{}() accepts a string literal or an integer"),
    ],
)
def test_a_signal_that_there_is_not_is_refused(name: str, argument: str, message: str) -> None:
    assert messages(f"uprobe:{ADDER}:add {{ {name}({argument}); }}") == [message.format(name)]


@pytest.mark.parametrize("word", ["STOP", "SIGSTOP", "segv", "SIGSEGV", "Sys", "kill", "POLL", "XFSZ"])
def test_every_name_of_a_signal_is_known_with_and_without_its_prefix(word: str) -> None:
    assert messages(f'uprobe:{ADDER}:add {{ signal("{word}"); }}') == []


@pytest.mark.parametrize("call", ["signal(9)", "signal_thread(9)"])
def test_signals_are_unsafe(call: str) -> None:
    name = call.partition("(")[0]
    assert messages(f"uprobe:{ADDER}:add {{ {call}; }}", SAFE) == [
        f"{name}() is unsafe. To use you need the --unsafe flag"
    ]


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        ("kprobe:vfs_read { override(1); }", SAFE, "override() is unsafe. To use you need the --unsafe flag"),
        ("kretprobe:vfs_read { override(1); }", UNSAFE, "override() can only be used inside kprobes"),
        ("kprobe:vfs_read { override(comm); }", UNSAFE, "override() only supports int arguments (string provided)"),
        (
            "kprobe:vfs_read { print(path(arg0)); }",
            UNSAFE,
            "The path function can only be used with 'fentry', 'fexit', 'iter' probes",
        ),
        (
            "fentry:vfs_read { print(path(comm)); }",
            UNSAFE,
            "path() only supports pointer or C type argument (string provided)",
        ),
        (
            "fentry:vfs_read { print(path(args.file.f_path, -5)); }",
            UNSAFE,
            "path: invalid size value, need non-negative literal",
        ),
        (
            "fentry:vfs_read { print(path(args.file.f_path, pid)); }",
            UNSAFE,
            "path: invalid size value, need non-negative literal",
        ),
    ],
)
def test_what_changes_or_names_objects_of_the_kernel_is_checked(
    script: str, options: CompileOptions, message: str
) -> None:
    assert messages(script, options, KERNEL) == [message]


def test_values_have_the_types_of_the_language() -> None:
    script = """fentry:vfs_read {
        $path = path(args.file.f_path); $short = path(args.file.f_path, 64); $when = strftime("%H", nsecs);
        $who = username; $group = cgroup_path(cgroup); $ns = nsecs(sw_tai); $n = ncpus; $child = has_cpid;
    }"""
    types = Checked(script, target=KERNEL).variables()
    assert {name.partition("#")[0]: str(type_) for name, type_ in types.items()} == {
        "$path": "string[1024]", "$short": "string[64]", "$when": "timestamp", "$who": "username_t",
        "$group": "cgroup_path_t", "$ns": "uint64", "$n": "uint64", "$child": "bool",
    }  # fmt: skip


def test_two_moments_go_together_whatever_their_formats_and_clocks() -> None:
    assert messages('begin { @ = strftime("%H", nsecs); @ = strftime("%H", 5); }') == []
    first, second = '@ = strftime("%H", nsecs);', '@ = strftime("%M", nsecs(tai));'
    for script in (f"begin {{ {first} {second} }}", f"begin {{ {second} {first} }}"):
        checked = Checked(script)
        assert checked.messages == []
        assert checked.typed is not None
        type_ = checked.typed.maps["@"].value
        assert isinstance(type_, OwnedType) and type_.formats == ("b%H", "e%M")
