"""The values of sort keys that depend on the request or on the state of the world.

A key that has no values here sorts by what the policy says about the models.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.decision.order.draws import draws
from policy_router.decision.order.model_estimates import ModelEstimates, outcome_values
from policy_router.decision.order.prompt_cache import saved_by_caches
from policy_router.decision.order.sort_keys import cost
from policy_router.domain.models import TYPICAL_OUTPUT
from policy_router.domain.ordering import FunctionKey, SortKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.decision.index import Index
    from policy_router.decision.policy import Policy
    from policy_router.domain.models import Model
    from policy_router.domain.ordering import OrderKey
    from policy_router.domain.request import Request
    from policy_router.domain.situation import Situation
    from policy_router.domain.snapshot import Snapshot

_LAST: Final = float("inf")
DYNAMIC_KEYS: Final = frozenset({SortKey.HEADROOM, SortKey.SPREAD, SortKey.VALUE})
_MILLION: Final = 1_000_000
"""The number of tokens that prices refer to."""
_NONE: Final[Mapping[OrderKey, Sequence[float]]] = MappingProxyType({})


def dynamic_values(
    policy: Policy,
    index: Index,
    situation: Situation,
    snapshot: Snapshot,
    prefer: tuple[OrderKey, ...],
) -> Mapping[OrderKey, Sequence[float]]:
    """The values of the keys of `prefer` that depend on the request or on the state of the world.

    Args:
        policy: The policy; its `learning.min_samples` is the number from which measurements count.
        index: Its index, with the prompts that the models get.
        situation: The request as the policy sees it.
        snapshot: The state of the world.
        prefer: The sort keys.

    Returns:
        For each of those keys one number for each model; smaller comes first. It is empty where
        the order depends on the policy and the numbers of tokens alone.
    """
    request, session = situation.request, snapshot.session
    cached = () if session is None else session.cached
    fees = _has_fees(index, request)
    if (
        not (cached or fees or snapshot.scores or snapshot.measured)
        and DYNAMIC_KEYS.isdisjoint(prefer)
    ):  # fmt: skip
        return _NONE
    measured = snapshot.measured
    values: dict[OrderKey, Sequence[float]] = {}
    outputs: list[float | None] = []
    if measured or SortKey.VALUE in prefer:
        estimates = ModelEstimates(request, situation.task, snapshot, policy.learning.min_samples)
        values = outcome_values(estimates, index.models, prefer, measured)
        outputs = [estimates.output(model) for model in index.models]
    if snapshot.used and SortKey.HEADROOM in prefer:
        left = index.limits.headroom(situation.facts, situation.request, snapshot)
        values[SortKey.HEADROOM] = [-share for share in left]
    if SortKey.SPREAD in prefer:
        seed = situation.request.session or snapshot.seed
        if seed is not None:
            values[SortKey.SPREAD] = draws(seed, [m.name for m in index.models])
    if snapshot.scores:
        for key in prefer:
            scores = snapshot.scores.get(key.function) if isinstance(key, FunctionKey) else None
            if scores is not None:
                values[key] = [scores.get(m.name, _LAST) for m in index.models]
    if SortKey.CHEAPEST in prefer:
        saved = saved_by_caches(index, request, cached, snapshot.now) if cached else {}
        # The cached orders depend on the numbers of tokens alone, at the prices in force.
        if saved or fees or any(outputs) or (values and index.priced_by_hour):
            values[SortKey.CHEAPEST] = [
                _cost(model, request, snapshot.now, outputs[i] if outputs else None)
                - saved.get(i, 0)
                for i, model in enumerate(index.models)
            ]
    return values


def is_measured_alone(
    index: Index, request: Request, snapshot: Snapshot, prefer: tuple[OrderKey, ...]
) -> bool:
    """Whether measurements are the only dynamic values of the keys of `prefer`.

    Args:
        index: The index of the policy.
        request: The request.
        snapshot: The state of the world.
        prefer: The sort keys.
    """
    session = snapshot.session
    return not (
        snapshot.scores
        or index.priced_by_hour
        or (session is not None and session.cached)
        or _has_fees(index, request)
        or not DYNAMIC_KEYS.isdisjoint(prefer)
    )


def _has_fees(index: Index, request: Request) -> bool:
    """Whether a request costs more than its tokens, at some models."""
    return index.has_fees and bool(index.has_request_fees or request.pictures or request.thumbnails)


def _cost(model: Model, request: Request, now: float | None, output: float | None) -> float:
    """What `cheapest` sorts a model by, with the fees of this request. `output` is the number of
    output tokens of an answer; None takes it from the request."""
    price = model.price
    if price is None or model.free:
        return cost(model, 0, 0)
    price = price.at(now)
    if output is None:
        output = TYPICAL_OUTPUT if request.max_tokens is None else request.max_tokens
    output *= request.answers
    fee = price.fee + (request.pictures + request.thumbnails) * price.image
    tokens = request.tokens + model.prompt_tokens
    return tokens * price.input + output * price.output + fee * _MILLION
