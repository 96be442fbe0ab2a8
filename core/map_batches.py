"""What is read of a BPF map at a time: many entries as bytes, of which nothing is an object of its own.

A map may have a million keys, so that whoever reads one takes a batch after the other and keeps what he needs. It knows
how entries lie in a batch and nothing of what they mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from .frozen import dataclass
from .types import round_up

if TYPE_CHECKING:
    from .artifacts import MapSpec

#: A key, and its value; of a per-CPU map the value of each possible CPU.
Stored: TypeAlias = "tuple[bytes, bytes | list[bytes]]"


@dataclass(frozen=True, slots=True)
class MapBatch:
    """`count` entries: `keys` one after the other, and `values` likewise.

    A value of a per-CPU map is one part for each possible CPU, every part padded to 8 bytes.
    """

    count: int
    keys: bytes
    values: bytes

    def entries(self, spec: MapSpec) -> list[Stored]:
        """The entries one by one; parts without their padding."""
        keys = _cut(self.keys, spec.key_size)
        if not spec.per_cpu:
            return list(zip(keys, _cut(self.values, spec.value_size), strict=True))
        values = _cut(self.values, len(self.values) // max(1, self.count))
        step = round_up(spec.value_size, 8)
        parts = ([part[: spec.value_size] for part in _cut(value, step)] for value in values)
        return list(zip(keys, parts, strict=True))

    @classmethod
    def of(cls, spec: MapSpec, entries: Sequence[Stored]) -> MapBatch:
        """The batch of these entries, which are as `entries` gives them."""
        step = round_up(spec.value_size, 8)
        values = (
            value.ljust(spec.value_size, b"\0") if isinstance(value, bytes) else _padded(value, step)
            for _, value in entries
        )
        return cls(len(entries), b"".join([key for key, _ in entries]), b"".join(values))


def _padded(parts: Iterable[bytes], step: int) -> bytes:
    return b"".join([part.ljust(step, b"\0") for part in parts])


def _cut(data: bytes, size: int) -> list[bytes]:
    return [] if not data else [data[at : at + size] for at in range(0, len(data), size)]
