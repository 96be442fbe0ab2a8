"""fentry, fexit and raw tracepoints on kernels that have them all: arguments, return values, modules, BPF programs."""

from __future__ import annotations

import os
import re

import pytest

from .guest import Guest
from .tracing import start_trace, trace, trace_in_guest

READ = "/bin/cat /etc/hostname"
IS_HOSTNAME = 'pid == cpid && str(args.file.f_path.dentry.d_name.name) == "hostname"'


def test_fexit_has_the_arguments_and_what_the_function_returns(guest: Guest) -> None:
    done = trace(guest, f"fexit:vfs_read /{IS_HOSTNAME}/ {{ @[args.count > 0, retval] = count(); }}", workload=READ)
    size = os.stat("/etc/hostname").st_size
    assert done.status == 0, done.stderr
    assert f"@[true, {size}]: 1\n" in done.stdout
    assert "@[true, 0]: 1\n" in done.stdout


def test_fentry_has_the_arguments(guest: Guest) -> None:
    done = trace(guest, f"fentry:vfs_read /{IS_HOSTNAME}/ {{ @[args.count > 0, probe] = count(); }}", workload=READ)
    assert done.status == 0, done.stderr
    assert "@[true, fentry:vmlinux:vfs_read]: 2\n" in done.stdout


def test_a_script_calculates_with_addresses_as_it_likes(guest: Guest) -> None:
    script = """
    fentry:vfs_read /pid == cpid/ {
        $p = args.file; $i = pid - pid;
        @masked[(uint64)args.file & 7, (uint64)$p >> 63, $p == args.file, -(int64)$p > 0] = count();
        @added[*(uint64 *)((uint64)$p + $i) == *(uint64 *)args.file] = count();
        @less[args.file < args.file] = count();
        @key[args.file] = count();
        @value = args.file;
        if ($p) { @true = count(); } else { @false = count(); }
        printf("%p %lx\\n", args.file, (uint64)args.file);
    }
    end { clear(@key); clear(@value); }
    """
    done = trace(guest, script, workload=READ)
    assert done.status == 0, done.stderr
    for line in ("@masked[0, 1, true, true]: ", "@added[true]: ", "@less[false]: ", "@true: "):
        assert line in done.stdout
    assert "@false" not in done.stdout


def test_a_null_pointer_is_seen_to_be_one(guest: Guest) -> None:
    done = trace(guest, "fentry:vm_mmap_pgoff /pid == cpid/ { @[args.file == 0] = count(); }", workload=READ)
    assert done.status == 0, done.stderr
    assert "@[true]: " in done.stdout
    assert "@[false]: " in done.stdout


def test_wildcards_probe_each_of_many_functions(guest: Guest) -> None:
    script = "fentry:vfs_*, fentry:do_sys_* /pid == cpid/ {"
    done = trace(guest, script + " @[probe] = count(); }", workload=READ)
    assert done.status == 0, done.stderr
    found = re.search(r"^Attached (\d+) probes$", done.stderr, re.MULTILINE)
    assert found is not None
    assert int(found[1]) >= 70
    assert "@[fentry:vmlinux:vfs_read]: " in done.stdout
    assert "@[fentry:vmlinux:do_sys_openat2]: " in done.stdout


@pytest.mark.kernels("6.1", "6.12", "newest")
def test_the_module_of_a_function_is_found(guest: Guest) -> None:
    done = trace(guest, "fentry:ovl_open /pid == cpid/ { @[probe, args.inode != 0] = count(); }", workload=READ)
    assert done.status == 0, done.stderr
    assert "@[fentry:overlay:ovl_open, true]: " in done.stdout


@pytest.mark.kernels("6.1", "6.12", "newest")
def test_fexit_in_a_module_has_its_return_value(guest: Guest) -> None:
    done = trace(guest, "fexit:overlay:ovl_open /pid == cpid/ { @[retval] = count(); }", workload=READ)
    assert done.status == 0, done.stderr
    assert "@[0]: " in done.stdout


@pytest.mark.kernels("5.10")
def test_a_kernel_without_types_of_modules_has_no_functions_of_theirs(guest: Guest) -> None:
    done = trace(guest, "fentry:overlay:ovl_open { exit(); }", workload=READ)
    assert done.status == 1
    assert "No matches for fentry overlay:ovl_open." in done.stderr


@pytest.mark.kernels("6.12")
def test_a_running_bpf_program_can_be_probed(guest: Guest) -> None:
    running = start_trace(guest, "tracepoint:syscalls:sys_enter_getcwd { @calls = count(); }")
    script = """
    fentry:bpf:tracepoint_syscalls_sys_enter_getcwd_1 { @in[probe] = count(); }
    fexit:bpf:*:tracepoint_syscalls_sys_enter_get* { @out = count(); }
    """
    done = trace_in_guest(guest, script, workload="/bin/pwd")
    assert done.status == 0, done.stderr
    assert "@out: 1\n" in done.stdout
    assert ":tracepoint_syscalls_sys_enter_getcwd_1]: 1\n" in done.stdout
    assert "@calls: " in running.interrupt().stdout


def test_a_raw_tracepoint_has_typed_arguments(guest: Guest) -> None:
    script = """
    rawtracepoint:sched_process_exec /args.p.tgid == (int32)cpid/ {
        @[str(args.bprm.filename, 32), args.old_pid == args.p.pid, arg0 == (uint64)args.p, probe] = count();
    }
    """
    done = trace(guest, script, workload=READ)
    assert done.status == 0, done.stderr
    assert "@[/bin/cat, true, true, rawtracepoint:vmlinux:sched_process_exec]: 1\n" in done.stdout


def test_probes_on_one_function_run_in_the_order_of_the_script(guest: Guest) -> None:
    script = f"""
    fentry:vfs_read /{IS_HOSTNAME}/ {{ printf("1"); }}
    fentry:vfs_read /{IS_HOSTNAME}/ {{ printf("2"); }}
    fexit:vfs_read /{IS_HOSTNAME}/ {{ printf("3"); }}
    """
    done = trace(guest, script, workload=READ)
    assert done.status == 0, done.stderr
    assert "123123" in done.stdout
