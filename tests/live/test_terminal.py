"""What a process puts into its name and its files cannot drive the terminal that the tracer writes to."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from json_lines import checked_lines
from programs import build
from tracing import PATIENCE, PYBPFTRACE

pytestmark = pytest.mark.live

#: Calls itself something that makes a terminal red, moves its cursor and is no text, and opens files of such a name.
EVIL = """
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
__attribute__((noinline)) void work(const char *text) { __asm__ volatile("" :: "r"(text) : "memory"); }
int main(void) {
    prctl(PR_SET_NAME, "a\\x1b[31m\\xc2\\x9b\\x9b\\x07");
    work("long \\x1b]0;title\\x07 ------------------------------------------------------------------------");
    return 0;
}
"""
NAME = b"a\x1b[31m\xc2\x9b\x9b\x07"
SHOWN = rb"a\x1b[31m\xc2\x9b\x9b\x07"
SCRIPT = r"""
uprobe:PROGRAM:work
{
  printf("\x1b[1mown%c[0m %s %s|%10s|%c|%.2s\n", 27, "\x1b[2mliteral", comm, comm, *(uint8 *)(arg0 + 5), comm);
  print(comm); print((1, comm)); print("\x1b[32mgreen"); @[comm] = count(); @value = comm; print(str(arg0));
  cat("FILE"); $red = "\x1b[31m"; print($red); errorf("own \x1b[33m %s", comm);
}
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    directory = tmp_path_factory.mktemp("terminal")
    program = build(directory, "evil", EVIL)
    (directory / "file").write_bytes(b"line\x1b[2J\n\ttab\r\x00\xff gr\xc3\xbcn\n")
    text = SCRIPT.replace("PROGRAM", program).replace("FILE", str(directory / "file"))
    return ["-q", "-c", program, "-e", text]


def on_terminal(*arguments: str) -> bytes:
    """What the command writes to a terminal that is its standard output and error."""
    # The module of this name beside the standard library's is none; a late import keeps collection free of termios.
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen([*PYBPFTRACE, *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                data = os.read(ours, 1 << 16)
            except OSError:  # the other side is closed
                break
            written += data
        process.wait(PATIENCE)
    os.close(ours)
    return written.replace(b"\r\n", b"\n")


def to_pipe(*arguments: str) -> bytes:
    return subprocess.run(
        [*PYBPFTRACE, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=True
    ).stdout


TEXT = b"""\
\x1b[1mown\x1b[0m \x1b[2mliteral %(name)b|%(name)b|%(escape)b|a%(escape)b
%(name)b
(1, %(name)b)
\x1b[32mgreen
long %(escape)b]0;title%(bell)b ------------------------------------------------------------------------
line%(escape)b[2J
\ttab%(rest)b gr\xc3\xbcn
%(escape)b[31m
"""
ESCAPED = {b"name": SHOWN, b"escape": rb"\x1b", b"bell": rb"\x07", b"rest": rb"\x0d\x00\xff"}
RAW = {b"name": NAME, b"escape": b"\x1b", b"bell": b"\x07", b"rest": b"\r\0\xff"}
MAPS = b"\n\n@[%(name)b]: 1\n@value: %(name)b\n"


def test_a_terminal_gets_escapes_of_the_script_only(script: list[str]) -> None:
    written = on_terminal(*script)
    shown, errors = [], []
    for line in written.splitlines(keepends=True):
        (errors if b"ERROR: own" in line else shown).append(line)
    assert b"".join(shown) == (TEXT + MAPS) % ESCAPED
    assert len(errors) == 1 and errors[0].endswith(b"ERROR: own \x1b[33m " + SHOWN + b"\x1b[0m\n")


def test_a_file_keeps_them_escaped_and_a_pipe_gets_the_bytes(script: list[str], tmp_path: Path) -> None:
    assert to_pipe(*script) == (TEXT + MAPS) % RAW
    to_pipe("-o", str(tmp_path / "out"), *script)
    assert (tmp_path / "out").read_bytes() == (TEXT + MAPS) % ESCAPED


@pytest.mark.parametrize("where", ["terminal", "file", "pipe"])
def test_json_is_valid_and_escaped_wherever_it_goes(script: list[str], tmp_path: Path, where: str) -> None:
    match where:
        case "terminal":
            lines = on_terminal("-f", "json", *script)
        case "file":
            to_pipe("-f", "json", "-o", str(tmp_path / "out"), *script)
            lines = (tmp_path / "out").read_bytes()
        case _:
            lines = to_pipe("-f", "json", *script)
    assert not [byte for byte in lines if byte < 0x20 and byte != 0x0A] and b"\xc2\x9b" not in lines
    messages = checked_lines(lines)
    name = "a\x1b[31m\x9b\\x9b\x07"
    assert [message["data"] for message in messages if message["type"] == "value"][:2] == [name, [1, name]]
    assert {"type": "map", "data": {"@": {name: 1}}} in messages
    assert [message["type"] for message in messages].count("errorf") == 1


def test_names_of_a_binary_that_are_listed_cannot_drive_a_terminal(tmp_path: Path) -> None:
    program = Path(build(tmp_path, "odd", "void od_____d(void) { } int main(void) { od_____d(); return 0; }"))
    program.write_bytes(program.read_bytes().replace(b"od_____d", b"od\x1b[31md"))
    listed = on_terminal("-l", f"uprobe:{program}:*")
    assert b"\x1b" not in listed and rb":od\x1b[31md" in listed


def test_a_message_about_a_file_of_such_a_name_is_escaped() -> None:
    written = on_terminal("-q", "-e", 'begin { cat("/no/%s", str($1)); exit(); }', "x\x1b[31m")
    assert rb"failed to open file '/no/x\x1b[31m'" in written and b"\x1b[31m'" not in written


def test_every_json_line_says_what_it_is(script: list[str]) -> None:
    for line in to_pipe("-f", "json", *script).splitlines():
        assert json.loads(line)["type"]
