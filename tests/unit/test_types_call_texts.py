"""What is said about the arguments of calls, word for word."""

from __future__ import annotations

import pytest
from checking import Checked

#: What the case is about, the script, and all that is printed about it.
CASES: list[tuple[str, str, str]] = [
    # How many.
    (
        "one too many for none",
        "begin { @m[1] = count(1); }",
        "t:1:17-25: ERROR: count() requires no arguments (1 provided)\n"
        "begin { @m[1] = count(1); }\n"
        "                ~~~~~~~~\n",
    ),
    (
        "one too many for what is no core function",
        "begin { print(uid(1)); }",
        "t:1:15-21: ERROR: Call to uid() has arguments that do not match any definition.\n"
        "begin { print(uid(1)); }\n"
        "              ~~~~~~\n"
        "ERROR: The closest definition of uid() has a different number of arguments. Expected: 0 but got 1\n",
    ),
    (
        "none for at least one",
        "begin { printf(); }",
        "t:1:9-17: ERROR: printf() requires at least one argument (0 provided)\n"
        "begin { printf(); }\n"
        "        ~~~~~~~~\n",
    ),
    (
        "two for one",
        "begin { @x = 1; clear(@x, 2); }",
        "t:1:17-29: ERROR: clear() requires one argument (2 provided)\n"
        "begin { @x = 1; clear(@x, 2); }\n"
        "                ~~~~~~~~~~~~\n",
    ),
    (
        "two for up to one",
        "begin { exit(1, 2); }",
        "t:1:9-19: ERROR: exit() takes up to one argument (2 provided)\n"
        "begin { exit(1, 2); }\n"
        "        ~~~~~~~~~~\n",
    ),
    (
        "four for up to three",
        "begin { @x[1] = 1; print(@x, 1, 2, 3); }",
        "t:1:20-38: ERROR: print() takes up to 3 arguments (4 provided)\n"
        "begin { @x[1] = 1; print(@x, 1, 2, 3); }\n"
        "                   ~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "three for up to two",
        "begin { print(str(1, 2, 3)); }",
        "t:1:15-27: ERROR: str() takes up to 2 arguments (3 provided)\n"
        "begin { print(str(1, 2, 3)); }\n"
        "              ~~~~~~~~~~~~\n",
    ),
    (
        "three for a stack",
        "begin { print(kstack(perf, 1, 2)); }",
        "t:1:15-33: ERROR: kstack() takes up to 2 arguments (3 provided)\n"
        "begin { print(kstack(perf, 1, 2)); }\n"
        "              ~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "none for one",
        "begin { zero(); }",
        "t:1:9-15: ERROR: zero() requires one argument (0 provided)\n"
        "begin { zero(); }\n"
        "        ~~~~~~\n",
    ),
    (
        "the number is told before anything else",
        'begin { exit("a", 1); }',
        "t:1:9-21: ERROR: exit() takes up to one argument (2 provided)\n"
        'begin { exit("a", 1); }\n'
        "        ~~~~~~~~~~~~\n",
    ),
    # Of which kind.
    (
        "format that is an integer",
        "begin { printf(pid); }",
        "t:1:16-19: ERROR: printf() expects a string literal (int provided)\n"
        "begin { printf(pid); }\n"
        "               ~~~\n",
    ),
    (
        "format that is no literal",
        "begin { printf(comm, 1); }",
        "t:1:16-20: ERROR: printf() expects a string literal (string provided)\n"
        "begin { printf(comm, 1); }\n"
        "               ~~~~\n",
    ),
    (
        "code that is a string",
        'begin { exit("a"); }',
        "t:1:14-17: ERROR: exit() only supports int arguments (string provided)\n"
        'begin { exit("a"); }\n'
        "             ~~~\n",
    ),
    (
        "top that is a string",
        'begin { @x[1] = 1; print(@x, "a"); }',
        "t:1:30-33: ERROR: print() expects a int literal (string provided)\n"
        'begin { @x[1] = 1; print(@x, "a"); }\n'
        "                             ~~~\n",
    ),
    (
        "top that is no literal",
        "begin { @x[1] = 1; print(@x, pid); }",
        "t:1:30-33: ERROR: print() expects a int literal (int provided)\n"
        "begin { @x[1] = 1; print(@x, pid); }\n"
        "                             ~~~\n",
    ),
    (
        "two values to print",
        "begin { print(1, 2); }",
        "t:1:9-20: ERROR: Non-map print() only takes 1 argument, 2 found\n"
        "begin { print(1, 2); }\n"
        "        ~~~~~~~~~~~\n",
    ),
    (
        "map that is an integer",
        "begin { clear(1); }",
        "t:1:15-16: ERROR: clear() expects a map argument\n"
        "begin { clear(1); }\n"
        "              ~\n",
    ),
    (
        "map with a key",
        "begin { @x[1] = 1; clear(@x[1]); }",
        "t:1:26-31: ERROR: clear() expects a map argument\n"
        "begin { @x[1] = 1; clear(@x[1]); }\n"
        "                         ~~~~~\n",
    ),
    (
        "map that is a variable",
        "begin { $x = 1; zero($x); }",
        "t:1:22-24: ERROR: zero() expects a map argument\n"
        "begin { $x = 1; zero($x); }\n"
        "                     ~~\n",
    ),
    (
        "map that has no value",
        "begin { clear(@x); }",
        "t:1:15-17: ERROR: Undefined map: @x\n"
        "begin { clear(@x); }\n"
        "              ~~\n",
    ),
    (
        "nothing to print",
        "begin { print(print(1)); }",
        "t:1:15-23: ERROR: void type passed to print() is not printable\n"
        "begin { print(print(1)); }\n"
        "              ~~~~~~~~\n",
    ),
    (
        "length that is a string",
        'begin { print(str(pid, "a")); }',
        "t:1:24-27: ERROR: str() only supports int arguments (string provided)\n"
        'begin { print(str(pid, "a")); }\n'
        "                       ~~~\n",
    ),
    (
        "length that is negative",
        "begin { print(str(pid, -1)); }",
        "t:1:24-26: ERROR: strcannot use negative length (-1)\n"
        "begin { print(str(pid, -1)); }\n"
        "                       ~~\n",
    ),
    (
        "length that is too large",
        "begin { print(str(pid, 5000)); }",
        "t:1:24-28: WARNING: length param (5000) is too long and will be shortened to 1024 bytes (see "
        "BPFTRACE_MAX_STRLEN)\n"
        "begin { print(str(pid, 5000)); }\n"
        "                       ~~~~\n",
    ),
    (
        "string of a tuple",
        "begin { print(str((1, 2))); }",
        "t:1:19-25: ERROR: str() expects a string, integer or a pointer type as first argument (tuple provided)\n"
        "begin { print(str((1, 2))); }\n"
        "                  ~~~~~~\n",
    ),
    (
        "string of a bool",
        "begin { print(str(pid == 1)); }",
        "t:1:19-27: ERROR: str() expects a string, integer or a pointer type as first argument (bool provided)\n"
        "begin { print(str(pid == 1)); }\n"
        "                  ~~~~~~~~\n",
    ),
    (
        "unknown clock",
        "begin { print(nsecs(nosuch)); }",
        "t:1:21-27: ERROR: Invalid timestamp mode: nosuch\n"
        "begin { print(nsecs(nosuch)); }\n"
        "                    ~~~~~~\n",
    ),
    (
        "clock that is an integer",
        "begin { print(nsecs(5)); }",
        "t:1:21-22: ERROR: nsecs() only supports timestamp_mode arguments (int provided)\n"
        "begin { print(nsecs(5)); }\n"
        "                    ~\n",
    ),
    (
        "unknown namespace",
        "begin { print(pid(nosuch)); }",
        "t:1:19-25: ERROR: Invalid PID namespace mode: nosuch (expects: curr_ns or init)\n"
        "begin { print(pid(nosuch)); }\n"
        "                  ~~~~~~\n",
    ),
    (
        "namespace that is an integer",
        "begin { print(tid(5)); }",
        "t:1:19-20: ERROR: tid() only supports curr_ns and init as the argument\n"
        "begin { print(tid(5)); }\n"
        "                  ~\n",
    ),
    (
        "kernel pointer of a string",
        'begin { print(kptr("a")); }',
        "t:1:20-23: ERROR: kptr() only supports integer or pointer arguments (string provided)\n"
        'begin { print(kptr("a")); }\n'
        "                   ~~~\n",
    ),
    (
        "user pointer of a tuple",
        "begin { print(uptr((1, 2))); }",
        "t:1:20-26: ERROR: uptr() only supports integer or pointer arguments (tuple provided)\n"
        "begin { print(uptr((1, 2))); }\n"
        "                   ~~~~~~\n",
    ),
    (
        "stack that is too deep",
        "begin { print(kstack(2000)); }",
        "t:1:22-26: ERROR: kstack([int limit]): limit shouldn't exceed 1024, 2000 given\n"
        "begin { print(kstack(2000)); }\n"
        "                     ~~~~\n",
    ),
    (
        "stack of no frames",
        "begin { print(ustack(0)); }",
        "t:1:22-23: ERROR: ustack: invalid limit value\n"
        "begin { print(ustack(0)); }\n"
        "                     ~\n",
    ),
    (
        "unknown stack mode",
        "begin { print(kstack(nosuch)); }",
        "t:1:22-28: ERROR: Error parsing stack mode: kstack: Invalid value for stack_mode: valid values are "
        "bpftrace, raw, perf, and build_id.\n"
        "begin { print(kstack(nosuch)); }\n"
        "                     ~~~~~~\n",
    ),
    (
        "stack mode that is an integer",
        "begin { print(kstack(5, 5)); }",
        "t:1:22-23: ERROR: Expected stack mode as first argument\n"
        "begin { print(kstack(5, 5)); }\n"
        "                     ~\n",
    ),
    (
        "build ids of the kernel",
        "begin { print(kstack(build_id)); }",
        "t:1:22-30: ERROR: 'build_id' stack mode can only be used for ustack\n"
        "begin { print(kstack(build_id)); }\n"
        "                     ~~~~~~~~\n",
    ),
    (
        "time that is no literal",
        "begin { time(comm); }",
        "t:1:14-18: ERROR: time() expects a string literal (string provided)\n"
        "begin { time(comm); }\n"
        "             ~~~~\n",
    ),
    (
        "time that is an integer",
        "begin { time(5); }",
        "t:1:14-15: ERROR: time() expects a string literal (int provided)\n"
        "begin { time(5); }\n"
        "             ~\n",
    ),
    (
        "path of a cgroup that is no literal",
        "begin { print(cgroupid(comm)); }",
        "t:1:24-28: ERROR: cgroupid() expects a string literal (string provided)\n"
        "begin { print(cgroupid(comm)); }\n"
        "                       ~~~~\n",
    ),
    (
        "type as an argument",
        "begin { print(typeof(pid)); }",
        "t:1:15-26: ERROR: When used as a call argument, `typeof` builtin only valid for macro calls that are "
        "expecting a type parameter\n"
        "begin { print(typeof(pid)); }\n"
        "              ~~~~~~~~~~~\n",
    ),
    # Formats.
    (
        "too few values",
        'begin { printf("%d %d", 1); }',
        "t:1:9-27: ERROR: not enough arguments for format string (1 supplied, 2 expected)\n"
        'begin { printf("%d %d", 1); }\n'
        "        ~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "too many values",
        'begin { printf("%d", 1, 2); }',
        "t:1:9-27: ERROR: too many arguments for format string (2 supplied, 1 expected)\n"
        'begin { printf("%d", 1, 2); }\n'
        "        ~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "string for a number",
        'begin { printf("%d", comm); }',
        "t:1:22-26: ERROR: unsupported format specifier for type 'string[16]': d\n"
        'begin { printf("%d", comm); }\n'
        "                     ~~~~\n",
    ),
    (
        "tuple for a number",
        'begin { printf("%x", (1, pid)); }',
        "t:1:22-30: ERROR: unsupported format specifier for type '(int8,uint32)': x\n"
        'begin { printf("%x", (1, pid)); }\n'
        "                     ~~~~~~~~\n",
    ),
    (
        "number for a buffer",
        'begin { printf("%r", 1); }',
        "t:1:22-23: ERROR: unsupported format specifier for type 'int8': r\n"
        'begin { printf("%r", 1); }\n'
        "                     ~\n",
    ),
    (
        "floating point",
        'begin { printf("%f", 1); }',
        "t:1:9-24: ERROR: unsupported format specifier: f\n"
        'begin { printf("%f", 1); }\n'
        "        ~~~~~~~~~~~~~~~\n",
    ),
    (
        "nothing for a string",
        'begin { printf("%s", print(1)); }',
        "t:1:22-30: ERROR: unable to print none type for specifier: s\n"
        'begin { printf("%s", print(1)); }\n'
        "                     ~~~~~~~~\n",
    ),
    (
        "anything for a string",
        'begin { printf("%s %s %s %s", 1, comm, (1, pid), kstack); }',
        "",
    ),
    (
        "numbers of all kinds",
        'begin { printf("%d %i %u %x %X %o %c %p", 1, pid, true, nsecs, 1, 1, 65, (int8 *)1); }',
        "",
    ),
    # Where.
    (
        "arguments of a probe that has none",
        "begin { print(args); }",
        "t:1:15-19: ERROR: The args builtin can only be used with tracepoint, rawtracepoint, fentry/fexit, and "
        "uprobe probes (begin used here)\n"
        "begin { print(args); }\n"
        "              ~~~~\n",
    ),
    (
        "numbered argument of a tracepoint",
        "tracepoint:syscalls:sys_enter_openat { print(arg0); }",
        "t:1:46-50: ERROR: The argN builtin can only be used with 'kprobes', 'uprobes' and 'usdt' probes\n"
        "tracepoint:syscalls:sys_enter_openat { print(arg0); }\n"
        "                                             ~~~~\n",
    ),
    (
        "numbered argument beyond the registers",
        "uprobe:/tmp/pybpftrace-golden/adder:add { print(arg6); }",
        "t:1:49-53: ERROR: x86_64 doesn't support arg6\n"
        "uprobe:/tmp/pybpftrace-golden/adder:add { print(arg6); }\n"
        "                                                ~~~~\n",
    ),
    (
        "return value of a tracepoint",
        "tracepoint:syscalls:sys_enter_openat { print(retval); }",
        "t:1:46-52: ERROR: The retval builtin can only be used with 'kretprobe' and 'uretprobe' and 'fentry' probes "
        "(try to use args.ret instead)\n"
        "tracepoint:syscalls:sys_enter_openat { print(retval); }\n"
        "                                             ~~~~~~\n",
    ),
    (
        "return value of begin",
        "begin { print(retval); }",
        "t:1:15-21: ERROR: The retval builtin can only be used with 'kretprobe' and 'uretprobe' and 'fentry' probes\n"
        "begin { print(retval); }\n"
        "              ~~~~~~\n",
    ),
    (
        "numbered argument of an interval",
        "interval:s:1 { print(arg1); }",
        "t:1:22-26: ERROR: The argN builtin can only be used with 'kprobes', 'uprobes' and 'usdt' probes\n"
        "interval:s:1 { print(arg1); }\n"
        "                     ~~~~\n",
    ),
    # Unevaluated.
    (
        "assignment in sizeof",
        "begin { print(sizeof({ @x = 1; 5 })); }",
        "t:1:24-30: ERROR: Map assignments not allowed inside of sizeof\n"
        "begin { print(sizeof({ @x = 1; 5 })); }\n"
        "                       ~~~~~~\n",
    ),
    (
        "increment in sizeof",
        "begin { print(sizeof({ @x++; 5 })); }",
        "t:1:24-28: ERROR: Map assignments not allowed inside of sizeof\n"
        "begin { print(sizeof({ @x++; 5 })); }\n"
        "                       ~~~~\n",
    ),
    (
        "assignment in typeof",
        "begin { print((typeof({ @x = 1; 5 }))5); }",
        "t:1:25-31: ERROR: Map assignments not allowed inside of typeof or typeinfo\n"
        "begin { print((typeof({ @x = 1; 5 }))5); }\n"
        "                        ~~~~~~\n",
    ),
    (
        "comptime of a value that is not known",
        "begin { print(comptime pid); }",
        "t:1:15-27: ERROR: Unable to resolve comptime expression\n"
        "begin { print(comptime pid); }\n"
        "              ~~~~~~~~~~~~\n",
    ),
    (
        "if comptime of a value that is not known",
        "begin { if comptime (pid == 1) { print(1); } }",
        "t:1:12-31: ERROR: Unable to resolve comptime expression\n"
        "begin { if comptime (pid == 1) { print(1); } }\n"
        "           ~~~~~~~~~~~~~~~~~~~\n",
    ),
    (
        "if comptime of a string",
        'begin { if comptime ("a") { print(1); } }',
        "t:1:12-26: ERROR: Unable to resolve comptime expression\n"
        'begin { if comptime ("a") { print(1); } }\n'
        "           ~~~~~~~~~~~~~~\n",
    ),
    (
        "a variable's type cannot change once it decided something",
        "begin { $x = 1; if comptime (sizeof($x) == 1) { $x = 1000; } }",
        "t:1:49-51: ERROR: this type has been locked because it was used in another part of the type graph\n"
        "begin { $x = 1; if comptime (sizeof($x) == 1) { $x = 1000; } }\n"
        "                                                ~~\n",
    ),
    (
        "a map's type cannot change once it decided something",
        "begin { @x = 1; if comptime (sizeof(@x) == 1) { @x = 1000; } }",
        "t:1:49-51: ERROR: this type has been locked because it was used in another part of the type graph\n"
        "begin { @x = 1; if comptime (sizeof(@x) == 1) { @x = 1000; } }\n"
        "                                                ~~\n",
    ),
    (
        "a key's type cannot change once it decided something",
        "begin { @x[1] = 1; if comptime (sizeof(typeof(@x)) == 1) { @x[1000] = 1; } }",
        "t:1:60-68: ERROR: this type has been locked because it was used in another part of the type graph\n"
        "begin { @x[1] = 1; if comptime (sizeof(typeof(@x)) == 1) { @x[1000] = 1; } }\n"
        "                                                           ~~~~~~~~\n",
    ),
    (
        "what is dropped is not looked at",
        'begin { if comptime (sizeof(pid) == 8) { nosuch(); print(nosuch + "a"); @x = "a"; } else { @x = 1; } }',
        "",
    ),
]


@pytest.mark.parametrize(("script", "printed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_it_says(script: str, printed: str) -> None:
    assert Checked(script).printed == printed
