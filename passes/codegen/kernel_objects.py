"""Addresses of kernel objects that the verifier follows from the program's context on.

Some helpers take no other address (bpf_d_path, bpf_skb_output). An ordinary expression will not do, because its value
may have been calculated with: here the way from the context to the object is emitted anew, by loads alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.c_types import member
from ...core.emitter import Value
from ...core.types import Pointer, Struct, Type

if TYPE_CHECKING:
    from .lower import BodyLowering

_CONTEXTS = ("args", "ctx")
_TASK = "curtask"
_ARGUMENT = "arg"


def kernel_object(lowering: BodyLowering, node: ast.Expression) -> Value:
    """The address that a pointer has, or at which a struct lies. Of an expression that does not come from the context
    it is an ordinary value, which the verifier refuses where it wants an object."""
    emitter = lowering.emitter
    match node:
        case ast.Identifier(name=name) if name in _CONTEXTS:
            return emitter.context()
        case ast.Identifier(name=name) if name == _TASK:
            return emitter.helper_address("get_current_task_btf")
        case ast.Identifier(name=name) if _is_slot(lowering, name):
            return emitter.kernel_object(emitter.context(), 8 * int(name.removeprefix(_ARGUMENT)))
        case ast.Variable():
            value = lowering.only_value(node)
            return lowering.expression(node) if value is None else kernel_object(lowering, value)
        case ast.Unary(operator="&" | "*", operand=operand) | ast.Cast(operand=operand):
            return kernel_object(lowering, operand)
        case ast.Block(statements=(), value=value) if value is not None:
            return kernel_object(lowering, value)
        case ast.FieldAccess(base=base, name=name):
            return _member(lowering, node, base, name)
    return lowering.expression(node)


def _is_slot(lowering: BodyLowering, name: str) -> bool:
    """True for an argument that is a slot of the context as it is."""
    number = name.removeprefix(_ARGUMENT)
    return lowering.emitter.probe_type.program_type == "tracing" and number != name and number.isdecimal()


def _member(lowering: BodyLowering, node: ast.FieldAccess, base: ast.Expression, name: str) -> Value:
    emitter = lowering.emitter
    found = member(lowering.compilation.c_types, _struct(lowering.types[base]), name)
    if found is None or found.bit_width or found.data_loc:
        return lowering.expression(node)
    holder = kernel_object(lowering, base)
    if not isinstance(found.type, Pointer):
        return emitter.offset(holder, found.offset)
    address = emitter.kernel_object(holder, found.offset)
    if emitter.probe_type.writes_sequence and isinstance(base, ast.Identifier):
        # An iterator's last round has no object.
        with emitter.when(emitter.compare("==", address, emitter.constant(0))):
            emitter.end_probe()
    return address


def _struct(type_: Type) -> Struct:
    while isinstance(type_, Pointer):
        type_ = type_.pointee
    assert isinstance(type_, Struct), "only structs have members here"
    return type_
