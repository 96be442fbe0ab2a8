"""How a calling convention sees a type: which eight-byte pieces of a value are integers and which floating point.

That decides which registers a parameter travels in; the registers themselves are the probe type's to know. Source:
System V ABI for x86-64, section 3.2.3; for C++ the Itanium C++ ABI, section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import dwarf_constants as dw
from .dwarf_forms import DwarfError
from .dwarf_signature import Passing
from .dwarf_types import ADDRESSES, COMPOSITES, MAX_DEPTH, is_float, stripped
from .dwarf_units import Entry

_CONTAINING_TYPE = 0x1D  # DW_AT_containing_type: on a class, one with virtual functions
_DEFAULTED = 0x8B  # DW_AT_defaulted
#: Nothing larger is passed in registers by any of the conventions.
_MAX_SIZE = 64


def passing(type_: Entry | None) -> Passing:
    """Raises DwarfError."""
    entry = stripped(type_)
    if entry is None:
        return Passing(0, ())
    size = entry.number(dw.AT_BYTE_SIZE) or 0
    if entry.tag in COMPOSITES:
        if entry.flag(dw.AT_DECLARATION):
            return Passing(0, ("unknown",))
        if _is_by_reference(entry, 0):
            return Passing(size, ("integer",), by_reference=True)
        return Passing(size, _pieces(entry, size))
    if entry.tag == dw.TAG_PTR_TO_MEMBER:
        size = 16 if _is_method(entry) else 8
        return Passing(size, ("integer",) * (size // 8))
    if entry.tag == dw.TAG_ARRAY:  # only a vector is passed by value
        return Passing(16, ("float",))
    if entry.tag == dw.TAG_BASE and size > 8 and is_float(entry):
        is_x87 = "long double" in entry.string(dw.AT_NAME)
        return Passing(size, ("memory",) * (size // 8) if is_x87 else ("float",))
    size = size or 8
    return Passing(size, ("float" if is_float(entry) else "integer",) * -(-size // 8))


def _is_method(entry: Entry) -> bool:
    inner = stripped(entry.reference(dw.AT_TYPE))
    return inner is not None and inner.tag == dw.TAG_SUBROUTINE_TYPE


def _pieces(entry: Entry, size: int) -> tuple[str, ...]:
    count = -(-size // 8)
    if size > _MAX_SIZE:
        return ("memory",) * count
    found = [""] * count
    for at, width, kind in _leaves(entry, 0, 0):
        if width and at % min(width, 8):
            return ("memory",) * count  # a packed member
        for index in range(at // 8, min(-(-(at + width) // 8), count)):
            found[index] = kind if found[index] in ("", kind) else "integer"
            if kind == "memory":
                return ("memory",) * count
    if not any(found):
        # An empty class takes no register; what else shows no members has variants, as the enums of Rust do.
        return () if size <= 1 else ("unknown",)
    return tuple(piece or "float" for piece in found)  # padding


def _leaves(entry: Entry, at: int, depth: int) -> Iterator[tuple[int, int, str]]:
    """(offset in bytes, size in bytes, piece) of everything in a type that is neither struct nor array."""
    if depth > MAX_DEPTH:
        raise DwarfError("a struct lies within itself: debug information is corrupt")
    if entry.tag in COMPOSITES:
        for child in entry.children():
            inner = stripped(child.reference(dw.AT_TYPE))
            is_member = child.tag in (dw.TAG_MEMBER, dw.TAG_INHERITANCE) and not child.flag(dw.AT_EXTERNAL)
            if not is_member or inner is None or child.flag(dw.AT_DECLARATION):
                continue
            bits = child.number(dw.AT_DATA_BIT_OFFSET)
            if bits is not None or dw.AT_BIT_SIZE in child.attributes:
                start = bits // 8 if bits is not None else child.number(dw.AT_DATA_MEMBER_LOCATION) or 0
                yield at + start, 1, "integer"
                continue
            yield from _leaves(inner, at + (child.number(dw.AT_DATA_MEMBER_LOCATION) or 0), depth + 1)
        return
    if entry.tag == dw.TAG_ARRAY:
        element = stripped(entry.reference(dw.AT_TYPE))
        if element is not None:
            # All elements are alike, so that each eight bytes hold what the first one holds; structs are small.
            size = element.number(dw.AT_BYTE_SIZE) or entry.unit.address_size
            counts = [child.number(dw.AT_COUNT) or (child.number(dw.AT_UPPER_BOUND) or 0) + 1
                      for child in entry.children() if child.tag == dw.TAG_SUBRANGE]  # fmt: skip
            total = 1
            for count in counts:
                total *= min(max(count, 1), _MAX_SIZE)
            for index in range(min(total, _MAX_SIZE // max(size, 1))):
                yield from _leaves(element, at + index * size, depth + 8)
        return
    size = entry.number(dw.AT_BYTE_SIZE) or (entry.unit.address_size if entry.tag in ADDRESSES else 0)
    if is_float(entry):
        yield at, size, "memory" if size > 8 else "float"
    elif size:
        yield at, size, "integer"


def _is_by_reference(entry: Entry, depth: int) -> bool:
    """Whether C++ passes objects of the class by the address of a copy: its copies or its end run code.

    DWARF 5 says so; for older files a destructor or virtual functions give it away.
    """
    convention = entry.number(dw.AT_CALLING_CONVENTION)
    if convention is not None:
        return convention == dw.CC_PASS_BY_REFERENCE
    if dw.AT_BYTE_SIZE in entry.attributes and _CONTAINING_TYPE in entry.attributes:
        return True
    for child in entry.children():
        if child.tag == dw.TAG_SUBPROGRAM and child.string(dw.AT_NAME).startswith("~"):
            if not child.flag(dw.AT_ARTIFICIAL) and _DEFAULTED not in child.attributes:
                return True
        elif child.tag in (dw.TAG_MEMBER, dw.TAG_INHERITANCE) and depth < 4 and not child.flag(dw.AT_EXTERNAL):
            inner = stripped(child.reference(dw.AT_TYPE))
            if inner is not None and inner.tag in COMPOSITES and _is_by_reference(inner, depth + 1):
                return True
    return False
