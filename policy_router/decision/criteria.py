"""Which models exceed a criterion, and how that is worded.

Callers, rules and tasks set the same criteria; `by` in the texts is who does: `the request`, or a
rule or task with its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.decision.bitset import bits
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.models import TYPICAL_OUTPUT
from policy_router.domain.money import spell_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.diagnostics import Span
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request
    from policy_router.domain.snapshot import Snapshot

CALLER: Final = "the request"


@dataclass(frozen=True, slots=True)
class CostBound:
    """The `max_cost` of a rule or a task.

    Attributes:
        most: The most that the answer may cost, in nano-USD.
        by: The rule or task.
        span: Its position in the policy files.
    """

    most: int
    by: str
    span: Span | None


def stricter(one: CostBound | None, other: CostBound | None) -> CostBound | None:
    """The lower of two bounds; the first one where they are equal."""
    if one is None or other is None:
        return other if one is None else one
    return other if other.most < one.most else one


# -- cost ------------------------------------------------------------------------------------------


def is_over_cost(model: Model, most: int, request: Request, now: float | None) -> bool:
    """Whether an answer by a model may cost more than an amount in nano-USD."""
    if HOSTED_TOOLS in request.needs:
        return True
    cost = model.estimate(request, now)
    return cost is None or cost > most


def over_cost(model: Model, most: int, request: Request, now: float | None, by: str) -> str:
    """Say why a model is beyond `max_cost`."""
    cost = model.estimate(request, now)
    if HOSTED_TOOLS in request.needs:
        return f"the cost of hosted tools is unknown, and {by} sets `max_cost`"
    if cost is None:
        return f"price of `{model.name}` is unknown, and {by} sets `max_cost`"
    answer = "" if request.answers <= 1 else f" for {request.answers:,} answers"
    if request.answers and model.sent_cap(request.max_tokens) is None:
        answer = f"{answer or ' for an answer'} of {TYPICAL_OUTPUT} tokens"
    bound = f"the `max_cost` of {spell_usd(most)}{_whose(by)}"
    return f"estimated at {spell_usd(cost)}{answer}, above {bound}"


def beyond_cost(
    models: Sequence[Model], allowed: int, bound: CostBound, request: Request, snapshot: Snapshot
) -> tuple[int, tuple[Skip, ...]]:
    """The models among `allowed` beyond the `max_cost` of a rule or a task, and why."""
    excluded = 0
    skips = []
    for i in bits(allowed):
        model = models[i]
        if is_over_cost(model, bound.most, request, snapshot.now):
            excluded |= 1 << i
            detail = over_cost(model, bound.most, request, snapshot.now, bound.by)
            skips.append(Skip(model.name, Reason.COST, detail, span=bound.span))
    return excluded, tuple(skips)


# -- price -----------------------------------------------------------------------------------------


def is_over_price(model: Model, most: int) -> bool:
    """Whether a million tokens may cost more than an amount in nano-USD."""
    return model.price is None or model.price.highest_rate > most


def over_price(model: Model, most: int, by: str) -> str:
    """Say why a model is beyond `max_price`."""
    if model.price is None:
        return f"price of `{model.name}` is unknown, and {by} sets `max_price`"
    rate = spell_usd(model.price.highest_rate)
    return f"{rate} per million tokens is above the `max_price` of {spell_usd(most)}{_whose(by)}"


# -- latency ---------------------------------------------------------------------------------------


def is_too_slow(model: Model, longest: float) -> bool:
    """Whether a typical answer may take longer than a number of seconds."""
    return model.latency is None or model.latency > longest


def too_slow(model: Model, longest: float, by: str) -> str:
    """Say why a model is beyond `max_latency`."""
    if model.latency is None:
        return f"latency of `{model.name}` is unknown, and {by} sets `max_latency`"
    return f"latency of {model.latency:g} s is above the `max_latency` of {longest:g} s{_whose(by)}"


# -- quality ---------------------------------------------------------------------------------------


def is_too_low(model: Model, lowest: float) -> bool:
    """Whether the quality of a model is below a number."""
    return model.quality < lowest


def too_low(model: Model, lowest: float, by: str) -> str:
    """Say why a model is beyond `min_quality`."""
    return f"quality of {model.quality:g} is below the `min_quality` of {lowest:g}{_whose(by)}"


def _whose(by: str) -> str:
    return "" if by == CALLER else f" of {by}"
