"""Reasons that exclude a model for one request, or temporarily.

A gate can only exclude models. A new reason is a new row of `ALWAYS` or `CONSTRAINTS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.decision.bitset import chosen
from policy_router.decision.caller_choice import is_selected
from policy_router.decision.criteria import (
    CALLER,
    beyond_cost,
    is_over_cost,
    is_over_price,
    is_too_low,
    is_too_slow,
    over_cost,
    over_price,
    too_low,
    too_slow,
)
from policy_router.domain.decision import Reason, Skip
from policy_router.frozen import maker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from policy_router.decision.criteria import CostBound
    from policy_router.decision.index import Index
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request
    from policy_router.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Gate:
    """One reason to exclude models.

    Attributes:
        reason: The reason.
        out: Returns the models that it excludes (bit i: model i).
        detail: Returns the reason for excluding one of them, as text for people.
        ready: Returns a Skip for every model; only for common gates whose text does not depend on
            the request, so that each Skip is made once.
    """

    reason: Reason
    out: Callable[[Index, Request, Snapshot], int]
    detail: Callable[[Model, Request, Snapshot], str] = lambda *_: ""
    ready: Callable[[Index, Request], Sequence[Skip]] | None = None

    def skips(
        self, index: Index, excluded: int, request: Request, snapshot: Snapshot
    ) -> tuple[Skip, ...]:
        """A Skip for each of the excluded models (bit i: model i)."""
        if self.ready is not None:
            return tuple(chosen(self.ready(index, request), excluded))
        skips = []
        for model in chosen(index.models, excluded):
            until = snapshot.cooling.get(model.name) if self.reason is Reason.COOLING else None
            detail = self.detail(model, request, snapshot)
            skips.append(Skip(model.name, self.reason, detail, until, model.span))
        return tuple(skips)


_new_skip: Final = maker(Skip)


def _where(index: Index, excludes: Callable[[Model], bool]) -> int:
    return sum(1 << i for i, model in enumerate(index.models) if excludes(model))


def _unable(index: Index, request: Request, _: Snapshot) -> int:
    needs = request.needs
    return index.able.unable(frozenset(needs)) if needs else index.able.unable_without_needs


def _too_small(index: Index, request: Request, _: Snapshot) -> int:
    # Without a cap on the output only the input is sure to need room.
    tokens = request.context_tokens
    contexts = index.contexts
    small = contexts.too_small(tokens + (request.max_tokens or 0))
    return contexts.with_fixed_caps(small, tokens) if contexts.fixed_caps else small


def _other_model(index: Index, request: Request, _: Snapshot) -> int:
    if request.model is None:
        return 0
    choice = index.aliases.find(request.model)
    if choice is not None:
        return index.everyone & ~choice.models
    number = index.at.get(request.model)  # none for `auto`
    return 0 if number is None else index.everyone & ~(1 << number)


def _not_asked_for(index: Index, request: Request) -> Sequence[Skip]:
    asked = request.model or ""
    choice = index.aliases.find(asked)
    if choice is not None:
        return choice.skips
    detail = f"the request allows only `{asked}`"
    return [_new_skip(m.name, Reason.MODEL, detail, span=m.span) for m in index.models]


def _over_cost(index: Index, request: Request, snapshot: Snapshot) -> int:
    most = request.max_cost_nano_usd
    if most is None:
        return 0
    return _where(index, lambda model: is_over_cost(model, most, request, snapshot.now))


def _over_cost_detail(model: Model, request: Request, snapshot: Snapshot) -> str:
    return over_cost(model, request.max_cost_nano_usd or 0, request, snapshot.now, CALLER)


def _over_price(index: Index, request: Request, _: Snapshot) -> int:
    most = request.max_price_nano_usd
    return 0 if most is None else _where(index, lambda model: is_over_price(model, most))


def _over_price_detail(model: Model, request: Request, _: Snapshot) -> str:
    return over_price(model, request.max_price_nano_usd or 0, CALLER)


def _too_slow(index: Index, request: Request, _: Snapshot) -> int:
    longest = request.max_latency
    return 0 if longest is None else _where(index, lambda model: is_too_slow(model, longest))


def _too_slow_detail(model: Model, request: Request, _: Snapshot) -> str:
    return too_slow(model, request.max_latency or 0, CALLER)


def _too_low(index: Index, request: Request, _: Snapshot) -> int:
    lowest = request.min_quality
    return 0 if lowest is None else _where(index, lambda model: is_too_low(model, lowest))


def _too_low_detail(model: Model, request: Request, _: Snapshot) -> str:
    return too_low(model, request.min_quality or 0, CALLER)


def _cooling(index: Index, _: Request, snapshot: Snapshot) -> int:
    if not snapshot.cooling:
        return 0
    now = snapshot.now
    names = [n for n, until in snapshot.cooling.items() if now is None or until > now]
    return index.mask([name for name in names if name in index.at])


_CONTEXT: Final = Gate(Reason.CONTEXT, _too_small, ready=lambda i, _: i.contexts.skips)
ALWAYS: Final = (
    Gate(Reason.ABILITY, _unable, ready=lambda i, r: i.able.skips(frozenset(r.needs))),
    _CONTEXT,
    Gate(Reason.COOLING, _cooling, lambda *_: "in cooldown after failures"),
)


def _not_selected(index: Index, request: Request, _: Snapshot) -> int:
    words = request.only
    return 0 if words is None else _where(index, lambda model: not is_selected(model, words))


def _not_selected_detail(_: Model, request: Request, __: Snapshot) -> str:
    return f"the request allows only {_listed(request.only or ())}"


def _avoided(index: Index, request: Request, _: Snapshot) -> int:
    words = request.avoid
    return _where(index, lambda model: is_selected(model, words)) if words else 0


def _avoided_detail(_: Model, request: Request, __: Snapshot) -> str:
    return f"the request avoids {_listed(request.avoid)}"


def _below_tier(index: Index, request: Request, _: Snapshot) -> int:
    if request.min_tier is None:
        return 0
    lowest = index.tiers.index(request.min_tier)
    return _where(index, lambda model: model.rank < lowest)


def _below_tier_detail(_: Model, request: Request, __: Snapshot) -> str:
    return f"below tier `{request.min_tier}`, the `min_tier` of the request"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in sorted(words))


CONSTRAINTS: Final = (
    Gate(Reason.MODEL, _other_model, ready=_not_asked_for),
    Gate(Reason.ONLY, _not_selected, _not_selected_detail),
    Gate(Reason.AVOID, _avoided, _avoided_detail),
    Gate(Reason.TIER, _below_tier, _below_tier_detail),
    Gate(Reason.COST, _over_cost, _over_cost_detail),
    Gate(Reason.PRICE, _over_price, _over_price_detail),
    Gate(Reason.LATENCY, _too_slow, _too_slow_detail),
    Gate(Reason.QUALITY, _too_low, _too_low_detail),
)
"""Gates for fields that few requests set."""


def gates_for(request: Request) -> tuple[Gate, ...]:
    """The gates that may exclude models for a request, in order."""
    if (
        request.model is None
        and request.max_cost is None
        and request.max_price is None
        and request.max_latency is None
        and request.min_quality is None
        and request.min_tier is None
        and request.only is None
        and not request.avoid
    ):
        return ALWAYS
    return CONSTRAINTS + ALWAYS


def beyond_bounds(
    index: Index, allowed: int, cost: CostBound | None, request: Request, snapshot: Snapshot
) -> tuple[int, tuple[Skip, ...]]:
    """The models among `allowed` beyond the `max_cost` of a rule or a task, and why.

    Where an experiment chooses the prompts, models that do not fit with those that the policy
    itself chooses are out as well: a shorter prompt must not allow what the policy does not.

    Args:
        index: The index, with the prompts that the models get.
        allowed: The models that may answer so far.
        cost: The `max_cost`, if any.
        request: The request.
        snapshot: The state of the world.
    """
    excluded, usual = 0, index.usual
    skips: tuple[Skip, ...] = ()
    if usual is not None:
        excluded = _CONTEXT.out(usual, request, snapshot) & allowed & index.chosen
        skips = _CONTEXT.skips(usual, excluded, request, snapshot)
    if cost is None:
        return excluded, skips
    for view in (index,) if usual is None else (index, usual):
        beyond, more = beyond_cost(view.models, allowed & ~excluded, cost, request, snapshot)
        excluded |= beyond
        skips += more
    return excluded, skips
