"""A time series as a chart of text: a row an interval, from the first one with a value to the newest of the map.

Columns are computed in single precision, as the language's output has them. It knows nothing of maps and programs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from struct import pack, unpack

from ....core.frozen import dataclass

_SECOND = 1_000_000_000
#: Intervals from so many nanoseconds on show so many digits of a second, under such a heading.
_UNITS = ((_SECOND, 0, ""), (1_000_000, 3, ".ms"), (1_000, 6, ".μs"), (1, 9, ".ns"))
_COLUMNS = 53
_LEAST_WIDTH, _MOST_WIDTH = 21, 32
_NO_DATA = "<no data>\n"


@dataclass(frozen=True, slots=True)
class Series:
    """`values` by the number of their interval; `newest` is the last interval of the whole map, None without any."""

    values: Mapping[int, int]
    newest: int | None


def chart(series: Series, interval: int, count: int, limits: tuple[int, int]) -> str:
    """The lines, each with its newline. `interval` in ns, `limits` are the smallest and largest number of the type."""
    if series.newest is None or not series.values:
        return _NO_DATA
    shown = window(series, count)
    rows = range(min(shown, default=series.newest), series.newest + 1)
    spacing = interval if len(rows) > 1 else 1
    digits, unit = next((digits, unit) for least, digits, unit in _UNITS if spacing >= least)
    width = 9 + digits if digits else 8
    least, most = _bounds(list(shown.values()), limits)
    bounds = f"{_or_null(least):<{_LEAST_WIDTH}}{_or_null(most):>{_MOST_WIDTH}}"
    heading = f"hh:mm:ss{unit}"
    heading += " " * (width + 1 - len(heading.encode()))
    lines = [
        f"{'':{width + 1}}{bounds}",
        f"{heading}|{'_' * (_COLUMNS - 2)}|",
        *(_row(_clock(epoch * interval, digits), shown.get(epoch), least, most) for epoch in rows),
        f"{'':{width}} v{'_' * (_COLUMNS - 2)}v",
        f"{'':{width}} {bounds}",
    ]
    return "".join(line + "\n" for line in lines)


def window(series: Series, count: int) -> dict[int, int]:
    """The values that are not older than `count` intervals before the newest one, in their order."""
    if series.newest is None:
        return {}
    return {epoch: series.values[epoch] for epoch in sorted(series.values) if epoch > series.newest - count}


def local_time(nanoseconds: int) -> tuple[time.struct_time, int]:
    """The local time of a moment of the TAI clock, and the nanoseconds of its second."""
    seconds, rest = divmod(nanoseconds - _ahead(), _SECOND)
    return time.localtime(seconds), rest


def _ahead() -> int:
    """How many ns the TAI clock is ahead of the wall clock: whole seconds, or nothing where nobody has set it."""
    difference = time.clock_gettime_ns(time.CLOCK_TAI) - time.clock_gettime_ns(time.CLOCK_REALTIME)
    return round(difference / _SECOND) * _SECOND


def _clock(nanoseconds: int, digits: int) -> str:
    moment, rest = local_time(nanoseconds)
    text = time.strftime("%H:%M:%S", moment)
    return f"{text}.{rest:09}"[: 9 + digits] if digits else text


def _bounds(values: list[int], limits: tuple[int, int]) -> tuple[int | None, int | None]:
    """The range of the chart; one that has no width gets one."""
    if not values:
        return None, None
    least, most = min(values), max(values)
    return (max(least - 1, limits[0]), min(most + 1, limits[1])) if least == most else (least, most)


def _or_null(number: int | None) -> str:
    return "null" if number is None else str(number)


def _row(clock: str, value: int | None, least: int | None, most: int | None) -> str:
    columns = ["|", *" " * (_COLUMNS - 2), "|"]
    if least is not None and most is not None and most > least:
        if least < 0 < most:
            zero = int(_single(_single(_single(_COLUMNS) * _single(least)) / _single(least - most)))
            if zero > 0:
                columns[min(zero, _COLUMNS - 1)] = "."
        if value is not None:
            share = _single(_single(_single(_COLUMNS - 1) * _single(value - least)) / _single(most - least))
            columns[max(0, min(int(share), _COLUMNS - 1))] = "*"
    return f"{clock} {''.join(columns)} {'-' if value is None else value}"


def _single(number: float) -> float:
    rounded: float = unpack("<f", pack("<f", number))[0]
    return rounded
