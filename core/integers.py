"""C's integer arithmetic where Python's differs: conversion to a fixed size, and division toward zero."""

from __future__ import annotations

from .types import Int


def convert(type_: Int, value: int) -> int:
    """The value as an integer of that type: its low bits, with the type's sign."""
    bits = type_.size * 8
    value &= (1 << bits) - 1
    return value - (1 << bits) if type_.signed and value >> bits - 1 else value


def truncated_quotient(value: int, divisor: int) -> int:
    """The quotient rounded toward zero; the divisor is positive."""
    return value // divisor if value >= 0 else -(-value // divisor)
