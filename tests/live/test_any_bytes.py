"""Whatever bytes a traced process puts into its name, lists of arguments and its memory, each line of
`-f json` is one valid object that fits the published schema, and what the format promises to keep is kept."""

from __future__ import annotations

import random
import struct
import subprocess
from pathlib import Path

import pytest
from json_lines import checked_lines
from programs import build
from tracing import PATIENCE, PYBPFTRACE

pytestmark = pytest.mark.live

#: For each record of a file (length in 4 bytes, bytes): takes it as its name, as a text and as an argument.
PROGRAM = """
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <unistd.h>
__attribute__((noinline)) void work(const char *text, uint64_t size, char **list) {
    __asm__ volatile("" :: "r"(text), "r"(size), "r"(list) : "memory");
}
int main(int argc, char **argv) {
    static char text[256];
    char *list[] = {text, text, 0};
    uint32_t size;
    int records = open(argv[1], O_RDONLY);
    while (read(records, &size, 4) == 4) {
        if (read(records, text, size) != size) return 1;
        text[size] = 0;
        prctl(PR_SET_NAME, text);
        work(text, size, list);
    }
    return 0;
}
"""
SCRIPT = r"""
config = { max_strlen = 220 }
uprobe:PROGRAM:work
{
  print(buf(arg0, arg1)); print(str(arg0)); print(comm); print((comm, str(arg0), buf(arg0, 5)));
  printf("%s|%20s|%-9s|%r|%rx|%c\n", str(arg0), comm, comm, buf(arg0, arg1), buf(arg0, 3), *(uint8 *)arg0);
  join(arg2); errorf("own %s", str(arg0)); warnf("own %s", comm); system("printf %%s '%d'", arg1);
  @counts[comm, str(arg0)] = count(); @buffers[buf(arg0, 16)] = buf(arg0, 16); @rows[str(arg0)] = (comm, str(arg0));
  @buckets[comm] = hist(arg1); @lines[comm] = lhist(arg1, 0, 100, 10); @series[comm] = tseries(arg1, 1s, 5);
  @sums[comm] = stats(arg1); @means[str(arg0)] = avg(arg1); @last = str(arg0);
}
"""
PECULIAR = [
    bytes(range(1, 129)),
    bytes(range(128, 256)),
    bytes(range(200)),
    b"\xed\xa0\x80\xed\xbf\xbf lone",  # halves of characters, as CESU-8 has them
    b"\xed\xa0\xbd\xed\xb8\x80",
    "\u2028\u2029\u0085\ufeff\uffff\U0010ffff\u202e".encode(),
    b"\xf4\x90\x80\x80\xc0\x80\xf8\x88\x80\x80\x80",  # beyond the last character, too long, five bytes
    b'"\\"\\\\u0000\\n{}[],:/',
    b"\x1b[31m\x1b]0;title\x07\x9b31m\xc2\x9b",
    b"\0behind a zero",
    b"(in parentheses) and blanks",
    b"null",
    b"",
    "fifteen bytes ü".encode()[:16],  # a name that is cut within a character
]


def _records() -> list[bytes]:
    chance = random.Random(20261123)
    return PECULIAR + [chance.randbytes(chance.randrange(1, 180)) for _ in range(60)]


def test_each_line_is_valid_and_what_the_format_promises_comes_back(tmp_path: Path) -> None:
    program = build(tmp_path, "odd", PROGRAM)
    records = _records()
    (tmp_path / "records").write_bytes(b"".join(struct.pack("<I", len(record)) + record for record in records))
    traced = ["-c", f"{program} {tmp_path}/records", "-e", SCRIPT.replace("PROGRAM", program)]
    done = subprocess.run(
        [*PYBPFTRACE, "--unsafe", "-q", "-k", "-f", "json", *traced],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = checked_lines(done.stdout)
    values = [line["data"] for line in lines if line["type"] == "value"]
    buffers, strings = values[0::4], values[1::4]
    assert [bytes(byte & 255 for byte in found) for found in buffers] == records
    kinds = {"value", "printf", "join", "syscall", "errorf", "warnf", "map", "hist", "tseries", "stats"}
    assert {line["type"] for line in lines} >= kinds
    for record, shown in zip(records, strings, strict=True):
        text = record.partition(b"\0")[0]
        if _is_text(text):
            assert shown == text.decode()
    assert not any(byte < 32 and byte != 10 for byte in done.stdout)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
