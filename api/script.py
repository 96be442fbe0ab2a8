"""A script to compile: its text, wherever it comes from.

A name that is no file is looked up among the packaged tools. A file may also be a compiled program; that is told from
its first bytes, and then who could have written it is checked before anything else. This must not know what a script
says.
"""

from __future__ import annotations

import os
import sys

from ..core.artifact_file import check_trust, is_artifact
from ..core.frozen import dataclass
from ..core.source import Source

TOOLS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tools")
#: bpftrace's name for text that comes from -e or from standard input.
UNNAMED = "stdin"
_SIZE_LIMIT = 256 << 20
_ELF = b"\x7fELF"


class ScriptError(Exception):
    """A script that cannot be read; the text is one line."""


@dataclass(frozen=True, slots=True)
class Script:
    """`data` as it was read; `compiled` tells that it is a compiled program and not source text. `directory` is where
    its imports are looked for."""

    name: str
    data: bytes
    compiled: bool = False
    directory: str = "."

    @staticmethod
    def of_text(name: str, text: str) -> Script:
        """A script that is in no file, as a user gave its text."""
        return Script(name, os.fsencode(text))

    @property
    def source(self) -> Source:
        return Source.from_bytes(self.name, self.data)


def read_standard_input() -> Script:
    """All of standard input; a last line without a newline gets one."""
    data = sys.stdin.buffer.read()
    return Script(UNNAMED, data if not data or data.endswith(b"\n") else data + b"\n")


def read_file(name: str) -> Script:
    """A file, or a packaged tool of that name. Raises: ScriptError, ArtifactError."""
    try:
        path = find(name)
        with open(path, "rb") as file:
            data = file.read(_SIZE_LIMIT)
            compiled = is_artifact(data)
            if data.startswith(_ELF):
                raise ScriptError(f"'{name}' is a program of the machine, not a script")
            if compiled:
                check_trust(file.fileno(), name)
    except OSError as error:
        raise ScriptError(f"failed to open file '{name}': {error.strerror}") from error
    return Script(name, data, compiled, os.path.dirname(path) or ".")


def find(name: str) -> str:
    """`name` itself when there is such a file or it has a directory, else the packaged tool `name` or `name`.bt."""
    if os.path.exists(name) or os.path.basename(name) != name:
        return name
    tools = (os.path.join(TOOLS, name + suffix) for suffix in ("", ".bt"))
    return next((path for path in tools if path.endswith(".bt") and os.path.isfile(path)), name)
