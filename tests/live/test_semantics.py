"""What scripts mean: operators, strings, variables, maps and aggregations, as a program in the kernel computes them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tracing import Finished, run, tracer, worker

pytestmark = pytest.mark.live

#: Ends what a script prints; its maps follow.
END = "\n\n"

#: Unlinks two files of its own, one by each system call, again and again.
UNLINKER = """
import os, sys, time
home = os.open(sys.argv[1], os.O_RDONLY)
while True:
    for name in "first", "second":
        open(sys.argv[1] + "/" + name, "w").close()
    os.unlink(sys.argv[1] + "/first")
    os.unlink("second", dir_fd=home)
    os.getppid()
    time.sleep(0.005)
"""

CALLER = """
#include <string.h>
__attribute__((noipa)) int touch(const char *text) { return strlen(text); }
__attribute__((noipa)) int work(const char *a, const char *b, int n) { return strlen(a) + strlen(b) + n; }
int main(void) {
    char large[201];
    memset(large, 'z', 200);
    large[200] = 0;
    touch("hello"); touch("world"); touch("much longer than hello"); touch("");
    work("hello", "world", 5);
    work("much longer than hello", large, 3);
    work("hello", "", 0);
    return 0;
}
"""


@pytest.fixture
def unlinker(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    with worker(["python3", "-S", "-E", "-c", UNLINKER, str(tmp_path)]) as process:
        yield process.pid, tmp_path


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A program that calls work(text, text, number) three times."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc to build the traced program")
    home = tmp_path_factory.mktemp("caller")
    (home / "caller.c").write_text(CALLER)
    subprocess.run(["gcc", "-O1", "-o", str(home / "caller"), str(home / "caller.c")], check=True)
    return str(home / "caller")


def finished(*arguments: str, **environment: str) -> Finished:
    """A run that nothing went wrong in."""
    done = run("-q", *arguments, environment=environment)
    assert (done.status, done.stderr) == (0, "")
    return done


def traced(process: int, script: str) -> Finished:
    """A run on one process until the script's own exit that nothing went wrong in."""
    with tracer("-q", "-p", str(process), "-e", script) as running:
        done = running.finish()
    assert (done.status, done.stderr) == (0, "")
    return done


def shown(done: Finished) -> tuple[str, set[str]]:
    """What a script printed, and the lines of its maps at the end; keys of equal value have no order."""
    before, _, after = f"\n{done.stdout}".partition(f"\n{END}")
    return before.removeprefix("\n"), set(after.splitlines())


def printed(script: str) -> list[str]:
    """The lines that a script prints which leaves no maps."""
    lines, left = shown(finished("-e", script))
    assert left == set()
    return lines.splitlines()


def maps(script: str) -> set[str]:
    """The lines of the maps of a script that prints nothing."""
    lines, left = shown(finished("-e", script))
    assert lines == ""
    return left


def check_values(setup: str, expected: Mapping[str, str]) -> None:
    """Each expression is shown by `print` as its text."""
    lines = printed(f"begin {{ {setup} {' '.join(f'print({expression});' for expression in expected)} }}")
    assert dict(zip(expected, lines, strict=True)) == dict(expected)


# Operators


def test_arithmetic_is_done_in_64_bits_with_the_sign_of_the_operands() -> None:
    check_values(
        "$seven = 7; $three = 3; $minus = -7; $wide = 0xffffffff;",
        {
            "$seven + $three": "10",
            "$three - $seven": "-4",
            "$seven * $three": "21",
            "$minus + $three": "-4",
            "$minus * $three": "-21",
            "$minus * $minus": "49",
            "$wide + 1": "4294967296",
            "$wide * $wide": "-8589934591",
            "pid - pid - 1": "-1",
            "-$minus": "7",
            "-$seven": "-7",
            "1 + 2 * 3 - 4 / 2 % 3": "5",
            "(1 + 2) * 3": "9",
        },
    )


def test_unsigned_operands_give_unsigned_results_except_by_minus() -> None:
    check_values(
        "$big = 0xffffffffffffffff; $p = pid;",
        {
            "$big": "18446744073709551615",
            "$big + 1": "0",
            "$big - 1": "-2",
            "$big / 2": "9223372036854775807",
            "$big % 10": "5",
            "$big & 0xff": "255",
            "$big >> 60": "15",
            "-$big": "1",
            "$p + $big - $p": "-1",
        },
    )


def test_bitwise_operators_work_on_64_bits() -> None:
    check_values(
        "$a = 0xff; $b = 0xf0; $minus = -1; $p = pid;",
        {
            "$a & $b": "240",
            "$a | 0x100": "511",
            "$a ^ $b": "15",
            "~$a": "-256",
            "~$minus": "0",
            "$minus & 0xffff": "65535",
            "(~$p & 0xffffffff) + $p == 0xffffffff": "true",
            "~$p >> 32": "4294967295",
        },
    )


def test_shifts_to_the_right_are_logical_whatever_the_sign() -> None:
    check_values(
        "$one = 1; $minus = -5; $n = 40;",
        {
            "$one << $n": "1099511627776",
            "$one << 3 + 1": "16",
            "$minus << 1": "-10",
            "$minus >> 60": "15",
            "$minus >> 1": "9223372036854775805",
        },
    )


def test_division_is_unsigned_at_run_time_and_exact_between_literals() -> None:
    check_values(
        "$minus = -7; $two = 2; $seven = 7;",
        {
            "$seven / $two": "3",
            "$seven % $two": "1",
            "$minus / $two": "9223372036854775804",
            "$minus % $two": "1",
            "$seven / $minus": "0",
            "-7 / 2": "-3",
            "-7 % 2": "-1",
        },
    )


def test_comparisons_are_signed_when_either_side_is_signed() -> None:
    check_values(
        "$minus = -5; $three = 3; $p = pid; $n = nsecs;",
        {
            "$minus < 3": "true",
            "$minus > $three": "false",
            "$minus == -5": "true",
            "$minus != -5": "false",
            "$minus <= -5": "true",
            "$minus >= -4": "false",
            "$p > $minus": "true",
            "(int64)$n > $minus": "true",
            "$three <= $p": "true",
        },
    )


def test_literals_adopt_the_sign_of_what_they_meet_also_out_of_variables_and_maps() -> None:
    check_values(
        "$max = 0xffffffffffffffff; $five = 5;",
        {
            "$max > 5": "true",
            "5 < $max": "true",
            "$max > $five": "true",
            "$five < $max": "true",
            "0x8000000000000000 > 0": "true",
        },
    )
    script = "begin { @max = 0xffffffffffffffff; @five = 5; if (@max > @five && @five < @max) { @unsigned = 1; } }"
    assert maps(script) == {"@five: 5", "@max: 18446744073709551615", "@unsigned: 1"}


def test_truth_values_calculate_as_zero_and_one() -> None:
    check_values(
        "$yes = 1 == 1; $no = pid == 0; $five = 5;",
        {
            "$yes": "true",
            "$no": "false",
            "!$yes": "false",
            "!$five": "false",
            "!!$five": "true",
            "$yes + 1": "2",
            "$yes == 1": "true",
            "$yes > -1": "true",
            "$yes + $yes": "true",
            "$yes & $no": "false",
            "$five && $no": "false",
            "$five || $no": "true",
        },
    )
    assert printed('begin { $yes = 1 == 1; printf("%d %d %s\\n", $yes, !$yes, $yes); }') == ["1 0 true"]


def test_integers_wrap_at_64_bits() -> None:
    script = "begin { $a = 127; $a++; print($a); $b = 2147483647; $b += 1; print($b); "
    script += "$c = 9223372036854775807; $c++; print($c); $d = pid; $d = -1; print($d); }"
    assert printed(script) == ["128", "2147483648", "-9223372036854775808", "-1"]


def test_logical_operators_evaluate_their_right_side_only_when_it_matters() -> None:
    script = """begin {
        $no = pid == 0; $yes = pid != 0;
        if ($no && ++@skipped) { } if ($yes || ++@skipped) { }
        if ($yes && @done++) { @wrong = 1; } if ($no || ++@done == 2) { @right = 1; }
    }"""
    assert maps(script) == {"@done: 2", "@right: 1"}


def test_a_ternary_evaluates_one_arm_and_has_the_type_of_both() -> None:
    check_values(
        "$one = 1;",
        {
            "$one ? 10 : 20": "10",
            "$one == 2 ? 10 : 20": "20",
            "$one > 1 ? 200 : -1": "-1",
            "$one ? $one == 1 ? 11 : 12 : 13": "11",
            '$one ? "yes" : "something longer"': "yes",
            '$one == 2 ? "yes" : "something longer"': "something longer",
        },
    )
    assert maps("begin { $one = 1; $x = $one ? @yes++ : @no++; @x = $x; }") == {"@x: 0", "@yes: 1"}


def test_a_ternary_without_a_middle_gives_what_it_tested() -> None:
    script = "begin { $z = 0; print($z ?: 5); print(@x++ ?: 9); print(@x++ ?: 9); print(-3 ?: 9); }"
    lines, left = shown(finished("-e", script))
    assert lines.splitlines() == ["5", "9", "1", "-3"]
    assert left == {"@x: 2"}


def test_a_ternary_may_choose_between_actions() -> None:
    script = 'begin { $a = 1; $a == 1 ? print("yes") : print("no"); $a == 2 ? print("yes") : print("no"); }'
    assert printed(script) == ["yes", "no"]


def test_increments_give_the_value_from_before_or_after() -> None:
    script = """begin {
        $v = 5; printf("%d %d %d %d %d\\n", $v++, ++$v, $v--, --$v, $v);
        @s = 5; printf("%d %d %d %d %d\\n", @s++, ++@s, @s--, --@s, @s);
        @k["a", 1] = 5; printf("%d %d %d %d\\n", @k["a", 1]++, ++@k["a", 1], @k["a", 1]--, --@k["a", 1]);
        printf("%d %d %d\\n", @n["x"]++, ++@n["y"], --@n["z"]);
    }"""
    lines, left = shown(finished("-e", script))
    assert lines.splitlines() == ["5 7 7 5 5", "5 7 7 5 5", "5 7 7 5", "0 1 -1"]
    assert left == {"@k[a, 1]: 5", "@n[x]: 1", "@n[y]: 1", "@n[z]: -1", "@s: 5"}


@pytest.mark.parametrize("target", ["$x", "@x", '@x["key", 7]'])
def test_compound_assignments_read_and_write_their_target(target: str) -> None:
    steps = {"+= 5": 15, "-= 35": -20, "*= -3": 60, "/= 7": 8, "%= 5": 3, "<<= 6": 192, ">>= 3": 24, "|= 3": 27}
    steps |= {"&= 10": 10, "^= 15": 5}
    body = " ".join(f'{target} {step}; printf("%d\\n", {target});' for step in steps)
    lines, _ = shown(finished("-e", f"begin {{ {target} = 10; {body} }}"))
    assert lines.splitlines() == [str(value) for value in steps.values()]


def test_compound_assignment_starts_from_zero() -> None:
    script = "begin { @a += 5; @b -= 5; @c *= 3; @k[1] += 7; @k[1] += 7; @k[2] -= 1; @k[3] |= 4; }"
    assert maps(script) == {"@a: 5", "@b: -5", "@c: 0", "@k[1]: 14", "@k[2]: -1", "@k[3]: 4"}


def test_division_by_zero_gives_one_and_a_warning_with_its_place() -> None:
    script = "begin { $z = 0; print(5 / $z); print(7 % $z); @ = 10; @ /= $z; }"
    done = run("-q", "-e", script)
    assert done.stdout == "1\n1\n\n\n@: 1\n"
    reports = []
    for operation in ("5 / $z", "7 % $z", "@ /= $z"):
        start = script.index(operation)
        reports.append(
            f"stdin:1:{start + 1}-{start + 1 + len(operation)}: WARNING: Divide or modulo by 0 detected. "
            f"This can lead to unexpected results. 1 is being used as the result.\n{script}\n"
            f"{' ' * start}{'~' * len(operation)}\n"
        )
    assert done.stderr == "".join(reports)


# Control


def test_if_and_else_choose_their_block() -> None:
    script = """begin {
        $x = 5;
        if ($x > 3) { if ($x < 10) { print("between"); } else { print("above"); } } else { print("below"); }
        if ($x == 0) { print("zero"); } else if ($x == 5) { print("five"); } else { print("other"); }
        if (!($x == 5)) { print("no"); }
        if ($x) { print("not zero"); }
    }"""
    assert printed(script) == ["between", "five", "not zero"]


def test_variables_of_one_name_in_sibling_blocks_have_nothing_in_common() -> None:
    script = """begin {
        $outer = 1;
        if (1) { $x = 5; $outer = 2; print($x); } else { $x = "unused"; print($x); }
        { $x = "text"; print($x); }
        { $x = pid > 0; print($x); }
        print($outer);
    }"""
    assert printed(script) == ["5", "text", "true", "2"]


def test_a_predicate_decides_whether_the_body_runs() -> None:
    script = 'begin /0/ { print("a"); } begin /1 == 1/ { print("b"); } begin /pid && comm != ""/ { print("c"); }'
    assert printed(script) == ["b", "c"]


def test_return_ends_the_probe_in_the_middle() -> None:
    script = 'begin { print("a"); if (pid) { return; } print("b"); } begin { print("c"); return 1; }'
    assert printed(script + ' end { print("d"); }') == ["a", "c", "d"]


@pytest.mark.parametrize(("code", "status"), [("", 0), ("7", 7), ("-1", 255), ("256 + 3", 3), ("@n + 4", 4)])
def test_exit_ends_the_probe_and_gives_the_status(code: str, status: int) -> None:
    script = f'begin {{ @n = 0; print("a"); exit({code}); print("b"); }} end {{ print("end"); clear(@n); }}'
    done = run("-q", "--no-warnings", "-e", script)
    assert (done.status, done.stdout, done.stderr) == (status, "a\nend\n\n\n", "")


def test_begin_and_end_probes_run_in_script_order() -> None:
    script = 'begin { print("a"); } end { print("c"); } begin { print("b"); } end { print("d"); }'
    assert printed(script) == ["a", "b", "c", "d"]


def test_two_probes_on_one_event_run_in_script_order(unlinker: tuple[int, Path]) -> None:
    probe = "tracepoint:syscalls:sys_enter_getppid"
    second = 'printf("%d\\n", @turn); @turn = 2; @n++; if (@n == 5) { exit(); }'
    done = traced(unlinker[0], f"{probe} {{ @turn = 1; }} {probe} {{ {second} }}")
    assert done.stdout.splitlines()[:5] == ["1"] * 5


# Strings


def test_strings_are_equal_up_to_their_nul() -> None:
    check_values(
        '$abc = "abc"; $empty = ""; $eight = "12345678"; $nine = "123456789"; $name = comm; $more = 20;',
        {
            '$abc == "abc"': "true",
            '$abc == "ab"': "false",
            '$abc == "abcd"': "false",
            '$abc != "abc"': "false",
            '"abcd" == $abc': "false",
            '$empty == ""': "true",
            '$abc == ""': "false",
            "$eight == $nine": "false",
            '$nine == "123456789"': "true",
            '$nine == "12345678x"': "false",
            "str($abc, $more) == $abc": "true",
            "$name == comm": "true",
            '$name == "no such command"': "false",
            'comm == "no such command"': "false",
        },
    )


def test_long_strings_are_compared_to_their_end() -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(200))
    setup = f'$text = "{text}"; $n = 1000; $copy = str($text, $n); $last = "{text[:-1]}!"; $more = "{text}!";'
    check_values(
        setup,
        {
            "$text == $copy": "true",
            f'$copy == "{text}"': "true",
            "$copy == $last": "false",
            "$copy == $more": "false",
            "$more == $copy": "false",
            "$last != $more": "true",
        },
    )


def test_many_comparisons_of_long_strings_are_accepted() -> None:
    conditions = " ".join(f"if ($a == $b) {{ @ += {number}; }}" for number in range(8))
    assert maps(f"begin {{ $n = 1000; $a = str(comm, $n); $b = str(comm, $n); {conditions} }}") == {"@: 28"}


def test_str_of_a_literal_keeps_as_many_characters_as_its_length() -> None:
    check_values(
        "$n = 3; $zero = 0; $text = str(comm);",
        {
            'str("hello")': "hello",
            'str("hello", 3)': "hel",
            'str("hello", 0) == ""': "true",
            "str(5)": "5",
            'str("hello", $n)': "he",
            'str("hello", $n + 10)': "hello",
            'str("hello", $zero) == ""': "true",
            'str("hello", -1 - $n)': "hello",
            "$text == comm": "true",
        },
    )


def test_a_length_that_only_the_script_bounds_is_accepted() -> None:
    script = """begin {
        $n = nsecs % 10; print(str("hello", $n + 9));
        $m = nsecs & 0xffff; if ($m >= 0 && $m < 0x10000) { print(str("hello", $m | 16)); }
    }"""
    assert printed(script) == ["hello", "hello"]


@pytest.mark.parametrize("limit", [1, 7, 8, 10, 16, 63, 64, 65, 128])
def test_a_string_may_fill_its_storage(limit: int, caller: str) -> None:
    script = f"""uprobe:{caller}:work /arg2 == 3/ {{
        $before = 1; $n = 1000; $s = str(arg1, $n); $after = 2; $t = str($s, $n);
        printf("%s %d %d\\n", $t, $before, $after); printf("%d %s\\n", 3, str(arg1, $n)); print(str(arg1));
        print($s == $t);
        @value = $s; @keyed[7, 1] = str(arg1); @key[str(arg1)]++; @key[$s]++;
        @keys[1, str(arg1), 2]++; @keys[1, $t, 2]++; @last[1, str(arg1)] = 4;
    }}"""
    lines, left = shown(finished("-c", caller, "-e", script, BPFTRACE_MAX_STRLEN=str(limit)))
    # The trailer says that there was no space for the NUL.
    text = "z" * limit + ".."
    assert lines.splitlines() == [f"{text} 1 2", f"3 {text}", text, "true"]
    assert left == {
        f"@key[{text}]: 2",
        f"@keyed[7, 1]: {text}",
        f"@keys[1, {text}, 2]: 2",
        f"@last[1, {text}]: 4",
        f"@value: {text}",
    }


def test_a_variable_forgets_the_longer_string_it_held(caller: str) -> None:
    script = f"""uprobe:{caller}:work {{
        $s = "a text that is longer than all others"; $s = str(arg0); @same[$s]++;
        $s = comm; $s = str(arg0, 4); @cut[$s]++;
    }} begin {{ @same["hello"] = 10; @cut["hel"] = 10; $n = 3; $s = str("hello", $n); @cut[$s] = 20; }}"""
    assert shown(finished("-c", caller, "-e", script)) == (
        "",
        {"@same[much longer than hello]: 1", "@same[hello]: 12", "@cut[he]: 20", "@cut[muc]: 1", "@cut[hel]: 12"},
    )


def test_strings_read_from_a_process_are_keys_values_and_operands(caller: str) -> None:
    script = f"""uprobe:{caller}:work /comm == "caller" && str(arg0) == "hello"/ {{
        printf("%s|%s|%d|%s\\n", str(arg0), str(arg1), arg2, comm);
        @calls[str(arg0), str(arg1)] = count(); @last[str(arg0)] = str(arg1); @either[arg2 ? str(arg1) : "none"]++;
    }} uretprobe:{caller}:work {{ @returned[retval]++; }}"""
    lines, left = shown(finished("-c", caller, "-e", script))
    assert lines.splitlines() == ["hello|world|5|caller", "hello||0|caller"]
    assert left == {
        "@calls[hello, world]: 1",
        "@calls[hello, ]: 1",
        "@last[hello]: ",
        "@either[world]: 1",
        "@either[none]: 1",
        "@returned[15]: 1",
        "@returned[225]: 1",
        "@returned[5]: 1",
    }


def test_characters_of_a_string_are_signed_numbers() -> None:
    check_values(
        '$text = "hello"; $one = 1; $high = "\\xff";',
        {
            "$text[0]": "104",
            "$text[$one]": "101",
            "$text[5]": "0",
            '"abc"[1]': "98",
            "$high[0]": "-1",
            "$text[nsecs & 3] > 100": "true",
            "$text[nsecs % 5] > 100": "true",
        },
    )


def test_a_character_behind_the_end_is_zero_and_a_warning() -> None:
    script = 'begin { $text = "hello"; $i = 200; print($text[$i]); }'
    done = run("-q", "-e", script)
    assert done.stdout == "0\n\n\n"
    assert done.stderr == (
        "stdin:1:42-51: WARNING: Array access out of bounds. This can lead to unexpected results.\n"
        f"{script}\n{' ' * 41}{'~' * 9}\n"
    )


# Printing


def test_printf_takes_many_arguments_of_many_kinds() -> None:
    script = 'begin { $s = "text"; printf("%d %u %x %s %c %lld %p %d [%5d] [%-5d] %s%s|\\n", '
    script += '-1, 4294967295, 255, $s, 65, -1234567890123, 4096, true, 42, 42, "", "end"); }'
    assert printed(script) == ["-1 4294967295 ff text A -1234567890123 0x1000 1 [   42] [42   ] end|"]


def test_printf_takes_several_long_strings() -> None:
    first, second = "a" * 100, "b" * 300
    script = f'begin {{ $a = "{first}"; $b = "{second}"; $n = 1000; '
    script += 'printf("%s|%d|%s|%s|%s|%d\\n", $a, 1, str($b, $n), "", "' + "c" * 70 + '", -2); }'
    assert printed(script) == [f"{first}|1|{second}||{'c' * 70}|-2"]


def test_arguments_are_evaluated_in_order_with_their_side_effects() -> None:
    script = 'begin { $i = 0; printf("%d %d %d %s\\n", $i, $i++ + ++$i, $i, "x"); @c = 1; @k[1] = 2; '
    script += 'printf("%d %d %d %d\\n", delete(@c), delete(@c), delete(@k, 1), delete(@k[1])); }'
    assert printed(script) == ["0 2 2 x", "1 0 1 0"]


def test_thirty_printfs_make_a_program_that_loads() -> None:
    calls = " ".join(f'printf("%d %s %s\\n", {number}, str(comm, $n), probe);' for number in range(30))
    lines = printed(f"begin {{ $n = 100; {calls} }}")
    assert [line.split()[0] for line in lines] == [str(number) for number in range(30)]
    assert {line.split()[-1] for line in lines} == {"begin"}


# Maps


def test_keys_of_any_kind_find_their_value_again() -> None:
    script = """begin {
        @m[1 == 1, -1, 300, "xy", 0xffffffffff, comm] = 5; @m[1 == 1, -1, 300, "xy", 0xffffffffff, comm] += 2;
        @m[1 == 0, -1, 300, "longer", 1, "a"] = 1; @m[1 == 0, -1, 300, "longer", 1, "a"]++;
        $one = 1; $s = "xy"; print(@m[$one == 1, -$one, 300, $s, 0xffffffffff, comm]);
        print(@m[true, 0, 0, "", 0, ""]); @name[comm] = @m[1 == 0, -1, 300, "longer", 1, "a"]; clear(@name);
    }"""
    lines, left = shown(finished("-e", script))
    assert lines.splitlines() == ["7", "0"]
    name = next(iter(left - {"@m[false, -1, 300, longer, 1, a]: 2"}))
    assert re.fullmatch(r"@m\[true, -1, 300, xy, 1099511627775, \w+\]: 7", name)
    assert len(left) == 2


def test_keys_of_different_size_are_the_same_key() -> None:
    script = """begin {
        @i[1]++; @i[100000] = 5; @i[-5] = 7; $one = 1; @i[$one]++; $p = pid - pid + 1; @i[$p]++;
        @s["a"]++; @s["a longer key"] = 5; @s["a"]++; $s = "a"; @s[$s]++; $n = 2; @s[str("abc", $n)]++;
        @t["a", 1]++; @t["a longer key", 1] = 5; @t[$s, $one]++; @t[str("abc", $n), 1]++;
    }"""
    assert maps(script) == {
        "@i[1]: 3",
        "@i[100000]: 5",
        "@i[-5]: 7",
        "@s[a]: 4",
        "@s[a longer key]: 5",
        "@t[a, 1]: 3",
        "@t[a longer key, 1]: 5",
    }


def test_the_name_of_the_process_is_the_same_key_beside_longer_strings() -> None:
    script = """begin {
        @[str("a name that is longer than any of a process"), 1] = 5; $n = 100; $s = str(comm, $n);
        @[comm, 1]++; @[$s, 1]++; @[str(comm, $n), 1]++; @[str(comm), 1]++;
    }"""
    counts = sorted(re.findall(r"\[(.*), 1\]: (\d+)", "\n".join(maps(script))), key=lambda found: int(found[1]))
    assert [count for _, count in counts] == ["4", "5"]


def test_string_values_take_the_size_of_the_longest() -> None:
    script = """begin {
        @["k"] = "x"; @["longer"] = "a value that is longer than the first"; @["k"] = "y"; @["e"] = "";
        @s = "a longer value"; @s = "short"; @n = comm; @n = "z"; @copy = @["k"]; @none = @["missing"];
    }"""
    assert maps(script) == {
        "@[k]: y",
        "@[longer]: a value that is longer than the first",
        "@[e]: ",
        "@copy: y",
        "@n: z",
        "@none: ",
        "@s: short",
    }


def test_stacks_are_keys_values_and_variables() -> None:
    script = """begin {
        $s = kstack(2); @key[$s]++; @key[$s]++; @mixed[kstack(1), "a", 5, ustack(1)] = count(); @value = kstack(1);
        @["a"] = kstack(raw, 1); $either = pid ? kstack(3) : kstack(3); @either[$either] = 1;
    }"""
    output = finished("-e", script).stdout
    frame = r"        bpf_prog_\w+_begin_1\+\d+\n"
    assert re.search(rf"^@key\[\n{frame}        \w+\+\d+\n\]: 2$", output, re.MULTILINE)
    assert re.search(rf"^@mixed\[\n{frame}, a, 5, \n        .*\n\]: 1$", output, re.MULTILINE)
    assert re.search(rf"^@value: \n{frame}$", output, re.MULTILINE)
    assert re.search(r"^@\[a\]: \n[0-9a-f]{16}\n$", output, re.MULTILINE)
    assert re.search(rf"^@either\[\n{frame}", output, re.MULTILINE)


def test_a_missing_key_reads_as_zero_or_nothing() -> None:
    script = """begin {
        print(@i["x"]); print(@s["x"]); printf("[%s] %d\\n", @s["x"], @i["x"] + 1);
        if (@s["x"] == "") { print("empty"); }
        @i["y"] = 1; @s["y"] = "text"; clear(@i); clear(@s);
    }"""
    assert printed(script) == ["0", "", "[] 1", "empty"]


def test_keys_may_be_values_of_the_same_map() -> None:
    script = "begin { @x = 1; @x = @x + 1; @x = @x * @x + @x; @y[@x] = @x; @y[@y[@x]] += @x; @z[@y[6] + 1] = @y[@x]; }"
    assert maps(script) == {"@x: 6", "@y[6]: 12", "@z[13]: 12"}


def test_every_form_of_delete_removes_one_key() -> None:
    script = """begin {
        @a[1] = 1; @a[2] = 2; @a[3] = 3; @b[1, "x"] = 1; @b[1, "y"] = 2; @s = 5; @c[1] = count(); @c[2] = count();
        _ = delete(@a, 1); _ = delete(@a[2]); _ = delete(@b[1, "x"]); _ = delete(@s); _ = delete(@c, 1);
        _ = delete(@a[7]);
    }"""
    assert maps(script) == {"@a[3]: 3", "@b[1, y]: 2", "@c[2]: 1"}


def test_delete_tells_whether_there_was_something() -> None:
    script = """begin {
        @a[1] = 1; @s = 5; print(delete(@a, 1)); print(delete(@a, 1));
        print(delete(@s)); print(delete(@s)); print(@s == 0);
    }"""
    assert printed(script) == ["true", "false", "true", "false", "true"]


def test_clear_removes_and_zero_keeps_the_keys() -> None:
    script = """begin {
        @a["x"] = 1; @b = 5; @c["y"] = count(); @d = sum(7); clear(@a); clear(@b); zero(@c); zero(@d);
    } end { print(@a); print(@b); print(@c); print(@d); }"""
    lines, left = shown(finished("-e", script))
    assert lines.splitlines() == ["@b: 0", "@c[y]: 0", "@d: 0"]
    assert left == {"@c[y]: 0", "@d: 0"}


def test_print_shows_the_top_of_a_map_and_divides_its_values() -> None:
    script = """begin {
        @["b"] = 10; @["a"] = 20; @["c"] = 30; @n[1] = sum(-50); @n[2] = sum(50);
        print(@, 2); print(@, 2, 7); print(@, 0, 10); print(@n, 1); print(@n, 5, 20); clear(@); clear(@n);
    }"""
    top = ["@[a]: 20", "@[c]: 30"]
    divided_top, divided = ["@[a]: 2", "@[c]: 4"], ["@[b]: 1", "@[a]: 2", "@[c]: 3"]
    assert printed(script) == [*top, *divided_top, *divided, "@n[2]: 50", "@n[1]: -2", "@n[2]: 2"]


def test_a_full_map_keeps_what_it_has_and_warns_at_every_place() -> None:
    script = "begin { @a[1] = 1; @a[2] = 2; @a[3] = 3; @a[1] = 4; @c[1] = count(); @c[2] = count(); @c[3] = count(); "
    script += "@i[1]++; @i[2]++; @i[3]++; @i[1]++; @s[1] *= 1; @s[2] *= 1; @s[3] *= 1; }"
    done = run("-q", "-e", script, environment={"BPFTRACE_MAX_MAP_KEYS": "2"})
    assert shown(done) == (
        "",
        {"@a[1]: 4", "@a[2]: 2", "@c[1]: 1", "@c[2]: 1", "@i[1]: 2", "@i[2]: 1", "@s[1]: 0", "@s[2]: 0"},
    )
    reports = []
    for place in ("@a[3]", "@c[3]", "@i[3]", "@s[3]"):
        start = script.index(place)
        reports.append(
            f"stdin:1:{start + 1}-{start + 6}: WARNING: Map full; can't update element. Try increasing max_map_keys "
            "config or manually setting the max entries in a map declaration e.g. `let @a = hash(5000)`\n"
            f"Additional Info - helper: map_update_elem, retcode: -7\n{script}\n{' ' * start}~~~~~\n"
        )
    assert done.stderr == "".join(reports)


# Aggregations


def test_aggregations_work_with_negative_numbers() -> None:
    script = """begin {
        @sum = sum(5); @sum = sum(-7); @avg = avg(-3); @avg = avg(-4); @min = min(3); @min = min(-3); @max = max(-5);
        @max = max(-3); @stats = stats(-10); @stats = stats(5); @count = count(); @count = count();
        @k[-1] = sum(-1); @k[-1] = sum(-2); @a["x", 1] = avg(-10); @a["x", 1] = avg(5); @a["y", 2] = avg(100);
        @most[1] = max(-5); @most[1] = max(-6); @least[1] = min(5); @least[1] = min(2);
    }"""
    assert maps(script) == {
        "@a[x, 1]: -2",
        "@a[y, 2]: 100",
        "@avg: -3",
        "@count: 2",
        "@k[-1]: -3",
        "@least[1]: 2",
        "@max: -3",
        "@min: -3",
        "@most[1]: -5",
        "@stats: { .count = 2, .average = -2, .total = -5 }",
        "@sum: -2",
    }


def test_aggregations_of_unsigned_numbers_are_unsigned() -> None:
    script = "begin { $big = 0xffffffffffffffff; @max = max($big); @min = min($big); @sum = sum($big); }"
    assert maps(script) == {f"@{name}: 18446744073709551615" for name in ("max", "min", "sum")}


def test_one_signed_number_makes_an_aggregation_signed() -> None:
    script = """begin {
        $big = 0xffffffffffffffff; $minus = -2;
        @max = max($minus); @max = max($big); @min = min($big); @min = min($minus);
        @avg = avg($minus); @avg = avg($big);
    }"""
    assert maps(script) == {"@avg: -1", "@max: -1", "@min: -2"}


def bars(rows: Mapping[str, int]) -> set[str]:
    """The rows of a histogram by their labels and counts."""
    most = max(rows.values())
    return {f"{label:<16}{count:>8} |{'@' * (52 * count // most):<52}|" for label, count in rows.items()}


def test_hist_counts_by_powers_of_two() -> None:
    script = """begin {
        @ = hist(-1); @ = hist(-1000); @ = hist(0); @ = hist(3); @ = hist(4); @ = hist(7); @k[1] = hist(2000, 2);
    }"""
    expected = bars({"(..., 0)": 2, "[0]": 1, "[1]": 0, "[2, 4)": 1, "[4, 8)": 2}) | bars({"[1792, 2048)": 1})
    assert maps(script) == {"@:", "@k[1]:", ""} | expected


def test_lhist_counts_by_steps() -> None:
    script = """begin {
        @ = lhist(-5, 0, 10, 5); @ = lhist(0, 0, 10, 5); @ = lhist(4, 0, 10, 5); @ = lhist(10, 0, 10, 5);
        $large = 1000000; @ = lhist($large, 0, 10, 5);
    }"""
    assert maps(script) == {"@:", ""} | bars({"(..., 0)": 1, "[0, 5)": 2, "[5, 10)": 0, "[10, ...)": 2})


def test_numbers_that_only_the_script_bounds_are_counted() -> None:
    script = """begin {
        $x = nsecs & 0xffff | 0x8;
        if ($x >= 8 && $x < 0x10000) { @a = lhist($x, 0, 8, 8); @b = hist($x | 0x10000, 4); }
        @c = lhist($x % 1, 0, 10, 1); @d = hist($x / 0x10000, 3); @e = hist($x % 2 - $x % 2 + 1, 5);
    }"""
    left = maps(script)
    assert {row for row in left if row.startswith("[8, ...)")} == bars({"[8, ...)": 1})
    assert {row for row in left if row.startswith("[0]")} == bars({"[0]": 1})
    assert {row for row in left if row.startswith("[1]")} == bars({"[1]": 1})


# Programs


def test_many_large_temporaries_fit_into_one_program(caller: str) -> None:
    body = " ".join(
        f'@m{number}[kstack, str(arg0), ustack, comm] = count(); printf("%s %s\\n", str(arg1), str(arg0)); '
        f"$v{number} = str(arg0); @h{number} = hist(arg2 + {number});"
        for number in range(5)
    )
    script = f"uprobe:{caller}:work /arg2 == 5/ {{ {body} }} end {{ print(@h0); }}"
    lines, left = shown(finished("-c", caller, "-e", script))
    assert lines.splitlines()[:5] == ["world hello"] * 5
    assert {line for line in left if line.endswith("]: 1")} != set()


def test_forty_variables_and_keys_fit_into_one_program() -> None:
    numbers = range(40)
    assignments = " ".join(f"$v{n} = nsecs;" for n in numbers)
    comparisons = ", ".join(f"$v{n} > 0" for n in numbers)
    keys = " ".join(f'@[{n}, comm, pid, "key {n}", $v{n} > 0] = {n};' for n in numbers)
    script = f'begin {{ {assignments} {keys} printf("{"%d" * 40}\\n", {comparisons}); }}'
    lines, left = shown(finished("-e", script))
    assert lines == "1" * 40
    assert len(left) == 40


def test_repeated_characters_need_no_library_function() -> None:
    text = "x" * 300
    assert printed(f'begin {{ $a = "{text}"; $b = "{text}"; print($a == $b); print($a); }}') == ["true", text]


def test_clocks_go_forward() -> None:
    check_values(
        "$start = nsecs; $e = elapsed; $later = nsecs; $mono = nsecs(monotonic);",
        {
            "$later >= $start": "true",
            "$start > 0": "true",
            "elapsed >= $e": "true",
            "$e < $start": "true",
            "nsecs(monotonic) >= $mono": "true",
            "nsecs(boot) >= $later": "true",
        },
    )


def test_a_process_has_its_ids(unlinker: tuple[int, Path]) -> None:
    script = 'tracepoint:syscalls:sys_enter_getppid { printf("%d %d %d %d %s\\n", pid, tid, uid, gid, comm); exit(); }'
    done = traced(unlinker[0], script)
    assert done.stdout.splitlines()[0] == f"{unlinker[0]} {unlinker[0]} {os.getuid()} {os.getgid()} python3"


def test_each_point_of_a_wildcard_has_its_own_arguments(unlinker: tuple[int, Path]) -> None:
    process, home = unlinker
    script = """tracepoint:syscalls:sys_enter_unlink* {
        @name[probe] = str(args.pathname); @number[probe] = args->__syscall_nr; @n++; if (@n >= 4) { exit(); }
    }"""
    _, left = shown(traced(process, script))
    event = "tracepoint:syscalls:sys_enter_unlink"
    assert left - {line for line in left if line.startswith("@n:")} == {
        f"@name[{event}]: {home}/first",
        f"@name[{event}at]: second",
        f"@number[{event}]: 87",
        f"@number[{event}at]: 263",
    }


def test_strings_of_an_event_of_any_size_are_read(caller: str) -> None:
    script = """tracepoint:sched:sched_process_exec /pid == cpid/ {
        printf("%s %d\\n", str(args.filename), args.pid == pid); @[str(args.filename)] = count();
    } tracepoint:task:task_rename /pid == cpid/ {
        $now = comm == args.oldcomm ? "was" : "is";
        printf("%s %s %s %d\\n", args.newcomm, str(args.newcomm, 4), $now, args.newcomm[0]);
        if (args.newcomm == "caller" && args.newcomm != "call") { @renamed[args.newcomm, 1] = 1; }
    }"""
    lines, left = shown(finished("-c", caller, "-e", script))
    assert sorted(lines.splitlines()) == sorted([f"{caller} 1", "caller cal was 99"])
    assert left == {f"@[{caller}]: 1", "@renamed[caller, 1]: 1"}


def test_arrays_of_an_event_are_indexed_and_printed(unlinker: tuple[int, Path]) -> None:
    script = """tracepoint:raw_syscalls:sys_enter /args.id >= 0 && args.args[0] == args.args[0]/ {
        $i = nsecs % 6; $one = 1;
        printf("%d %d %s\\n", args.args[$one] == args.args[1], args.args[$i] >= 0, args.args); exit();
    }"""
    done = traced(unlinker[0], script)
    assert re.match(r"1 1 \[\d+(,\d+){5}\]\n", done.stdout)


def test_an_interval_runs_until_it_exits() -> None:
    assert maps("interval:ms:10 { @n++; if (@n == 3) { clear(@n); exit(); } }") == set()


# Errors


def test_one_mistake_gives_one_error() -> None:
    script = 'begin { @x = hist(pid > 5); $y = -"a"; if (-$y) { } print($y); @z[-"b"] = 1; }'
    done = run("-q", "-e", script)
    assert done.status == 1
    assert re.findall(r"^stdin:1:[\d-]+: ERROR: (.*)$", done.stderr, re.MULTILINE) == [
        "hist() only supports int arguments (bool provided)",
        "The - operator can not be used on expressions of type 'string[2]'",
        "The - operator can not be used on expressions of type 'string[2]'",
    ]
