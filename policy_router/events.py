"""What happens to a request, as values. Observers get these; they can change nothing by them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.providers.redact import frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.domain.decision import Attempt, Decision, Skip
    from policy_router.domain.findings import Finding
    from policy_router.providers.failure import Failure


_log: Final = logging.getLogger(__name__)


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
class JudgedAnswer:
    """A model was asked to judge an answer. attempt: that call, which is none of the request's
    attempts. passed: its judgement; None when there is none. failure: why, when the call failed."""

    decision: Decision
    attempt: Attempt
    passed: bool | None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class NoRoom:
    """A candidate had no room in a limit or a budget when it was to be asked; others may have
    taken it since the decision."""

    decision: Decision
    skip: Skip


@dataclass(frozen=True, slots=True)
class Warned:
    """A budget has passed one of its thresholds; told once per period, over all processes.

    budget: its name. subject: whose, "-" when it is everybody's. share: 0..1. spent, cap: nano-USD
    or tokens, by metric.
    """

    budget: str
    subject: str
    metric: str
    share: float
    spent: int
    cap: int


@dataclass(frozen=True, slots=True)
class StoreChanged:
    """The store of counters went out of reach (up: False), or is back."""

    up: bool
    detail: str


@dataclass(frozen=True, slots=True)
class StoreLostData:
    """The store of counters lost some of what was counted (lost: True): budgets with a cap stay
    closed until an operator accepts that. Or that is over (lost: False): it was accepted, or the
    data is back."""

    lost: bool
    detail: str


@dataclass(frozen=True, slots=True)
class FunctionChanged:
    """A function that the policy calls is not called for a while (up: False), as its calls do not
    return; or it is called again. function: its name in the policy."""

    function: str
    up: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The request has its answer. skipped: models passed over on the way. rejected: checks that
    this answer failed, when none passed. unchecked: checks that could not be made."""

    decision: Decision
    attempts: tuple[Attempt, ...]
    served_by: str
    skipped: tuple[Skip, ...] = ()
    rejected: tuple[Finding, ...] = ()
    unchecked: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The request got no answer. stopped: the last failure ended it, not a lack of models."""

    decision: Decision
    attempts: tuple[Attempt, ...]
    stopped: bool
    retry_after: float | None = None
    skipped: tuple[Skip, ...] = ()


Event = (
    Decided
    | Attempted
    | JudgedAnswer
    | NoRoom
    | Answered
    | Exhausted
    | Warned
    | StoreChanged
    | StoreLostData
    | FunctionChanged
)


def harmless(observe: Callable[[Event], None]) -> Callable[[Event], None]:
    """An observer that does what another does, and what the other raises harms no request; it is
    logged once."""
    complained = False

    def tell(event: Event) -> None:
        nonlocal complained
        try:
            observe(event)
        except Exception as error:  # noqa: BLE001  an observer may raise anything
            if not complained:
                complained = True
                words = "an observer raised; further errors of it are not logged: %s"
                _log.error(words, frames(error))

    return tell
