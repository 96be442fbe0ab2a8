"""Which memory an address is of, which the helper tells that reads it; and what is said when nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import TARGET, Checked
from pybpftrace.core.bpf_helpers import HELPER_IDS
from pybpftrace.core.bytecode import CALL, JMP, decode
from pybpftrace.core.diagnostics import Diagnostics
from pybpftrace.core.pipeline import Pipeline, plugin_manager
from pybpftrace.core.source import Source
from pybpftrace.core.target import Target
from pybpftrace.passes import builtin_plugins

KERNEL = Target.from_directory(str(Path(__file__).parent.parent / "golden" / "kernel_target"))
ADDER = "/tmp/pybpftrace-golden/adder"
READERS = {name for name in HELPER_IDS if name.startswith("probe_read")}

IN_KERNEL = (
    (KERNEL, "kprobe:vfs_read"),
    (KERNEL, "kretprobe:vfs_read"),
    (KERNEL, "fentry:vfs_read"),
    (KERNEL, "fexit:vfs_read"),
    (TARGET, "tracepoint:block:block_rq_issue"),
    (TARGET, "rawtracepoint:sys_enter"),
    (TARGET, "iter:task_file"),
)
IN_USER = (
    (TARGET, f"uprobe:{ADDER}:add"),
    (TARGET, f"uretprobe:{ADDER}:add"),
    (TARGET, "usdt:/tmp/pybpftrace-golden/marked:app:turn"),
)
NOWHERE = (
    "begin", "end", "self:signal:SIGUSR1", "test:t", "bench:b", "profile:hz:99", "interval:s:1", "software:faults:10",
    "hardware:cycles:1000000", "watchpoint:0x404030:8:w",
)  # fmt: skip
#: What reads memory by an address of which only the probe can say where it is.
READS = ("*(uint64 *)64", 'str((uint64)64) == "x"', "buf((uint64)64, 8)", "*64", "((int32 *)64)[2]")


def readers(script: str, target: Target = TARGET) -> set[str]:
    """The reading helpers that the programs of a script call."""
    names = {number: name for name, number in HELPER_IDS.items()}
    source = Source.from_bytes("t", script.encode())
    compiled = Pipeline(plugin_manager(builtin_plugins())).compile(source, target, diagnostics=Diagnostics())
    calls = {
        names[slot.imm]
        for program in compiled.programs
        for slot in decode(program.instructions)
        if slot.opcode == JMP | CALL and slot.src == 0
    }
    return calls & READERS


def kind(helpers: set[str]) -> set[str]:
    return {name.removesuffix("_str") for name in helpers}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(("target", "probe"), IN_KERNEL, ids=[probe for _, probe in IN_KERNEL])
def test_probes_of_the_kernel_read_the_kernel(target: Target, probe: str, read: str) -> None:
    assert kind(readers(f"{probe} {{ @ = {read}; }}", target)) == {"probe_read_kernel"}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(("target", "probe"), IN_USER, ids=[probe for _, probe in IN_USER])
def test_probes_of_user_code_read_the_process(target: Target, probe: str, read: str) -> None:
    assert kind(readers(f"{probe} {{ @ = {read}; }}", target)) == {"probe_read_user"}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("probe", NOWHERE)
def test_other_probes_do_not_know_and_say_so(probe: str, read: str) -> None:
    script = f"{probe} {{ @ = {read}; }}"
    assert kind(readers(script)) == {"probe_read"}
    start, marked = script.index(read) + 1, read.partition(" == ")[0]
    assert Checked(script, stage="codegen").printed.splitlines()[0] == (
        f"t:1:{start}-{start + len(marked)}: WARNING: Addrspace is not set"
    )


def test_it_is_said_once_however_it_is_read() -> None:
    script = "begin { $p = (uint8 *)8; print(str($p)); print(*$p); print(buf($p, 2)); }\nend { print(*(int8 *)9); }"
    assert Checked(script, stage="codegen").printed.count("Addrspace") == 1


@pytest.mark.parametrize("probe", ["begin", "tracepoint:block:block_rq_issue", f"uprobe:{ADDER}:add"])
@pytest.mark.parametrize(
    ("read", "helpers"),
    [
        ("*kptr((uint64 *)64)", {"probe_read_kernel"}),
        ("*uptr((uint64 *)64)", {"probe_read_user"}),
        ('str(kptr(64)) == "x"', {"probe_read_kernel_str"}),
        ('str(uptr(64)) == "x"', {"probe_read_user_str"}),
        ("buf(uptr(64), 8)", {"probe_read_user"}),
        ("curtask.pid", {"probe_read_kernel"}),
        ('str(&@s) == "x"', {"probe_read_kernel_str"}),
    ],
)
def test_an_address_that_says_where_it_is_is_read_there_in_every_probe(
    probe: str, read: str, helpers: set[str]
) -> None:
    script = f'{probe} {{ @s = "abc"; @ = {read}; }}'
    assert readers(script) == helpers
    assert Checked(script, stage="codegen").printed == ""


def test_arguments_of_system_calls_point_into_the_process() -> None:
    script = 'tracepoint:syscalls:sys_enter_openat { @ = str(args.filename) == "x"; }'
    assert readers(script) == {"probe_read_user_str"}


@pytest.mark.parametrize("name", ["kptr", "uptr"])
@pytest.mark.parametrize(("argument", "word"), [("comm", "string"), ("(1, 2)", "tuple"), ("true", "bool")])
def test_only_addresses_can_be_marked(name: str, argument: str, word: str) -> None:
    (message,) = Checked(f"begin {{ $x = {name}({argument}); }}").messages
    assert message == f"ERROR: {name}() only supports integer or pointer arguments ({word} provided)"


@pytest.mark.parametrize("type_", ["int16 *", "struct task_struct *", "uint32", "int64"])
def test_a_marked_address_keeps_its_type(type_: str) -> None:
    checked = Checked(f"begin {{ $marked = kptr(({type_})8); }}")
    assert list(map(str, checked.variables().values())) == [type_]


@pytest.mark.parametrize(
    "read",
    [
        "*(uint32 *)(uptr(arg0) + 8)",
        '{ $a = uptr(arg0); $b = 4 + $a; str($b) == "x" }',
        "buf(uptr((uint64)64) - 8, 4)",
    ],
)
def test_a_number_stays_an_address_of_its_memory_when_it_is_calculated_with(read: str) -> None:
    assert kind(readers(f"kprobe:vfs_read {{ @ = {read}; }}", KERNEL)) == {"probe_read_user"}


@pytest.mark.parametrize(
    "body", ["$a = kptr((uint64)8); $a = uptr((uint64)8);", "print(kptr((uint64)8) == uptr((uint64)8));"]
)
def test_numbers_of_two_memories_are_not_for_one_use(body: str) -> None:
    (message,) = Checked(f"begin {{ {body} }}").messages
    assert message == "WARNING: Addrspace mismatch"


def test_numbers_that_are_marked_print_and_count_as_numbers() -> None:
    checked = Checked("begin { @sum = kptr((uint64)8) + 1; @m[kptr(5)] = 1; }")
    assert checked.maps() == {"@m": ("int8", "int8"), "@sum": ("", "uint64")}
