"""Code for strings in memory: comparing two, and reading one from kernel or user memory.

Plain functions over the emitter; what a string means in the script is decided elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.emitter import Value
from ...core.types import BOOL, INT64, size_of
from .llvm import I8, I64, INTEGERS
from .memory import words

if TYPE_CHECKING:
    from .memory import MemoryEmitter


#: Up to this many bytes are compared without a loop, which lets LLVM work out what it knows of a literal.
UNROLLED = 32


def equal_strings(emitter: MemoryEmitter, left: Value, right: Value) -> Value:
    """1 when the strings agree up to their NUL, or over the smaller storage when none has one there.

    Eight bytes at a time: the verifier remembers every branch of every round, and has a limit.
    """
    builder = emitter.builder
    size = min(size_of(left.type), size_of(right.type))
    a, b = emitter.handle(left), emitter.handle(right)
    done = emitter.unit.block("compared")
    with builder.goto_block(done):
        result = builder.phi(I64)
    whole = size // 8 * 8 if size > UNROLLED else 0
    if whole:
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


def _compare_word(emitter: MemoryEmitter, a: Any, b: Any, at: Any, width: int, result: Any) -> None:
    """Compares `width` bytes of two strings; goes on here when they are equal and hold no NUL, else to `result`."""
    builder = emitter.builder
    one, other = (
        builder.zext(builder.load(builder.gep(s, [at], source_etype=I8), typ=INTEGERS[width], align=align), I64)
        for s, align in ((s, min(width, emitter.alignment(s))) for s in (a, b))
    )
    lowest, highest = (I64(int.from_bytes(bytes([byte] * width), "little")) for byte in (0x01, 0x80))
    # The lowest bit set is the high bit of the first NUL (Warren, Hacker's Delight, "Find First 0-Byte").
    nul = builder.and_(builder.and_(builder.sub(one, lowest), builder.not_(one)), highest)
    up_to_nul = builder.xor(nul, builder.sub(nul, I64(1)))
    differing = builder.and_(builder.xor(one, other), up_to_nul)
    same, following = (emitter.unit.block(name) for name in ("same", "following"))
    result.add_incoming(I64(0), builder.block)
    builder.cbranch(builder.icmp_unsigned("==", differing, I64(0)), same, result.parent)
    builder.position_at_end(same)
    result.add_incoming(I64(1), same)
    builder.cbranch(builder.icmp_unsigned("==", nul, I64(0)), following, result.parent)
    builder.position_at_end(following)
