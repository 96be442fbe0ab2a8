"""What lies inside of something: members of structs, elements of arrays and tuples, what a pointer points to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.c_types import member
from ...core.diagnostics import did_you_mean
from ...core.types import (
    INT8,
    UINT64,
    Array,
    Enum,
    Field,
    Int,
    Pointer,
    Record,
    String,
    Struct,
    Tuple,
    Type,
    Void,
    address_space,
    base_name,
    size_of,
)
from .constants import keep_constant
from .promotion import INVALID, as_number, placed

if TYPE_CHECKING:
    from .body import Body

#: The common fields of a tracepoint's record, which BPF programs are not given.
_COMMON = "common_"


def field_type(body: Body, node: ast.FieldAccess) -> Type | None:
    base = body.expression(node.base)
    if base is None or base is INVALID:
        return base
    holder = base
    while isinstance(holder, Pointer):
        _warn_without_space(body, node, holder)
        holder = holder.pointee
    match holder:
        case Tuple(elements) if node.name.isdecimal() and not isinstance(base, Pointer):
            if int(node.name) < len(elements):
                return elements[int(node.name)]
            return body.error(f"Invalid tuple index: {node.name}. Found {len(elements)} elements in tuple.", node)
        case Record(fields) if not isinstance(base, Pointer) and not node.name.isdecimal():
            if node.name in dict(fields):
                if node.base in body.records:
                    names = [name for name, _ in fields]
                    return keep_constant(body, node, body.records[node.base][names.index(node.name)])
                return dict(fields)[node.name]
            hints = did_you_mean(node.name, dict(fields))
            return body.error(f"Record does not contain a field named '{node.name}'", node, hints)
        case Struct() if not node.name.isdecimal():
            return _member_type(body, node, base, holder)
    if node.name.isdecimal():
        return body.error(f"Can not access index '{node.name}' on expression of type '{base}'", node)
    return body.error(f"Can not access field '{node.name}' on expression of type '{base}'", node)


def _member_type(body: Body, node: ast.FieldAccess, base: Type, struct: Struct) -> Type:
    is_args = isinstance(node.base, ast.Identifier) and node.base.name == "args"
    known = struct.fields if not struct.by_name else body.c_types.members(struct)
    if known is None:
        return body.error(f"Unknown struct/union: '{struct}'", node)
    found = member(body.c_types, struct, node.name)
    if found is None:
        if is_args and node.name.startswith(_COMMON) and body.layout.probe_type.names[0] == "tracepoint":
            return body.error("BPF does not support accessing common tracepoint fields", node)
        hints = did_you_mean(node.name, [f.name for f in known])
        if is_args and body.layout.probe_type.names[0] != "tracepoint":
            return body.error(f"Can't find function parameter {node.name}", node, hints)
        return body.error(f"Struct/union of type '{struct}' does not contain a field named '{node.name}'", node, hints)
    if isinstance(found.type, Void):
        return body.error(f"{node.name} has unsupported type", node)
    if found.tag and found.tag not in ("user", "rcu"):
        return body.error(
            f"Attempting to access pointer field '{node.name}' with unsupported tag attribute: {found.tag}", node
        )
    return _in_space(found, space_of(body, node.base))


def _in_space(found: Field, space: str) -> Type:
    """A pointer inside of a struct points where the struct lies, unless it is marked as one of user memory."""
    match found.type:
        case Pointer(space=own) if own != "user" and space in ("kernel", "user"):
            return placed(found.type, space)
    return found.type


def space_of(body: Body, node: ast.Expression) -> str:
    """The memory that an expression's value is in, or points to."""
    match body.types.get(node):
        case Pointer(space=space):
            return space
    match node:
        case ast.FieldAccess(base=inner) | ast.Index(base=inner) | ast.Unary(operator="*", operand=inner):
            return space_of(body, inner)
    return "none"


def dereference(body: Body, node: ast.Unary, operand: ast.Expression) -> Type | None:
    type_ = body.expression(operand)
    match type_:
        case None:
            return None
        case Pointer(pointee=Void()):
            return body.error(f"Can not dereference type '{type_}'", node)
        case Pointer(pointee=Struct(size=0, by_name=True) as struct) if body.c_types.members(struct) is None:
            return body.error(f"Unknown struct/union: '{struct}'", node)
        case Pointer(pointee=pointee):
            _warn_without_space(body, node, type_)
            return pointee
        case Int():
            if address_space(type_, body.layout.probe_type.space) == "none":
                body.diagnostics.warn_of_space(node.span)
            return UINT64
        case Struct():
            return body.error(f"Can not dereference struct/union of type '{type_}'. It is not a pointer.", node)
    return type_ if type_ is INVALID else body.error(f"Can not dereference type '{type_}'", node)


def index_type(body: Body, node: ast.Index) -> Type | None:
    base, index = body.expression(node.base), body.expression(node.index)
    if base is None or index is None:
        return None
    if base is INVALID or index is INVALID:
        return INVALID
    if isinstance(base, Tuple):
        return _tuple_element(body, node, base)
    if not isinstance(base, Array | String | Pointer):
        return body.error(
            f"The array index operator [] can only be used on arrays, pointers, and tuples, found {base_name(base)}.",
            node,
        )
    at = body.integer(node.index)
    number = as_number(index) if isinstance(index, Int | Enum) else None
    if number is None or (number.signed and not number.flexible and not isinstance(base, Pointer)):
        return body.error(
            f"The array index operator [] only accepts non-negative integer indices. Got: {index}", node.index
        )
    size = base.count if isinstance(base, Array) else base.size if isinstance(base, String) else 0
    if size and at is not None and at >= size:
        return body.error(f"the index {at} is out of bounds for array of size {size}", node.index)
    match base:
        case Array(element, _):
            return element
        case String():
            return INT8
        case Pointer(pointee) if size_of(pointee) == 0:
            return body.error(
                f"The array index operator [] cannot be used on a pointer to an unsized type ({base}).", node
            )
    _warn_without_space(body, node, base)
    return base.pointee


def _warn_without_space(body: Body, node: ast.Node, pointer: Pointer) -> None:
    if pointer.space == "none":
        body.diagnostics.warn_of_space(node.span)


def warn_of_spaces(body: Body, node: ast.Node, left: Type, right: Type) -> None:
    """Says that two addresses that meet are of different memories."""
    one, other = address_space(left, ""), address_space(right, "")
    if one and other and one != other:
        body.diagnostics.warning("Addrspace mismatch", node.span)


def _tuple_element(body: Body, node: ast.Index, base: Tuple) -> Type:
    at = body.integer(node.index)
    if at is None:
        return body.error("Array-style access for tuples only valid for integer literals", node.index)
    if not 0 <= at < len(base.elements):
        return body.error(f"Invalid tuple index: {at}. Found {len(base.elements)} elements in tuple.", node)
    return base.elements[at]
