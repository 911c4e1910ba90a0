"""Which model is called next, as a state machine without IO, clock or randomness.

`chain_states` has the states of a request and which may follow which. The rules:

    1. One model is called at a time, and an attempt ends before the next one is chosen.
    2. A candidate without room in a limit or budget was not called: the chain is IDLE again, and no
       attempt is counted.
    3. A whole answer is checked before it is given out. A stream whose chunks are given out as they
       arrive is not checked, and answers straight from CALLING.
    4. What a failure leads to is the policy's action for it (see `Chain.failed`): another model
       (IDLE), the same one (WAITING) or the end (FAILED).
    5. A failure that is about the key leads to another key of the same model before any action but
       `stop`, and counts as an attempt (WAITING, without a wait). It takes no attempt that a
       candidate not called yet needs.
    6. A request may be given up at any time before it is DONE: its deadline passed, or its caller
       stopped waiting.

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
from policy_router.execution.chain_states import TRANSITIONS, ChainEvent, ChainState
from policy_router.execution.exclusions import Exclusions
from policy_router.providers.failures.failure import FailureKind, FailureScope
from policy_router.providers.failures.fault_domain import is_of_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.domain.fallback import Fallback
    from policy_router.domain.models import Model
    from policy_router.providers.failures.failure import Failure

LEAST: Final = 0.5
"""Seconds: no attempt starts with less left, it could only be cut off and billed."""
BACKOFF: Final = 0.5
"""Seconds: the longest wait before a retry when the provider named no time."""


class Move(StrEnum):
    """The next move after a failure.

    RETRY: wait, then call the same model. NEXT: call the next one. STOP: the request itself was
    refused. END: no model is left to call.
    """

    RETRY = "retry"
    NEXT = "next"
    STOP = "stop"
    END = "end"


@dataclass(frozen=True, slots=True)
class ChainStep:
    """What to do after a failure.

    Attributes:
        move: What to do.
        wait: Seconds before a RETRY, least and most; the executor draws one between them.
        other_key: Whether a RETRY calls the model with another of its keys.
    """

    move: Move
    wait: tuple[float, float] = (0.0, 0.0)
    other_key: bool = False


class Chain:
    """The candidates of one request, and its progress through them.

    Attributes:
        state: The state of the request.
        attempts: Calls begun so far.
        skipped: Candidates that were passed over: without room, with too small a context for the
            request, of too low a tier after a rejected answer, or sharing the key, account or
            provider that was at fault.
    """

    def __init__(self, candidates: Sequence[Candidate], fallback: Fallback) -> None:
        self._candidates = tuple(candidates)
        self._fallback = fallback
        self._index = -1
        self._retried = False
        self._retries_left = True
        self._exclusions = Exclusions()
        self.state = ChainState.IDLE
        self.attempts = 0
        self.skipped: tuple[Skip, ...] = ()

    # -- events ------------------------------------------------------------------------------

    def next(self) -> Candidate | None:
        """Chooses the next candidate that may be called.

        Returns:
            None when there is none, or the policy's `max_attempts` is reached; then the request has
            failed.
        """
        index = self._find(self._index + 1) if self._allowed else None
        if index is None:
            if self._allowed:
                self._pass_over(None)
            self._enter(ChainEvent.GIVEN_UP)
            return None
        self._enter(ChainEvent.CHOSEN)
        self._pass_over(index)
        self._index = index
        self._retried = False
        self.attempts += 1
        return self._candidates[index]

    def no_room(self, skip: Skip) -> Candidate | None:
        """Moves on from the current candidate, which had no room and was not called.

        Args:
            skip: The limit or budget that has no room.

        Returns:
            The next candidate, as `next` does.
        """
        self._enter(ChainEvent.NO_ROOM)
        self.attempts -= 1
        self.skipped += (skip,)
        return self.next()

    def answer_complete(self) -> None:
        """Notes that the current candidate's answer is complete and is checked now."""
        self._enter(ChainEvent.ANSWER_COMPLETE)

    def answered(self) -> None:
        """Notes that the current candidate's answer is the request's."""
        self._enter(ChainEvent.ANSWERED)

    def failed(
        self,
        failure: Failure,
        remaining: float,
        *,
        called: Model | None = None,
        keys: int = 0,
        retries: bool = True,
    ) -> ChainStep:
        """Decides what follows after a failure of the current candidate.

        A RETRY counts as begun here; NEXT counts when `next` is called.

        Args:
            failure: Why it failed.
            remaining: Seconds until the request's deadline.
            called: The candidate's model with the key that it was called with. Default: its only
                key.
            keys: How many other keys of it may be tried.
            retries: Whether its provider has retries left (see `RetryBudget`).
        """
        if self.state not in _UNDER_WAY:
            raise self._out_of_order("failed")
        reaction = failure.reaction
        self._retries_left = retries
        self._exclusions.note(called or self._candidates[self._index].model, failure)
        action = reaction.fixed_action or self._fallback.on_error.get(
            reaction.fault, reaction.default_action
        )
        step = self._other_key(action, failure, remaining) if keys else None
        step = step or self._react(action, failure, remaining)
        self._enter(_AFTER[step.move])
        return step

    def retry(self) -> Candidate:
        """Calls the current candidate once more, after its wait."""
        self._enter(ChainEvent.RETRIED)
        return self._candidates[self._index]

    def give_up(self, reason: str | None = None) -> tuple[Skip, ...]:
        """Ends the request without an answer.

        Args:
            reason: Why the candidates that are left are not called; None to leave them out.

        Returns:
            All that were passed over.
        """
        self._enter(ChainEvent.GIVEN_UP)
        if reason is not None:
            for candidate in self._candidates[self._index + 1 :]:
                span = candidate.model.span
                unasked = Skip(candidate.name, Reason.NOT_ASKED, reason, span=span)
                self.skipped += (self._exclusions.of(candidate) or unasked,)
            self._index = len(self._candidates) - 1
        return self.skipped

    def stand_in(self) -> None:
        """Notes that an earlier, rejected answer is returned after all."""
        self._enter(ChainEvent.STOOD_IN)

    # -- what is known -----------------------------------------------------------------------

    @property
    def more(self) -> bool:
        """Whether another candidate could be called after the current one."""
        return self._allowed and self._find(self._index + 1) is not None

    @property
    def ended(self) -> bool:
        """Whether the request is over."""
        return self.state in (ChainState.DONE, ChainState.FAILED)

    # -- how it is decided -------------------------------------------------------------------

    def _enter(self, event: ChainEvent) -> None:
        following = TRANSITIONS[self.state].get(event)
        if following is None:
            raise self._out_of_order(event)
        self.state = following

    def _out_of_order(self, event: str) -> RuntimeError:
        return RuntimeError(f"out of order: `{event}` of a request that is `{self.state}`")

    def _react(self, action: Action, failure: Failure, remaining: float) -> ChainStep:
        match action:
            case Action.NEXT:
                return self._move_on(remaining)
            case Action.RETRY:
                if not failure.reaction.retryable:  # calling the same model again cannot help
                    return self._move_on(remaining)
                return self._again(failure, remaining) or ChainStep(Move.END)
            case Action.RETRY_THEN_NEXT:
                # A model not called yet is a better use of an attempt than one that failed.
                again = self._again(failure, remaining) if self._attempts_to_spare else None
                return again or self._move_on(remaining)
            case Action.BIGGER_CONTEXT:
                return self._bigger(remaining)
            case _:  # Action.STOP
                return ChainStep(Move.STOP)

    def _other_key(self, action: Action, failure: Failure, remaining: float) -> ChainStep | None:
        """The same model with another key, at once; None when that cannot help, or may not be."""
        helps = is_of_key(failure) and action not in (Action.STOP, Action.BIGGER_CONTEXT)
        # A model not called yet is a better use of an attempt, as for a retry.
        if not helps or not self._attempts_to_spare or remaining < LEAST:
            return None
        self.attempts += 1
        return ChainStep(Move.RETRY, other_key=True)

    def _move_on(self, remaining: float) -> ChainStep:
        if not self._allowed or remaining < LEAST:
            return ChainStep(Move.END)
        if self.more:
            return ChainStep(Move.NEXT)
        self._pass_over(None)
        return ChainStep(Move.END)

    def _again(self, failure: Failure, remaining: float) -> ChainStep | None:
        """A retry of the same model; None when there may be none."""
        wait = _wait(failure, min(self._fallback.patience, remaining / 2))
        if self._retried or not self._retries_left or not self._allowed:
            return None
        if wait is None or wait[0] + LEAST > remaining:
            return None
        self._retried = True
        self.attempts += 1
        return ChainStep(Move.RETRY, (wait[0], min(wait[1], remaining - LEAST)))

    def _bigger(self, remaining: float) -> ChainStep:
        self._exclusions.note_too_small(self._candidates[self._index].model)
        # Without a larger model every other would refuse it too: that is the request's fault.
        return self._move_on(remaining) if self.more else ChainStep(Move.STOP)

    @property
    def _allowed(self) -> bool:
        return self.attempts < self._fallback.max_attempts

    @property
    def _attempts_to_spare(self) -> bool:
        """Whether more attempts are left than candidates."""
        left = self._candidates[self._index + 1 :]
        waiting = sum(1 for candidate in left if self._exclusions.of(candidate) is None)
        return self._fallback.max_attempts - self.attempts > waiting

    def _find(self, start: int) -> int | None:
        if self._exclusions.is_empty:
            return start if start < len(self._candidates) else None
        for i in range(start, len(self._candidates)):
            if self._exclusions.of(self._candidates[i]) is None:
                return i
        return None

    def _pass_over(self, until: int | None) -> None:
        """Notes why the candidates between the current one and that index are not called; None is
        the end."""
        end = len(self._candidates) if until is None else until
        if not self._exclusions.is_empty:
            passed = self._candidates[self._index + 1 : end]
            self.skipped += tuple(s for c in passed if (s := self._exclusions.of(c)) is not None)
        self._index = max(self._index, end - 1)


_UNDER_WAY: Final = (ChainState.CALLING, ChainState.CHECKING)
_AFTER: Final[Mapping[Move, ChainEvent]] = MappingProxyType(
    {
        Move.RETRY: ChainEvent.PUT_OFF,
        Move.NEXT: ChainEvent.MOVED_ON,
        Move.STOP: ChainEvent.GIVEN_UP,
        Move.END: ChainEvent.GIVEN_UP,
    }
)
"""What a step means for the state."""


def _wait(failure: Failure, longest: float) -> tuple[float, float] | None:
    """Seconds before the same model may be called again; None when it must not be.

    Args:
        failure: Why it failed.
        longest: The longest wait in seconds that a provider may ask for.
    """
    named = failure.retry_after
    if not failure.reaction.retryable or (
        failure.kind is FailureKind.RATE_LIMITED
        and (named is None or failure.scope is FailureScope.REQUEST)  # too large at any time
    ):
        return None
    if named is None:
        return 0.0, BACKOFF
    return (named, named * 1.1) if named <= longest else None
