"""Aggregations to a few numbers per key and CPU: count, sum, min, max, avg, stats.

Updates are atomic: a part belongs to one CPU, but a probe may be interrupted there by another one that updates the same
part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.function import Aggregation, CallSite, EmitSite, Signature, integer_of
from ...core.integers import convert, truncated_quotient
from ...core.json_text import json_integer
from ...core.output import Rendering
from ...core.types import INT64, UINT64, Enum, Int, OwnedType, Type, base_name

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

_WORD = 8
_PAIR = Struct("<QQ")
_ALL_ONES = (1 << 64) - 1


def _is_signed(type_: Type) -> bool:
    return isinstance(type_, OwnedType) and not type_.name.startswith("u")


def _integer(type_: Type) -> Int:
    return INT64 if _is_signed(type_) else UINT64


def _emit_total(emitter: Emitter, part: Callable[[Value], Value], words: int) -> list[Value]:
    """The sums over all CPUs of the first words of their parts."""
    totals = [emitter.scratch(_WORD) for _ in range(words)]
    for total in totals:
        emitter.store(total, emitter.constant(0, UINT64))

    def add(cpu: Value) -> None:
        slot = part(cpu)
        with emitter.when(slot):
            for index, total in enumerate(totals):
                number = emitter.load(slot, UINT64, index * _WORD)
                emitter.store(total, emitter.binary("+", emitter.load(total, UINT64), number))

    emitter.for_each_cpu(add)
    return [emitter.load(total, UINT64) for total in totals]


class Count(Aggregation):
    """`count()`: how many times. A part is one u64."""

    names: ClassVar[tuple[str, ...]] = ("count",)
    is_sum: ClassVar[bool] = True
    named_types: ClassVar[Mapping[str, OwnedType]] = {
        "count_t": OwnedType("count", "count_t", _WORD, aggregation=True, integer=UINT64)
    }

    def type_of(self, call: CallSite) -> Type:
        return self.named_types["count_t"]

    def emit_update(self, emitter: Emitter, slot: Value, call: EmitSite) -> None:
        emitter.atomic_add(slot, emitter.constant(1))

    def emit_read(self, emitter: Emitter, type_: OwnedType, part: Callable[[Value], Value]) -> Value:
        (total,) = _emit_total(emitter, part, 1)
        return total

    def reduce(self, type_: OwnedType, parts: Sequence[bytes]) -> Any:
        return convert(UINT64, sum(int.from_bytes(part, "little") for part in parts))

    def sort_key(self, type_: OwnedType, value: Any) -> int:
        key: int = value
        return key

    def divide(self, type_: OwnedType, value: Any, divisor: int) -> Any:
        return truncated_quotient(value, divisor)

    def text(self, type_: OwnedType, value: Any, rendering: Rendering) -> bytes:
        return b"%d" % value

    def json(self, type_: OwnedType, value: Any, rendering: Rendering) -> str:
        return json_integer(value)


def _of_number(name: str, size: int, *, castable: bool = True) -> dict[str, OwnedType]:
    """The types of an aggregation of numbers by name, of which `uNAME_t` is for unsigned ones only."""
    integers = {f"{name}_t": INT64, f"u{name}_t": UINT64}
    return {
        word: OwnedType(name, word, size, aggregation=True, integer=integer if castable else None)
        for word, integer in integers.items()
    }


class _OfNumber(Count):
    """An aggregation of numbers, signed unless all of them are unsigned. The type `NAME_t` is `uNAME_t` then."""

    signature: ClassVar[Signature] = Signature(1, 1)

    def type_of(self, call: CallSite) -> Type:
        name = self.names[0]
        given = call.types[0]
        integer = UINT64 if isinstance(given, Enum) else integer_of(given)
        if integer is None:
            call.error(f"{name}() only supports integer arguments ({base_name(call.types[0])} provided)", 0)
        return self.named_types[f"{name}_t" if integer is None or integer.signed else f"u{name}_t"]


class Sum(_OfNumber):
    """`sum(n)`. A part is one 64-bit number."""

    names: ClassVar[tuple[str, ...]] = ("sum",)
    named_types: ClassVar[Mapping[str, OwnedType]] = _of_number("sum", _WORD)

    def emit_update(self, emitter: Emitter, slot: Value, call: EmitSite) -> None:
        emitter.atomic_add(slot, call.value(0))

    def reduce(self, type_: OwnedType, parts: Sequence[bytes]) -> Any:
        return convert(_integer(type_), sum(int.from_bytes(part, "little") for part in parts))


class _Extreme(_OfNumber):
    """A part is the rank of the best number, and a u64 that is 1 once there was one.

    Ranks are unsigned, and of two numbers the better one has the higher rank: what wins is the same for all kinds, and
    the zero of a new part loses against all.
    """

    is_sum: ClassVar[bool] = False

    def emit_update(self, emitter: Emitter, slot: Value, call: EmitSite) -> None:
        integer = _integer(call.type)
        number = emitter.cast(emitter.cast(call.value(0), integer), UINT64)
        emitter.raise_to(slot, emitter.binary("^", number, emitter.constant(self._mask(integer), UINT64)))
        emitter.store(slot, emitter.constant(1, UINT64), _WORD)

    def _mask(self, integer: Int) -> int:
        """What makes the rank of a number and the number of a rank, by exclusive or."""
        raise NotImplementedError

    def emit_read(self, emitter: Emitter, type_: OwnedType, part: Callable[[Value], Value]) -> Value:
        integer = _integer(type_)
        best, is_known = emitter.scratch(_WORD), emitter.scratch(_WORD)
        for place in best, is_known:
            emitter.store(place, emitter.constant(0, UINT64))

        def take(cpu: Value) -> None:
            slot = part(cpu)
            with emitter.when(slot):
                rank = emitter.load(slot, UINT64)
                with emitter.when(emitter.compare(">", rank, emitter.load(best, UINT64))):
                    emitter.store(best, rank)
                known = emitter.binary("|", emitter.load(is_known, UINT64), emitter.load(slot, UINT64, _WORD))
                emitter.store(is_known, known)

        emitter.for_each_cpu(take)
        mask = emitter.constant(self._mask(integer), UINT64)
        return emitter.choose(
            emitter.load(is_known, UINT64),
            lambda: emitter.cast(emitter.binary("^", emitter.load(best, UINT64), mask), integer),
            lambda: emitter.constant(0, integer),
        )

    def reduce(self, type_: OwnedType, parts: Sequence[bytes]) -> Any:
        integer = _integer(type_)
        rank, is_set = _best(parts)
        return convert(integer, rank ^ self._mask(integer)) if is_set else 0

    def merge(self, type_: OwnedType, parts: Sequence[bytes]) -> bytes:
        return _PAIR.pack(*_best(parts))

    def sort_key(self, type_: OwnedType, value: Any) -> int:
        # Extremes are put in order as unsigned numbers, negative ones last.
        return convert(UINT64, value)


def _best(parts: Sequence[bytes]) -> tuple[int, int]:
    """The part with the highest rank, of those that have one. Others are all zeros, which is no higher than any."""
    return max(map(_PAIR.unpack, parts), key=lambda part: (part[1], part[0]))


class Min(_Extreme):
    """`min(n)`: the smallest number."""

    names: ClassVar[tuple[str, ...]] = ("min",)
    named_types: ClassVar[Mapping[str, OwnedType]] = _of_number("min", 2 * _WORD)

    def _mask(self, integer: Int) -> int:
        return _ALL_ONES >> 1 if integer.signed else _ALL_ONES


class Max(_Extreme):
    """`max(n)`: the largest number."""

    names: ClassVar[tuple[str, ...]] = ("max",)
    named_types: ClassVar[Mapping[str, OwnedType]] = _of_number("max", 2 * _WORD)

    def _mask(self, integer: Int) -> int:
        return 1 << 63 if integer.signed else 0


class _Totalling(_OfNumber):
    """A part is the total of the numbers (64 bits) and how many there were (u64)."""

    json_kind: ClassVar[str] = "stats"
    is_sum: ClassVar[bool] = False

    def emit_update(self, emitter: Emitter, slot: Value, call: EmitSite) -> None:
        emitter.atomic_add(slot, call.value(0))
        emitter.atomic_add(slot, emitter.constant(1), _WORD)

    def _totals(self, type_: OwnedType, parts: Sequence[bytes]) -> tuple[int, int]:
        """(total, count) over all CPUs."""
        pairs = [_PAIR.unpack(part) for part in parts]
        total = convert(_integer(type_), sum(total for total, _ in pairs))
        return total, convert(UINT64, sum(count for _, count in pairs))


class Avg(_Totalling):
    """`avg(n)`: the average, rounded toward zero."""

    names: ClassVar[tuple[str, ...]] = ("avg",)
    named_types: ClassVar[Mapping[str, OwnedType]] = _of_number("avg", 2 * _WORD)

    def emit_read(self, emitter: Emitter, type_: OwnedType, part: Callable[[Value], Value]) -> Value:
        total, count = _emit_total(emitter, part, 2)
        none, zero = emitter.compare("==", count, emitter.constant(0)), emitter.constant(0)
        divisor = emitter.choose(none, lambda: emitter.constant(1), lambda: count)
        if not _integer(type_).signed:
            return emitter.binary("/", total, divisor)
        # BPF divides unsigned numbers only: the sign is taken off and put back.
        is_negative = emitter.compare("<", total, zero, signed=True)
        size = emitter.choose(is_negative, lambda: emitter.binary("-", zero, total), lambda: total)
        quotient = emitter.binary("/", size, divisor)
        return emitter.choose(is_negative, lambda: emitter.binary("-", zero, quotient), lambda: quotient)

    def reduce(self, type_: OwnedType, parts: Sequence[bytes]) -> Any:
        total, count = self._totals(type_, parts)
        return truncated_quotient(total, count) if count else 0


class Stats(_Totalling):
    """`stats(n)`: count, average and total. The value is that tuple."""

    names: ClassVar[tuple[str, ...]] = ("stats",)
    named_types: ClassVar[Mapping[str, OwnedType]] = _of_number("stats", 2 * _WORD, castable=False)

    def emit_read(self, emitter: Emitter, type_: OwnedType, part: Callable[[Value], Value]) -> Value:
        """A part of all CPUs, by its address."""
        whole = emitter.scratch(2 * _WORD)
        for index, total in enumerate(_emit_total(emitter, part, 2)):
            emitter.store(whole, emitter.cast(total, UINT64), index * _WORD)
        return whole

    def decode(self, type_: OwnedType, data: bytes) -> Any:
        return self.reduce(type_, [data])

    def reduce(self, type_: OwnedType, parts: Sequence[bytes]) -> Any:
        total, count = self._totals(type_, parts)
        return count, truncated_quotient(total, count) if count else 0, total

    def sort_key(self, type_: OwnedType, value: Any) -> int:
        average: int = value[1]
        return average

    def divide(self, type_: OwnedType, value: Any, divisor: int) -> Any:
        count, average, total = value
        return count, truncated_quotient(average, divisor), total

    def text(self, type_: OwnedType, value: Any, rendering: Rendering) -> bytes:
        return b"{ .count = %d, .average = %d, .total = %d }" % value

    def json(self, type_: OwnedType, value: Any, rendering: Rendering) -> str:
        count, average, total = map(json_integer, value)
        return f'{{"count": {count}, "average": {average}, "total": {total}}}'


FUNCTIONS = (Count(), Sum(), Min(), Max(), Avg(), Stats())
