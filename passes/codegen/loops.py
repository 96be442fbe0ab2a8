"""Loops: callbacks that the kernel calls once a round (bpf-helpers(7): bpf_loop, bpf_for_each_map_elem).

A body is a function of its own, so it sees nothing of the code around it but the program's frame, whose address the
kernel hands it: the scratch base, the context, and the words by which a `return` inside ends the functions around it.
Bodies nest; the frame stays the same. What the script's loops mean is decided by who calls this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...core.emitter import Value
from ...core.integers import convert
from ...core.types import INT64, UINT64, VOID, Pointer
from .bpf_function import BpfFunction
from .llvm import I64, PTR
from .values import OWN_MEMORY

if TYPE_CHECKING:
    from .emitter import ProgramEmitter

#: BPF_MAX_LOOPS of include/linux/bpf.h: bpf_loop refuses more rounds.
MAX_ROUNDS = 1 << 23
CUT_SHORT = f"Loop ended after {MAX_ROUNDS} rounds, which is as many as the kernel allows."


def loop(emitter: ProgramEmitter, count: Value, body: Callable[[Value], None]) -> None:
    """`count` rounds, 64 bits unsigned; `body` gets the number of the round, from 0."""
    known = emitter.known(count)
    if known == 0:
        return
    rounds = count if known is not None and known <= MAX_ROUNDS else _hidden(emitter, _clamped(emitter, count))
    callback = callback_of(emitter, (("index", I64),), lambda index: body(Value(index, UINT64)))
    call_with(emitter, "loop", rounds, callback)


def _clamped(emitter: ProgramEmitter, count: Value) -> Value:
    limit = emitter.constant(MAX_ROUNDS)
    too_many = emitter.compare(">", count, limit)
    with emitter.when(too_many):
        emitter.count_failure_at(emitter.statement_node, "", emitter.constant(0), CUT_SHORT)
    return emitter.choose(too_many, lambda: limit, lambda: count)


def _hidden(emitter: ProgramEmitter, count: Value) -> Value:
    """The number by way of memory of which the verifier knows nothing.

    When it sees that there are no rounds, Linux 6.18 takes the callback for dead code, removes it, and then refuses the
    program for the missing function.
    """
    home = emitter.variable(UINT64, captured=True)
    emitter.store(emitter.place_of(home), Value(count.handle, UINT64))
    return emitter.load_variable(home)


def range_loop(emitter: ProgramEmitter, start: Value, end: Value, body: Callable[[Value], None]) -> None:
    """A round for each number from `start` up to but not including `end`, which are signed."""
    first, last = emitter.known(start), emitter.known(end)
    if first is None:
        home = emitter.variable(INT64, captured=True)
        emitter.store_as(INT64, emitter.place_of(home), start)
    if first is not None and last is not None:
        count = emitter.constant(max(0, convert(INT64, last) - convert(INT64, first)), UINT64)
    else:
        runs = emitter.compare("<", start, end, signed=True)
        count = emitter.choose(runs, lambda: emitter.binary("-", end, start), lambda: emitter.constant(0))

    def one_round(index: Value) -> None:
        begin = emitter.constant(first) if first is not None else emitter.load_variable(home)
        body(emitter.binary("+", begin, Value(index.handle, INT64)))

    loop(emitter, count, one_round)


def while_loop(emitter: ProgramEmitter, condition: Callable[[], Value], body: Callable[[], None]) -> None:
    """Rounds until the condition is zero, which is tested before each one."""

    def one_round(_: Any) -> None:
        with emitter.when(emitter.compare("==", condition(), emitter.constant(0))):
            emitter.break_loop()
        body()

    callback = callback_of(emitter, (("index", I64),), one_round)
    rounds = call_with(emitter, "loop", emitter.constant(MAX_ROUNDS), callback)
    with emitter.when(emitter.compare("==", rounds, emitter.constant(MAX_ROUNDS))):
        emitter.count_failure_at(emitter.statement_node, "", emitter.constant(0), CUT_SHORT)


def for_each(emitter: ProgramEmitter, map_name: str, body: Callable[[Value, Value], None]) -> Value:
    """A round for each key of a keyed map; `body` gets the addresses of the key and of the value (this CPU's part).

    Gives the number of rounds, or a negative errno.
    """
    callback = callback_of(
        emitter,
        (("map", PTR), ("key", PTR), ("value", PTR)),
        lambda _, key, value: body(Value(key, OWN_MEMORY), Value(value, OWN_MEMORY)),
    )
    code = call_with(emitter, "for_each_map_elem", emitter.map(map_name), callback)
    with emitter.when(emitter.compare("<", code, emitter.constant(0), signed=True)):
        emitter.count_failure_at(emitter.statement_node, "for_each_map_elem", code)
    return code


def callback_of(
    emitter: ProgramEmitter, arguments: tuple[tuple[str, Any], ...], body: Callable[..., None]
) -> BpfFunction:
    """A function that does one round and says by its result whether the loop goes on (0) or ends (1)."""
    with emitter.callback(arguments) as unit:
        body(*unit.function.args[:-1])
        builder = unit.builder
        builder.branch(unit.next)
        builder.position_at_end(unit.entry)
        builder.branch(unit.start)
        builder.position_at_end(unit.next)
        builder.ret(I64(0))
        builder.position_at_end(unit.exit)
        if unit.leaves:
            builder.store(I64(1), unit.word("left"))
        builder.branch(unit.stop)
        builder.position_at_end(unit.stop)
        builder.ret(I64(1))
    return unit


def call_with(emitter: ProgramEmitter, helper: str, what: Value, callback: BpfFunction) -> Value:
    """Calls the helper; when a round ended the probe, so do the functions around it."""
    address = Value(callback.address, Pointer(VOID, "own"))
    frame = Value(emitter.unit.frame_address, OWN_MEMORY)
    result = emitter.helper(helper, what, address, frame, emitter.constant(0))
    if callback.leaves:
        with emitter.when(emitter.load(Value(emitter.unit.word("left"), OWN_MEMORY), UINT64)):
            emitter.end_probe()
    return result
