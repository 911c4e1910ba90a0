"""What an answer would have cost from the cheapest priced model that the policy allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.decision import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.attempt import Attempt
    from policy_router.domain.decision import Decision
    from policy_router.domain.models import Model

_PASSING: Final = frozenset(
    {
        Reason.BUDGET, Reason.RATE_LIMIT, Reason.COOLING, Reason.BUSY, Reason.STATE,
        Reason.MAX_CANDIDATES,
    }
)  # fmt: skip
"""Reasons for which a model is out that the policy allows for the request."""


def fit_cost(
    decision: Decision, attempt: Attempt, models: Mapping[str, Model] | None
) -> int | None:
    """Work out what the tokens of an answer cost at the lowest price that fits, with fees.

    Free models are left out: what they cost says nothing about what was saved by using them.

    Args:
        decision: The decision that the answer belongs to.
        attempt: The call that gave the answer.
        models: The models of the policy, by name; None where nothing is compared.

    Returns:
        nano-USD; None where nothing is compared, the tokens are not known, or no model with a
        price fits.
    """
    tokens_in, tokens_out = attempt.tokens_in, attempt.tokens_out
    if models is None or tokens_in is None or tokens_out is None:
        return None
    allowed = [candidate.model for candidate in decision.candidates]
    passing = (skip.model for skip in decision.further if skip.reason in _PASSING)
    allowed += [models[name] for name in passing if name in models]
    cached = min(attempt.tokens_cached or 0, tokens_in)
    request = decision.request
    costs = []
    for model in allowed:
        if model.price is None or model.free:
            continue
        price = model.price.at(attempt.started)
        fees = price.fee + (request.pictures + request.thumbnails) * price.image
        costs.append(price.cost(tokens_in, tokens_out, cached) + fees)
    return min(costs, default=None)
