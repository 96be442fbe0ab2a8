"""`@dataclass(frozen=True, slots=True)` as `dataclasses` has it, for a program that must start quickly.

`dataclasses` writes six methods for each class as text and compiles them at import: about 0.4 ms a class, which for the
hundred classes of a compilation is a fifth of its time. The classes made here are dataclasses too (`fields`, `replace`
and `asdict` take them), but their methods are ordinary closures over the list of fields, and making one takes 0.03 ms.
A type checker sees the original. This must not know any class that it makes.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool, slots: bool, eq: bool = True) -> Any:
        """The decorator, for frozen classes with slots only. Without `eq` objects are equal to themselves alone.

        Two things differ from the original: pickle and copy do not take the objects, and a class of the original kind
        cannot inherit from one of these.
        """
        assert frozen and slots, "other dataclasses come from the module dataclasses"
        return lambda cls: _make(cls, eq)


def _make(cls: Any, eq: bool) -> Any:
    # A class without a docstring would get one made of its signature, which takes longer than all the rest.
    cls.__doc__ = cls.__doc__ or cls.__name__
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    fields = dataclasses.fields(made)
    made.__init__ = _initializer(made, fields)
    made.__setattr__ = _refuse_to_set
    made.__delattr__ = _refuse_to_delete
    if "__repr__" not in cls.__dict__:
        made.__repr__ = _repr_of([field.name for field in fields if field.repr])
    if eq:
        made.__eq__, made.__hash__ = _comparison([field.name for field in fields if field.compare])
    return made


def _initializer(made: Any, fields: tuple[dataclasses.Field[Any], ...]) -> Any:
    # A slot is written through its descriptor, because setting an attribute is what the class refuses.
    setters = [getattr(made, field.name).__set__ for field in fields]
    count = len(fields)

    def __init__(self: Any, *values: Any, **named: Any) -> None:
        if named or len(values) != count:
            values = _complete(type(self).__name__, fields, values, named)
        for set_value, value in zip(setters, values):  # noqa: B905 - both have `count` items
            set_value(self, value)

    return __init__


def _complete(
    name: str, fields: tuple[dataclasses.Field[Any], ...], values: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Any, ...]:
    """A value for each field, from those given in order, then by name, then the defaults. Raises: TypeError."""
    if len(values) > len(fields):
        raise TypeError(f"{name}() takes {len(fields)} arguments but {len(values)} were given")
    found = list(values)
    for field in fields[len(values) :]:
        if field.name in named:
            found.append(named.pop(field.name))
        elif field.default is not dataclasses.MISSING:
            found.append(field.default)
        elif field.default_factory is not dataclasses.MISSING:
            found.append(field.default_factory())
        else:
            raise TypeError(f"{name}() needs the argument '{field.name}'")
    if named:
        raise TypeError(f"{name}() cannot take the argument '{next(iter(named))}'")
    return tuple(found)


def _comparison(names: list[str]) -> tuple[Any, Any]:
    """`__eq__` and `__hash__` over the named fields, between objects of just the same class."""
    values: Any = attrgetter(*names) if names else lambda self: ()

    def __eq__(self: Any, other: object) -> Any:
        if self is other:
            return True
        return values(self) == values(other) if type(self) is type(other) else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(values(self))

    return __eq__, __hash__


def _repr_of(names: list[str]) -> Any:
    def __repr__(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return __repr__


def _refuse_to_set(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field '{name}'")


def _refuse_to_delete(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field '{name}'")
