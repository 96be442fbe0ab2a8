"""Loops in the kernel: their bodies are functions of their own, which share variables with the code around them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from programs import build
from tracing import PATIENCE, run

pytestmark = pytest.mark.live

CALLER = """
#include <fcntl.h>
#include <unistd.h>
__attribute__((noipa)) int work(int n, const char *text) { return n + text[0]; }
int main(void) {
    for (int i = 0; i < 20; i++) {
        work(i, "a text of more than sixteen bytes");
        close(open("/dev/null", O_RDONLY));
    }
    return 0;
}
"""


def printed(script: str, *arguments: str) -> list[str]:
    """The lines that a script prints, without its maps."""
    done = run(*arguments, "-e", f"config = {{ print_maps_on_exit = false }} {script}")
    assert done.status == 0, done.stderr
    assert "ERROR" not in done.stderr
    return done.stdout.split("\n\n")[0].splitlines()


@pytest.fixture
def caller(tmp_path: Path) -> str:
    return build(tmp_path, "caller", CALLER)


def test_loops_inside_each_other_change_the_variables_around_them() -> None:
    script = """begin {
        $sum = (int64)0; $text = "unchanged text, which is long";
        for $i : (-3)..4 {
            $row = (int64)0;
            for $j : 0..5 { if ($j == 3) { continue; } $sum += $i * 10 + $j; $row++; }
            if ($row != 4) { $text = "some row was wrong"; }
        }
        printf("%d %s\\n", $sum, $text);
    }"""
    total = sum(i * 10 + j for i in range(-3, 4) for j in range(5) if j != 3)
    assert printed(script) == [f"{total} unchanged text, which is long"]


def test_bounds_that_only_the_program_knows_are_half_open_and_signed() -> None:
    script = """begin {
        $low = (int64)pid % 1 - 2; $high = $low + 4;
        for $i : $low..$high { printf("%d\\n", $i); }
        for $i : $high..$low { printf("never\\n"); }
    }"""
    assert printed(script) == ["-2", "-1", "0", "1"]


def test_loops_without_a_round_do_nothing_whoever_knows_that() -> None:
    script = """begin {
        $zero = 0; $n = (int64)pid % 1 + 5;
        for $i : 3..3 { printf("never\\n"); } for $i : 5..3 { printf("never\\n"); }
        for $i : $n..$n { printf("never\\n"); } while (0) { printf("never\\n"); }
        while ($zero) { printf("never\\n"); } if ($zero) { for $i : 0..5 { printf("never\\n"); } }
        for $i : 0..3 { for $j : 0..$i { printf("%d%d\\n", $i, $j); } }
    }"""
    assert printed(script) == ["10", "20", "21"]


def test_break_ends_the_innermost_loop_only() -> None:
    script = """begin {
        $n = 0;
        while ($n < 3) { $n++; for $j : 0..9 { if ($j == $n) { break; } printf("%d%d\\n", $n, $j); } }
    }"""
    assert printed(script) == [f"{n}{j}" for n in (1, 2, 3) for j in range(n)]


def test_a_return_inside_loops_ends_the_probe() -> None:
    script = """begin {
        for $i : 0..9 { for $j : 0..9 { if ($i * $j == 12) { printf("%d %d\\n", $i, $j); return; } } }
        printf("never\\n");
    }
    end { printf("end\\n"); }"""
    assert printed(script) == ["2 6", "end"]


def test_a_while_loop_may_run_longer_than_the_verifier_would_follow() -> None:
    script = """begin {
        $n = (int64)0; $sum = (int64)0;
        while ($n < 1000000) { $n++; if ($n % 2) { continue; } if ($n > 900000) { break; } $sum += $n; }
        printf("%d %ld\\n", $n, $sum);
    }"""
    assert printed(script) == [f"900002 {sum(range(0, 900001, 2))}"]


@pytest.mark.parametrize("loop", ["while (1) { $n++; }", "for $i : 0..($end * 2) { $n++; }"])
def test_a_loop_of_more_rounds_than_the_kernel_allows_is_cut_and_says_so(loop: str) -> None:
    done = run("-e", f'begin {{ $n = (int64)0; $end = (int64)pid % 1 + 9000000; {loop} printf("%d\\n", $n); }}')
    assert done.stdout.startswith(f"{1 << 23}\n")
    assert "WARNING: Loop ended after 8388608 rounds, which is as many as the kernel allows." in done.stderr


def test_seven_loops_inside_each_other_share_the_stack() -> None:
    head = "".join(f"for $a{i} : 0..2 {{ " for i in range(7))
    keys = ", ".join(f"$a{i}" for i in range(7))
    assert printed(f'begin {{ $n = 0; {head} $n++; @[{keys}] = $n; {"}" * 7} printf("%d\\n", $n); }}') == ["128"]


def test_a_loop_over_a_map_sees_each_key_and_value_once() -> None:
    script = """begin {
        @m[1, "one"] = 10; @m[2, "two"] = 20; @m[3, "three"] = 30; $sum = (int64)0;
        for $kv : @m {
            if ($kv.0.0 == 2) { delete(@m, $kv.0); continue; }
            $sum += $kv.1;
            @seen[$kv.0.1] = 1;
        }
        printf("%d %d%d%d\\n", $sum, @seen["one"], @seen["two"], @seen["three"]);
        for $kv : @m { for $other : @m { if ($kv.0.0 == 3 && $other.0.0 == 1) { printf("both\\n"); return; } } }
        printf("never\\n");
    }"""
    assert printed(script) == ["40 101", "both"]


def test_a_loop_over_an_aggregation_sees_the_sums_of_all_cpus(caller: str) -> None:
    script = f"""uprobe:{caller}:work {{ @sum[arg0 % 2] = sum(arg0); @low[arg0 % 2] = min(arg0); }}
    end {{
        for $kv : @sum {{ printf("%d %d %d\\n", $kv.0, $kv.1, @low[$kv.0]); }}
    }}"""
    assert sorted(printed(script, "-c", caller)) == [f"0 {sum(range(0, 20, 2))} 0", f"1 {sum(range(1, 20, 2))} 1"]


def test_loops_run_in_programs_that_can_be_interleaved_and_share_strings(caller: str) -> None:
    script = f"""uprobe:{caller}:work /arg0 == 7/ {{
        $text = str(arg1); $n = (int64)0;
        while ($n < 3) {{
            $n++;
            if ($n == 2) {{ printf("%s, %d, %d\\n", $text, arg0, $n); return; }}
            $text = str(arg1, 7);
        }}
    }}"""
    assert printed(script, "-c", caller) == ["a text, 7, 2"]


def test_a_while_loop_reads_a_tracepoints_arguments(caller: str) -> None:
    script = """tracepoint:syscalls:sys_enter_openat /pid == cpid/ {
        $n = 0;
        while ($n < 2) { $n++; if (str(args.filename) == "/dev/null") { @ = count(); } }
    }
    end { printf("%d\\n", (uint64)@); }"""
    assert printed(script, "-c", caller) == ["40"]


def test_loops_run_in_profile_probes(tmp_path: Path) -> None:
    busy = build(tmp_path, "busy", "int main(void) { for (volatile long i = 0; i < 400000000; i++); }")
    script = "profile:hz:99 /pid == cpid/ { for $i : 0..3 { @[$i] = count(); } } end { for $kv : @ { print($kv.0); } }"
    assert sorted(printed(script, "-c", busy)) == ["0", "1", "2"]


def test_two_hundred_variables_are_alive_at_once() -> None:
    chain = " ".join(f"$x{i} = $x{i - 1} * 3 + {i};" for i in range(1, 200))
    total = " ".join(f"$r = $r * 7 + $x{i};" for i in reversed(range(200)))
    script = f'begin {{ $x0 = (int64)pid % 1 + 1; {chain} $r = (int64)0; {total} printf("%lx\\n", $r); }}'
    values = [1]
    for i in range(1, 200):
        values.append(values[-1] * 3 + i)
    expected = 0
    for value in reversed(values):
        expected = (expected * 7 + value) & (1 << 64) - 1
    assert printed(script) == [f"{expected:x}"]


def test_more_memory_than_the_kernel_gives_is_a_compile_error() -> None:
    strings = " ".join(f"$s{i} = str(kptr(0));" for i in range(40))
    uses = ", ".join(f"$s{i}" for i in range(40))
    done = run("-e", f"interval:s:1 {{ {strings} print(({uses})); }}", environment={"BPFTRACE_MAX_STRLEN": "60000"})
    assert done.status == 1
    assert done.stderr.startswith("stdin:1:1-13: ERROR: The probe interval:s:1 needs ")
    assert " bytes of per-CPU memory at a time, and the kernel gives at most 4194304." in done.stderr


def test_a_sum_over_many_cpus_is_a_loop_that_the_verifier_accepts() -> None:
    """A kernel gives no value for the numbers of CPUs that it does not have."""
    script = """begin {
        @c = count(); @c = count(); @a[1] = avg(-7); @a[1] = avg(-4); @l = min(5); @l = min(-5); @h = max(3);
        print(((int64)@c, (int64)@a[1], (int64)@l, (int64)@h));
    }"""
    code = (
        "from pybpftrace.core.target.live import LiveTarget\n"
        "LiveTarget.possible_cpus = tuple(range(max(64, len(LiveTarget().possible_cpus))))\n"
        "from pybpftrace.cli.start import main\n"
        "main()"
    )
    command = [sys.executable, "-c", code, "--no-cache", "-e", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout.startswith("(2, -5, -5, 3)\n"), done.stderr
