"""Values compare by their content, whatever keeps them from being changed."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from bridge.domain.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    x: int
    y: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thing:
    x: int


@dataclass(slots=True, kw_only=True)
class Counter:
    n: int = 0


def test_values_of_the_same_content_are_equal_and_the_same_key() -> None:
    assert Point(x=1) == Point(x=1, y=0)
    assert {Point(x=1), Point(x=1, y=0)} == {Point(x=1)}
    assert replace(Point(x=1), y=2) == Point(x=1, y=2) != Point(x=1)
    assert repr(Point(x=1)) == "Point(x=1, y=0)"
    assert [field.name for field in fields(Point)] == ["x", "y"]


def test_a_thing_is_only_itself() -> None:
    one = Thing(x=1)

    assert one != Thing(x=1)
    assert len({one, one, Thing(x=1)}) == 2


def test_what_may_be_changed_is_no_key() -> None:
    counter = Counter()
    counter.n += 1

    assert counter == Counter(n=1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(counter)


def test_a_name_that_is_no_field_cannot_be_set() -> None:
    with pytest.raises(AttributeError):
        Point(x=1).z = 3  # type: ignore[attr-defined]
