"""Keeps rejected answers, in case no model gives a better one. No IO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from policy_router.providers.failures.failure import FailureKind

if TYPE_CHECKING:
    from policy_router.acceptance.checks import Verdict
    from policy_router.domain.models import Model
    from policy_router.providers.failures.failure import Failure

T = TypeVar("T")
_WHOLE: Final = frozenset({FailureKind.EMPTY, FailureKind.REJECTED})


def is_whole(failure: Failure | None) -> bool:
    """Whether an answer is complete, though it may be of no use."""
    return failure is None or failure.kind in _WHOLE


@dataclass(frozen=True, slots=True)
class FallbackAnswer(Generic[T]):
    """An answer that was rejected.

    Attributes:
        served_by: Name of the model that gave it.
        rank: Rank of the model's tier.
        verdict: The result of the checks.
        answer: The answer.
    """

    served_by: str
    rank: int
    verdict: Verdict
    answer: T


class FallbackAnswers(Generic[T]):
    """The rejected answers of one request."""

    def __init__(self) -> None:
        self._kept: list[FallbackAnswer[T]] = []
        self._empty = False

    def judged(self, verdict: Verdict, failure: Failure | None, *, more: bool) -> Failure | None:
        """Decides whether a whole answer is given out.

        After a first empty answer that passes the checks, another model is called; when its
        answer is empty too, or there is none, the empty answer is given out.

        Args:
            verdict: The result of the checks.
            failure: EMPTY for an empty answer, else None.
            more: Whether another model could be called.

        Returns:
            The failure of the attempt; None when its answer is given out.
        """
        if verdict.failure is not None:
            return verdict.failure
        if failure is None or self._empty or not more:
            return None
        self._empty = True
        return failure

    def keep(self, model: Model, verdict: Verdict, answer: T) -> None:
        """Keeps a rejected answer, unless the policy wants an error instead of it."""
        if verdict.may_stand_in:
            self._kept.append(FallbackAnswer(model.name, model.rank, verdict, answer))

    def best(self) -> FallbackAnswer[T] | None:
        """The answer that passed the most checks; of equals that of the strongest tier, then the
        latest."""
        # Of equals max takes the first.
        return max(
            reversed(self._kept), key=lambda s: (len(s.verdict.passed), s.rank), default=None
        )
