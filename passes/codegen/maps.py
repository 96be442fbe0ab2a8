"""Reads and writes of script maps.

A scalar map is an array of one element, whose memory the program addresses directly; its value is followed by a word
that says it was assigned. A keyed map is a hash. An aggregation updates this CPU's part in place: one look-up when the
key is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ...core import ast
from ...core.artifacts import MapTypes
from ...core.emitter import Value
from ...core.function import Aggregation
from ...core.types import (
    INT64,
    OwnedType,
    String,
    Tuple,
    Type,
    round_up,
    size_of,
    tuple_layout,
)
from .convert import is_scalar, store

if TYPE_CHECKING:
    from .call_site import EmittedCall
    from .lower import BodyLowering

#: bpf(2), BPF_MAP_UPDATE_ELEM flags.
BPF_ANY, BPF_NOEXIST = 0, 1
EEXIST = 17


class MapAccess:
    """The map operations of one program."""

    def __init__(self, lowering: BodyLowering, maps: Mapping[str, MapTypes]) -> None:
        self._lowering = lowering
        self._emitter = lowering.emitter
        self._maps = maps

    def value_type(self, node: ast.Map) -> Type:
        return self._maps[node.name].value

    def key(self, name: str, keys: Sequence[ast.Expression]) -> Value:
        """Builds a key in memory, padding zeroed; gives its address."""
        type_ = self._maps[name].key
        assert type_ is not None, "only keyed maps have keys"
        emitter = self._emitter
        place = emitter.memory(type_)
        if len(keys) == 1:
            self._store_key(type_, place, keys[0])
            return place
        assert isinstance(type_, Tuple)
        offsets, size = tuple_layout(type_.elements)
        if size != sum(size_of(element) for element in type_.elements):
            emitter.zero(place, size)
        for element, at, node in zip(type_.elements, offsets, keys, strict=True):
            self._store_key(element, emitter.offset(place, at), node)
        return place

    def _store_key(self, type_: Type, place: Value, node: ast.Expression) -> None:
        emitter = self._emitter
        if isinstance(type_, String) and isinstance(node, ast.Call | ast.Identifier):
            # Strings read into their place leave what follows their NUL alone.
            emitter.zero(place, type_.size)
        with emitter.wanted((place, size_of(type_))):
            value = self._lowering.expression(node)
        store(self._lowering, type_, place, value)

    def read(self, node: ast.Map) -> Value:
        """The map's value; zero or empty when the key is not there."""
        emitter, type_ = self._emitter, self.value_type(node)
        if isinstance(type_, OwnedType) and type_.aggregation:
            key = self.key(node.name, node.keys) if node.keys else emitter.first_key()
            return self._aggregated(node, type_, key)
        if not node.keys:
            return self._own_copy(emitter.map_value(node.name), type_)
        slot = self._lookup(node)
        emitter.count_missing_key(node, slot)
        if is_scalar(type_):
            found = emitter.choose(slot, lambda: emitter.load(slot, type_), lambda: emitter.constant(0, type_))
            return Value(found.handle, type_)
        place = emitter.memory(type_)
        size = size_of(type_)
        emitter.branch(slot, lambda: emitter.copy(place, slot, size), lambda: emitter.zero(place, size))
        return Value(place.handle, type_)

    def _aggregated(self, node: ast.Map, type_: OwnedType, key: Value) -> Value:
        """The number that all CPUs' parts come to, or what stands for it."""
        function = self._lowering.function(type_.owner)
        assert isinstance(function, Aggregation)
        emitter = self._emitter

        def part(cpu: Value) -> Value:
            slot = emitter.lookup_percpu(node.name, key, cpu)
            if node.keys:
                emitter.count_missing_part(node, cpu, slot)
            return slot

        number = function.emit_read(emitter, type_, part)
        return Value(number.handle, type_.integer or type_)

    def entry_value(self, node: ast.Map, key: Value, slot: Value) -> Value:
        """The value of an entry that a loop is at, whose key and value lie at these addresses."""
        type_ = self.value_type(node)
        if isinstance(type_, OwnedType) and type_.aggregation:
            return self._aggregated(node, type_, key)
        return self._emitter.load(slot, type_)

    def address(self, name: str) -> Value:
        """The address of a scalar map's value, or of a keyed map itself."""
        return self._emitter.map_value(name) if self._maps[name].key is None else self._emitter.map(name)

    def _own_copy(self, slot: Value, type_: Type) -> Value:
        if is_scalar(type_):
            return self._emitter.load(slot, type_)
        place = self._emitter.memory(type_)
        self._emitter.copy(place, slot, size_of(type_))
        return Value(place.handle, type_)

    def _lookup(self, node: ast.Map) -> Value:
        emitter = self._emitter
        return emitter.helper_address("map_lookup_elem", emitter.map(node.name), self.key(node.name, node.keys))

    def assign(self, node: ast.Map, value: ast.Expression) -> None:
        """`@m = value`, `@m[k] = value`. The value is evaluated before the key, as it is written after."""
        self.modify(node, lambda _old: self._lowering.expression(value), reads=False)

    def modify(self, node: ast.Map, change: Callable[[Value], Value], *, reads: bool = True) -> None:
        """Writes what `change` makes of the old value (which is not read unless `reads`)."""
        emitter, type_ = self._emitter, self.value_type(node)
        old = self.read(node) if reads else emitter.constant(0)
        if not node.keys:
            value = change(old)
            slot = emitter.map_value(node.name)
            store(self._lowering, type_, slot, value)
            self._mark_assigned(slot, type_)
            return
        place = emitter.reserve(round_up(size_of(type_), 8))
        if size_of(type_) % 8:
            emitter.zero(place, round_up(size_of(type_), 8))
        store(self._lowering, type_, place, change(old))
        self._update(node, self.key(node.name, node.keys), place, BPF_ANY)

    def change_in_place(
        self, node: ast.Map, operator: str, operand: Value, *, wants_old: bool = False
    ) -> Value:
        """Does `+ & | ^` with an 8-byte integer in one atomic instruction; gives the old value if it is wanted, else
        0. What is done to a key that all CPUs find missing at once counts on each of them."""
        emitter = self._emitter
        if wants_old:
            emitter.requires("atomic_fetch", node)

        def change(slot: Value) -> Value:
            if wants_old:
                return emitter.fetch_add(slot, operand)
            emitter.atomic(operator, slot, operand)
            return emitter.constant(0)

        if not node.keys:
            slot = emitter.map_value(node.name)
            old = change(slot)
            self._mark_assigned(slot, self.value_type(node))
            return old

        def first() -> Value:
            place = emitter.reserve(8)
            emitter.store(place, emitter.constant(0) if operator == "&" else Value(operand.handle, INT64))
            return place

        slot = self._slot(node, first, is_result=True)
        return emitter.choose(slot, lambda: change(slot), lambda: emitter.constant(0))

    def update(self, node: ast.Map, function: Aggregation, site: EmittedCall) -> None:
        """`@m[k] = count()`: updates this CPU's part in place, inserting zeros for a new key first."""
        emitter, type_ = self._emitter, self.value_type(node)
        if not node.keys:
            slot = emitter.map_value(node.name)
            with site.emitting(None):
                function.emit_update(emitter, slot, site)
            self._mark_assigned(slot, type_)
            return
        part = self._slot(node, lambda: emitter.zeros(round_up(size_of(type_), 8)), is_result=False)
        with emitter.when(part), site.emitting(None):
            function.emit_update(emitter, part, site)

    def _slot(self, node: ast.Map, first: Callable[[], Value], *, is_result: bool) -> Value:
        """The address of a key's value, or of this CPU's part of it; a new key is inserted with what lies at `first`.

        Of those who find a key missing at once, one inserts it, and the others find what that one has inserted: an
        insert that may replace would undo what has been done to the value since.

        The address is null when there is nothing to be changed: after an insert of what a change would make of zero
        (`is_result`); when the map is full, which is counted as a failure; and when somebody deletes the key after
        another one's insert, which does to the change what it would do to one that was made just before.
        """
        emitter = self._emitter
        key = self.key(node.name, node.keys)

        def look_up() -> Value:
            return emitter.helper_address("map_lookup_elem", emitter.map(node.name), key)

        def insert() -> Value:
            code = self._update(node, key, first(), BPF_NOEXIST)
            if not is_result:
                return look_up()
            return emitter.choose(emitter.compare("==", code, emitter.constant(-EEXIST)), look_up, emitter.null)

        slot = look_up()
        return emitter.choose(slot, lambda: slot, insert)

    def _update(self, node: ast.Map, key: Value, value: Value, flags: int) -> Value:
        """Gives the helper's result; a failure is counted."""
        emitter = self._emitter
        code = emitter.helper("map_update_elem", emitter.map(node.name), key, value, emitter.constant(flags))
        # Another CPU, or a task that came in between, may have inserted the key first, which is not a failure.
        expected = emitter.constant(-EEXIST if flags == BPF_NOEXIST else 0)
        with emitter.when(code), emitter.when(emitter.compare("!=", code, expected)):
            emitter.count_failure_at(node, "map_update_elem", code)
        return code

    def _mark_assigned(self, slot: Value, type_: Type) -> None:
        self._emitter.store(slot, self._emitter.constant(1), round_up(size_of(type_), 8))

