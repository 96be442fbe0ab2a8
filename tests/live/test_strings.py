"""Strings, buffers and names of numbers, of this kernel and of processes that the tests start."""

from __future__ import annotations

import json

import pytest
from programs import build
from tracing import run

pytestmark = pytest.mark.live

TARGET = """
#include <stdio.h>
#include <string.h>
static char text[] = "from the program";
static unsigned char bytes[] = {1, 2, 0, 255, 'a'};
static char digits[2001];
__attribute__((noinline)) void show(char *text, unsigned char *bytes, long n, char *digits)
{ asm volatile("" ::: "memory"); }
int main(void)
{
    for (int i = 0; i < 2000; i++) digits[i] = '0' + i % 10;
    show(text, bytes, sizeof bytes, digits);
    puts(text);
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("strings"), "target", TARGET)


def printed(script: str, *arguments: str, **environment: str) -> str:
    """What a script prints, which is to say nothing else."""
    done = run("-q", "-e", script, *arguments, environment=environment)
    assert (done.status, done.stderr) == (0, ""), done
    return done.stdout.removesuffix("\n\n")


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ('strlen("hello")', "5"),
        ('strlen("")', "0"),
        ('strcap("abc")', "4"),
        ("strcap(comm)", "16"),
        ('strstr("hello world", "wor")', "6"),
        ('strstr("hello", "")', "0"),
        ('strstr("hello", "x")', "-1"),
        ('strcontains("hello", "ell")', "true"),
        ('strcontains("hello", "elx")', "false"),
        ('str_concat("foo", "bar")', "foobar"),
        ('strncmp("abc", "abd", 2)', "0"),
        ('strncmp("abc", "abd", 3)', "1"),
        ('memcmp("abc", "abd", 3)', "-1"),
        ("bswap((uint32)0x12345678)", "2018915346"),
        ("bswap(0x1234)", "13330"),
        ("strerror(2)", "No such file or directory"),
        ("strerror(-13)", "Permission denied"),
        ("strerror(999)", "Unknown error"),
        ("signal_name(9)", "Killed"),
        ("signal_name(40)", "Real-time signal 6"),
        ("signal_name(99)", "N/A"),
        ("syscall_name(0)", "read"),
        ("syscall_name(1000)", "Unknown syscall"),
        (r'buf("a\x00\xffb", 4)', r"a\x00\xffb"),
        ('buf("abc", 0)', ""),
        ("buf((uint8[4])(uint32)0x64636261)", "abcd"),
        ('(1, buf("ab", 2))', "(1, ab)"),
        ('"abc"[1]', "98"),
        ('str("hello", 3)', "hel"),
        ("str(5)", "5"),
    ],
)
def test_a_function_gives_its_value(expression: str, shown: str) -> None:
    assert printed(f"begin {{ print({expression}); exit(); }}") == shown + "\n"


def test_each_way_to_show_a_buffer() -> None:
    shows = r'printf("%r|%rx|%rh|%s|%8r|\n", $b, $b, $b, $b, buf("ab", 2))'
    script = rf'begin {{ $b = buf("ab\x01\xff", 4); {shows}; exit(); }}'
    assert printed(script) == r"ab\x01\xff|\x61\x62\x01\xff|61 62 01 ff|ab\x01\xff|      ab|" + "\n"


def test_buffers_in_maps_and_in_json() -> None:
    script = r'begin { $n = rand % 1 + 2; @k[buf("a\n", $n), 1] = buf("\x80", 1); print(buf("xy", 2)); exit(); }'
    assert printed(script).removesuffix("\n\n").splitlines() == ["xy", "", "", r"@k[a\x0a, 1]: \x80"]
    lines = run("-q", "-f", "json", "-e", script).stdout.splitlines()
    assert [json.loads(line)["data"] for line in lines] == [[120, 121], {"@k": {r"a\x0a,1": [-128]}}]


def test_memory_of_a_process(program: str) -> None:
    script = f"""uprobe:{program}:show {{
      printf("%rh|%rh|", buf(arg1, 5), buf(arg1, arg2));
      printf("%d %d %d|", strlen(str(arg0)), strlen((int8 *)arg0), strcap((int8 *)arg0));
      printf("%d %d|", strstr((int8 *)arg0, "the"), strcontains(str(arg0), "gram"));
      printf("%s|%r\\n", str_concat("it comes ", (int8 *)arg0), buf(arg0, 200));
    }}"""
    done = run("-q", "-c", program, "-e", script)
    shown = next(line for line in done.stdout.splitlines() if "|" in line)
    first, whole = shown.rsplit("|", 1)
    bytes_ = "01 02 00 ff 61"
    assert first == f"{bytes_}|{bytes_}|16 16 16|5 1|it comes from the program"
    # What is behind the text is the program's own; each byte that is no text is shown in four characters.
    assert whole.startswith(r"from the program\x00")
    assert len(whole.replace(r"\x", "").encode()) >= 200


def test_an_address_that_cannot_be_read_gives_an_empty_string_and_zeros(program: str) -> None:
    script = f"""uprobe:{program}:show {{
      $length = strlen((int8 *)uptr((uint64)8));
      printf("[%s] %rh %d [%s]\\n", str(arg2), buf(8, 3), (int64)$length, str_concat("a", str(arg2)));
    }}"""
    done = run("-q", "-c", program, "-e", script)
    assert "[] 00 00 00 -14 [a]\n" in done.stdout, done


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (1, "0.."),
        (8, "01234567.."),
        (10, "0123456789.."),
        (1023, "0123456789" * 102 + "012.."),
        (1024, "0123456789" * 102 + "012"),
        (2001, "0123456789" * 200),
        (4096, "0123456789" * 200),
    ],
)
def test_a_string_that_is_cut_off_says_so_below_1024_bytes(program: str, size: int, shown: str) -> None:
    script = f"""uprobe:{program}:show {{
      printf("printf %s\\n", str(arg3)); print(str(arg3)); print((1, str(arg3)));
      $s = str(arg3); print($s); @k[$s] = $s; @m = str(arg3);
    }}"""
    done = run("-q", "-c", program, "-e", script, environment={"BPFTRACE_MAX_STRLEN": str(size)})
    lines = [line for line in done.stdout.splitlines() if shown in line]
    assert lines == [f"printf {shown}", shown, f"(1, {shown})", shown, f"@k[{shown}]: {shown}", f"@m: {shown}"], done


def test_a_trailer_is_what_the_script_says_it_is_in_text_and_json(program: str) -> None:
    config = 'config = { max_strlen = 4; str_trunc_trailer = "~" }'
    script = f"{config} uprobe:{program}:show {{ print((1, str(arg3))); }}"
    assert "(1, 0123~)\n" in run("-q", "-c", program, "-e", script).stdout
    assert '"data": [1,"0123~"]' in run("-q", "-f", "json", "-c", program, "-e", script).stdout
    without = script.replace("~", "")
    assert "(1, 0123)\n" in run("-q", "-c", program, "-e", without).stdout


@pytest.mark.parametrize("size", ["8", "64", "1000", "16384", "65536", "100000"])
def test_strings_of_any_size(size: str) -> None:
    script = """begin { @text = "abcdefg"; $s = str(&@text); print($s); print(strlen($s)); print($s == "abcdefg");
      print(str($s) == str(&@text)); print(strcontains($s, "fg")); print(str_concat("", str(&@text))); exit(); }"""
    shown = printed(script, BPFTRACE_MAX_STRLEN=size, BPFTRACE_PRINT_MAPS_ON_EXIT="0")
    assert shown.splitlines() == ["abcdefg", "7", "true", "true", "true", "abcdefg"]


@pytest.mark.parametrize("size", ["2048", "16385", "16500", "20000", "32768"])
def test_long_strings_are_equal_when_all_of_them_is(program: str, size: str) -> None:
    script = f"""uprobe:{program}:show {{
      $all = str(arg3);
      print(($all == str(arg3), $all == str(arg3 + 10), str(arg3 + 10) == $all, $all == str(arg3 + 1), strlen($all)));
      print((strncmp($all, str(arg3 + 10), 1990), strncmp($all, str(arg3 + 10), 1991), strstr($all, str(arg3 + 1985))));
    }}"""
    done = run("-q", "-c", program, "-e", script, environment={"BPFTRACE_MAX_STRLEN": size})
    assert "(true, false, false, false, 2000)\n(0, 1, 5)\n" in done.stdout, done


def test_what_no_kernel_can_hold_is_refused() -> None:
    done = run("-q", "-e", 'begin { @x = "a"; print(str(&@x)); }', environment={"BPFTRACE_MAX_STRLEN": "5000000"})
    assert done.status == 1
    assert " bytes of per-CPU memory at a time, and the kernel gives at most 4194304.\n" in done.stderr, done.stderr
