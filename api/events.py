"""What a tracer tells its user, one frozen object an event.

Values are plain Python data, as `values.py` makes it; texts are what the command would print. Texts and names come from
processes and may hold bytes that are not UTF-8: those are surrogates, as in the names of files (os.fsdecode).
"""

from __future__ import annotations

from typing import TypeAlias

from ..core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Printed:
    """Text of a script's action: `kind` is 'printf', 'time', 'join', 'cat', 'syscall' (for `system`), or 'iter' for
    what an iterator writes. `values` are what the action was given behind its format, unshortened by any conversion."""

    kind: str
    text: str
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class PrintedValue:
    """`print(value)`."""

    value: object
    text: str


@dataclass(frozen=True, slots=True)
class PrintedMap:
    """`print(@map)`: a dict in print order, or a scalar map's value (None for one without a value that shows none)."""

    name: str
    value: object


@dataclass(frozen=True, slots=True)
class LostEvents:
    """So many events found no room in the ring buffer since the last time."""

    count: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a script, counted from 1; `file` is 'stdin' for a script without a file."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Something failed in a probe. `helper` is the BPF helper and `code` its negative errno (0: nothing was found);
    with an empty `helper` it is a mishap of the script, such as a division by zero."""

    message: str
    helper: str
    code: int
    place: Place


@dataclass(frozen=True, slots=True)
class Message:
    """`errorf` and `warnf`, and what went wrong in carrying out an action. `level` is 'error' or 'warning'."""

    level: str
    text: str
    place: Place | None = None


Event: TypeAlias = Printed | PrintedValue | PrintedMap | LostEvents | Failure | Message
