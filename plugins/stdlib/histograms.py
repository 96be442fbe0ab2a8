"""Histograms: `hist` with buckets that grow with the value, `lhist` with buckets of one width.

A part is the whole array of bucket counts, a u64 each; the first bucket is for what lies below the range. Both kinds
differ in how a bucket is chosen and labelled, and share everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct, pack, unpack
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.function import Aggregation, CallSite, EmitSite, Signature
from ...core.integers import truncated_quotient
from ...core.json_text import json_integer
from ...core.output import Rendering
from ...core.types import UINT64, OwnedType, Type, size_of

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

_COUNT_SIZE = 8
_MAX_BITS = 5
_MAX_LINEAR_BUCKETS = 1000
_BAR = 52


class _Histogram(Aggregation):
    """The value is the list of counts, one a bucket."""

    json_kind: ClassVar[str] = "hist"

    def emit_update(self, emitter: Emitter, slot: Value, call: EmitSite) -> None:
        bucket = self.emit_bucket(emitter, call)
        distance = emitter.binary("<<", bucket, emitter.constant(3))
        emitter.atomic_add(emitter.offset(slot, distance), emitter.constant(1))

    def emit_bucket(self, emitter: Emitter, call: EmitSite) -> Value:
        """The number of the bucket that the argument falls into."""
        raise NotImplementedError

    def upper(self, type_: OwnedType, bucket: int) -> int | None:
        """Where the bucket ends and the next one begins; None for the open one."""
        raise NotImplementedError

    def label(self, type_: OwnedType, bucket: int) -> str:
        """The text of `upper`."""
        raise NotImplementedError

    def reduce(self, type_: OwnedType, parts: Sequence[bytes]) -> Any:
        read = Struct(f"<{type_.size // _COUNT_SIZE}Q")
        return [sum(counts) for counts in zip(*map(read.unpack, parts), strict=True)]

    def sort_key(self, type_: OwnedType, value: Any) -> int:
        return sum(value)

    def divide(self, type_: OwnedType, value: Any, divisor: int) -> Any:
        return _Divided([truncated_quotient(count, divisor) for count in value], _shown(value))

    def map_text(self, type_: OwnedType, label: bytes, value: Any, rendering: Rendering) -> bytes:
        return label + b":\n" + self.text(type_, value, rendering) + b"\n"

    def text(self, type_: OwnedType, value: Any, rendering: Rendering) -> bytes:
        most = max(value)
        rows = []
        for bucket in _shown(value):
            bar = "@" * _bar_length(value[bucket], most)
            rows.append(f"{self._row_label(type_, bucket):<16}{value[bucket]:>8} |{bar:<{_BAR}}|\n")
        return "".join(rows).encode()

    def json(self, type_: OwnedType, value: Any, rendering: Rendering) -> str:
        return "[" + ",".join([self._json_row(type_, bucket, value[bucket]) for bucket in _shown(value)]) + "]"

    def _row_label(self, type_: OwnedType, bucket: int) -> str:
        upper = self.upper(type_, bucket)
        if bucket == 0:
            return f"(..., {self.label(type_, 0)})"
        lower_label = self.label(type_, bucket - 1)
        if upper is None:
            return f"[{lower_label}, ...)"
        upper_label = self.label(type_, bucket)
        if lower_label.isdigit() and upper_label.isdigit() and int(upper_label) == int(lower_label) + 1:
            return f"[{lower_label}]"
        return f"[{lower_label}, {upper_label})"

    def _json_row(self, type_: OwnedType, bucket: int, count: int) -> str:
        members = []
        lower, upper = (self.upper(type_, bucket - 1) if bucket else None), self.upper(type_, bucket)
        if lower is not None:
            members.append(f'"min": {json_integer(lower)}')
        if upper is not None:
            members.append(f'"max": {json_integer(upper - 1)}')
        return "{" + ", ".join([*members, f'"count": {count}']) + "}"


class _Divided(list[int]):
    """Counts that were divided, some of them to nothing. They have the rows that they had before."""

    def __init__(self, counts: Sequence[int], rows: range) -> None:
        super().__init__(counts)
        self.rows = rows


def _shown(counts: Sequence[int]) -> range:
    """The buckets from the first to the last that has something."""
    if isinstance(counts, _Divided):
        return counts.rows
    filled = [bucket for bucket, count in enumerate(counts) if count]
    return range(filled[0], filled[-1] + 1) if filled else range(0)


def _single(number: float) -> float:
    """The number in single precision, in which bars are computed."""
    rounded: float = unpack("<f", pack("<f", number))[0]
    return rounded


def _bar_length(count: int, most: int) -> int:
    if not most:
        return 0
    return int(_single(_single(_single(count) / _single(most)) * _BAR))


class Hist(_Histogram):
    """`hist(n [, bits])`: each power of two is cut into 2^bits buckets. The type's params are (bits,)."""

    names: ClassVar[tuple[str, ...]] = ("hist",)
    named_types: ClassVar[Mapping[str, OwnedType]] = {"hist_t": OwnedType("hist", "hist_t", 8, aggregation=True)}
    signature: ClassVar[Signature] = Signature(1, 2, kinds={0: ("int",)}, literals={1: "int"})
    params_conflict: ClassVar[str] = "Different bits in a single hist unsupported"

    def type_of(self, call: CallSite) -> Type:
        literal = call.literal(1)
        bits = literal if isinstance(literal, int) else 0
        if not 0 <= bits <= _MAX_BITS:
            call.error(f"hist: bits {bits} must be 0..{_MAX_BITS}", 1)
            bits = 0
        # One power of two more than a number can have, so that the verifier sees every bucket number to be in range.
        buckets = (65 - bits << bits) + 1
        return OwnedType("hist", "hist_t", buckets * _COUNT_SIZE, (bits,), aggregation=True)

    def emit_bucket(self, emitter: Emitter, call: EmitSite) -> Value:
        literal = call.literal(1)
        bits = literal if isinstance(literal, int) else 0
        number = call.value(0)

        def large() -> Value:
            power = _emit_log2(emitter, emitter.binary(">>", number, emitter.constant(bits)))
            first = emitter.binary("<<", emitter.binary("+", power, emitter.constant(1)), emitter.constant(bits))
            step = emitter.binary("&", emitter.binary(">>", number, power), emitter.constant((1 << bits) - 1))
            bucket = emitter.binary("+", emitter.binary("+", first, step), emitter.constant(1))
            # Verifiers of older kernels, 6.1 too, know nothing of what a shift by a number of the run gives.
            return emitter.at_most(size_of(call.type) // _COUNT_SIZE - 1, bucket) if bits else bucket

        def not_negative() -> Value:
            is_small = emitter.compare("<", number, emitter.constant(1 << bits))
            return emitter.choose(is_small, lambda: emitter.binary("+", number, emitter.constant(1)), large)

        is_negative = emitter.compare("<", number, emitter.constant(0), signed=True)
        return emitter.choose(is_negative, lambda: emitter.constant(0), not_negative)

    def upper(self, type_: OwnedType, bucket: int) -> int:
        factor, power = _hist_bound(_bits(type_), bucket)
        return factor << power

    def label(self, type_: OwnedType, bucket: int) -> str:
        factor, power = _hist_bound(_bits(type_), bucket)
        return f"{factor << power % 10}{'KMGTPE'[power // 10 - 1] if power >= 10 else ''}"


def _bits(type_: OwnedType) -> int:
    bits = type_.params[0]
    assert isinstance(bits, int), "hist's params are (bits,)"
    return bits


def _hist_bound(bits: int, bucket: int) -> tuple[int, int]:
    """The upper bound of a bucket as (factor, power of two)."""
    steps = 1 << bits
    if bucket <= 2 * steps:
        return bucket, 0
    return steps + bucket % steps, (bucket >> bits) - 1


def _emit_log2(emitter: Emitter, number: Value) -> Value:
    """floor(log2 number) by bisection; the number is not 0."""
    result = emitter.constant(0)
    for shift in (5, 4, 3, 2, 1, 0):
        highest = emitter.constant((1 << (1 << shift)) - 1, UINT64)
        step = emitter.binary("<<", emitter.compare(">", number, highest), emitter.constant(shift))
        number = emitter.binary(">>", number, step)
        result = emitter.binary("|", result, step)
    return result


class LinearHist(_Histogram):
    """`lhist(n, min, max, step)`. The type's params are (min, max, step)."""

    names: ClassVar[tuple[str, ...]] = ("lhist",)
    named_types: ClassVar[Mapping[str, OwnedType]] = {"lhist_t": OwnedType("lhist", "lhist_t", 8, aggregation=True)}
    signature: ClassVar[Signature] = Signature(4, 4, kinds={0: ("int",)})
    params_conflict: ClassVar[str] = "Different lhist bounds in a single map unsupported"

    def type_of(self, call: CallSite) -> Type:
        bounds = self._bounds(call)
        if bounds is None:
            bounds = (0, 1, 1)
        least, most, step = bounds
        # Below the range, each step, and the open bucket for the rest.
        buckets = (most - least) // step + 2
        return OwnedType("lhist", "lhist_t", buckets * _COUNT_SIZE, bounds, aggregation=True)

    def _bounds(self, call: CallSite) -> tuple[int, int, int] | None:
        numbers: list[int] = []
        for index, name in enumerate(("min", "max", "step"), 1):
            literal = call.literal(index)
            if isinstance(literal, bool) or not isinstance(literal, int) or literal < 0:
                call.error(f"lhist: invalid {name} value (must be non-negative literal)", index)
                return None
            numbers.append(literal)
        least, most, step = numbers
        wrong = _bounds_error(least, most, step)
        if wrong is not None:
            call.error(wrong)
            return None
        return least, most, step

    def emit_bucket(self, emitter: Emitter, call: EmitSite) -> Value:
        least, most, step = _linear(call.type)
        last = emitter.constant((most - least) // step + 1, UINT64)
        number = call.value(0)

        def in_range() -> Value:
            steps = emitter.binary("/", emitter.binary("-", number, emitter.constant(least)), emitter.constant(step))
            bucket = emitter.binary("+", steps, emitter.constant(1))
            # Capped after the division, because older verifiers know nothing of a quotient.
            return emitter.choose(emitter.compare(">", bucket, last), lambda: last, lambda: bucket)

        is_below = emitter.compare("<", number, emitter.constant(least), signed=True)
        return emitter.choose(is_below, lambda: emitter.constant(0), in_range)

    def divide(self, type_: OwnedType, value: Any, divisor: int) -> Any:
        return value

    def upper(self, type_: OwnedType, bucket: int) -> int | None:
        least, most, step = _linear(type_)
        bound = least + bucket * step
        return bound if bound <= most else None

    def label(self, type_: OwnedType, bucket: int) -> str:
        bound = self.upper(type_, bucket)
        if bound is None:
            return "..."
        if _linear(type_)[2] % 1024 == 0 and bound:
            if bound % (1 << 20) == 0:
                return f"{bound >> 20}M"
            if bound % (1 << 10) == 0:
                return f"{bound >> 10}K"
        return str(bound)


def _bounds_error(least: int, most: int, step: int) -> str | None:
    if step < 1:
        return f"lhist() step must be >= 1 ({step} provided)"
    if least >= most:
        return f"lhist() min must be less than max (provided min {least} and max {most})"
    if (needed := (most - least) // step) > _MAX_LINEAR_BUCKETS:
        return f"lhist() too many buckets, must be <= {_MAX_LINEAR_BUCKETS} (would need {needed})"
    if step > most - least:
        return f"lhist() step is too large for the given range (provided step {step} for range {most - least})"
    return None


def _linear(type_: Type) -> tuple[int, int, int]:
    assert isinstance(type_, OwnedType), "an lhist has an lhist_t"
    least, most, step = type_.params
    assert isinstance(least, int) and isinstance(most, int) and isinstance(step, int), "lhist's params are bounds"
    return least, most, step


FUNCTIONS = (Hist(), LinearHist())
