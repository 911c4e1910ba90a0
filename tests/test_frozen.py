"""What is made the fast way is what the constructor of a frozen class makes."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any

import pytest

from policy_router.classification.body import BodyFacts
from policy_router.classification.features import Features
from policy_router.classification.reading import RequestReading
from policy_router.classification.text import Text
from policy_router.domain.decision import Decision
from policy_router.domain.request import Request
from policy_router.domain.situation import Situation
from policy_router.frozen import changer, maker


@dataclass(frozen=True, slots=True)
class _Point:
    x: int
    y: int = 2
    seen: list[int] = field(default_factory=list, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class _Named(_Point):
    name: str = ""


_new_point = maker(_Point)


def test_an_object_is_what_the_constructor_makes() -> None:
    made, plain = _new_point(1, y=3), _Point(1, 3)
    assert type(made) is _Point
    assert (made, repr(made), hash(made)) == (plain, repr(plain), hash(plain))
    assert pickle.loads(pickle.dumps(made)) == copy.copy(made) == plain  # noqa: S301  our own
    assert replace(made, x=5) == _Point(5, 3)


def test_defaults_are_those_of_the_class() -> None:
    made, other = _new_point(1), _new_point(1)
    assert (made.x, made.y, made.seen) == (1, 2, [])
    assert made.seen is not other.seen


def test_an_object_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        _new_point(1).x = 2  # type: ignore[misc]  # the point of the test


@pytest.mark.parametrize("arguments", [{}, {"x": 1, "z": 2}], ids=["too few", "unknown"])
def test_wrong_arguments_are_refused_as_by_the_constructor(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        _Point(**arguments)
    with pytest.raises(TypeError):
        _new_point(**arguments)


_NEEDED: dict[type, dict[str, Any]] = {
    Situation: {"request": Request()},
    Decision: {"revision": "rev", "situation": Situation(Request()), "candidates": ()},
}


@pytest.mark.parametrize("frozen", [RequestReading, Text, Features, Request, Situation, Decision])
def test_every_field_has_its_default(frozen: type) -> None:
    needed = _NEEDED.get(frozen, {})
    made, plain = maker(frozen)(**needed), frozen(**needed)
    assert type(made) is frozen
    assert made == plain
    assert all(getattr(made, each.name) == getattr(plain, each.name) for each in fields(frozen))


def test_arguments_that_are_given_by_name_are_not_taken_by_position() -> None:
    with pytest.raises(TypeError, match="argument"):
        maker(Decision)("rev", Situation(Request()), ())  # type: ignore[call-arg]  # the point


def test_arguments_by_position_are_in_the_order_of_the_fields() -> None:
    assert maker(BodyFacts)(3, frozenset({"vision"}), 9).most == 9


def test_the_class_may_have_a_base_with_fields() -> None:
    made = maker(_Named)(1, name="a")
    assert type(made) is _Named
    assert (made, made.seen) == (_Named(1, name="a"), [])
    assert changer(_Named, "x")(made, 5) == _Named(5, name="a")
    with pytest.raises(FrozenInstanceError):
        made.x = 2  # type: ignore[misc]  # the point of the test


def test_a_changed_object_is_what_replace_makes() -> None:
    change = changer(_Point, "seen", "x")
    plain = _Point(1, 3, [4])
    made = change(plain, [5], 6)
    assert type(made) is _Point
    assert (made, made.seen) == (replace(plain, x=6, seen=[5]), [5])
    assert (plain.x, plain.seen) == (1, [4])
    with pytest.raises(TypeError, match="argument"):
        change(plain, [5])


@dataclass(frozen=True, slots=True)
class _Even:
    number: int

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError(self.number)
        object.__setattr__(self, "number", int(self.number))


def test_what_a_class_does_after_its_constructor_is_done() -> None:
    make = maker(_Even)
    made = make(False)
    assert made == _Even(0)
    assert type(made.number) is int
    with pytest.raises(ValueError, match="3"):
        make(3)
