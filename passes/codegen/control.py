"""The Emitter's branches, and the ways to end the probe.

It knows blocks and conditions, not what is done in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...core.emitter import Value
from .llvm import I64
from .values import ValueEmitter


class ControlEmitter(ValueEmitter):
    def is_true(self, condition: Value) -> Any:
        """The condition as LLVM's i1."""
        return self.builder.icmp_unsigned("!=", self.number_of(condition), I64(0))

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        with self.builder.if_then(self.is_true(condition)):
            yield

    def branch(self, condition: Value, then: Callable[[], None], otherwise: Callable[[], None]) -> None:
        """Emits both arms of an if statement."""
        with self.builder.if_else(self.is_true(condition)) as (yes, no):
            with yes:
                then()
            with no:
                otherwise()

    def choose(self, condition: Value, then: Callable[[], Value], otherwise: Callable[[], Value]) -> Value:
        with self.builder.if_else(self.is_true(condition)) as (yes, no):
            with yes:
                first = then()
                first_handle, first_end = self.handle(first), self.builder.block
            with no:
                second = otherwise()
                second_handle, second_end = self.handle(second), self.builder.block
        joined = self.builder.phi(first_handle.type)
        joined.add_incoming(first_handle, first_end)
        joined.add_incoming(second_handle, second_end)
        return Value(joined, first.type)

    def end_probe(self) -> None:
        """Ends the program, from within loops too."""
        self.unit.leaves = True
        self.go_to(self.unit.exit)

    def return_value(self, value: Value) -> None:
        """Sets the program's return value and ends it."""
        self.builder.store(self.number_of(value), self.unit.word("result"))
        self.end_probe()

    def break_loop(self) -> None:
        """Ends the innermost loop, in whose body this is."""
        self.go_to(self.unit.stop)

    def continue_loop(self) -> None:
        """Goes on with the next round of the innermost loop, in whose body this is."""
        self.go_to(self.unit.next)

    def go_to(self, block: Any) -> None:
        """Jumps; what is emitted next is never reached."""
        self.builder.branch(block)
        self.builder.position_at_end(self.unit.block("after"))
