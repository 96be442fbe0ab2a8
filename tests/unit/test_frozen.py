"""Frozen dataclasses behave as those of the module dataclasses, and none of their methods is compiled text."""

from __future__ import annotations

import dataclasses
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from typing import Any

import pytest
from pybpftrace.core import frozen


def classes(dataclass: Any) -> Any:
    """The same three classes made by either decorator."""

    @dataclass(frozen=True, slots=True)
    class Point:
        x: int
        y: int = 2
        tags: list[str] = field(default_factory=list)
        seen: int = field(default=0, compare=False, repr=False)

        def sum(self) -> int:
            return self.x + self.y

    @dataclass(frozen=True, slots=True)
    class Tall(Point):
        height: int = 7

    @dataclass(frozen=True, slots=True)
    class Nothing:
        """No fields."""

    return Point, Tall, Nothing


QUICK = classes(frozen.dataclass)
BOTH = pytest.mark.parametrize("made", [QUICK, classes(dataclasses.dataclass)], ids=["frozen", "dataclasses"])


@BOTH
def test_fields_are_given_in_order_or_by_name_and_the_rest_has_its_default(made: Any) -> None:
    point = made[0](1, tags=["a"])
    assert (point.x, point.y, point.tags, point.seen, point.sum()) == (1, 2, ["a"], 0, 3)
    assert made[0](1).tags is not made[0](1).tags


@BOTH
@pytest.mark.parametrize(("values", "named"), [((), {}), ((1, 2, [], 0, 5), {}), ((1,), {"z": 1}), ((1,), {"x": 1})])
def test_arguments_that_do_not_fit_the_fields_are_a_type_error(made: Any, values: Any, named: Any) -> None:
    with pytest.raises(TypeError):
        made[0](*values, **named)


@BOTH
def test_objects_are_equal_and_hash_alike_when_their_compared_fields_and_class_agree(made: Any) -> None:
    point, tall, nothing = made
    assert point(1, 2, (), 3) == point(1, 2, (), 4)
    assert hash(point(1, 2, (), 3)) == hash(point(1, 2, (), 4))
    assert point(1) != point(2)
    assert tall(1, 2, []) != point(1, 2, [])
    assert nothing() == nothing()
    assert hash(nothing()) == hash(nothing())
    assert nothing() != ()


@BOTH
def test_nothing_can_be_set_or_deleted_or_added(made: Any) -> None:
    point = made[0](1)
    with pytest.raises(FrozenInstanceError):
        point.x = 2
    with pytest.raises(FrozenInstanceError):
        del point.x
    with pytest.raises((FrozenInstanceError, TypeError)):  # TypeError: a bug of the original with slots (gh-90562)
        point.other = 1
    assert not hasattr(point, "__dict__")


@BOTH
def test_they_are_dataclasses_to_everything_that_asks(made: Any) -> None:
    tall = made[1](1, tags=["a"])
    assert [f.name for f in fields(tall)] == ["x", "y", "tags", "seen", "height"]
    assert made[1].__match_args__ == ("x", "y", "tags", "seen", "height")
    assert asdict(tall) == {"x": 1, "y": 2, "tags": ["a"], "seen": 0, "height": 7}
    assert replace(tall, height=8).height == 8
    assert repr(tall).endswith("Tall(x=1, y=2, tags=['a'], height=7)")


def test_without_eq_objects_are_equal_to_themselves_alone() -> None:
    @frozen.dataclass(frozen=True, slots=True, eq=False)
    class Node:
        at: int

    node = Node(1)
    assert node == node
    assert node != Node(1)
    assert len({node, Node(1)}) == 2


def test_no_method_is_compiled_text() -> None:
    for made in QUICK:
        methods = [value for value in vars(made).values() if callable(value)]
        assert methods
        assert {method.__code__.co_filename for method in methods} <= {frozen.__file__, __file__}
