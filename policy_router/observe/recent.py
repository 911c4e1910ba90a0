"""The latest requests and changes, kept in memory for the page."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final, TypeAlias, get_args

from policy_router.domain.outcome import RequestEnding
from policy_router.events import (
    ENDINGS,
    Answered,
    BreakerChanged,
    DegradationChanged,
    Exhausted,
    ExperimentEnded,
    OfferChanged,
    PolicyReloaded,
    QualityChanged,
    QuotaLow,
    ReloadRefused,
    SourceChanged,
    StoreChanged,
    StoreLostData,
    Warned,
)
from policy_router.frozen import maker
from policy_router.observe.pulse import Pulse, PulseStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision
    from policy_router.domain.models import Model
    from policy_router.events import Event

KEPT: Final = 500
"""Requests that are kept."""
CHANGES_KEPT: Final = 100
"""Changes that are kept."""
_POLICIES: Final = 8
"""Policies that are kept, to explain what they decided."""

Change: TypeAlias = (
    PolicyReloaded
    | ReloadRefused
    | BreakerChanged
    | DegradationChanged
    | ExperimentEnded
    | OfferChanged
    | QualityChanged
    | QuotaLow
    | SourceChanged
    | StoreChanged
    | StoreLostData
    | Warned
)
"""What changes for all requests."""
_KINDS_OF_CHANGES: Final = frozenset(get_args(Change))
_KINDS: Final = _KINDS_OF_CHANGES | ENDINGS


@dataclass(frozen=True, slots=True)
class EndedRequest:
    """A request that has ended.

    Attributes:
        number: Its number in this process; later ones have higher numbers.
        event: How it ended.
    """

    number: int
    event: Answered | Exhausted

    @property
    def decision(self) -> Decision:
        """What was decided."""
        return self.event.decision

    @property
    def ending(self) -> RequestEnding:
        """How it ended."""
        event = self.event
        if isinstance(event, Answered):
            return RequestEnding.REJECTED if event.rejected else RequestEnding.ANSWERED
        if not event.attempts:
            return RequestEnding.DENIED
        return RequestEnding.STOPPED if event.stopped else RequestEnding.FAILED

    @property
    def served_by(self) -> str | None:
        """Name of the model whose answer the caller has."""
        return self.event.served_by if isinstance(self.event, Answered) else None

    @property
    def model(self) -> Model | None:
        """That model."""
        name = self.served_by
        for candidate in self.event.decision.candidates:
            if candidate.model.name == name:
                return candidate.model
        return None

    @property
    def cost(self) -> int | None:
        """What all its calls cost, in nano-USD; None where nothing is counted."""
        costs = [a.cost_nano_usd for a in self.event.attempts if a.cost_nano_usd is not None]
        return sum(costs) if costs else None

    @property
    def seconds(self) -> float:
        """Seconds from its first call to its end; 0 without any call."""
        attempts = self.event.attempts
        return max(0.0, self.event.time - attempts[0].started) if attempts else 0.0


_new_ended: Final = maker(EndedRequest)


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests are shown: those that meet everything that is set.

    Attributes:
        task: Name of the task.
        model: Name of a model that was called.
        rule: Name of a rule that applied.
        who: The tenant, team, user or session.
        ending: How it ended; `trouble` stands for all but a good answer at the first call.
    """

    task: str | None = None
    model: str | None = None
    rule: str | None = None
    who: str | None = None
    ending: str | None = None

    def matches(self, ended: EndedRequest) -> bool:
        """Whether a request is shown."""
        decision, attempts = ended.decision, ended.event.attempts
        request = decision.request
        who = (request.tenant, request.team, request.user, request.session)
        return (
            (self.task is None or decision.task == self.task)
            and (self.model is None or any(each.model == self.model for each in attempts))
            and (self.who is None or self.who in who)
            and (self.ending is None or self._ended_so(ended))
            and (self.rule is None or self.rule in decision.rules)
        )

    def _ended_so(self, ended: EndedRequest) -> bool:
        if self.ending == "trouble":
            return ended.ending is not RequestEnding.ANSWERED or len(ended.event.attempts) != 1
        return ended.ending.value == self.ending


@dataclass(frozen=True, slots=True)
class NewerRequests:
    """The requests after a number.

    Attributes:
        requests: The latest of them that are shown, the newest first.
        more: How many more there are that would be shown, or are no longer kept.
        last: The number of the last request of all.
    """

    requests: tuple[EndedRequest, ...]
    more: int
    last: int


class RecentActivity:
    """An observer that keeps the latest requests and changes of this process.

    It keeps references to what there is already, so that it costs next to nothing until somebody
    looks. Texts of prompts and answers are in no event.
    """

    wants = _KINDS.__contains__

    def __init__(self, policy: Callable[[], Policy], *, keep: int = KEPT) -> None:
        """Makes an observer.

        Args:
            policy: Returns the active policy.
            keep: How many requests are kept.
        """
        self._policy = policy
        self._numbers = count(1)
        self._requests: deque[EndedRequest] = deque(maxlen=keep)
        self._changes: deque[Change] = deque(maxlen=CHANGES_KEPT)
        self._policies: deque[Policy] = deque([policy()], maxlen=_POLICIES)
        self.pulse = Pulse()

    def __call__(self, event: Event) -> None:
        """Keep an event, if it is the end of a request or a change."""
        kind = type(event)
        if kind is Answered or kind is Exhausted:
            self._add(event)  # type: ignore[arg-type]  # one of the two
        elif kind in _KINDS_OF_CHANGES:
            self._changes.append(event)  # type: ignore[arg-type]  # one of them
            if kind is PolicyReloaded:
                self._policies.append(self._policy())

    def _add(self, event: Answered | Exhausted) -> None:
        ended = _new_ended(next(self._numbers), event)
        self._requests.append(ended)
        answered, model = type(event) is Answered, ended.model
        failovers = cost = 0
        for attempt in event.attempts:
            failovers += attempt.failure is not None
            cost += attempt.cost_nano_usd or 0
        happened = PulseStep(
            1,
            not answered and not event.attempts,
            answered,
            model is not None and model.free,
            failovers,
            cost,
            ended.seconds,
        )
        self.pulse.add(event.time, happened)

    @property
    def last(self) -> int:
        """The number of the last request; 0 before the first."""
        kept = self._requests
        return kept[-1].number if kept else 0

    def newer(self, than: int, shown: RequestFilter, most: int) -> NewerRequests:
        """Return the requests after a number.

        Args:
            than: That number; 0 for all.
            shown: Which of them.
            most: How many of them at most.
        """
        kept = list(self._requests)
        last = kept[-1].number if kept else 0
        oldest = kept[0].number if kept else 1
        lost = max(0, oldest - 1 - than) if than else 0
        wanted = [each for each in reversed(kept) if each.number > than and shown.matches(each)]
        return NewerRequests(tuple(wanted[:most]), max(0, len(wanted) - most) + lost, last)

    def decided_by(self, revision: str) -> tuple[Decision, ...]:
        """Return what a policy decided, of the requests that are still kept."""
        kept = list(self._requests)
        return tuple(each.decision for each in kept if each.decision.revision == revision)

    def find(self, decision: str) -> EndedRequest | None:
        """Return the request of a decision, by its id; None where it is no longer kept."""
        return next((each for each in list(self._requests) if each.decision.id == decision), None)

    def changes(self) -> tuple[Change, ...]:
        """Return the latest changes, the newest first."""
        return tuple(reversed(list(self._changes)))

    def policy_of(self, revision: str) -> Policy | None:
        """Return the policy of a revision; None where it is no longer kept."""
        return next((each for each in self.policies() if each.revision == revision), None)

    def policies(self) -> tuple[Policy, ...]:
        """Return the policies that are still kept, the active one first."""
        return (self._policy(), *list(self._policies))
