"""The events directory of tracefs, and of a captured target, which has the same shape: CATEGORY/EVENT/format."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .dependency import Dependency, read_content, text_fact

if TYPE_CHECKING:
    from . import Target

FORMAT_FILE = "format"


def event_directories(events: str) -> list[tuple[str, str]]:
    """(category, event) of every directory with a format file under `events`, sorted. Raises OSError."""
    if not os.path.isdir(events):
        return []
    return sorted(
        (category.name, event.name)
        for category in os.scandir(events)
        if category.is_dir()
        for event in os.scandir(category.path)
        if event.is_dir() and os.path.exists(os.path.join(event.path, FORMAT_FILE))
    )


def read_format(target: Target, events: str, category: str, event: str) -> str | None:
    """The text of an event's format file, None when there is none; `target` remembers the reading. Raises OSError.

    The names come from scripts: one that is not a plain file name is not there.
    """
    if any(name in ("", ".", "..") or "/" in name or "\0" in name for name in (category, event)):
        return None
    path = os.path.join(events, category, event, FORMAT_FILE)
    content = read_content(path)
    target.remember(Dependency("text", path, text_fact(content)))
    return None if content is None else content.decode("utf-8", "surrogateescape")
