"""A program whose processes on all CPUs call one function at once, and what aggregations of its argument come to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from programs import build

#: Processes on each CPU.
PROCESSES = 3
SOURCE = f"""
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) void hit(long number, long key) {{ __asm__ volatile("" :: "r"(number), "r"(key)); }}
int main(int count, char **words) {{
    cpu_set_t all;
    sched_getaffinity(0, sizeof all, &all);
    int turn = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        for (int process = 0; CPU_ISSET(cpu, &all) && process < {PROCESSES}; process++, turn++)
            if (fork() == 0) {{
                cpu_set_t one;
                CPU_ZERO(&one);
                CPU_SET(cpu, &one);
                sched_setaffinity(0, sizeof one, &one);
                for (long call = 0; call < atol(words[1]); call++) {{
                    hit((call * 7919 + turn) % 2001 - 1500, call % 3);
                    if (call % 64 == 0) sched_yield();
                }}
                _exit(0);
            }}
    while (wait(0) > 0) {{}}
    return 0;
}}
"""


def contending_program(directory: Path) -> str:
    """Its argument is how often each process calls `hit(number, key)`."""
    return build(directory, "contention", SOURCE, "-O2")


def calls_of(cpus: int, calls: int) -> list[tuple[int, int]]:
    """(number, key) of all calls, with so many of each process."""
    return [((call * 7919 + turn) % 2001 - 1500, call % 3) for turn in range(PROCESSES * cpus) for call in range(calls)]


NUMBERS, OTHERS = ("avg", "count", "max", "min"), ("stats", "sum", "hist", "lhist")


def updates(keyed: bool, names: Sequence[str] = (*NUMBERS, *OTHERS)) -> str:
    """Statements that give each aggregation the number, by the key if they are keyed."""
    key = "[arg1]" if keyed else ""
    arguments = {
        "avg": "(int64)arg0", "count": "", "max": "(int64)arg0", "min": "(int64)arg0", "stats": "(int64)arg0",
        "sum": "(int64)arg0", "hist": "(int64)arg0", "lhist": "(int64)arg0, 0, 400, 100",
    }  # fmt: skip
    return " ".join(f"@{name}{key} = {name}({arguments[name]});" for name in names)


def check_maps(
    printed: str, calls: list[tuple[int, int]], keyed: bool, names: Sequence[str] = (*NUMBERS, *OTHERS)
) -> None:
    """What `updates` leaves behind is printed, exactly."""
    for wanted in sorted({key for _, key in calls}) if keyed else [None]:
        values = [number for number, key in calls if wanted in (None, key)]
        label = "" if wanted is None else f"[{wanted}]"
        stats = f"{{ .count = {len(values)}, .average = {_average(values)}, .total = {sum(values)} }}"
        expected = {
            "count": len(values),
            "sum": sum(values),
            "min": min(values),
            "max": max(values),
            "avg": _average(values),
            "stats": stats,
        }
        for name in expected.keys() & set(names):
            assert f"\n@{name}{label}: {expected[name]}\n" in printed
        buckets: dict[str, int] = {}
        steps: dict[str, int] = {}
        for number in values:
            buckets[_bucket(number)] = buckets.get(_bucket(number), 0) + 1
            low = number // 100 * 100
            step = "(..., 0)" if number < 0 else "[400, ...)" if low >= 400 else f"[{low}, {low + 100})"
            steps[step] = steps.get(step, 0) + 1
        rows = {"hist": buckets, "lhist": steps}
        for name in rows.keys() & set(names):
            found = _counts_of(printed.split(f"@{name}{label}:\n")[1].split("\n\n")[0])
            assert found == rows[name], f"@{name}{label}: {found}, not {rows[name]}"


def _average(values: list[int]) -> int:
    total = sum(values)
    return abs(total) // len(values) * (1 if total >= 0 else -1)


def _bucket(number: int) -> str:
    if number < 0:
        return "(..., 0)"
    if number < 2:
        return f"[{number}]"
    low = 1 << number.bit_length() - 1
    return f"[{low}, {2 * low if low < 512 else f'{2 * low // 1024}K'})"


def _counts_of(rows: str) -> dict[str, int]:
    """The counts of a histogram's rows by their labels, but for empty ones."""
    found = {row[:16].strip(): int(row[16:].split("|")[0]) for row in rows.splitlines()}
    return {label: count for label, count in found.items() if count}
