"""A program whose processes on all CPUs meet before each call of one function, which all of them call with the same new
key: what is first done to a key is done to it on all CPUs at once."""

from __future__ import annotations

from pathlib import Path

from programs import build

#: Processes on each CPU, so that there are also some that preempt each other.
PROCESSES = 2
SOURCE = f"""
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) void hit(long key, long process) {{ __asm__ volatile("" :: "r"(key), "r"(process)); }}
int main(int count, char **words) {{
    cpu_set_t all;
    sched_getaffinity(0, sizeof all, &all);
    long keys = atol(words[1]), processes = CPU_COUNT(&all) * {PROCESSES}, number = 0;
    long *arrived = mmap(0, sizeof *arrived, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        for (int process = 0; CPU_ISSET(cpu, &all) && process < {PROCESSES}; process++, number++)
            if (fork() == 0) {{
                cpu_set_t one;
                CPU_ZERO(&one);
                CPU_SET(cpu, &one);
                sched_setaffinity(0, sizeof one, &one);
                for (long key = 0; key < keys; key++) {{
                    __atomic_add_fetch(arrived, 1, __ATOMIC_SEQ_CST);
                    while (__atomic_load_n(arrived, __ATOMIC_SEQ_CST) < (key + 1) * processes) sched_yield();
                    hit(key, number);
                }}
                _exit(0);
            }}
    while (wait(0) > 0) {{}}
    return 0;
}}
"""


def meeting_program(directory: Path) -> str:
    """Its argument is how many keys there are: each process calls `hit(key, process)` once for each, from 0 on."""
    return build(directory, "new_keys", SOURCE, "-O2")


def values(printed: str, name: str = "n") -> list[str]:
    """What a map that was printed has, in the order of the text."""
    return [line.partition("]: ")[2] for line in printed.splitlines() if line.startswith(f"@{name}[")]
