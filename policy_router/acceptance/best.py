"""Answers that were not taken, kept in case nobody has a better one. No IO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from policy_router.providers.failure import FailureKind

if TYPE_CHECKING:
    from policy_router.acceptance.checks import Verdict
    from policy_router.domain.models import Model
    from policy_router.providers.failure import Failure

T = TypeVar("T")
_WHOLE: Final = frozenset({FailureKind.EMPTY, FailureKind.REJECTED})


def is_whole(failure: Failure | None) -> bool:
    """Whether an answer came whole, though it may be of no use."""
    return failure is None or failure.kind in _WHOLE


@dataclass(frozen=True, slots=True)
class FallbackAnswer(Generic[T]):
    """An answer, who gave it, and what the checks made of it."""

    served_by: str
    rank: int
    verdict: Verdict
    answer: T


class FallbackAnswers(Generic[T]):
    """The spare answers of one request."""

    def __init__(self) -> None:
        self._kept: list[FallbackAnswer[T]] = []
        self._empty = False

    def judged(self, verdict: Verdict, failure: Failure | None, *, more: bool) -> Failure | None:
        """The failure of an attempt whose answer came whole; None when the answer is to be taken.

        failure: EMPTY, or None. An empty answer that passes is asked for elsewhere once: when
        others have nothing to say either, or there are no `more` to ask, it is the answer.
        """
        if verdict.failure is not None:
            return verdict.failure
        if failure is None or self._empty or not more:
            return None
        self._empty = True
        return failure

    def keep(self, model: Model, verdict: Verdict, answer: T) -> None:
        """Keeps an answer, unless the policy wants an error rather than this one."""
        if verdict.may_stand_in:
            self._kept.append(FallbackAnswer(model.name, model.rank, verdict, answer))

    def best(self) -> FallbackAnswer[T] | None:
        """The one that passed the most checks; of equals the one of the strongest tier, then the
        latest."""
        # Of equals max takes the first.
        return max(reversed(self._kept), key=lambda s: (s.verdict.passed, s.rank), default=None)
