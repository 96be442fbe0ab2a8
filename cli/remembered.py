"""Command lines that were parsed before, so that a cached start need not import click.

What click makes of a command line depends on nothing but the words and our own code. So it is kept, one small JSON file
per command line in the user's private cache directory; anything wrong with a file means that click is asked again. Only
command lines that click accepted get here. This must not know what the arguments mean.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress

from ..core.cache import cache_key
from ..core.target.cache_directory import cache_directory, read_private_file, write_private_file
from .arguments import Arguments

_DIRECTORY = "command-lines"
#: Every run of a script with new arguments adds a file of about 100 bytes; then they all go.
_LIMIT = 1000


def recall(words: Sequence[str], fingerprint: object) -> Arguments | None:
    """The arguments of this command line, if they were kept by the same code."""
    path = _path(words, fingerprint)
    data = read_private_file(path) if path else None
    if data is None:
        return None
    try:
        return Arguments.from_data(json.loads(data))
    except (ValueError, TypeError):
        return None


def keep(words: Sequence[str], fingerprint: object, arguments: Arguments) -> None:
    """Keeps what a command line means; nothing happens where it cannot be written."""
    path = _path(words, fingerprint)
    if path is None:
        return
    directory = os.path.dirname(path)
    with suppress(OSError):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        names = os.listdir(directory)
        if len(names) >= _LIMIT:
            for name in names:
                os.unlink(os.path.join(directory, name))
        write_private_file(path, json.dumps(arguments.to_data()).encode(), flush=False)


def _path(words: Sequence[str], fingerprint: object) -> str | None:
    base = cache_directory()
    return os.path.join(base, _DIRECTORY, cache_key({"words": list(words), "code": fingerprint})) if base else None
