"""Lines of `-f json` against the published schema, and against what RFC 8259 asks of JSON that programs exchange."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pybpftrace
from jsonschema import Draft202012Validator

SCHEMA = Path(pybpftrace.__file__).resolve().parent / "docs" / "output.schema.json"


@cache
def validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text()))


def checked_lines(output: bytes) -> list[dict[str, Any]]:
    """The objects of an output, one a line, each of which fits the schema and is nothing but valid JSON in UTF-8."""
    assert not output or output.endswith(b"\n"), output[-200:]
    return [checked_line(line) for line in output.decode("utf-8").split("\n")[:-1]]


def checked_line(line: str) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(line, parse_constant=_refuse)
    # Escapes of half a character are JSON and no text.
    json.dumps(message, ensure_ascii=False).encode("utf-8")
    wrong = [error.message for error in validator().iter_errors(message)]
    assert not wrong, (line, wrong)
    return message


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
