"""Answers that somebody may still rate, and what each source said about them last."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

MOST_ANSWERS: Final = 20_000
"""The most answers that are remembered; the oldest are forgotten first."""
SCORE: Final = 1_000
"""What the best score is counted as."""
_Place = TypeVar("_Place")


class RatedAnswers(Generic[_Place]):
    """Remembers where the ratings of an answer are counted. Not thread-safe."""

    def __init__(self) -> None:
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()
        self._scores: OrderedDict[Hashable, int] = OrderedDict()

    def remember(self, decision: str, place: _Place) -> None:
        """Say where the ratings of an answer are counted.

        Args:
            decision: Id of the decision that the answer carries.
            place: The place.
        """
        _put(self._places, decision, place)

    def rate(self, decision: str, source: str, score: float) -> tuple[_Place, int, int] | None:
        """Note what a source says about an answer; its latest score counts.

        Args:
            decision: Id of the decision that the answer carries.
            source: The source: who or what judged the answer.
            score: How good the answer is, 0..1.

        Returns:
            Where it is counted, how many ratings that adds, and how many `SCORE` parts of a score;
            None where the answer is not remembered.
        """
        place = self._places.get(decision)
        if place is None:
            return None
        new = round(score * SCORE)
        before = self._scores.get((decision, source))
        _put(self._scores, (decision, source), new)
        return (place, 1, new) if before is None else (place, 0, new - before)


_Value = TypeVar("_Value")


def _put(known: OrderedDict[Hashable, _Value], key: Hashable, value: _Value) -> None:
    known[key] = value
    if len(known) > MOST_ANSWERS:
        known.popitem(last=False)
