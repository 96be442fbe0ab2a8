"""What a probe is called while it runs: `probe`, `probetype`, and names of files as the system has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from programs import build
from tracing import run

pytestmark = pytest.mark.live

WORK = """
__attribute__((noinline)) int work(int a) { __asm__ volatile("nop"); return a + 1; }
int main(void) { return work(1) != 2; }
"""


def test_a_probe_knows_its_type_in_one_word(tmp_path: Path) -> None:
    program = build(tmp_path, "work", WORK)
    script = f"""begin, end {{ @[probe, probetype] = 1; }}
        uprobe:{program}:work, uretprobe:{program}:work {{ @[probe, probetype] = 1; }}"""
    done = run("-e", script, "-c", str(program))
    assert sorted(line for line in done.stdout.splitlines() if line) == [
        "@[begin, special]: 1",
        "@[end, special]: 1",
        f"@[uprobe:{program}:work, uprobe]: 1",
        f"@[uretprobe:{program}:work, uretprobe]: 1",
    ]


@pytest.mark.parametrize("name", ["é", os.fsdecode(b"b\xff\xe9d"), "a,  b:c@d"])
def test_a_file_may_have_any_name(name: str, tmp_path: Path) -> None:
    program, odd = build(tmp_path, "work", WORK), tmp_path / name
    odd.hardlink_to(program)
    (tmp_path / "script.bt").write_bytes(b'uprobe:"' + os.fsencode(odd) + b'":work { printf("%s\\n", probe); }')
    listed = run("-l", f'uprobe:"{odd}":work')
    done = run(str(tmp_path / "script.bt"), "-c", program)
    shown = os.fsencode(f"uprobe:{odd}:work").decode(errors="replace")
    assert (listed.status, listed.stdout, listed.stderr) == (0, f"{shown}\n", "")
    assert (done.status, done.stdout.strip(), done.stderr) == (0, shown, "Attached 1 probe\n")


def test_an_argument_of_the_script_may_name_such_a_file(tmp_path: Path) -> None:
    odd = Path(build(tmp_path, "work", WORK)).rename(tmp_path / os.fsdecode(b"b\xff\xe9d"))
    done = run("-e", "uprobe:$1:work { @ = 1 }", "-c", str(odd), str(odd))
    assert (done.status, done.stdout.strip()) == (0, "@: 1")
