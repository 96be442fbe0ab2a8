"""BTF types as C text, for people to read: in listings, a parameter as `struct sock * sk`, a struct with its members.

A pointer's star stands alone between two blanks, as users of bpftrace know it. What is written here is shown and never
compiled; c_preamble writes C for compilers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .btf import MAX_CHAIN
from .btf_types import (
    Array,
    BtfError,
    Composite,
    Const,
    Enumeration,
    FuncProto,
    Fwd,
    Member,
    Ptr,
    Restrict,
    Typedef,
    TypeTag,
    Union,
    Void,
    Volatile,
)

if TYPE_CHECKING:
    from .btf import Btf

_QUALIFIERS = {Const: "const", Volatile: "volatile", Restrict: "restrict"}


def declaration(btf: Btf, type_id: int, name: str = "") -> str:
    """The declaration of `name`, or without a name the type alone. Raises: BtfError."""
    return _declare(btf, type_id, name, 0)


def definition(btf: Btf, type_id: int) -> Iterator[str]:
    """The lines of a struct's, union's or enum's definition, members behind a tab. Raises: BtfError."""
    yield from _body(btf, type_id, "", "", 0)


def parameters(btf: Btf, prototype: FuncProto) -> list[str]:
    """The parameters of a function as declarations. Raises: BtfError."""
    return [declaration(btf, p.type_id, p.name) for p in prototype.parameters if p.type_id]


def _declare(btf: Btf, type_id: int, name: str, depth: int) -> str:
    if depth > MAX_CHAIN:
        raise BtfError("a type refers to itself")
    match btf.type(type_id):
        case Void():
            return _joined("void", name)
        case Const() | Volatile() | Restrict() as qualified:
            word, inner = _QUALIFIERS[type(qualified)], btf.type(qualified.type_id)
            if isinstance(inner, Ptr):
                return _declare(btf, qualified.type_id, _joined(word, name), depth + 1)
            return f"{word} {_declare(btf, qualified.type_id, name, depth + 1)}"
        case TypeTag(type_id=inner_id):
            return _declare(btf, inner_id, name, depth + 1)
        case Ptr(type_id=inner_id):
            is_named = isinstance(btf.type(inner_id), Typedef)
            if not is_named and isinstance(btf.type(btf.resolve(inner_id)), (Array, FuncProto)):
                return _declare(btf, inner_id, f"(*{name})", depth + 1)
            return _declare(btf, inner_id, f"*{name}" if name.startswith("*") else _joined("*", name), depth + 1)
        case Array(element_id=element, length=length):
            return _declare(btf, element, f"{name}[{length}]", depth + 1)
        case FuncProto(return_id=result, parameters=written):
            listed = [_declare(btf, p.type_id, p.name, depth + 1) if p.type_id else "..." for p in written]
            return _declare(btf, result, f"{name}({', '.join(listed) or 'void'})", depth + 1)
        case Composite() | Enumeration() | Fwd() as tagged:
            return _joined(f"{_word(tagged)} {tagged.name or '{...}'}", name)
        case found:
            return _joined(found.name, name)


def _joined(first: str, name: str) -> str:
    return f"{first} {name}" if name and not name.startswith("[") else first + name


def _word(tagged: Composite | Enumeration | Fwd) -> str:
    match tagged:
        case Enumeration():
            return "enum"
        case Fwd(is_union=is_union):
            return "union" if is_union else "struct"
    return "union" if isinstance(tagged, Union) else "struct"


def _body(btf: Btf, type_id: int, indent: str, name: str, depth: int) -> Iterator[str]:
    if depth > MAX_CHAIN:
        raise BtfError("a type refers to itself")
    found = btf.type(type_id)
    assert isinstance(found, (Composite, Enumeration))
    yield indent + _joined(_word(found), found.name) + " {"
    inner = indent + "\t"
    if isinstance(found, Enumeration):
        for constant, value in found.values:
            yield f"{inner}{constant} = {value},"
    else:
        for member in found.members:
            yield from _member(btf, member, inner, depth)
    yield indent + _joined("}", name) + ";"


def _member(btf: Btf, member: Member, indent: str, depth: int) -> Iterator[str]:
    found = btf.type(member.type_id)
    if isinstance(found, (Composite, Enumeration)) and not found.name:
        yield from _body(btf, member.type_id, indent, member.name, depth + 1)
        return
    bits = f" : {member.bitfield_size}" if member.bitfield_size else ""
    yield f"{indent}{declaration(btf, member.type_id, member.name)}{bits};"
