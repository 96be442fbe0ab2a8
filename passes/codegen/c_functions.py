"""Calls of functions with a C prototype: of imported files, as clang's BPF target compiles them, and of the kernel.

An argument shorter than a register says how it fills one (signext, zeroext), except for C's `int`. Functions of files
are declared here, and `link_c` brings them in; those of the kernel are the emitter's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

from ...core import ast
from ...core.c_functions import CFunction
from ...core.emitter import Value
from ...core.types import VOID, Bool, Enum, Int, Pointer, Type, Void
from .llvm import I1, I64, INTEGERS, PTR
from .module import C_PREFIX

if TYPE_CHECKING:
    from .lower import BodyLowering


def call_c_function(lowering: BodyLowering, node: ast.Call, function: CFunction) -> Value:
    emitter = lowering.emitter
    values = [_argument(lowering, argument) for argument in node.arguments]
    emitter.at(node)
    handles = [_passed(lowering, value, type_) for value, (_, type_) in zip(values, function.parameters, strict=True)]
    builder = emitter.builder
    extensions = {i: (word,) for i, (_, type_) in enumerate(function.parameters) if (word := _extension(type_))}
    result = builder.call(_declared(builder.module, function), handles, arg_attrs=extensions)
    return _received(builder, result, function.result)


def call_kernel_function(lowering: BodyLowering, node: ast.Call, function: CFunction) -> Value:
    """Arguments fill their registers, whatever the prototype's widths: addresses as such, numbers as 64 bits."""
    emitter = lowering.emitter
    values = [_argument(lowering, argument) for argument in node.arguments]
    emitter.at(node)
    arguments = [
        Value(_in_register(lowering, value, type_), type_)
        for value, (_, type_) in zip(values, function.parameters, strict=True)
    ]
    if isinstance(function.result, Void):
        emitter.kfunc(function.name, *arguments)
        return Value(None, VOID)
    return emitter.kfunc(function.name, *arguments, result=function.result)


def _in_register(lowering: BodyLowering, value: Value, type_: Type) -> Any:
    if isinstance(type_, Pointer):
        return _passed(lowering, value, type_)
    return lowering.emitter.number_of(lowering.emitter.cast(value, type_))


def _argument(lowering: BodyLowering, node: ast.Expression) -> Value:
    """An argument's value. The address of a variable or of a map's value stays one: C may follow it without a helper,
    which an address that has been through a script's arithmetic does not allow."""
    from .expressions import address_of

    inner = node
    while isinstance(inner, ast.Cast) and isinstance(lowering.types[inner], Pointer):
        inner = inner.operand
    if isinstance(inner, ast.Unary) and inner.operator == "&":
        return address_of(lowering, inner.operand)
    return lowering.expression(node)


def _declared(module: ir.Module, function: CFunction) -> ir.Function:
    name = C_PREFIX + function.name
    if name not in module.globals:
        parameters = [_ir_type(type_) for _, type_ in function.parameters]
        ir.Function(module, ir.FunctionType(_ir_type(function.result), parameters), name)
    return module.globals[name]


def _ir_type(type_: Type) -> Any:
    match type_:
        case Void():
            return ir.VoidType()
        case Bool():
            return I1
        case Int(size=size) | Enum(size=size):
            return INTEGERS[size]
        case Pointer():
            return PTR
    raise AssertionError("functions with other types cannot be called")


def _extension(type_: Type) -> str:
    match type_:
        case Bool():
            return "zeroext"
        case Int(size=size, signed=signed) if size < 4:
            return "signext" if signed else "zeroext"
    return ""


def _passed(lowering: BodyLowering, value: Value, type_: Type) -> Any:
    """A value as an argument of this type."""
    emitter, builder = lowering.emitter, lowering.emitter.builder
    if isinstance(type_, Pointer):
        handle = emitter.handle(value)
        return handle if handle.type == PTR else builder.inttoptr(handle, PTR)
    number = emitter.number_of(emitter.cast(value, type_))
    wanted = _ir_type(type_)
    return number if wanted == I64 else builder.trunc(number, wanted)


def _received(builder: ir.IRBuilder, result: Any, type_: Type) -> Value:
    """What a call gave, as all of our code has it: an i64."""
    match type_:
        case Void():
            return Value(None, VOID)
        case Pointer():
            return Value(builder.ptrtoint(result, I64), type_)
        case Int(size=8) | Enum(size=8):
            return Value(result, type_)
        case Int(signed=True) | Enum(signed=True):
            return Value(builder.sext(result, I64), type_)
    return Value(builder.zext(result, I64), type_)
