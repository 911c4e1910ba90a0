"""The state of a session: of a conversation, or of one run of an agent.

A policy keeps a session with its model or in its tier. A decision reads the `SessionState` and
returns a `SessionStep`; `advance` computes the state after the request was answered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policy_router.domain.request import Request

LASTS: Final = 3600.0
"""The default number of seconds for which a session is remembered after its last request."""
MOST_CACHED: Final = 4
"""The maximum number of models whose prompt caches are remembered: the most recently used ones."""


class Keep(StrEnum):
    """What stays the same within a session."""

    MODEL = "model"
    TIER = "tier"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Sessions:
    """How a policy treats the requests of one session.

    Attributes:
        keep: What stays the same.
        lasts: Seconds for which a session is remembered after its last request.
    """

    keep: Keep = Keep.OFF
    lasts: float = LASTS

    @property
    def remembers(self) -> bool:
        """Whether anything is remembered of sessions."""
        return self.keep is not Keep.OFF

    def remember(self, request: Request) -> bool:
        """Whether the session of a request is remembered.

        Housekeeping requests of a client, such as for a title, neither follow the session nor
        change it; nor do embeddings requests.
        """
        return (
            self.keep is not Keep.OFF
            and request.session is not None
            and not request.housekeeping
            and request.answers > 0
        )


@dataclass(frozen=True, slots=True)
class CachedPrompt:
    """The part of a session that a provider holds in its prompt cache.

    Attributes:
        model: Name of the model in the policy.
        tokens: Input tokens that the provider reported to have read or written at the last answer.
        until: Unix time until which they are expected to be held.
    """

    model: str
    tokens: int
    until: float


@dataclass(frozen=True, slots=True)
class SessionState:
    """What is remembered of a session. It never contains text of the conversation.

    Attributes:
        model: Name of the model that answered last.
        rank: Rank of the session's tier, which never falls.
        reason: Why it is in that tier.
        updated: Unix time of the last change.
        failed: Whether the model failed since it answered last.
        tool_errors: How many tool results in a row were errors when the tier rose last.
        cached: What providers hold of it in their prompt caches, the latest first.
    """

    model: str
    rank: int
    reason: str
    updated: float
    failed: bool = False
    tool_errors: int = 0
    cached: tuple[CachedPrompt, ...] = ()


class SessionMove(StrEnum):
    """What a decision does about the model or the tier of a session.

    Attributes:
        BEGINS: Nothing is remembered of the session: it is decided like any other request.
        STAYS: The model goes first, or the models of the tier do.
        EXCLUDED: The model may not answer this request.
        FAILED: The model failed since it answered last.
        RISES: The model is below the tier that the session is in from now on.
    """

    BEGINS = "begins"
    STAYS = "stays"
    EXCLUDED = "excluded"
    FAILED = "failed"
    RISES = "rises"


@dataclass(frozen=True, slots=True)
class SessionStep:
    """The effect of a session on one decision.

    Attributes:
        keep: What the policy keeps.
        before: What was remembered; None for a new session.
        move: What the decision does about the model or the tier.
        rank: Rank of the tier that the session is in once this request is answered.
        tier: Name of that tier.
        reason: Why it is in that tier.
        tool_errors: How many tool results in a row were errors when the tier rose last.
    """

    keep: Keep
    before: SessionState | None
    move: SessionMove
    rank: int
    tier: str
    reason: str
    tool_errors: int = 0

    @property
    def stays_with(self) -> str | None:
        """Name of the model that the session stays with, if any."""
        stays = self.keep is Keep.MODEL and self.move is SessionMove.STAYS
        return self.before.model if stays and self.before is not None else None

    @property
    def rises(self) -> bool:
        """Whether this request raises the tier of the session."""
        return self.before is not None and self.rank > self.before.rank


@dataclass(frozen=True, slots=True)
class SessionOutcome:
    """How the request of a session ended.

    Attributes:
        served_by: Name of the model that answered; None when none did.
        rank: Rank of that model's tier.
        failed: Names of models that failed or whose answers were rejected.
        rejected: Name of the first model whose answer failed the policy's checks; None when no
            answer did.
        cached: What the provider now holds in its prompt cache; None when it reports nothing.
    """

    served_by: str | None = None
    rank: int = 0
    failed: frozenset[str] = frozenset()
    rejected: str | None = None
    cached: CachedPrompt | None = None


def advance(step: SessionStep, outcome: SessionOutcome, now: float) -> SessionState | None:
    """Compute the state of a session after a request.

    The tier is the one that the decision required, and rises further if an answer failed its checks
    and a stronger model gave a better one. A fallback after failures does not raise it.

    Args:
        step: What the session meant for the decision.
        outcome: How the request ended.
        now: Unix time.

    Returns:
        The new state; None when nothing changes.
    """
    before = step.before
    if outcome.served_by is None:
        if before is None or before.failed or before.model not in outcome.failed:
            return None
        return replace(before, failed=True, updated=now)
    rank, reason, errors = step.rank, step.reason, step.tool_errors
    if before is None:
        rank = max(rank, outcome.rank)
        reason = reason if rank > outcome.rank else f"it began with `{outcome.served_by}`"
    elif outcome.rejected is not None and outcome.rank > rank:
        rank, reason = outcome.rank, f"an answer of `{outcome.rejected}` failed its checks"
    return SessionState(
        outcome.served_by,
        rank,
        reason,
        now,
        tool_errors=errors,
        cached=_cached(before, outcome, now),
    )


def _cached(
    before: SessionState | None, outcome: SessionOutcome, now: float
) -> tuple[CachedPrompt, ...]:
    """What providers hold of the session after an answer."""
    older = () if before is None else before.cached
    others = [c for c in older if c.model != outcome.served_by and c.until > now]
    newest = [] if outcome.cached is None else [outcome.cached]
    return (*newest, *others)[:MOST_CACHED]
