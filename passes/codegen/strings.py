"""Code for strings in memory: comparing two, and reading one from kernel or user memory.

Plain functions over the emitter; what a string means in the script is decided elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.emitter import Value
from ...core.types import BOOL, INT64, UINT64, size_of
from .llvm import I8, I64, INTEGERS
from .memory import words

if TYPE_CHECKING:
    from .emitter import ProgramEmitter
    from .memory import MemoryEmitter


#: Up to this many bytes are compared without a loop, which lets LLVM work out what it knows of a literal.
UNROLLED = 32


#: More bytes are compared several words a round: of branches that it has yet to look at the verifier keeps 8,192 and no
#: more (BPF_COMPLEXITY_LIMIT_JMP_SEQ of kernel/bpf/verifier.c), and a word has two.
MOST_BRANCHING = 1 << 10
_BLOCK = 128


def equal_strings(emitter: ProgramEmitter, left: Value, right: Value, most: int | None = None) -> Value:
    """1 when the strings agree up to their NUL, or over the smaller storage when none has one there.

    No more than `most` bytes are looked at.

    Eight bytes at a time: the verifier remembers every branch of every round, and has a limit.
    """
    builder = emitter.builder
    size = min(size_of(left.type), size_of(right.type))
    size = size if most is None else min(size, most)
    a, b = emitter.handle(left), emitter.handle(right)
    done = emitter.unit.block("compared")
    with builder.goto_block(done):
        result = builder.phi(I64)
    whole = size // 8 * 8 if size > UNROLLED else 0
    if whole > MOST_BRANCHING:
        _compare_blocks(emitter, a, b, whole, result)
    elif whole:
        before, loop = builder.block, emitter.unit.block("compare")
        builder.branch(loop)
        builder.position_at_end(loop)
        at = builder.phi(I64)
        at.add_incoming(I64(0), before)
        _compare_word(emitter, a, b, at, 8, result)
        # Hidden from LLVM, which would fold the loop's end and the string's into one test that Linux 6.1 cannot follow.
        following = emitter.number_of(emitter.opaque(Value(builder.add(at, I64(8)), INT64)))
        at.add_incoming(following, builder.block)
        rest = emitter.unit.block("rest")
        builder.cbranch(builder.icmp_unsigned("<", following, I64(whole)), loop, rest)
        builder.position_at_end(rest)
    for at, width in words(size - whole, 8):
        _compare_word(emitter, a, b, I64(whole + at), width, result)
    result.add_incoming(I64(1), builder.block)
    builder.branch(done)
    builder.position_at_end(done)
    return Value(result, BOOL)


def _compare_blocks(emitter: ProgramEmitter, a: Any, b: Any, size: int, result: Any) -> None:
    """Compares `size` bytes, which need not be whole blocks, as `_compare_word` does a word.

    A block has one branch, to where it is looked at word by word because something differs in it or the NUL is there.
    Which block that is goes by way of memory, so that the verifier looks at it once and not for each block.
    """
    builder = emitter.builder
    names = ("blocks", "go_on", "words", "in_block")
    loop, following, rest, ended = (emitter.unit.block(name) for name in names)
    home = emitter.variable(UINT64, captured=True)
    before = builder.block
    builder.branch(loop)
    builder.position_at_end(loop)
    at = builder.phi(I64)
    at.add_incoming(I64(0), before)
    ends = I64(0)
    # With the block's address once and for all, each load takes one instruction.
    places = [(builder.gep(s, [at], source_etype=I8), emitter.alignment(s)) for s in (a, b)]
    for index in range(0, _BLOCK, 8):
        one, other = (_word(builder, place, I64(index), 8, align) for place, align in places)
        ends = builder.or_(ends, builder.or_(_nul(builder, one, 8), builder.xor(one, other)))
    builder.cbranch(builder.icmp_unsigned("==", ends, I64(0)), following, ended)
    builder.position_at_end(following)
    next_at = emitter.number_of(emitter.opaque(Value(builder.add(at, I64(_BLOCK)), INT64)))
    at.add_incoming(next_at, builder.block)
    blocks = size // _BLOCK * _BLOCK
    builder.cbranch(builder.icmp_unsigned("<", next_at, I64(blocks)), loop, rest)
    builder.position_at_end(ended)
    emitter.store(emitter.place_of(home), Value(at, UINT64))
    start = emitter.number_of(emitter.at_most(blocks - _BLOCK, emitter.load_variable(home)))
    for index in range(0, _BLOCK, 8):
        _compare_word(emitter, a, b, builder.add(start, I64(index)), 8, result)
    result.add_incoming(I64(1), builder.block)
    builder.branch(result.parent)
    builder.position_at_end(rest)
    for place in range(blocks, size, 8):
        _compare_word(emitter, a, b, I64(place), 8, result)


def _compare_word(emitter: MemoryEmitter, a: Any, b: Any, at: Any, width: int, result: Any) -> None:
    """Compares `width` bytes of two strings; goes on here when they are equal and hold no NUL, else to `result`."""
    builder = emitter.builder
    one, other = (_word(builder, s, at, width, min(width, emitter.alignment(s))) for s in (a, b))
    nul = _nul(builder, one, width)
    up_to_nul = builder.xor(nul, builder.sub(nul, I64(1)))
    differing = builder.and_(builder.xor(one, other), up_to_nul)
    same, following = (emitter.unit.block(name) for name in ("same", "following"))
    result.add_incoming(I64(0), builder.block)
    builder.cbranch(builder.icmp_unsigned("==", differing, I64(0)), same, result.parent)
    builder.position_at_end(same)
    result.add_incoming(I64(1), same)
    builder.cbranch(builder.icmp_unsigned("==", nul, I64(0)), following, result.parent)
    builder.position_at_end(following)


def _word(builder: Any, start: Any, at: Any, width: int, align: int) -> Any:
    return builder.zext(builder.load(builder.gep(start, [at], source_etype=I8), typ=INTEGERS[width], align=align), I64)


def _nul(builder: Any, word: Any, width: int) -> Any:
    """Not 0 when a byte of the word is; the lowest bit set is then the high bit of the first one.

    Warren, Hacker's Delight, "Find First 0-Byte".
    """
    lowest, highest = (I64(int.from_bytes(bytes([byte] * width), "little")) for byte in (0x01, 0x80))
    return builder.and_(builder.and_(builder.sub(word, lowest), builder.not_(word)), highest)
