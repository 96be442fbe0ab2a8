"""The lowest layer of the Emitter: integers, addresses, arithmetic and calls of helpers, as LLVM IR.

An integer's handle is an i64, an address's handle a ptr; a string literal's handle is a `Constant` until somebody needs
it in memory. It knows nothing of how memory is found, of maps, and of the script.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from llvmlite import ir

from ...core.bpf_helpers import HELPER_IDS
from ...core.emitter import Value
from ...core.frozen import dataclass
from ...core.types import BOOL, INT32, INT64, VOID, Bool, Enum, Int, Pointer, String, Type
from .bpf_function import BpfFunction
from .llvm import I8, I64, INTEGERS, PTR

OWN_MEMORY = Pointer(VOID, "own")
#: Linux calls the map's own functions instead of these helpers (do_misc_fixups of kernel/bpf/verifier.c). Before 6.4
#: those give an int, and nobody says what the upper half of the register holds.
_INT_RESULTS = frozenset({"map_update_elem", "map_delete_elem", "for_each_map_elem"})


@dataclass(frozen=True, slots=True)
class Constant:
    """The handle of a string that is not in memory yet."""

    text: bytes


class ValueEmitter:
    """`unit` is the function that code is emitted into at the moment."""

    unit: BpfFunction

    def __init__(self) -> None:
        #: What is known of the alignment of addresses that are not aligned to 8 bytes.
        self._alignments: dict[Any, int] = {}

    @property
    def builder(self) -> ir.IRBuilder:
        return self.unit.builder

    def constant(self, value: int, type_: Type = INT64) -> Value:
        return Value(I64(value), type_)

    def null(self) -> Value:
        return Value(ir.Constant(PTR, None), OWN_MEMORY)

    def string_constant(self, text: bytes) -> Value:
        return Value(Constant(text), String(len(text) + 1), self.constant(len(text)))

    def number_of(self, value: Value) -> Any:
        """The i64 of an integer or of an address as a number."""
        handle = self.handle(value)
        return self.builder.ptrtoint(handle, I64) if handle.type == PTR else handle

    def known(self, value: Value) -> int | None:
        """The number that a value is while it is compiled, as it was given; None when only the program knows."""
        handle = value.handle
        return int(handle.constant) if isinstance(handle, ir.Constant) and handle.type != PTR else None

    def handle(self, value: Value) -> Any:
        """The IR value; a string literal is put into memory now."""
        return self.in_memory(value) if isinstance(value.handle, Constant) else value.handle

    def in_memory(self, literal: Value) -> Any:
        """The address of a string literal's bytes; the layer that knows memory says where."""
        raise NotImplementedError

    # Arithmetic

    _ARITHMETIC: ClassVar[dict[str, str]] = {
        "+": "add", "-": "sub", "*": "mul", "/": "udiv", "%": "urem",
        "&": "and_", "|": "or_", "^": "xor", "<<": "shl", ">>": "lshr",
    }  # fmt: skip

    def binary(self, operator: str, left: Value, right: Value) -> Value:
        operation = getattr(self.builder, self._ARITHMETIC[operator])
        result = Value(operation(self.number_of(left), self.number_of(right)), left.type)
        # The verifier knows nothing of a quotient or a remainder.
        return self.opaque(result) if operator in ("/", "%") else result

    def opaque(self, value: Value) -> Value:
        """The same integer, of which LLVM knows nothing: it must keep every check of it that the verifier is to see."""
        number = self.number_of(value)
        if isinstance(number, ir.Constant):
            return value
        same = ir.FunctionType(I64, [I64])
        return Value(self.builder.asm(same, "", "=r,0", [number], side_effect=False), value.type)

    def compare(self, operator: str, left: Value, right: Value, *, signed: bool = False) -> Value:
        a, b = self.number_of(left), self.number_of(right)
        comparison = self.builder.icmp_signed if signed else self.builder.icmp_unsigned
        return Value(self.builder.zext(comparison(operator, a, b), I64), BOOL)

    def cast(self, value: Value, type_: Type) -> Value:
        number = self.number_of(value)
        match type_:
            case Int(size=size, signed=signed) | Enum(size=size, signed=signed) if size < 8:
                narrow = self.builder.trunc(number, INTEGERS[size])
                return Value(self.builder.sext(narrow, I64) if signed else self.builder.zext(narrow, I64), type_)
            case Bool():
                return Value(self.builder.zext(self.builder.icmp_unsigned("!=", number, I64(0)), I64), type_)
        return Value(number, type_)

    def bounded(self, number: Value, limit: int) -> Value:
        """The number as the verifier can see it to be small: at most the next power of two of `limit`, minus one.

        The number itself must not exceed `limit`.
        """
        return self.binary("&", number, self.constant((1 << limit.bit_length()) - 1))

    def offset(self, address: Value, distance: int | Value, stride: int = 8) -> Value:
        """`distance` is in bytes; one that only the run knows is a multiple of `stride`."""
        if isinstance(distance, int) and distance == 0:
            return address
        if isinstance(distance, int):
            step = I64(distance)
        else:
            # A distance that LLVM knows to be below the address's alignment it would not add but "or", which the
            # verifier lets nobody do with an address.
            step = self.number_of(distance if stride >= 8 else self.opaque(distance))
        handle = self.handle(address)
        if handle.type == PTR:
            there = self.builder.gep(handle, [step], source_etype=I8)
        else:
            there = self.builder.add(handle, step)
        step_of = distance if isinstance(distance, int) else stride
        align = min(self.alignment(handle), step_of & -step_of)
        if align < 8:
            self._alignments[there] = align
        return Value(there, address.type)

    def alignment(self, handle: Any) -> int:
        """How an address of our own memory is aligned, at most to 8 bytes. The stack takes only aligned words."""
        return self._alignments.get(handle, 8)

    # Helpers

    def helper(self, name: str, *arguments: Value) -> Value:
        result = Value(self._call_helper(name, arguments, I64), INT64)
        return Value(self.cast(result, INT32).handle, INT64) if name in _INT_RESULTS else result

    def helper_address(self, name: str, *arguments: Value) -> Value:
        """Calls a helper that gives the address of memory, or null."""
        return Value(self._call_helper(name, arguments, PTR), OWN_MEMORY)

    def _call_helper(self, name: str, arguments: Sequence[Value], result: Any) -> Any:
        return self._call(I64(HELPER_IDS[name]).inttoptr(PTR), name, arguments, result)

    def _call(self, address: Any, name: str, arguments: Sequence[Value], result: Any) -> Any:
        handles = [self.handle(argument) for argument in arguments]
        type_ = ir.FunctionType(result, [handle.type for handle in handles])
        call = ir.instructions.CallInstr(self.builder.block, _Callee(address, type_), handles, name=name)
        self.builder._insert(call)
        return call


class _Callee:
    """What a call instruction needs of its function: a helper's number in the place of an address, or any address."""

    def __init__(self, address: Any, function_type: Any) -> None:
        self.function_type = function_type
        self.type = PTR
        self.calling_convention = ""
        self.attributes: frozenset[str] = frozenset()
        self._address = address

    def get_reference(self) -> str:
        reference: str = self._address.get_reference()
        return reference
