"""What may be used in which probe: every builtin in every probe type, and what its values are."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache

import pytest
from markers import HEADER
from programs import build
from pybpftrace.core.compile_options import CompileOptions
from pybpftrace.core.diagnostics import CompileError, Diagnostics
from pybpftrace.core.pipeline import Pipeline, StageStopped, plugin_manager
from pybpftrace.core.registry import builtin_objects
from pybpftrace.core.source import Source
from pybpftrace.core.target import Target
from pybpftrace.core.target.live import LiveTarget
from pybpftrace.passes import builtin_plugins
from tracing import run

pytestmark = pytest.mark.live

SOURCE = (
    HEADER
    + r"""
#include <unistd.h>
__attribute__((noinline)) int tick(int count) {
    MARKER("app", "turn", "-4@%0", NOR(count));
    __asm__ volatile("" ::: "memory");
    return count + 1;
}
int main(void) {
    int sum = 0;
    for (int i = 0; i < 3; i++) sum += tick(i);
    usleep(300000);
    return sum != 6;
}
"""
)

#: An attach point of each probe type, and a member of its `args`.
POINTS = {
    "kprobe": ("kprobe:vfs_read", "x"),
    "kretprobe": ("kretprobe:vfs_read", "x"),
    "uprobe": ("uprobe:{program}:tick", "count"),
    "uretprobe": ("uretprobe:{program}:tick", "x"),
    "usdt": ("usdt:{program}:app:turn", "x"),
    "tracepoint": ("tracepoint:sched:sched_switch", "prev_pid"),
    "rawtracepoint": ("rawtracepoint:sched_switch", "preempt"),
    "fentry": ("fentry:vfs_read", "count"),
    "fexit": ("fexit:vfs_read", "count"),
    "iter": ("iter:task", "x"),
    "profile": ("profile:hz:99", "x"),
    "interval": ("interval:s:1", "x"),
    "software": ("software:faults", "x"),
    "hardware": ("hardware:cycles", "x"),
    "watchpoint": ("watchpoint:0x1000:8:w", "x"),
    "begin": ("begin", "x"),
    "end": ("end", "x"),
    "self": ("self:signal:SIGUSR1", "x"),
    "test": ("test:t", "x"),
    "bench": ("bench:b", "x"),
}
FUNCTIONS = ("kprobe", "kretprobe", "uprobe", "uretprobe")
TRAMPOLINES = ("fentry", "fexit")
PERF = ("profile", "interval", "software", "hardware", "watchpoint")
SIGNALLING = (*FUNCTIONS, "usdt", "tracepoint", "rawtracepoint", *TRAMPOLINES, "profile")
EVERYWHERE = tuple(POINTS)

ARGUMENT = "The argN builtin can only be used with 'kprobes', 'uprobes' and 'usdt' probes"
ARGUMENTS = (
    "The args builtin can only be used with tracepoint, rawtracepoint, fentry/fexit, and uprobe probes ({} used here)"
)
RETURNED = "The retval builtin can only be used with 'kretprobe' and 'uretprobe' and 'fentry' probes"


def _words(name: str) -> dict[str, str]:
    """The errors of those probe types that `probetype` has other words for."""
    words = {"begin": "special", "end": "special", "self": "special", "bench": "benchmark"}
    return {provider: f"{name}() can not be used for this probetype {word}" for provider, word in words.items()}


#: expression, the probe types that it may be used in, the error in all others, and the different ones.
TABLE: tuple[tuple[str, tuple[str, ...], str, dict[str, str]], ...] = (
    ("arg0", ("kprobe", "uprobe", "usdt", "rawtracepoint"), ARGUMENT, {}),
    ("args.{member}", ("uprobe", "tracepoint", "rawtracepoint", *TRAMPOLINES), ARGUMENTS, {}),
    (
        "retval",
        ("kretprobe", "uretprobe", "fexit"),
        RETURNED,
        {"tracepoint": f"{RETURNED} (try to use args.ret instead)"},
    ),
    (
        "sizeof(ctx)",
        (*FUNCTIONS, "usdt", "iter", *PERF),
        "The ctx builtin can not be used with '{}' probes",
        {"tracepoint": "Use args instead of ctx in tracepoint"},
    ),
    ("func", (*FUNCTIONS, *TRAMPOLINES), "The func builtin can not be used with '{}' probes", {}),
    ('reg("ip")', (*FUNCTIONS, "usdt", *PERF), 'reg can not be used with "{}" probes', {}),
    ('uaddr("tick")', ("uprobe", "uretprobe", "usdt"), '__builtin_uaddr can not be used with "{}" probes', {}),
    ("{{ signal(9); 1 }}", SIGNALLING, "signal() can not be used for this probetype {}", _words("signal")),
    (
        "{{ signal_thread(9); 1 }}",
        SIGNALLING,
        "signal_thread() can not be used for this probetype {}",
        _words("signal_thread"),
    ),
    ("{{ override(0); 1 }}", ("kprobe",), "override() can only be used inside kprobes", {}),
    (
        "path((struct path *)8)",
        (*TRAMPOLINES, "iter"),
        "The path function can only be used with 'fentry', 'fexit', 'iter' probes",
        {},
    ),
    (
        "socket_cookie((struct sock *)8)",
        ("rawtracepoint", *TRAMPOLINES, "iter"),
        'socket_cookie can not be used with "{}" probes',
        {},
    ),
    ("usermode", EVERYWHERE, "", {}),
    ("probe", EVERYWHERE, "", {}),
    ("kstack", EVERYWHERE, "", {}),
    ("ustack", EVERYWHERE, "", {}),
)
KNOWN = {name for _, item in builtin_objects("PROBE_TYPES") for name in item.names}
CASES = [(row, provider) for row in TABLE for provider in POINTS if provider in KNOWN]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("builtins"), "ticker", SOURCE, "-g", "-no-pie")


class WithKprobes(LiveTarget):
    """This machine, if only its kernel had kprobes."""

    @property
    def features(self) -> frozenset[str]:
        return super().features | {"kprobe", "kprobe_multi"}


@cache
def target() -> Target:
    return WithKprobes()


def messages(script: str) -> list[str]:
    """The errors of a script on this machine."""
    diagnostics = Diagnostics()
    pipeline = Pipeline(plugin_manager(builtin_plugins()), stop_after="typecheck")
    source = Source.from_bytes("t", script.encode())
    with suppress(CompileError, StageStopped):
        pipeline.compile(source, target(), diagnostics=diagnostics, options=CompileOptions(allows_unsafe=True))
    return [d.message for d in diagnostics.recorded if d.severity.value == "ERROR"]


@pytest.mark.parametrize(("row", "provider"), CASES, ids=[f"{row[0]}-{provider}" for row, provider in CASES])
def test_a_builtin_can_be_used_just_where_the_table_says(
    row: tuple[str, tuple[str, ...], str, dict[str, str]], provider: str, program: str
) -> None:
    expression, allowed, text, others = row
    point, member = POINTS[provider]
    script = f"{point.format(program=program)} {{ print({expression.format(member=member)}); }}"
    wanted = [] if provider in allowed else [others.get(provider, text).format(provider)]
    assert messages(script) == wanted


def test_the_names_of_functions_are_shown_in_text_and_keys(program: str) -> None:
    script = f'uprobe:{program}:tick {{ printf("%s|", func); @[func] = count(); }}'
    done = run("--no-cache", "-e", script, "-c", program)
    assert done.stdout == "tick|tick|tick|\n\n@[tick]: 3\n"


def test_a_return_probe_knows_its_function_too(program: str) -> None:
    done = run("--no-cache", "-e", f"uretprobe:{program}:tick {{ @[func, retval] = count(); }}", "-c", program)
    assert done.stdout == "\n\n@[tick, 1]: 1\n@[tick, 2]: 1\n@[tick, 3]: 1\n"


def test_json_has_a_function_as_a_string(program: str) -> None:
    done = run("--no-cache", "-f", "json", "-e", f"uprobe:{program}:tick {{ @ = func; }}", "-c", program)
    assert json.loads(done.stdout.splitlines()[-1]) == {"type": "map", "data": {"@": "tick"}}


def test_registers_hold_what_the_function_was_called_with(program: str) -> None:
    script = f"""
    uprobe:{program}:tick {{
        printf("%d %d %d %d;", reg("di"), ctx.di, reg("ip") == reg("pc"), ctx->ip == reg("ip"));
    }}
    """
    assert run("--no-cache", "-q", "-e", script, "-c", program).stdout == "0 0 1 1;1 1 1 1;2 2 1 1;\n\n"


def test_a_marker_has_registers_as_well(program: str) -> None:
    script = f"usdt:{program}:app:turn {{ @[usermode, ctx.ip == reg(\"ip\"), arg0] = count(); }}"
    done = run("--no-cache", "-q", "-e", script, "-c", program)
    assert done.stdout == "\n\n@[1, true, 0]: 1\n@[1, true, 1]: 1\n@[1, true, 2]: 1\n"


def test_registers_and_the_function_are_seen_in_loops(program: str) -> None:
    script = f'uprobe:{program}:tick {{ for ($i : 0..2) {{ @[func, reg("di"), usermode] = count(); }} }}'
    done = run("--no-cache", "-q", "-e", script, "-c", program)
    assert done.stdout == "\n\n@[tick, 0, 1]: 2\n@[tick, 1, 1]: 2\n@[tick, 2, 1]: 2\n"


def test_a_perf_event_has_its_registers_and_period_in_ctx() -> None:
    script = """
    interval:ms:10 {
        $r = ctx.regs;
        $same = $r.ip == reg("ip") && ctx.regs.ip == $r.ip;
        printf("%d %d %d\\n", ctx.sample_period, $same, ($r.cs & 3) == 3 * usermode);
        exit();
    }
    """
    assert run("--no-cache", "-q", "-e", script).stdout == "10000000 1 1\n\n\n"


@pytest.mark.parametrize(("probe", "mode"), [("begin", 1), ("end", 1), ("tracepoint:sched:sched_switch", 0)])
def test_without_registers_usermode_says_who_runs_the_probe(probe: str, mode: int) -> None:
    done = run("--no-cache", "-q", "-e", f"{probe} {{ @ = usermode; exit(); }}")
    assert done.stdout == f"\n\n@: {mode}\n"


def test_context_is_neither_shown_nor_kept() -> None:
    script = "profile:hz:99 { print(ctx); @ = ctx; @k[ctx] = 1; }"
    assert messages(script) == [
        "struct bpf_perf_event_data * type passed to print() is not printable",
        "Value 'struct bpf_perf_event_data *' cannot be assigned to a map.",
        "context cannot be part of a map key",
    ]
