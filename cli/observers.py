"""What watches a compilation: dumps, changes, times and checks, each a plugin on the observer hooks.

The stages know nothing of them. An observer acts as soon as it is told, so that a dump is out before a later pass
fails.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..api.house import InvariantError
from ..core.dump_columns import columns
from ..core.hookspecs import hookimpl
from ..core.invariants import check
from .dumps import DUMPS, Dump, sections, tree_of

Write = Callable[[str], object]


class DumpWriter:
    """Where dumps go: standard output under a title, or with `directory` a file each, numbered by stage."""

    def __init__(self, write: Write, directory: str | None, as_json: bool) -> None:
        self._write = write
        self._directory = directory
        self._json = as_json

    def show(self, dump: Dump, subject: object, after: str = "") -> None:
        """Raises: OSError: when a file cannot be written."""
        if self._directory is not None:
            number = f"{DUMPS.index(dump) + 1:02}-{dump.name}{'-' + after if after else ''}"
            text = json.dumps(dump.data(subject), indent=1) + "\n" if self._json else dump.text(subject)
            os.makedirs(self._directory, exist_ok=True)
            path = os.path.join(self._directory, number + (".json" if self._json else ".txt"))
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        elif self._json:
            self._write(json.dumps({"dump": dump.name, "after": after, "data": dump.data(subject)}) + "\n")
        else:
            title = f"{dump.title}{' after ' + after if after else ''}"
            self._write(f"{title}\n{'-' * len(title)}\n{dump.text(subject)}\n")


class Dumper:
    """Shows dumps when their stage is done, or what its last pass left when it failed; and trees after passes."""

    def __init__(self, names: Sequence[str], tree_after: Sequence[str], writer: DumpWriter) -> None:
        self._wanted = [dump for dump in DUMPS if dump.name in names]
        self._tree_after = tree_after
        self._writer = writer
        self._latest: dict[str, object] = {}

    @hookimpl
    def after_pass(self, stage: str, name: str, artifact: object) -> None:
        tree = tree_of(artifact)
        if name in self._tree_after and tree is not None:
            self._writer.show(DUMPS[0], tree, name)
        self._note(stage, artifact)

    @hookimpl
    def after_stage(self, stage: str, artifact: object) -> None:
        self._note(stage, artifact)
        for dump in self._wanted:
            if dump.stage == stage and dump.name in self._latest:
                self._writer.show(dump, self._latest.pop(dump.name))

    def _note(self, stage: str, artifact: object) -> None:
        for dump in self._wanted:
            subject = dump.subject(artifact) if dump.stage == stage else None
            if subject is not None:
                self._latest[dump.name] = subject


class ChangePrinter:
    """Shows after each pass what it changed in everything that can be dumped, as a unified diff."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._before: dict[str, str] = {}

    @hookimpl
    def after_pass(self, stage: str, name: str, artifact: object) -> None:
        now = sections(artifact)
        lines = [line for title, text in now.items() for line in self._changes(title, text)]
        self._before |= now
        head = f"{stage}: {name}"
        self._write(f"{head}\n{'-' * len(head)}\n" + "".join(lines) + "\n" if lines else f"{head}: no change\n")

    def _changes(self, title: str, text: str) -> list[str]:
        before = self._before.get(title, "").splitlines(keepends=True)
        diff = list(difflib.unified_diff(before, text.splitlines(keepends=True), n=1))
        return [f"{title}\n", *diff[2:]] if diff else []  # the first two lines name files


class Timer:
    """Adds up the time of each stage and pass; `report` shows it, longest stages and passes in the order they ran."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, float]] = []

    @hookimpl
    def after_pass(self, stage: str, name: str, seconds: float) -> None:
        self._rows.append((stage, name, seconds))

    @hookimpl
    def after_stage(self, stage: str, seconds: float) -> None:
        self._rows.append((stage, "", seconds))

    def report(self) -> str:
        """A table of milliseconds; a stage's own row comes after its passes and includes them."""
        total = sum(seconds for _, name, seconds in self._rows if not name) or 1.0
        rows: list[tuple[object, ...]] = [("stage", "pass", "      ms", "share")]
        for stage, name, seconds in self._rows:
            rows.append((stage, name or "(all)", f"{seconds * 1000:8.1f}", f"{seconds / total:5.0%}"))
        return columns(rows)


class Verifier:
    """Checks every stage's artifact. Raises InvariantError from the hook, which ends the run."""

    @hookimpl
    def after_stage(self, stage: str, artifact: Any) -> None:
        broken = [] if artifact is None else check(artifact)
        if broken:
            raise InvariantError(f"after {stage}: {'; '.join(broken)}")


def write_out(text: str) -> None:
    """Dumps stand in order with what the program itself prints."""
    sys.stdout.write(text)
    sys.stdout.flush()
