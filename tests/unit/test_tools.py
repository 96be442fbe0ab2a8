"""What users find beside each tool: its header, its options, its example, and its line in docs/tools.md."""

from __future__ import annotations

import re
from pathlib import Path

import pybpftrace
import pytest
from pybpftrace.core.diagnostics import CompileError
from pybpftrace.passes.typecheck.fold import FoldConstants
from pybpftrace.passes.typecheck.options import ReplaceOptions
from pybpftrace.passes.typecheck.positional_parameters import ReplaceParameters
from staged import Staged

ROOT = Path(pybpftrace.__file__).resolve().parent
TOOLS = sorted(path.stem for path in (ROOT / "tools").glob("*.bt"))
PROMISED = [
    "bashreadline", "biolatency", "biosnoop", "biostacks", "bitesize", "capable", "cpuwalk", "dcsnoop",
    "execsnoop", "gethostlatency", "killsnoop", "loads", "mdflush", "naptime", "oomkill", "opensnoop",
    "pidpersec", "runqlat", "runqlen", "setuids", "ssllatency", "sslsnoop", "statsnoop", "swapin",
    "syncsnoop", "syscount", "tcpaccept", "tcpconnect", "tcpdrop", "tcplife", "tcpretrans", "tcpsynbl",
    "threadsnoop", "undump", "vfscount", "vfsstat", "writeback", "xfsdist",
]  # fmt: skip
HEADER = re.compile(
    r"#!/usr/bin/env pybpftrace\n"
    r"/\*\n"
    r" \* (?P<name>\w+): (?P<purpose>(?:.+\n)(?: \* .+\n)*?)"
    r" \*\n"
    r" \* USAGE: (?P<usage>\w+\.bt(?:.|\n)*?)\n"
    r" \*\n"
    r" \* PROBES   \S(?:.|\n)*?\n"
    r" \* KERNELS  6\.1 and newer.*\n"
    r" \*\n"
    r" \* \w"
)


def header(name: str) -> re.Match[str]:
    found = HEADER.match((ROOT / "tools" / f"{name}.bt").read_text())
    assert found is not None, f"{name} has another header"
    return found


def options(name: str) -> dict[str, str]:
    """The options that a tool declares, with what `--help` says about them."""
    script = (ROOT / "tools" / f"{name}.bt").read_text()
    with pytest.raises(CompileError) as stopped:
        Staged(script, ReplaceParameters(), FoldConstants(), ReplaceOptions(), named=(("help", None),))
    return dict(re.findall(r"^--(\S+): (.+)$", str(stopped.value), re.MULTILINE))


def row(name: str) -> list[str]:
    """The cells of a tool's row in docs/tools.md."""
    text = (ROOT / "docs" / "tools.md").read_text()
    [found] = re.findall(rf"^\| \[{name}\]\(\.\./tools/{name}\.bt\) \|(.*)\|$", text, re.MULTILINE)
    return [cell.strip() for cell in found.split("|")]


def test_every_tool_that_was_promised_is_there_and_no_other() -> None:
    assert TOOLS == PROMISED


@pytest.mark.parametrize("name", TOOLS)
def test_the_header_says_what_it_shows_how_to_use_it_and_where_it_works(name: str) -> None:
    found = header(name)
    assert (found["name"], found["usage"].split()[0]) == (name, f"{name}.bt")


@pytest.mark.parametrize("name", TOOLS)
def test_the_usage_has_the_options_that_the_help_explains(name: str) -> None:
    declared = options(name)
    assert sorted(re.findall(r"--(\w[\w-]*)", header(name)["usage"])) == sorted(declared)
    assert all(text and text[0].islower() for text in declared.values())


@pytest.mark.parametrize("name", TOOLS)
def test_the_example_shows_a_run_and_every_option(name: str) -> None:
    example = (ROOT / "tools" / f"{name}_example.txt").read_text()
    assert re.search(rf"^ +# pybpftrace .*\b{name}\.bt", example, re.MULTILINE)
    assert [option for option in options(name) if f"--{option}" not in example] == []
    assert [line for line in example.splitlines() if len(line) > 120 or line != line.rstrip()] == []


@pytest.mark.parametrize("name", TOOLS)
def test_the_page_about_tools_has_the_purpose_and_the_options(name: str) -> None:
    purpose, given, example = row(name)
    said = " ".join(header(name)["purpose"].replace(" * ", " ").split())
    assert purpose == re.sub(r"(?<!\.)\.$", "", said)
    assert re.findall(r"`--([\w-]+)`", given) == list(options(name))
    assert example == f"[example](../tools/{name}_example.txt)"
