"""How the session of a request affects its decision: which model or tier goes first, and why.

The model that served a session goes first while it may answer, has not failed since, and is not
below the tier of the session. That tier is the highest that a request of the session needed; it
also rises by one where tools failed several times in a row, and where an answer failed its checks
(see `domain.sessions.advance`). It only changes the order: no model is added or excluded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.decision.floors import spell_source
from policy_router.domain.decision import Candidate
from policy_router.domain.sessions import Keep, SessionMove, SessionState, SessionStep

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.complexity import Band
    from policy_router.domain.request import Request
    from policy_router.domain.rules import Rule, Task
    from policy_router.domain.snapshot import Snapshot

TOOL_ERRORS: Final = 3
"""This many results of tools in a row that are errors raise the tier of a session, once; as many
more raise it again. One or two are usual in the work of an agent that tests what it writes."""


def session_step(  # noqa: PLR0917  what a decision has worked out by then
    policy: Policy,
    request: Request,
    snapshot: Snapshot,
    allowed: int,
    floor: int,
    floor_by: Rule | Task | Band | None,
) -> SessionStep | None:
    """What the session of a request means for its decision; None where none matters.

    Args:
        policy: The policy that decides.
        request: The request.
        snapshot: The state of the world, with what is remembered of the session.
        allowed: The models that may answer (bit i: model i).
        floor: Rank of the lowest tier that the request needs.
        floor_by: What needs it, if anything.
    """
    if request.session is None or not policy.sessions.remember(request):
        return None
    state, keep, tiers = snapshot.session, policy.sessions.keep, policy.tiers
    needed = "" if floor_by is None else f"{spell_source(floor_by)} needs it"
    if state is None:
        reason = needed
        return SessionStep(keep, None, SessionMove.BEGINS, floor, tiers[floor], reason)
    rank, reason, errors = min(state.rank, len(tiers) - 1), state.reason, state.tool_errors
    if request.tool_errors < errors:
        errors = 0  # a tool succeeded in the meantime
    if floor > rank:
        rank, reason, errors = floor, needed, request.tool_errors
    elif request.tool_errors >= errors + TOOL_ERRORS:
        stronger = allowed & ~policy.models_up_to(rank)
        if stronger:
            rank = min(m.rank for i, m in enumerate(policy.models) if stronger >> i & 1)
            reason = f"{request.tool_errors} tool results in a row were errors"
            errors = request.tool_errors
    if keep is Keep.MODEL:
        move = _move(policy, state, allowed, rank)
    else:
        move = SessionMove.RISES if rank > state.rank else SessionMove.STAYS
    return SessionStep(keep, state, move, rank, tiers[rank], reason, errors)


def kept_in_tier(
    inside: tuple[Candidate, ...], others: tuple[Candidate, ...], *, tier: str
) -> tuple[Candidate, ...]:
    """The models of a session's tier, then the others.

    Args:
        inside: The models of the tier, in order.
        others: Stronger models, then weaker ones.
        tier: Name of the tier.
    """
    head, next_ = inside[0].model, others[0].model
    return (
        Candidate(head, "session", f"the session is in tier `{tier}`"),
        *inside[1:],
        Candidate(next_, "session", f"above tier `{tier}` of the session"),
        *others[1:],
    )


def _move(policy: Policy, state: SessionState, allowed: int, rank: int) -> SessionMove:
    """Whether the model of a session goes first, or why it does not."""
    model = policy.models_by_name.get(state.model)
    if model is None or not allowed >> policy.position(model.name) & 1:
        return SessionMove.EXCLUDED
    if state.failed:
        return SessionMove.FAILED
    # Where no model of the tier is left, one that is as strong as any may go on.
    if model.rank < rank and allowed & ~policy.models_up_to(model.rank):
        return SessionMove.RISES
    return SessionMove.STAYS
