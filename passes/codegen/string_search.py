"""Code that walks memory byte by byte: finding a string in another, and what two pieces of memory differ by.

The verifier follows every round of a loop whose counter it knows, and has a limit; a search that would take it too far
becomes a loop of the kernel's (see `loops`), which it checks once. The results go by way of memory of which it knows
nothing, so that it does not check what comes after them once for each place where they may have been found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...core.emitter import Value
from ...core.types import INT8, INT64, UINT8, UINT64, size_of
from .llvm import I64, PTR

if TYPE_CHECKING:
    from .emitter import ProgramEmitter

#: Rounds with three branches each that the verifier is made to follow; the second where the kernel has no loop.
#: Of branches that it has yet to look at it keeps 8,192 at most
#: (BPF_COMPLEXITY_LIMIT_JMP_SEQ of kernel/bpf/verifier.c).
FEW_ROUNDS, MOST_ROUNDS = 1 << 8, 2700
#: Words that a search may compare in all rounds before it becomes a loop of the kernel's; the second where there is no
#: such loop: a word takes about twelve instructions, and the verifier gives up after a million.
FEW_WORDS, MOST_WORDS = 1 << 12, 1 << 16
#: Words that are compared without a loop. Of more LLVM would keep too much on the stack.
FEW_WORDS_IN_A_ROW = 8


def compare_bytes(emitter: ProgramEmitter, left: Value, right: Value, size: Value, capacity: int) -> Value:
    """What the first bytes that differ, signed, differ by, or 0."""
    result = emitter.variable(INT64, captured=True)
    limit = emitter.variable(INT64, captured=True)
    emitter.store(emitter.place_of(limit), Value(emitter.at_most(capacity, size).handle, INT64))
    in_kernel = capacity > (FEW_ROUNDS if emitter.has("loop") else MOST_ROUNDS)
    if in_kernel:
        # The body of a kernel's loop sees no address of the code around it, only what is in the scratch.
        places = [emitter.claim((capacity + 7) // 8 * 8) for _ in (left, right)]
        for place, side in zip(places, (left, right), strict=True):
            emitter.copy(emitter.scratch_at(place), side, capacity)

    def compare(at: Value, stop: Any) -> None:
        with emitter.when(emitter.compare(">=", at, emitter.load_variable(limit))):
            emitter.go_to(stop)
        sides = [emitter.scratch_at(place) for place in places] if in_kernel else [left, right]
        one, other = (emitter.load(emitter.offset(side, at, 1), INT8) for side in sides)
        difference = emitter.binary("-", one, other)
        with emitter.when(difference):
            emitter.store(emitter.place_of(result), Value(difference.handle, INT64))
            emitter.go_to(stop)

    if in_kernel:
        emitter.requires("loop")
        emitter.loop(
            emitter.constant(capacity), lambda at: compare(emitter.at_most(capacity - 1, at), emitter.unit.stop)
        )
    else:
        counted(emitter, capacity, compare)
    return emitter.load_variable(result)


def find_string(emitter: ProgramEmitter, text: Value, wanted: Value) -> Value:
    """The place of the first occurrence, or -1.

    Where the first eight bytes agree, the whole of the wanted string is compared, without a branch. Copies with zeros
    behind them let that go past the end of both; a mask leaves out what is behind the wanted string's NUL.
    """
    size, words = size_of(text.type), (size_of(wanted.type) + 7) // 8
    needle = _padded(emitter, wanted, 8 * words)
    haystack = _padded(emitter, text, size + 8 * words + 8)
    masks = emitter.claim(8 * words)

    def mask(at: Value | int) -> None:
        word = emitter.load(emitter.offset(emitter.scratch_at(needle), at), UINT64)
        emitter.store(emitter.offset(emitter.scratch_at(masks), at), _mask(emitter, word))

    _each_word(emitter, words, mask)
    home = emitter.variable(UINT64, captured=True)
    result = emitter.variable(INT64, captured=True)
    emitter.store(emitter.place_of(result), emitter.constant(-1))

    def look(at: Value, stop: Any) -> None:
        """One place of the text: ends the search when the string is there, or the text has ended before."""
        here = emitter.offset(emitter.scratch_at(haystack), at, 1)

        def differing(index: Value | int) -> Value:
            found = _unaligned(emitter, emitter.offset(here, index))
            own, mask = (
                emitter.load(emitter.offset(emitter.scratch_at(place), index), UINT64) for place in (needle, masks)
            )
            return emitter.binary("&", emitter.binary("^", found, own), mask)

        def add(index: Value | int) -> None:
            both = emitter.binary("|", emitter.load_variable(home), differing(index))
            emitter.store(emitter.place_of(home), both)

        with emitter.when(emitter.compare("==", differing(0), emitter.constant(0))):
            emitter.store(emitter.place_of(home), emitter.constant(0, UINT64))
            _each_word(emitter, words, add)
            with emitter.when(emitter.compare("==", emitter.load_variable(home), emitter.constant(0))):
                emitter.store(emitter.place_of(result), Value(at.handle, INT64))
                emitter.go_to(stop)
        with emitter.when(emitter.compare("==", emitter.load(here, UINT8), emitter.constant(0))):
            emitter.go_to(stop)

    rounds, all_words = (FEW_ROUNDS, FEW_WORDS) if emitter.has("loop") else (MOST_ROUNDS, MOST_WORDS)
    if size > rounds or (size + 1) * words > all_words:
        emitter.requires("loop")
        emitter.loop(emitter.constant(size + 1), lambda at: look(emitter.at_most(size, at), emitter.unit.stop))
    else:
        counted(emitter, size + 1, look)
    return emitter.load_variable(result)


def _each_word(emitter: ProgramEmitter, words: int, body: Callable[[Value | int], None]) -> None:
    """`body` for the offset of each word; a loop where there are many, of which LLVM would keep all on the stack."""
    if words <= FEW_WORDS_IN_A_ROW:
        for at in range(0, 8 * words, 8):
            body(at)
        return
    counted(emitter, words, lambda index, _: body(emitter.binary("<<", index, emitter.constant(3))))


def _mask(emitter: ProgramEmitter, word: Value) -> Value:
    """All bits of those bytes of a word that are not zero."""
    low, high = (emitter.constant(int.from_bytes(bytes([byte] * 8), "little"), UINT64) for byte in (0x7F, 0x80))
    carried = emitter.binary("+", emitter.binary("&", word, low), low)
    marks = emitter.binary("&", emitter.binary("|", carried, word), high)
    ones = emitter.binary(">>", marks, emitter.constant(7))
    return emitter.binary("*", ones, emitter.constant(0xFF))


def _unaligned(emitter: ProgramEmitter, address: Value) -> Value:
    """Eight bytes at an address that need not be aligned, which the machines that we know take for our own memory.

    LLVM would read them one by one, so it is not told.
    """
    place = emitter.builder.inttoptr(emitter.number_of(emitter.opaque(address)), PTR)
    return emitter.load(Value(place, address.type), UINT64)


def _padded(emitter: ProgramEmitter, value: Value, size: int) -> int:
    """The offset in the program's scratch of a copy of a string with zeros behind it, `size` bytes in all."""
    size = (size + 7) // 8 * 8
    offset = emitter.claim(size)
    place = emitter.scratch_at(offset)
    emitter.zero(place, size)
    emitter.store(place, value)
    return offset


def counted(emitter: ProgramEmitter, rounds: int, body: Callable[[Value, Any], None]) -> None:
    """`body` for each number below `rounds`; it may go to the block that it is given, which ends the loop."""
    builder = emitter.builder
    done, loop = emitter.unit.block("counted"), emitter.unit.block("count")
    if rounds:
        before = builder.block
        builder.branch(loop)
        builder.position_at_end(loop)
        at = builder.phi(I64)
        at.add_incoming(I64(0), before)
        body(Value(at, UINT64), done)
        # Hidden from LLVM, which would put another counter in the place of this one, of which the verifier knows less.
        following = emitter.number_of(emitter.opaque(Value(builder.add(at, I64(1)), INT64)))
        at.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_unsigned("<", following, I64(rounds)), loop, done)
    else:
        builder.branch(done)
    builder.position_at_end(done)
