"""What happens to a request, as values. Observers get these; they can change nothing by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_router.execute.failure import Failure
    from policy_router.model import Attempt, Decision, Skip


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision is about to be carried out."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class Attempted:
    """One call of one model has ended. failure: why, when it failed."""

    decision: Decision
    attempt: Attempt
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The request has its answer. skipped: models passed over on the way."""

    decision: Decision
    attempts: tuple[Attempt, ...]
    served_by: str
    skipped: tuple[Skip, ...] = ()


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The request got no answer. stopped: the last failure ended it, not a lack of models."""

    decision: Decision
    attempts: tuple[Attempt, ...]
    stopped: bool
    retry_after: float | None = None
    skipped: tuple[Skip, ...] = ()


Event = Decided | Attempted | Answered | Exhausted
