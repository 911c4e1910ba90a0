"""Reads the state of sessions before a decision, and updates it when their requests end.

What is kept is the name of a model, a tier with its reason, and numbers; never text of the
conversation.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from policy_router.domain.identity import key_id
from policy_router.domain.sessions import CachedPrompt, SessionOutcome, SessionState, advance
from policy_router.errors import StoreError
from policy_router.ledger.sessions import SessionRecord, SessionStore
from policy_router.providers.failures.failure import REACTIONS, FailureKind, FailureScope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision
    from policy_router.domain.request import Request
    from policy_router.ledger.store import Store
    from policy_router.providers.answers.chat import Usage

HELD: Final = 300.0
"""Seconds for which providers hold a prompt in their cache at least, counted from its last use."""
HELD_LONG: Final = 3600.0
"""The same for what the provider reports to have written for an hour."""

_POOR: Final = frozenset({FailureKind.REJECTED, FailureKind.EMPTY})
"""Failures of which the model is the cause, though its service works."""


class SessionMemory:
    """What is remembered of sessions, in a store that all processes share.

    Args:
        store: Where it is; a store that keeps no sessions remembers none.
        clock: Unix time in seconds.
        finish: Finishes a piece of work even when its caller is cancelled in the meantime.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        finish: Callable[[Awaitable[None]], Awaitable[None]],
    ) -> None:
        self._store = store if isinstance(store, SessionStore) else None
        self._clock = clock
        self._finish = finish

    async def read(
        self, policy: Policy, request: Request, seconds: float | None = None
    ) -> SessionState | None:
        """Reads what is remembered of a request's session. Never raises.

        Args:
            policy: Decides the request.
            request: The request.
            seconds: The longest to wait for the store. Default: as long as it takes.

        Returns:
            The state; None for a new session, and where it cannot be read.
        """
        if self._store is None or not policy.sessions.remember(request):
            return None
        try:
            async with asyncio.timeout(seconds):
                record = await self._store.read_session(session_key(policy, request))
        except (StoreError, TimeoutError):
            return None
        return None if record is None else from_record(record)

    def of(self, policy: Policy, request: Request) -> RequestSession | None:
        """What remembers how a request ends; None where that does not matter."""
        if self._store is None or not policy.sessions.remember(request):
            return None
        return RequestSession(self, session_key(policy, request), policy.sessions.lasts)

    async def write(self, key: str, state: SessionState, lasts: float) -> None:
        """Remembers a state, also when the request is cancelled. Never raises."""
        await self._finish(self._write(key, state, lasts))

    async def _write(self, key: str, state: SessionState, lasts: float) -> None:
        if self._store is not None:
            try:
                await self._store.write_session(key, to_record(state), lasts)
            except StoreError:
                return  # the session starts again

    def now(self) -> float:
        """Unix time in seconds."""
        return self._clock()


@dataclass(frozen=True, slots=True)
class RequestSession:
    """Remembers how one request of a session ends.

    Attributes:
        memory: What is remembered of all sessions.
        key: The key of the session.
        lasts: Seconds for which it is remembered.
    """

    memory: SessionMemory
    key: str
    lasts: float

    async def ended(
        self,
        decision: Decision,
        attempts: Sequence[Attempt],
        served_by: str | None,
        usage: Usage | None,
    ) -> None:
        """Remembers how the request ended. Never raises.

        Args:
            decision: The decision that was carried out.
            attempts: All attempts.
            served_by: Name of the model that answered; None when none did.
            usage: What the provider counted for that answer; None when it is unknown.
        """
        if decision.session is None:
            return
        now = self.memory.now()
        outcome = outcome_of(decision, attempts, served_by, usage, now)
        state = advance(decision.session, outcome, now)
        if state is not None:
            await self.memory.write(self.key, state, self.lasts)


def outcome_of(
    decision: Decision,
    attempts: Sequence[Attempt],
    served_by: str | None,
    usage: Usage | None,
    now: float,
) -> SessionOutcome:
    """How a request ended, as far as it matters to its session.

    Failures that are the request's own, such as one that is too long, are no model's failures.

    Args:
        decision: The decision that was carried out.
        attempts: All attempts.
        served_by: Name of the model that answered; None when none did.
        usage: What the provider counted for that answer; None when it is unknown.
        now: Unix time.
    """
    kinds = [(a.model, FailureKind(a.failure)) for a in attempts if a.failure is not None]
    failed = frozenset(
        name
        for name, kind in kinds
        if kind in _POOR or REACTIONS[kind].scope is not FailureScope.REQUEST
    )
    rejected = next((name for name, kind in kinds if kind is FailureKind.REJECTED), None)
    ranks = {candidate.name: candidate.model.rank for candidate in decision.candidates}
    cached = None
    if served_by is not None and usage is not None:
        tokens = usage.cached_tokens + usage.cache_write_tokens
        held = HELD_LONG if usage.cache_write_1h_tokens else HELD
        cached = CachedPrompt(served_by, tokens, now + held) if tokens else None
    return SessionOutcome(served_by, ranks.get(served_by or "", 0), failed, rejected, cached)


def session_key(policy: Policy, request: Request) -> str:
    """The key of a request's session in the store.

    It depends on the whole identity of the caller, so that no caller can steer the session of
    another. The subagents of a session have a state of their own. A policy with other tiers starts
    all sessions again, since a rank means another tier there.
    """
    parts = (
        policy.tiers, request.tenant, request.team, request.user, key_id(request.key or ""),
        request.session, request.subagent,
    )  # fmt: skip
    return blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def to_record(state: SessionState) -> SessionRecord:
    """A state as a store keeps it."""
    text = json.dumps(
        {
            "model": state.model,
            "reason": state.reason,
            "failed": state.failed,
            "tool_errors": state.tool_errors,
            "cached": [[c.model, c.tokens, c.until] for c in state.cached],
        },
        separators=(",", ":"),
    )
    return SessionRecord(state.updated, state.rank, text)


def from_record(record: SessionRecord) -> SessionState | None:
    """The state that a store kept; None for one that another version of this package wrote."""
    try:
        kept = json.loads(record.text)
        cached = tuple(CachedPrompt(str(m), int(t), float(u)) for m, t, u in kept["cached"])
        return SessionState(
            str(kept["model"]),
            record.rank,
            str(kept["reason"]),
            record.at,
            failed=bool(kept["failed"]),
            tool_errors=int(kept["tool_errors"]),
            cached=cached,
        )
    except (ValueError, TypeError, KeyError):
        return None
