"""Time series: `tseries`, one value for each of the last intervals of time.

A part is a ring of intervals, 24 bytes each: the value, how many went into it (without an aggregation: when it came),
and the number of the interval (u64 each). An interval's slot is its number modulo their count; what a slot has of an
older one is dropped when the next value comes. Drawing is done in `charts/time_series.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.function import Aggregation, CallSite, EmitSite, Signature, integer_of
from ...core.integers import convert, truncated_quotient
from ...core.json_text import json_integer
from ...core.types import INT64, UINT64, Int, OwnedType, Type, base_name
from .clock import read_clock

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value
    from ...core.output import Rendering
    from .charts.time_series import Series

_SLOT = Struct("<QQQ")
_COUNT_AT, _EPOCH_AT = 8, 16
_AGGREGATIONS = ("avg", "max", "min", "sum")
#: Intervals that the language allows, and those that a CPU's part of a map's value has room for (32 KB, mm/percpu.c).
_MOST_INTERVALS, _MOST_SLOTS = 1_000_000, 32768 // _SLOT.size


def _type(name: str, size: int, params: tuple[int | str, ...]) -> OwnedType:
    return OwnedType("tseries", name, size, params, aggregation=True)


class TimeSeries(Aggregation):
    """`tseries(n, interval_ns, num_intervals [, "avg"|"max"|"min"|"sum"])`. The type's params are
    (interval, intervals, aggregation), the last one empty where the latest value counts."""

    names: ClassVar[tuple[str, ...]] = ("tseries",)
    json_kind: ClassVar[str] = "tseries"
    keeps_key_order: ClassVar[bool] = True
    named_types: ClassVar[Mapping[str, OwnedType]] = {
        name: _type(name, _SLOT.size, ()) for name in ("tseries_t", "utseries_t")
    }
    signature: ClassVar[Signature] = Signature(3, 4, kinds={0: ("int",)}, literals={3: "string"})
    params_conflict: ClassVar[str] = "Different tseries bounds in a single map unsupported"

    def type_of(self, call: CallSite) -> Type:
        given = integer_of(call.types[0])
        if given is None:
            call.error(f"tseries() only supports int arguments ({base_name(call.types[0])} provided)", 0)
        params = self._params(call) or (1, 1, "")
        name = "utseries_t" if given is not None and not given.signed else "tseries_t"
        return _type(name, params[1] * _SLOT.size, params)

    def _params(self, call: CallSite) -> tuple[int, int, str] | None:
        numbers: list[int] = []
        for index, name in enumerate(("interval_ns", "num_intervals"), 1):
            literal = call.literal(index)
            if isinstance(literal, bool) or not isinstance(literal, int) or literal < 0:
                call.error(f"tseries: invalid {name} value (must be non-negative literal)", index)
                return None
            if literal < 1:
                call.error(f"tseries() {name} must be >= 1 ({literal} provided)", index)
                return None
            numbers.append(literal)
        interval, intervals = numbers
        if intervals > _MOST_INTERVALS:
            call.error(f"tseries() num_intervals must be < {_MOST_INTERVALS} ({intervals} provided)", 2)
            return None
        if intervals > _MOST_SLOTS:
            call.error(
                f"tseries() num_intervals must be <= {_MOST_SLOTS} ({intervals} provided): a CPU's part of a map's "
                "value can have 32 KB",
                2,
            )
            return None
        literal = call.literal(3)
        aggregation = literal.decode("latin-1") if isinstance(literal, bytes) else ""
        if isinstance(literal, bytes) and aggregation not in _AGGREGATIONS:
            words = ", ".join(_AGGREGATIONS)
            call.error(
                f'tseries() expects one of the following aggregation functions: {words} ("{aggregation}" provided)', 3
            )
            return None
        return interval, intervals, aggregation

    def emit_update(self, emitter: Emitter, slot: Value, call: EmitSite) -> None:
        interval, intervals, aggregation = _settings(call.type)
        integer = _integer(call.type)
        number = emitter.cast(call.value(0), integer)
        now = read_clock(emitter, "sw_tai")
        epoch = emitter.binary("/", now, emitter.constant(interval, UINT64))
        place = emitter.binary("%", epoch, emitter.constant(intervals, UINT64))
        # The verifier of older kernels knows nothing of a remainder.
        place = emitter.at_most(intervals - 1, place)
        row = emitter.offset(slot, emitter.binary("*", place, emitter.constant(_SLOT.size, UINT64)))
        if not aggregation:
            emitter.store(row, number)
            emitter.store(row, now, _COUNT_AT)
            emitter.store(row, epoch, _EPOCH_AT)
            return
        with emitter.when(emitter.compare("!=", emitter.load(row, UINT64, _EPOCH_AT), epoch)):
            emitter.store(row, emitter.constant(0, UINT64))
            emitter.store(row, emitter.constant(0, UINT64), _COUNT_AT)
            emitter.store(row, epoch, _EPOCH_AT)
        if aggregation in ("avg", "sum"):
            emitter.atomic_add(row, number)
        else:
            wins = "<" if aggregation == "min" else ">"
            is_first = emitter.compare("==", emitter.load(row, UINT64, _COUNT_AT), emitter.constant(0))
            is_better = emitter.compare(wins, number, emitter.load(row, integer), signed=integer.signed)
            with emitter.when(emitter.binary("|", is_first, is_better)):
                emitter.store(row, number)
        emitter.atomic_add(row, emitter.constant(1), _COUNT_AT)

    def merge(self, type_: OwnedType, parts: Sequence[bytes]) -> bytes:
        """Of a slot that the CPUs have of different intervals, the newest one is left: the window has no other."""
        slots = zip(*map(_SLOT.iter_unpack, parts), strict=True)
        return b"".join([self._merge_slot(type_, [slot for slot in found if slot[1]]) for found in slots])

    def _merge_slot(self, type_: OwnedType, found: Sequence[tuple[int, int, int]]) -> bytes:
        if not found:
            return bytes(_SLOT.size)
        newest = max(epoch for _, _, epoch in found)
        integer, aggregation = _integer(type_), _settings(type_)[2]
        values = [(convert(integer, value), count) for value, count, epoch in found if epoch == newest]
        value, count = _MERGE[aggregation](values)
        return _SLOT.pack(convert(UINT64, value), count, newest)

    def reduce(self, type_: OwnedType, parts: Sequence[bytes]) -> Any:
        """A `Series` of this value alone: `among` says what the newest interval of the map is."""
        from .charts.time_series import Series

        integer, is_average = _integer(type_), _settings(type_)[2] == "avg"
        merged = parts[0] if len(parts) == 1 else self.merge(type_, parts)
        values = {}
        for value, count, epoch in _SLOT.iter_unpack(merged):
            if count:
                number = convert(integer, value)
                values[epoch] = truncated_quotient(number, count) if is_average else number
        return Series(values, max(values, default=None))

    def note(self, type_: OwnedType, noted: int | None, value: Series) -> int | None:
        """The newest interval of the map."""
        if noted is None or value.newest is None:
            return value.newest if noted is None else noted
        return max(noted, value.newest)

    def among(self, type_: OwnedType, value: Series, noted: int | None) -> Series:
        from .charts.time_series import Series

        return Series(value.values, noted)

    def sort_key(self, type_: OwnedType, value: Any) -> int:
        return 0

    def divide(self, type_: OwnedType, value: Any, divisor: int) -> Any:
        return value

    def map_text(self, type_: OwnedType, label: bytes, value: Series, rendering: Rendering) -> bytes:
        text = self.text(type_, value, rendering)
        return label + b":\n" + text + (b"\n" if value.values else b"")

    def text(self, type_: OwnedType, value: Series, rendering: Rendering) -> bytes:
        from .charts.time_series import chart

        interval, intervals, _ = _settings(type_)
        bits = 64
        limits = (-(1 << bits - 1), (1 << bits - 1) - 1) if _integer(type_).signed else (0, (1 << bits) - 1)
        return chart(value, interval, intervals, limits).encode()

    def json(self, type_: OwnedType, value: Series, rendering: Rendering) -> str:
        import time

        from .charts.time_series import local_time, window

        interval, intervals, _ = _settings(type_)
        rows = []
        for epoch, number in window(value, intervals).items():
            moment, rest = local_time(epoch * interval)
            start = time.strftime("%Y-%m-%dT%H:%M:%S", moment) + f".{rest:09}"
            rows.append(f'{{"interval_start":"{start}","value":{json_integer(number)}}}')
        return "[" + ",".join(rows) + "]"


def _settings(type_: Type) -> tuple[int, int, str]:
    assert isinstance(type_, OwnedType), "a tseries has a tseries_t"
    interval, intervals, aggregation = type_.params
    assert isinstance(interval, int) and isinstance(intervals, int) and isinstance(aggregation, str), "see type_of"
    return interval, intervals, aggregation


def _integer(type_: Type) -> Int:
    return UINT64 if isinstance(type_, OwnedType) and type_.name.startswith("u") else INT64


def _total(values: list[tuple[int, int]]) -> tuple[int, int]:
    return sum(value for value, _ in values), sum(count for _, count in values)


#: One value of an interval from those of the CPUs: (number, how many went into it or, for the latest, when).
_MERGE: Mapping[str, Callable[[list[tuple[int, int]]], tuple[int, int]]] = {
    "": lambda values: max(values, key=itemgetter(1)),
    "avg": _total,
    "max": lambda values: max(values, key=itemgetter(0)),
    "min": lambda values: min(values, key=itemgetter(0)),
    "sum": _total,
}

FUNCTIONS = (TimeSeries(),)
