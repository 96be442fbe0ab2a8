"""What strings are like and hold: `strlen`, `strcap`, `strstr`, `strcontains`, `strncmp`, `str_concat`, `assert_str`.

A string-like value is a string, an array of signed bytes, or a pointer to signed bytes, which is read when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.emitter import Value
from ...core.function import CallSite, Constant, EmitSite, Function, Signature
from ...core.types import BOOL, INT8, INT32, INT64, UINT64, VOID, Array, Int, Pointer, String, Type, size_of
from .memory import memory_of

if TYPE_CHECKING:
    from ...core.emitter import Emitter


def string_error(type_: Type) -> str | None:
    """Why a value is not like a string; None when it is."""
    match type_:
        case String() | Array(element=Int(size=1, signed=True)) | Pointer(pointee=Int(size=1, signed=True)):
            return None
        case Array():
            return "string-like arrays must contain a char-like type"
        case Pointer():
            return "string-like pointers must point to a char-like type"
    return "string-like values must be either strings, arrays or pointers"


def string_of(emitter: Emitter, call: EmitSite, index: int) -> Value:
    """A string-like argument as a string in the program's own memory."""
    type_ = call.types[index]
    match type_:
        case Array(count=count):
            value = call.value(index)
            return Value(value.handle, String(count))
        case Pointer():
            space, address = memory_of(emitter, call, index)
            size = call.config.max_strlen
            return emitter.read_string(space, emitter.scratch(size + 1, string=True), size + 1, address, size)
    return call.value(index)


class _OfStrings(Function):
    """A function whose first arguments, all that have no other kind, are string-like."""

    #: How many they are.
    strings: ClassVar[int] = 1
    result: ClassVar[Type]

    def type_of(self, call: CallSite) -> Type:
        self.check(call)
        return self.result

    def check(self, call: CallSite) -> None:
        for index in range(self.strings):
            if wrong := string_error(call.types[index]):
                call.error(wrong, index)
                break


class StringLength(_OfStrings):
    """`strlen(s)`: the bytes before the NUL, at most as many as there is storage; of an address that cannot be read the
    negative errno, as an unsigned number."""

    names: ClassVar[tuple[str, ...]] = ("strlen",)
    signature: ClassVar[Signature] = Signature(1, 1)
    result: ClassVar[Type] = UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return length_of(emitter, call, 0)


def length_of(emitter: Emitter, call: EmitSite, index: int) -> Value:
    """The length of a string-like argument: what reading it as a string gives. One byte more than there may be is asked
    for, so that a string without a NUL counts whole."""
    type_ = call.types[index]
    space, address = memory_of(emitter, call, index) if isinstance(type_, Pointer) else ("kernel", call.value(index))
    if address.length is not None and isinstance(type_, String):
        return Value(address.length.handle, UINT64)
    size = type_.size if isinstance(type_, String) else type_.count if isinstance(type_, Array) else 0
    size = size or call.config.max_strlen
    place = emitter.scratch(size + 1)
    readers = {"user": "probe_read_user_str", "none": "probe_read_str"}
    helper = readers.get(space, "probe_read_kernel_str")
    got = emitter.helper(helper, place, emitter.constant(size + 1), address)
    emitter.count_failed_read(helper, got)
    # The NUL counts in what a reader gives, and it never gives 0.
    without_nul = emitter.binary("-", got, emitter.constant(1))
    failed = emitter.compare("<", got, emitter.constant(0), signed=True)
    length = emitter.choose(failed, lambda: got, lambda: without_nul)
    return Value(length.handle, UINT64)


class StringCapacity(_OfStrings):
    """`strcap(s)`: the bytes of a string's storage, the elements of an array; the length of what is pointed to."""

    names: ClassVar[tuple[str, ...]] = ("strcap",)
    signature: ClassVar[Signature] = Signature(1, 1)
    result: ClassVar[Type] = UINT64

    def constant(self, call: CallSite) -> Constant | None:
        match call.types[0]:
            case String(size):
                return size
            case Array(count=count):
                return count
        return None

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return length_of(emitter, call, 0)


class AssertString(_OfStrings):
    """`assert_str(s)`: nothing, but an error when the script is compiled and the value is not like a string."""

    names: ClassVar[tuple[str, ...]] = ("assert_str",)
    signature: ClassVar[Signature] = Signature(1, 1)
    result: ClassVar[Type] = VOID

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.constant(0, VOID)


class StringSearch(_OfStrings):
    """`strstr(text, wanted)`: the place of the first occurrence, or -1; an empty string is found at 0."""

    names: ClassVar[tuple[str, ...]] = ("strstr",)
    signature: ClassVar[Signature] = Signature(2, 2)
    strings: ClassVar[int] = 2
    result: ClassVar[Type] = INT32

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        text, wanted = (string_of(emitter, call, index) for index in (0, 1))
        return emitter.cast(emitter.find_string(text, wanted), INT32)


class StringContains(StringSearch):
    """`strcontains(text, wanted)`: whether `strstr` finds it."""

    names: ClassVar[tuple[str, ...]] = ("strcontains",)
    result: ClassVar[Type] = BOOL

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        text, wanted = (string_of(emitter, call, index) for index in (0, 1))
        return emitter.compare(">=", emitter.find_string(text, wanted), emitter.constant(0), signed=True)


class StringConcatenation(_OfStrings):
    """`str_concat(a, b)`: one string behind the other, as much of them as a string can hold with its NUL."""

    names: ClassVar[tuple[str, ...]] = ("str_concat",)
    signature: ClassVar[Signature] = Signature(2, 2)
    strings: ClassVar[int] = 2

    def type_of(self, call: CallSite) -> Type:
        self.check(call)
        return String(call.config.max_strlen)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        limit = call.config.max_strlen
        # The verifier believes of the first one's length only that it is below a power of two.
        result = emitter.scratch((1 << limit.bit_length()) + limit + 1)
        first = _copied(emitter, result, string_of(emitter, call, 0), limit)
        assert first.length is not None, "read_string gives a length"
        length = emitter.at_most(limit - 1, first.length)
        behind = emitter.offset(result, emitter.binary("&", length, emitter.constant((1 << limit.bit_length()) - 1)), 1)
        second = _copied(emitter, behind, string_of(emitter, call, 1), limit)
        assert second.length is not None, "read_string gives a length"
        emitter.store(result, emitter.constant(0, INT8), limit - 1)
        whole = emitter.at_most(limit - 1, emitter.binary("+", length, second.length))
        return Value(result.handle, String(limit), Value(whole.handle, INT64))


def _copied(emitter: Emitter, place: Value, text: Value, limit: int) -> Value:
    """A copy of a string that need not have a NUL in its storage, with one, in at most `limit` bytes."""
    return emitter.read_string("kernel", place, min(limit, size_of(text.type) + 1), text, limit)


class StringCompare(Function):
    """`strncmp(a, b, n)`: 0 when the first `n` bytes agree, up to the NUL or the end of the smaller storage, else 1."""

    names: ClassVar[tuple[str, ...]] = ("strncmp",)
    signature: ClassVar[Signature] = Signature(3, 3, kinds={0: ("string",), 1: ("string",)})

    def type_of(self, call: CallSite) -> Type:
        length = call.literal(2)
        if isinstance(length, bool) or not isinstance(length, int) or length < 0:
            call.error("Builtin strncmp requires a non-negative literal", 2)
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        length = call.literal(2)
        assert isinstance(length, int), "type_of asks for a literal"
        equal = emitter.equal_strings(call.value(0), call.value(1), length)
        return emitter.compare("==", equal, emitter.constant(0))


FUNCTIONS = (
    StringLength(),
    StringCapacity(),
    AssertString(),
    StringSearch(),
    StringContains(),
    StringConcatenation(),
    StringCompare(),
)
