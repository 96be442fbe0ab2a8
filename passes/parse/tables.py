"""The parser that `grammar.lark` describes; its tables are made once and kept in the user's cache directory.

The kept tables are a pickle, so they are read only from a file that nobody else can have written, and only when their
digest says that this grammar, this lark and this Python made them. It knows nothing of scripts.
"""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import suppress
from typing import Any

import lark

from ...core.digest import digest
from ...core.target.cache_directory import cache_directory, read_private_file, write_private_file

#: The file's name in the cache directory: 32 hexadecimal digits, then what `Lark.save` wrote.
FILE = "grammar"
_DIGEST_LENGTH = 32
#: The rules that a text can be parsed by: a script, or an expression by itself.
STARTS = ["start", "lone_expression"]


def parser(builder: Any = None) -> lark.Lark:
    """A parser; with a builder, its methods are called instead of making lark's own tree."""
    with open(os.path.join(os.path.dirname(__file__), "grammar.lark"), encoding="ascii") as file:
        grammar = file.read()
    # lark's public `load` takes no transformer; its own cache, which would trust any file, calls the same `_load`.
    return lark.Lark.__new__(lark.Lark)._load(io.BytesIO(_tables(grammar)), transformer=builder)


def _tables(grammar: str) -> bytes:
    """What `Lark.save` writes for the grammar, from the cache if it is there."""
    directory = cache_directory()
    path = os.path.join(directory, FILE) if directory else None
    made_by = f"{lark.__version__} {sys.version} {grammar}".encode()
    kept = read_private_file(path) if path else None
    if kept is not None and kept[:_DIGEST_LENGTH] == _seal(made_by, kept[_DIGEST_LENGTH:]):
        return kept[_DIGEST_LENGTH:]
    made = io.BytesIO()
    lark.Lark(
        grammar,
        parser="lalr",
        lexer="contextual",
        start=STARTS,
        keep_all_tokens=True,
        maybe_placeholders=False,
        g_regex_flags=re.ASCII,
    ).save(made)
    tables = made.getvalue()
    if path:
        with suppress(OSError):  # a cache is a convenience: without one everything works, only later
            write_private_file(path, _seal(made_by, tables) + tables)
    return tables


def _seal(made_by: bytes, tables: bytes) -> bytes:
    return digest(made_by + b"\0" + tables).encode("ascii")
