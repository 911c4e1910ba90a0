"""Which models the readings of a limit's counter exclude, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.decision.bitset import bits
from policy_router.decision.limits.amounts import largest_amount
from policy_router.decision.limits.subjects import subject_of
from policy_router.decision.wording import spell_exhausted, spell_narrowed
from policy_router.domain.decision import Reason, Skip
from policy_router.ledger.arithmetic import threshold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.decision.limits.amounts import During
    from policy_router.domain.condition import Facts
    from policy_router.domain.limits import CounterKey, Limit, Narrowing, Reading
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request
    from policy_router.domain.snapshot import Snapshot


def read_limit(
    limit: Limit, facts: Facts, request: Request, snapshot: Snapshot
) -> tuple[Limit, CounterKey, Reading | None] | None:
    """What the counter of a limit showed for a request.

    Returns:
        The limit with the cap of the request's subject, the key of the counter, and its reading,
        None where it could not be read; None altogether when the limit does not apply, has no cap
        for the subject, or was not read.
    """
    subject = subject_of(limit, request)
    key = limit.key(subject)
    if key not in snapshot.used or not applies(limit, facts):
        return None
    own = limit.of(subject)
    return None if own.cap is None else (own, key, snapshot.used[key])


def applies(limit: Limit, facts: Facts) -> bool:
    """Whether the condition of a limit holds."""
    return limit.when is None or limit.when.holds(facts)


def without_room(  # noqa: PLR0917  what a decision has worked out by then
    limit: Limit,
    key: CounterKey,
    model: Model,
    request: Request,
    reading: Reading | None,
    during: During,
) -> Skip | None:
    """Why a reading excludes a model that is called in a period; None when it fits.

    A rate limit that cannot be read excludes no model: each process then keeps its own share.
    """
    budget = limit.section == "budgets"
    if reading is None:
        detail = f"budget `{limit.name}` cannot be read now"
        return Skip(model.name, Reason.STATE, detail, span=limit.span) if budget else None
    cap = limit.cap or 0
    requested = largest_amount(limit, model, request, during=during)
    if reading.used + max(requested, 1) <= cap:
        return None
    reason = Reason.BUDGET if budget else Reason.RATE_LIMIT
    detail = spell_exhausted(key, reading.used, cap, requested)
    opens = reading.opens if max(requested, 1) <= cap else None
    return Skip(model.name, reason, detail, opens, limit.span, reading.used < cap)


def kept_back(
    limit: Limit, reading: Reading | None, allowed: int
) -> Iterator[tuple[Narrowing, int]]:
    """The models that `narrow_at` keeps back.

    Every threshold that is reached applies, to the models that the limit counts.

    Args:
        limit: The limit, with the cap of the subject.
        reading: What the counter showed; None, where it could not be read, keeps nothing back.
        allowed: The models that are left, as a bit mask.

    Yields:
        Each threshold that keeps models back, with those that no earlier one does, as a bit mask.
    """
    if reading is None:
        return
    for narrowing in limit.narrow_at:
        if reading.used < threshold(narrowing.share, limit.cap or 0):
            return
        beyond = allowed & limit.models & ~narrowing.models
        if beyond:
            yield narrowing, beyond
            allowed ^= beyond


def narrowed(
    limit: Limit, key: CounterKey, reading: Reading | None, models: Sequence[Model], allowed: int
) -> tuple[int, list[Skip]]:
    """The models that `narrow_at` keeps back, and why.

    Args:
        limit: The limit, with the cap of the subject.
        key: The key of the counter.
        reading: What the counter showed; None, where it could not be read, keeps nothing back.
        models: Every model of the policy.
        allowed: The models that are left, as a bit mask.

    Returns:
        The models that are excluded, as a bit mask, and for each the first threshold that does.
    """
    excluded = 0
    skips: list[Skip] = []
    used = 0 if reading is None else reading.used
    for narrowing, beyond in kept_back(limit, reading, allowed):
        detail = spell_narrowed(key, used, limit.cap or 0, narrowing)
        skips += [
            Skip(models[i].name, Reason.BUDGET, detail, span=limit.span) for i in bits(beyond)
        ]
        excluded |= beyond
    return excluded, skips
