"""kprobes and kretprobes: one function and many, modules, offsets, addresses, and what is said when there is none."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from .guest import Guest
from .target import target_of
from .tracing import start_trace, trace

CAT = "/bin/cat /etc/hostname"


def test_entry_and_return_of_a_function(guest: Guest) -> None:
    script = (
        "kprobe:vfs_read /pid == cpid/ { @entries = count(); @sizes = max(arg2); }"
        "kretprobe:vfs_read /pid == cpid && (int64)retval >= 0/ { @returns = count(); }"
        'kprobe:vfs_read /pid == cpid/ { @name[probe] = count(); @ip = reg("ip") > 0; }'
    )
    done = trace(guest, script, workload=CAT)
    assert done.status == 0, done.stderr
    found = dict(re.findall(r"^@([\w\[\]:]+): (\w+)$", done.stdout, re.MULTILINE))
    assert int(found["entries"]) == int(found["name[kprobe:vfs_read]"]) >= int(found["returns"]) > 0
    assert int(found["sizes"]) >= 4096


def test_an_argument_is_followed_through_the_kernels_types(guest: Guest) -> None:
    script = (
        "kprobe:vfs_read /pid == cpid/ {"
        ' printf("reads %s\\n", str(((struct file *)arg0)->f_path.dentry->d_name.name)); }'
    )
    done = trace(guest, script, workload=CAT)
    assert "reads hostname\n" in done.stdout, done.stderr


def test_a_wildcard_is_on_all_that_it_names(guest: Guest) -> None:
    done = trace(guest, "kprobe:vfs_read*,kprobe:vfs_w* /pid == cpid/ { @ = count(); }", workload=CAT)
    functions = target_of(guest).kernel_functions()
    names = {name for pattern in ("vfs_read*", "vfs_w*") for _, name in functions.match(pattern)}
    assert done.stderr.splitlines()[-1] == f"Attached {len(names)} probes"
    assert int(done.stdout.split()[-1]) > 0


def test_each_has_its_name_when_the_body_asks_for_it(guest: Guest) -> None:
    done = trace(guest, "kprobe:vfs_read* /pid == cpid/ { @[probe] = count(); }", workload=CAT)
    assert re.search(r"^@\[kprobe:vfs_read\]: \d+$", done.stdout, re.MULTILINE), done


def test_a_name_of_several_functions_is_all_of_them(guest: Guest) -> None:
    """The kernel itself takes no such name."""
    target = target_of(guest)
    symbols = Path(target.path, "raw", "kallsyms").read_text()
    counts = Counter(re.findall(r"^\w+ [tT] (\w+)$", symbols, re.MULTILINE))
    name = next(name for name, count in counts.items() if count > 1 and target.kernel_functions().modules_of(name))
    running = start_trace(guest, f"kprobe:{name}, kretprobe:{name} {{ @ = count(); }}")
    events = guest.run(["/bin/sh", "-c", "readlink /proc/[1-9]*/fd/* | grep -c perf_event"])
    done = running.interrupt()
    assert done.stderr.splitlines()[-1] == "Attached 2 probes"
    assert 2 <= int(events.stdout) <= 2 * counts[name]


@pytest.mark.kernels("6.12", "newest")
def test_two_thousand_functions_take_one_program_and_one_link(guest: Guest) -> None:
    functions = target_of(guest).kernel_functions()
    letter = next(c for c in "abcdefghijklmnopqrstuvw" if len({n for _, n in functions.match(f"{c}*")}) > 2000)
    script = f"kprobe:{letter}* /pid == cpid/ {{ @ = count(); }}"
    running = start_trace(guest, script, timeout=120)
    links = guest.run(["/bin/sh", "-c", "cat /proc/[1-9]*/fdinfo/* 2>/dev/null | grep link_type"])
    assert links.stdout == "link_type:\tkprobe_multi\n"
    done = running.interrupt()
    [attached] = re.findall(r"^Attached (\d+) probes$", done.stderr, re.MULTILINE)
    assert int(attached) > 2000, done.stderr


def test_more_probes_than_are_allowed_are_refused_with_their_number(guest: Guest) -> None:
    done = trace(guest, "kprobe:vfs_* { @[probe] = count(); }", environment={"BPFTRACE_MAX_PROBES": "3"})
    assert done.status == 1
    assert re.search(r"ERROR: Can't attach to \d+ probes because it exceeds the current limit of 3 probes", done.stderr)


def test_every_function_is_refused_without_the_option(guest: Guest) -> None:
    done = trace(guest, "kprobe:* { @ = count(); }")
    assert done.status == 1
    message = r"stdin:1:1-9: ERROR: kprobe:\* would probe every function of the kernel: \d{5} of them"
    assert re.match(message, done.stderr)


def test_a_function_of_a_module(guest: Guest) -> None:
    functions = target_of(guest).kernel_functions()
    assert "overlay" in functions.modules_of("ovl_open")
    done = trace(guest, "kprobe:overlay:ovl_open /pid == cpid/ { @[probe] = count(); }", workload=CAT)
    assert "@[kprobe:overlay:ovl_open]: " in done.stdout, done.stderr


def test_functions_of_a_module_by_a_wildcard(guest: Guest) -> None:
    done = trace(guest, "kprobe:overlay:ovl_o* /pid == cpid/ { @ = count(); }", workload=CAT)
    assert done.status == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 0


def test_a_place_inside_of_a_function_is_where_an_instruction_begins(guest: Guest) -> None:
    # Behind the five bytes in which ftrace keeps its call, and on newer kernels the four of an `endbr64` before them.
    tries = (
        trace(guest, f"kprobe:vfs_read+{offset} /pid == cpid/ {{ @[probe] = count(); }}", workload=CAT)
        for offset in (9, 5)
    )
    done = next(done for done in tries if done.status == 0)
    assert re.search(r"^@\[kprobe:vfs_read\+[59]\]: \d+$", done.stdout, re.MULTILINE), done
    wrong = trace(guest, "kprobe:vfs_read+2 { @ = count(); }")
    assert wrong.status == 255
    assert wrong.stderr.splitlines()[0] == (
        "ERROR: Possible attachment attempt in the middle of an instruction, try a different offset."
    )


def test_an_address_needs_unsafe(guest: Guest) -> None:
    address = target_of(guest).symbol_address("vfs_read")
    script = f"kprobe:{address} /pid == cpid/ {{ @ = count(); }}"
    refused = trace(guest, script)
    assert refused.stderr.splitlines()[0].endswith("ERROR: Probing by address requires --unsafe")
    done = trace(guest, script, "--unsafe", workload=CAT)
    assert int(done.stdout.split()[-1]) > 0, done.stderr


def test_a_function_that_is_not_there_is_told(guest: Guest) -> None:
    done = trace(guest, "kprobe:vfs_raed { @ = count(); }")
    assert done.status == 1
    assert "ERROR: No matches for kprobe vfs_raed." in done.stderr
    assert "HINT: did you mean 'vfs_read'?" in done.stderr
    assert (
        'WARNING: vfs_raed is not traceable (either non-existing, inlined, or marked as "notrace"); attaching to it '
        "will likely fail" in done.stderr
    )


def test_with_unsafe_the_kernel_decides(guest: Guest) -> None:
    done = trace(guest, "kprobe:no_such_function { @ = count(); }", "--unsafe")
    assert done.status == 255
    assert "ERROR: Probe does not exist: kprobe:no_such_function\n" in done.stderr


def test_a_module_that_is_not_loaded_is_named(guest: Guest) -> None:
    done = trace(guest, "kprobe:nomodule:f { @ = count(); }")
    assert done.stderr.splitlines()[0].endswith(
        "ERROR: specified module nomodule in probe kprobe:nomodule:f is not loaded."
    )


def test_missing_ones_can_be_passed_over(guest: Guest) -> None:
    script = (
        'config = { missing_probes = "warn" } kprobe:no_such_function,kprobe:vfs_read /pid == cpid/ { @ = count(); }'
    )
    done = trace(guest, script, workload=CAT)
    assert done.status == 0, done.stderr
    assert "WARNING: No matches for kprobe no_such_function. Skipping." in done.stderr
    assert "Attached 1 probe\n" in done.stderr
