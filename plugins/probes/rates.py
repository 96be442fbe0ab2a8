"""How often a timer probe fires: the `RATE` and `UNIT:N` of `interval` and `profile`."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.probe import AttachPointError, ConcretePoint, PointSpec
from .parts import check_count, listed_names, read_number

#: Nanoseconds of each unit of time; `hz` is the other way to give a rate.
NANOSECONDS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000}
UNITS = ("hz", "ms", "s", "us")
MINIMUM_RATE = 1_000


def parse_rate(provider: str, parts: tuple[str, ...]) -> PointSpec:
    """Settings `unit` and `count`: so many units between two events, or so many events a second.

    A rate in one part is nanoseconds, kept as `us`. Raises: AttachPointError.
    """
    check_count(provider, parts, 1, 2)
    if len(parts) == 1:
        rate = read_number(parts[0], f"Invalid rate of {provider} probe")
        if rate < MINIMUM_RATE:
            raise AttachPointError(
                f"Invalid rate of {provider} probe. Minimum is 1000 or 1us. Found: {rate} nanoseconds"
            )
        return PointSpec(provider, {"unit": "us", "count": rate // 1_000})
    unit, written = parts
    if unit not in UNITS:
        raise AttachPointError(f"{unit} is not an accepted unit of time", (f"accepted units: {', '.join(UNITS)}",))
    # perf_event_open takes the period in ns and refuses one with the top bit set.
    maximum = (2**63 - 1) // NANOSECONDS.get(unit, 1)
    count = read_number(written, f"Invalid rate of {provider} probe", maximum=maximum)
    if count < 1:
        raise AttachPointError(f"{provider} frequency should be a positive integer")
    return PointSpec(provider, {"unit": unit, "count": count})


def match_rate(spec: PointSpec) -> list[ConcretePoint]:
    name = f"{spec.probe_type}:{spec.settings['unit']}:{spec.settings['count']}"
    return [ConcretePoint(spec.probe_type, name, spec.settings)]


def list_rates(provider: str, parts: tuple[str, ...]) -> Iterator[str]:
    return listed_names(provider, (f"{unit}:" for unit in UNITS), parts)


def sampling(point: ConcretePoint) -> tuple[int, bool]:
    """(sample period in ns, False), or (events a second, True): `sample_period` and `freq` of perf_event_open(2)."""
    unit, count = point.text("unit"), point.number("count")
    return (count, True) if unit == "hz" else (count * NANOSECONDS[unit], False)
