"""A compiled program as JSON data, and back with every value checked.

Records are lists in the order of their dataclass's fields, bytes are base64 text, types are as `core.type_data.to_data`
makes them. The data may come from anybody, so reading takes nothing on trust: a value of the wrong kind, a number out
of range or an index that points nowhere is a ValueError. It must not know about files, nor about the compiler.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from typing import Any

from .artifacts import (
    KERNEL_KINDS,
    CompiledProgram,
    EventSpec,
    FailureSite,
    FunctionInfo,
    LineInfo,
    MapSpec,
    ProgramSpec,
    Relocation,
)
from .config import Config
from .probe import ConcretePoint, Setting
from .source import Source
from .type_data import from_data, to_data
from .types import Array, Enum, Int, OwnedType, Pointer, Record, Struct, Tuple, Type, size_of

_U32, _U64 = 1 << 32, 1 << 64
_INSTRUCTION = 8

Encode = Callable[[Any], object]
Decode = Callable[[Any], Any]
#: How one kind of value is written and read back; reading raises ValueError for anything else.
Shape = tuple[Encode, Decode]


def program_to_data(program: CompiledProgram) -> object:
    """Raises: ValueError: for an event setting that is no plain data."""
    return _PROGRAM[0](program)


def program_from_data(data: object) -> CompiledProgram:
    """The inverse of `program_to_data`. Raises: ValueError, TypeError, RecursionError."""
    program: CompiledProgram = _PROGRAM[1](data)
    _check_program(program)
    return program


def _items(value: object, count: int | None = None) -> list[Any]:
    if type(value) is not list or (count is not None and len(value) != count):
        raise ValueError(f"expected a list of {'any length' if count is None else count}")
    return value


def _plain(kind: type) -> Shape:
    def decode(value: object) -> object:
        if type(value) is not kind:
            raise ValueError(f"expected {kind.__name__}")
        return value

    return lambda value: value, decode


def _integer(low: int, high: int) -> Shape:
    """An integer of the range from `low` up to but not including `high`."""

    def decode(value: object) -> int:
        if type(value) is not int or not low <= value < high:
            raise ValueError("a number is missing or out of range")
        return value

    return lambda value: value, decode


def _sequence(item: Shape) -> Shape:
    encode, decode = item
    return lambda values: [encode(v) for v in values], lambda data: tuple(decode(v) for v in _items(data))


def _mapping(item: Shape) -> Shape:
    encode, decode = item

    def read(data: object) -> dict[str, Any]:
        if type(data) is not dict:
            raise ValueError("expected an object")
        return {key: decode(value) for key, value in data.items()}

    return lambda values: {key: encode(values[key]) for key in values}, read


def _optional(item: Shape) -> Shape:
    encode, decode = item
    return lambda v: None if v is None else encode(v), lambda data: None if data is None else decode(data)


def _record(kind: Any, *shapes: Shape) -> Shape:
    """A dataclass as the list of its first fields, one shape each."""
    fields = tuple(zip(kind.__match_args__, shapes, strict=False))

    def decode(data: object) -> Any:
        values = _items(data, len(shapes))
        return kind(*[shape[1](value) for shape, value in zip(shapes, values, strict=True)])

    return lambda value: [shape[0](getattr(value, name)) for name, shape in fields], decode


def _read_bytes(data: object) -> bytes:
    if type(data) is not str:
        raise ValueError("expected base64 text")
    return a2b_base64(data, strict_mode=True)


def _write_bytes(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode("ascii")


def _read_type(data: object) -> Type:
    type_ = from_data(_items(data))
    _check_type(type_)
    return type_


def _check_type(type_: Type) -> None:
    """`from_data` checks the kinds; sizes, names and members are checked here, inner types first. Raises ValueError."""
    match type_:
        case Int(size=size) if size not in (1, 2, 4, 8):
            raise ValueError(f"no integer has {size} bytes")
        case Pointer(pointee):
            _check_type(pointee)
        case Array(element, count):
            _COUNT[1](count)
            _check_type(element)
        case Tuple(elements):
            for element in elements:
                _check_type(element)
        case Struct(fields=fields, alignment=alignment):
            _COUNT[1](alignment)
            for member in fields:
                _TEXT[1](member.name)
                _COUNT[1](member.offset)
                _FLAG[1](member.data_loc)
                _COUNT[1](member.bit_width)
                if member.bit_shift not in range(8):
                    raise ValueError("a bit field does not begin in its byte")
                _check_type(member.type)
        case Record(fields=named):
            for name, element in named:
                _TEXT[1](name)
                _check_type(element)
        case Enum(size=size, constants=constants):
            for name, value in constants:
                _TEXT[1](name)
                _plain(int)[1](value)
            if size not in (1, 2, 4, 8):
                raise ValueError(f"no enum has {size} bytes")
        case OwnedType(params=params, integer=integer, formats=formats):
            for param in params:
                _PARAMETER[1](param)
            for format_ in formats:
                _TEXT[1](format_)
            if integer is not None:
                _check_type(integer)
    if not 0 <= size_of(type_) < _U32:
        raise ValueError("a type's size is out of range")


def _write_setting(value: object) -> object:
    """An event's setting: text, numbers, None as they are, a tuple as a list, the rest as an object with its kind."""
    match value:
        case None | bool() | int() | str():
            return value
        case bytes():
            return {"bytes": _write_bytes(value)}
        case tuple():
            return [_write_setting(item) for item in value]
        case list():
            return {"list": [_write_setting(item) for item in value]}
        case dict():
            return {"object": [[_write_setting(k), _write_setting(v)] for k, v in value.items()]}
        case _ if isinstance(value, Type):
            return {"type": to_data(value)}
    raise ValueError(f"an event's setting must be plain data, not {type(value).__name__}")


def _read_setting(data: Any) -> Any:
    match data:
        case None | bool() | int() | str():
            return data
        case list():
            return tuple(_read_setting(item) for item in data)
        case {"bytes": str(text), **rest} if not rest:
            return _read_bytes(text)
        case {"list": list(items), **rest} if not rest:
            return [_read_setting(item) for item in items]
        case {"object": list(pairs), **rest} if not rest:
            return {_read_setting(key): _read_setting(value) for key, value in (_items(pair, 2) for pair in pairs)}
        case {"type": list(type_data), **rest} if not rest:
            return _read_type(type_data)
    raise ValueError("an event's setting is no plain data")


def _read_file(data: object) -> tuple[int, str]:
    """The first line and the name of a file that was imported."""
    line, name = _items(data, 2)
    return _COUNT[1](line), _TEXT[1](name)


def _read_point_setting(data: object) -> Setting:
    if type(data) in (str, int):
        return data  # type: ignore[return-value]
    for kind in (str, int):
        if type(data) is list and all(type(item) is kind for item in data):
            return tuple(data)
    raise ValueError("an attach point's setting is no plain data")


def _read_source_text(data: Any) -> str:
    text: str = _TEXT[1](data)
    text.encode("latin-1")  # one character per byte, see core.source; UnicodeEncodeError is a ValueError
    return text


def _read_config(data: Any) -> Config:
    settings = _mapping((_write_setting, _PLAIN_VALUE[1]))[1](data)
    known = Config().to_data()
    for key, value in settings.items():
        if key in known and type(value) is not type(known[key]):
            raise ValueError(f"the setting {key} has the wrong kind")
    return Config.from_data(settings)


def _one_of(*kinds: type) -> Shape:
    def decode(value: object) -> object:
        if type(value) not in kinds:
            raise ValueError(f"expected {' or '.join(kind.__name__ for kind in kinds)}")
        return value

    return lambda value: value, decode


_TEXT, _FLAG = _plain(str), _plain(bool)
_COUNT = _integer(0, _U32)
_NUMBER = _integer(0, _U64)
_PARAMETER = _one_of(str, int)
_PLAIN_VALUE = _one_of(str, int, bool)
_BYTES: Shape = (_write_bytes, _read_bytes)
_TYPE: Shape = (to_data, _read_type)
_FILE: Shape = (list, _read_file)
_SOURCE = _record(Source, _TEXT, (lambda text: text, _read_source_text), _sequence(_FILE))
_CONFIG: Shape = (Config.to_data, _read_config)
_POINT = _record(ConcretePoint, _TEXT, _TEXT, _mapping((_write_setting, _read_point_setting)), _COUNT)
_RELOCATION = _record(Relocation, _COUNT, _TEXT, _TEXT)
_LINE = _record(LineInfo, _COUNT, _COUNT, _COUNT)
_FUNCTION = _record(FunctionInfo, _COUNT, _COUNT, _TEXT)
_PROGRAM_SPEC = _record(
    ProgramSpec, _TEXT, _POINT, _TEXT, _BYTES, _sequence(_RELOCATION), _sequence(_LINE), _sequence(_FUNCTION)
)
_MAP = _record(MapSpec, _TEXT, _TEXT, _COUNT, _COUNT, _COUNT, _optional(_TYPE), _optional(_TYPE), _BYTES)
_EVENT = _record(EventSpec, _NUMBER, _TEXT, _sequence(_TYPE), _mapping((_write_setting, _read_setting)))
_FAILURE = _record(
    FailureSite,
    *(_COUNT, _COUNT, _TEXT, _TEXT, _COUNT, _COUNT, _COUNT, _COUNT),
    _sequence(_sequence(_COUNT)),
)
_PROGRAM = _record(
    CompiledProgram,
    _SOURCE,
    _TEXT,
    _CONFIG,
    _sequence(_PROGRAM_SPEC),
    _sequence(_MAP),
    _sequence(_EVENT),
    _sequence(_FAILURE),
    _mapping(_TEXT),
    _BYTES,
    _sequence(_TEXT),
)


def _check_program(program: CompiledProgram) -> None:
    """What one part of the program says about another. Raises: ValueError."""
    maps = {spec.name for spec in program.maps}
    for spec in program.programs:
        slots, rest = divmod(len(spec.instructions), _INSTRUCTION)
        if rest or not slots:
            raise ValueError("instructions are 8 bytes each")
        for relocation in spec.relocations:
            is_call = relocation.kind == "kfunc"
            last = relocation.index + (0 if is_call else 1)
            if last >= slots or (relocation.kind not in KERNEL_KINDS and relocation.name not in maps):
                raise ValueError("a relocation points nowhere")
        if any(line.index >= slots for line in spec.lines):
            raise ValueError("a source line belongs to no instruction")
        starts = [function.index for function in spec.functions]
        if starts != sorted(set(starts)) or starts[:1] not in ([], [0]) or any(start >= slots for start in starts):
            raise ValueError("a function begins nowhere")
    if len(maps) != len(program.maps) or len({event.id for event in program.events}) != len(program.events):
        raise ValueError("two maps or two events have one name")
    lines = program.source.text.count("\n") + 1
    for site in program.failures:
        if site.program >= len(program.programs) or not 1 <= site.line <= site.end_line <= lines:
            raise ValueError("a failure site points nowhere")
    for map_ in program.maps:
        if map_.contents and (map_.kind != "array" or len(map_.contents) != map_.value_size):
            raise ValueError("a map's contents are no value of it")
        for type_, size in ((map_.key_type, map_.key_size), (map_.value_type, map_.value_size)):
            if type_ is not None and size_of(type_) > size:
                raise ValueError("a map's type is larger than its entries")
