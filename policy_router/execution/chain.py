"""Which model is asked next. No IO, no clock, no randomness: what to do is data for the executor.

chain = Chain(candidates, fallback)
candidate = chain.next()
step = chain.failed(failure, remaining=12.5)     # RETRY, NEXT, STOP or END
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.domain.decision import Candidate, Reason, Skip
from policy_router.domain.fallback import Action
from policy_router.providers.failure import FailureKind
from policy_router.providers.place import SHARED, place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.domain.fallback import Fallback
    from policy_router.domain.models import Model
    from policy_router.providers.failure import Failure
    from policy_router.providers.place import Place

LEAST: Final = 0.5
"""Seconds: no attempt starts with less left, it could only be cut off and billed."""
BACKOFF: Final = 0.5
"""Seconds: the most a retry of the same model waits when the provider named no time."""
PATIENCE: Final = 2.0
"""Seconds: the longest named wait that is worth sitting out rather than moving on."""


class Move(StrEnum):
    """RETRY: the same model after `Step.wait`. NEXT: take `Chain.next()`. STOP: the request
    itself was refused. END: nothing is left to try."""

    RETRY = "retry"
    NEXT = "next"
    STOP = "stop"
    END = "end"


@dataclass(frozen=True, slots=True)
class ChainStep:
    """What to do. wait: seconds, the least and the most; the executor draws between them."""

    move: Move
    wait: tuple[float, float] = (0.0, 0.0)


class Chain:
    """The candidates of one request and how far it has come with them.

    attempts: calls begun so far. skipped: candidates passed over, because they had no room,
    because their context is not larger than that of a model the request did not fit into, because
    their tier is not higher than that of a model whose answer was rejected, or because they share
    the key, the account or the provider that was at fault.
    """

    def __init__(self, candidates: Sequence[Candidate], fallback: Fallback) -> None:
        self._candidates = tuple(candidates)
        self._fallback = fallback
        self._at = -1
        self._retried = False
        self._floor = -1
        self._rejected: Model | None = None
        self._at_fault: dict[Place, str] = {}
        self.attempts = 0
        self.skipped: tuple[Skip, ...] = ()

    @property
    def current(self) -> Candidate | None:
        """The candidate being asked; None before the first."""
        return self._candidates[self._at] if self._at >= 0 else None

    @property
    def more(self) -> bool:
        """Whether another candidate could be asked after the current one."""
        return self._allowed and self._find(self._at + 1) is not None

    def next(self) -> Candidate | None:
        """Moves to the next candidate that may be asked; None when there is none or the policy's
        `max_attempts` is reached."""
        if not self._allowed:
            return None
        found = self._find(self._at + 1)
        self._pass_over(found)
        if found is None:
            return None
        self._at = found
        self._retried = False
        self.attempts += 1
        return self._candidates[found]

    def refused(self, skip: Skip) -> Candidate | None:
        """Moves on from the current candidate, which had no room and was not asked: it counts for
        no attempt."""
        self.attempts -= 1
        self.skipped += (skip,)
        return self.next()

    def failed(self, failure: Failure, remaining: float) -> ChainStep:
        """What follows when the current candidate failed with `remaining` seconds left.

        A RETRY counts as begun here; NEXT counts when `next` is called.
        """
        reaction = failure.reaction
        if failure.certain and failure.scope in SHARED and self.current is not None:
            words = f"shares the {failure.scope} of `{self.current.name}`: {failure.kind}"
            self._at_fault[place(self.current.model, failure.scope)] = words
        if reaction.higher and self.current is not None:
            self._rejected = self.current.model  # each is higher than the one before it
        action = reaction.fixed or self._fallback.on_error.get(reaction.fault, reaction.default)
        return ACTIONS[action](self, failure, remaining)

    @property
    def _allowed(self) -> bool:
        return self.attempts < self._fallback.max_attempts

    def _find(self, start: int) -> int | None:
        places = range(start, len(self._candidates))
        return next((i for i in places if self._why_not(self._candidates[i]) is None), None)

    def _pass_over(self, until: int | None) -> None:
        """Notes why the candidates between the current one and that place are not asked; None is
        the end."""
        end = len(self._candidates) if until is None else until
        passed = self._candidates[self._at + 1 : end]
        self.skipped += tuple(skip for each in passed if (skip := self._why_not(each)) is not None)
        self._at = max(self._at, end - 1)

    def _why_not(self, candidate: Candidate) -> Skip | None:
        """Why a candidate is not asked any more."""
        if self._rejected is not None and candidate.model.rank <= self._rejected.rank:
            words = f"not of a higher tier than `{self._rejected.name}`, whose answer was rejected"
            return Skip(candidate.name, Reason.TIER, words, span=candidate.model.span)
        shared = [place(candidate.model, scope) for scope in SHARED] if self._at_fault else []
        fault = next((self._at_fault[each] for each in shared if each in self._at_fault), None)
        if fault is not None:
            return Skip(candidate.name, Reason.NOT_ASKED, fault, span=candidate.model.span)
        if _context(candidate) <= self._floor:
            return self._too_small(candidate)
        return None

    def _too_small(self, candidate: Candidate) -> Skip:
        size = candidate.model.context
        have = "is unknown" if size is None else f"of {size} tokens"
        return Skip(
            candidate.name,
            Reason.CONTEXT,
            f"its context {have}; the request did not fit into {self._floor} tokens",
        )

    def _on(self, remaining: float) -> ChainStep:
        if not self._allowed or remaining < LEAST:
            return ChainStep(Move.END)
        if self.more:
            return ChainStep(Move.NEXT)
        self._pass_over(None)
        return ChainStep(Move.END)

    def leave(self, why: str) -> tuple[Skip, ...]:
        """Ends the chain, and notes the candidates that were not asked and may have been, with the
        reason in words. All that were passed over."""
        for each in self._candidates[self._at + 1 :]:
            at = each.model.span
            skip = self._why_not(each) or Skip(each.name, Reason.NOT_ASKED, why, span=at)
            self.skipped += (skip,)
        self._at = max(self._at, len(self._candidates) - 1)
        return self.skipped

    @property
    def _spare(self) -> bool:
        """Whether the attempts that are left are more than the candidates that are."""
        left = self._candidates[self._at + 1 :]
        waiting = sum(1 for each in left if self._why_not(each) is None)
        return self._fallback.max_attempts - self.attempts > waiting

    def _again(self, failure: Failure, remaining: float) -> ChainStep | None:
        """A retry of the same model, when there may be one."""
        wait = _wait(failure, remaining)
        if self._retried or not self._allowed or wait is None or wait[0] + LEAST > remaining:
            return None
        self._retried = True
        self.attempts += 1
        return ChainStep(Move.RETRY, (wait[0], min(wait[1], remaining - LEAST)))

    def _bigger(self, remaining: float) -> ChainStep:
        if self._at >= 0:
            self._floor = max(self._floor, _context(self._candidates[self._at]))
        # Without a larger model every other would refuse it too: that is the request's fault.
        return self._on(remaining) if self.more else ChainStep(Move.STOP)


def _context(candidate: Candidate) -> int:
    """An unknown context counts as the smallest: it is not known to be larger than any."""
    return candidate.model.context or 0


def _wait(failure: Failure, remaining: float) -> tuple[float, float] | None:
    """Seconds before the same model may be asked again; None when it must not be."""
    told = failure.retry_after
    if not failure.reaction.again or (failure.kind is FailureKind.RATE_LIMITED and told is None):
        return None
    if told is None:
        return 0.0, BACKOFF
    return (told, told * 1.1) if told <= min(PATIENCE, remaining / 4) else None


def _next(chain: Chain, failure: Failure, remaining: float) -> ChainStep:  # noqa: ARG001  a row of ACTIONS
    return chain._on(remaining)  # noqa: SLF001  the rows of ACTIONS are the chain's own


def _retry(chain: Chain, failure: Failure, remaining: float) -> ChainStep:
    if not failure.reaction.again:  # asking the same model again cannot help
        return chain._on(remaining)  # noqa: SLF001  as above
    return chain._again(failure, remaining) or ChainStep(Move.END)  # noqa: SLF001  as above


def _retry_then_next(chain: Chain, failure: Failure, remaining: float) -> ChainStep:
    # A model that was not asked yet is a better use of an attempt than one that has just failed.
    again = chain._again(failure, remaining) if chain._spare else None  # noqa: SLF001  as above
    return again or chain._on(remaining)  # noqa: SLF001  as above


def _bigger_context(chain: Chain, failure: Failure, remaining: float) -> ChainStep:  # noqa: ARG001  a row
    return chain._bigger(remaining)  # noqa: SLF001  as above


def _stop(chain: Chain, failure: Failure, remaining: float) -> ChainStep:  # noqa: ARG001  a row of ACTIONS
    return ChainStep(Move.STOP)


ACTIONS: Final[Mapping[Action, Callable[[Chain, Failure, float], ChainStep]]] = MappingProxyType(
    {
        Action.NEXT: _next,
        Action.RETRY: _retry,
        Action.RETRY_THEN_NEXT: _retry_then_next,
        Action.BIGGER_CONTEXT: _bigger_context,
        Action.STOP: _stop,
    }
)
