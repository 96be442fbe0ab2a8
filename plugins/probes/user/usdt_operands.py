"""Where a static marker's arguments are: reads the descriptions that compilers write.

A description is `N@OP`: N bytes, negative for a signed number, at the assembler's operand OP, which is a number, a
register or memory. All of them become one form, a sum that is the value or its address. This file emits no code.
Facts: SystemTap's "UserSpaceProbeImplementation"; the manual of GNU as for the spelling of operands.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ....core.frozen import dataclass
from .assembler_registers import AARCH64, X86, Part


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a register, extended to 64 bits by the sign if `signed`, and shifted to the left by `shift` bits."""

    part: Part
    signed: bool = False
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Operand:
    """The sum of `terms` and `number`, or with `is_memory` what is at that address: an integer of `size` bytes.

    Addresses are `address_size` bytes: those of 32-bit registers wrap around at 4 GiB.
    """

    size: int
    signed: bool
    number: int
    terms: tuple[Term, ...] = ()
    is_memory: bool = False
    address_size: int = 8


class UnknownOperand(ValueError):
    """A description that cannot be evaluated; the message says why."""


_SIZES = (1, 2, 4, 8)
_PREFIX = re.compile(r"(-?)(\d{1,4})(f?)@(.*)", re.DOTALL)
#: What the size is where none is given: the machine's word.
_WORDS = {"x86_64": 8, "i386": 4, "aarch64": 8}
_NO_FLOAT = "BPF programs do not see floating-point numbers"


def read_operand(description: str, machine: str) -> Operand:
    """`machine` is that of `core.target.UsdtMarker`. Raises UnknownOperand."""
    if machine not in _WORDS:
        raise UnknownOperand("its machine's registers are not known")
    found = _PREFIX.fullmatch(description)
    sign, size, is_float, text = found.groups() if found else ("", str(_WORDS[machine]), "", description)
    if is_float:
        raise UnknownOperand(_NO_FLOAT)
    if int(size) not in _SIZES:
        raise UnknownOperand(f"{size} bytes are no integer")
    read: Callable[[str, int, bool], Operand] = _read_aarch64 if machine == "aarch64" else _read_x86
    return read(text.strip(), int(size), bool(sign))


_TERM = r"(?:0[xX][0-9a-fA-F]{1,16}|\d{1,20})"
_NUMBER = rf"[+-]?{_TERM}(?:[+-]{_TERM})*"
_SUMMANDS = re.compile(rf"[+-]?{_TERM}")


def _sum(text: str) -> int:
    """Of `_NUMBER`, as a signed 64-bit number, around whose ends it wraps as addresses do."""
    total = 0
    for summand in _SUMMANDS.findall(text):
        digits = summand.lstrip("+-")
        number = int(digits, 16 if digits[:2] in ("0x", "0X") else 10)
        total += -number if summand.startswith("-") else number
    return (total + 2**63) % 2**64 - 2**63


_X86_NUMBER = re.compile(rf"\$({_NUMBER})")
_X86_REGISTER = re.compile(r"%(\w+)")
_X86_MEMORY = re.compile(rf"({_NUMBER})?(?:\((?:%(\w+))?(?:,%(\w+)(?:,([1248]))?)?\))?")
_X86_NAME = re.compile(r"\$?-?[A-Za-z_.][\w.$+-]*(?:@\w+)?(?:\(.*\))?")
_X86_OTHER = re.compile(r"[xyz]mm\d+|st\b.*|mm\d+")


def _read_x86(text: str, size: int, signed: bool) -> Operand:
    if found := _X86_NUMBER.fullmatch(text):
        return Operand(size, signed, _sum(found[1]))
    if found := _X86_REGISTER.fullmatch(text):
        return Operand(size, signed, 0, (Term(_x86_part(found[1]), signed),))
    if text and (found := _X86_MEMORY.fullmatch(text)):
        number, base, index, scale = found.groups()
        if number or base or index:
            return _x86_memory(size, signed, number, base, index, scale)
    if text.startswith(("%fs:", "%gs:")):
        raise UnknownOperand("variables of threads are not supported")
    if _X86_NAME.fullmatch(text):
        raise UnknownOperand("there is no such symbol in the file, or several, or it has no fixed place")
    raise UnknownOperand("not an operand as compilers write it")


def _x86_memory(
    size: int, signed: bool, number: str | None, base: str | None, index: str | None, scale: str | None
) -> Operand:
    terms = []
    if base:
        terms.append(Term(_x86_part(base)))
    if index:
        terms.append(Term(_x86_part(index), shift=(int(scale or 1)).bit_length() - 1))
    sizes = {term.part.size for term in terms}
    if not sizes <= {4, 8} or len(sizes) > 1:
        raise UnknownOperand("not an address")
    return Operand(size, signed, _sum(number or ""), tuple(terms), True, sizes.pop() if sizes else 8)


def _x86_part(name: str) -> Part:
    if name in X86:
        return X86[name]
    raise UnknownOperand(_NO_FLOAT if _X86_OTHER.fullmatch(name) else f"the register {name} is not known")


_ARM_NUMBER = re.compile(rf"#?({_NUMBER})")
_ARM_REGISTER = re.compile(r"[A-Za-z]\w*")
_ARM_MEMORY = re.compile(
    rf"\[\s*(\w+)\s*(?:,\s*(?:#?({_NUMBER})|([a-z]\w*)\s*(?:,\s*(lsl|uxtw|sxtw|sxtx)\s*(?:#?([0-4]))?)?)\s*)?\]"
)
_ARM_OTHER = re.compile(r"[bhsdqvz]\d+.*")


def _read_aarch64(text: str, size: int, signed: bool) -> Operand:
    if found := _ARM_NUMBER.fullmatch(text):
        return Operand(size, signed, _sum(found[1]))
    if _ARM_REGISTER.fullmatch(text):
        return Operand(size, signed, 0, (Term(_arm_part(text), signed),))
    if found := _ARM_MEMORY.fullmatch(text):
        base, number, index, extension, shift = found.groups()
        terms = [Term(_arm_part(base))]
        if index:
            terms.append(Term(_arm_part(index), extension == "sxtw", int(shift or 0)))
        if terms[0].part.size != 8:
            raise UnknownOperand("not an address")
        return Operand(size, signed, _sum(number or ""), tuple(terms), True)
    if ":lo12:" in text:
        raise UnknownOperand("there is no such symbol in the file, or several")
    raise UnknownOperand("not an operand as compilers write it")


def _arm_part(name: str) -> Part:
    if name in AARCH64:
        return AARCH64[name]
    raise UnknownOperand(_NO_FLOAT if _ARM_OTHER.fullmatch(name) else f"the register {name} is not known")
