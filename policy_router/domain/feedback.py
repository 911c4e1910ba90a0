"""Feedback on the answer to a request, from people or programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.base_errors import UsageError
from policy_router.domain.identity import bounded_id, storable
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from policy_router.domain.outcome import Outcome

OF_CHECKS: Final = "check"
"""The source of the policy's own checks: 1 for an answer that passed, else 0."""
OF_PEOPLE: Final = "user"
"""The default source."""
LONGEST_LABEL: Final = 64
"""Maximum length of a label, in characters."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """The feedback of one source on the answer to a request.

    The latest value of each source counts; earlier ones are kept as history.

    Attributes:
        decision: Id of the decision, which the answer carries.
        score: How good the answer is, from 0 to 1.
        source: The source: who or what judged the answer, such as `user` or `reviewers`; bounded in
            length.
        label: A word that says why, such as `wrong_language`; never a text.
        at: Unix time at which it was given.
        id: Identifies it; of two values with the same time, the one with the greater id is later.

    Raises:
        UsageError: A value has the wrong type or is out of range.
    """

    decision: str
    score: float
    source: str = OF_PEOPLE
    label: str | None = None
    at: float = 0.0
    id: str = ""

    def __post_init__(self) -> None:
        """Check the values, and bound the name of the source."""
        score = self.score
        if isinstance(score, bool) or not isinstance(score, int | float):
            raise UsageError(f"`score` must be a number from 0 to 1, not `{quoted(score)}`")
        if not 0 <= score <= 1:  # neither is NaN, which no comparison holds for
            raise UsageError(f"`score` must be a number from 0 to 1, not {quoted(score)}")
        for name in ("decision", "source"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise UsageError(f"`{name}` must be a string with at least one character")
        object.__setattr__(self, "decision", _kept(self.decision))
        object.__setattr__(self, "source", bounded_id(_kept(self.source)))
        label = self.label
        if label is not None and not (isinstance(label, str) and _is_word(label)):
            raise UsageError(
                f"`label` must be a word of at most {LONGEST_LABEL} printable characters, not a "
                "text"
            )


@dataclass(frozen=True, slots=True)
class GivenFeedback:
    """Feedback, with the call that it is about.

    Attributes:
        feedback: The feedback.
        before: The score that the same source gave before; None for its first one.
        outcome: The call that gave the answer.
    """

    feedback: Feedback
    before: float | None
    outcome: Outcome


def _is_word(label: str) -> bool:
    return len(label) <= LONGEST_LABEL and label.isprintable()


def _kept(text: str) -> str:
    """A text that every database can store: PostgreSQL rejects NUL characters."""
    return storable(text).replace("\0", "\\x00")


def from_someone(feedback: Feedback) -> Feedback:
    """Return feedback that is not of the policy's own checks.

    Raises:
        UsageError: It names them as its source.
    """
    if feedback.source == OF_CHECKS:
        raise UsageError(f"the source `{OF_CHECKS}` is that of the policy's checks; name another")
    return feedback
