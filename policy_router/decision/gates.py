"""Reasons of the moment for a model to be out: what the request asks for, and what was read of
the world. A gate can only take models away. A new reason is a new row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.decision.abilities import HOSTED_TOOLS
from policy_router.decision.space import chosen
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.models import TYPICAL_OUTPUT
from policy_router.domain.money import spell_usd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policy_router.decision.index import Index
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request
    from policy_router.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Gate:
    """One reason.

    out: the models (bit i: model i) that may not answer this request now; cheap when the request
    does not ask. detail: why, in words, for one of them. ready: where a gate is common and its
    words do not depend on the request, its Skip for every model, made once.
    """

    reason: Reason
    out: Callable[[Index, Request, Snapshot], int]
    detail: Callable[[Model, Request, Snapshot], str] = lambda *_: ""
    ready: Callable[[Index, Request], Sequence[Skip]] | None = None

    def skips(
        self, index: Index, gone: int, request: Request, snapshot: Snapshot
    ) -> tuple[Skip, ...]:
        """The reasons as they stand in a decision, for the models in `gone`."""
        if self.ready is not None:
            return tuple(chosen(self.ready(index, request), gone))
        skips = []
        for model in chosen(index.models, gone):
            until = snapshot.cooling.get(model.name) if self.reason is Reason.COOLING else None
            words = self.detail(model, request, snapshot)
            skips.append(Skip(model.name, self.reason, words, until, model.span))
        return tuple(skips)


def _where(index: Index, out: Callable[[Model], bool]) -> int:
    return sum(1 << i for i, model in enumerate(index.models) if out(model))


def _ability(index: Index, request: Request, _: Snapshot) -> int:
    return index.unable(frozenset(request.needs)) if request.needs else 0


def _context(index: Index, request: Request, _: Snapshot) -> int:
    # Without a cap on the output only the input is sure to need room.
    return index.too_small(request.tokens + (request.max_tokens or 0))


def _model(index: Index, request: Request, _: Snapshot) -> int:
    return 0 if request.model is None else index.everyone & ~(1 << index.at[request.model])


def _cost(index: Index, request: Request, _: Snapshot) -> int:
    limit = request.max_cost_nano_usd
    if limit is None:
        return 0
    if HOSTED_TOOLS in request.needs:
        return index.everyone

    def out(model: Model) -> bool:
        cost = model.estimate(request.tokens, request.max_tokens)
        return cost is None or cost > limit

    return _where(index, out)


def _price(model: Model, request: Request, _: Snapshot) -> str:
    cost = model.estimate(request.tokens, request.max_tokens)
    if HOSTED_TOOLS in request.needs:
        return "what hosted tools cost is not known and the request sets a limit"
    if cost is None:
        return "its price is unknown and the request sets a limit"
    about = "" if request.max_tokens is not None else f" (an answer of {TYPICAL_OUTPUT} tokens)"
    allowed = spell_usd(request.max_cost_nano_usd or 0)
    return f"about {spell_usd(cost)}{about}, more than the {allowed} allowed"


def _latency(index: Index, request: Request, _: Snapshot) -> int:
    limit = request.max_latency
    if limit is None:
        return 0
    return _where(index, lambda m: m.latency is None or m.latency > limit)


def _slow(model: Model, _: Request, __: Snapshot) -> str:
    if model.latency is None:
        return "its latency is unknown and the request sets a limit"
    return f"expected to take {model.latency:g} s"


def _quality(index: Index, request: Request, _: Snapshot) -> int:
    least = request.min_quality
    return 0 if least is None else _where(index, lambda m: m.quality < least)


def _cooling(index: Index, _: Request, snapshot: Snapshot) -> int:
    if not snapshot.cooling:
        return 0
    now = snapshot.now
    names = [n for n, until in snapshot.cooling.items() if now is None or until > now]
    return index.mask([name for name in names if name in index.at])


ALWAYS: Final = (
    Gate(Reason.ABILITY, _ability, ready=lambda i, r: i.lacking(frozenset(r.needs))),
    Gate(Reason.CONTEXT, _context, ready=lambda i, _: i.too_long),
    Gate(Reason.COOLING, _cooling, lambda *_: "in cooldown after failures"),
)
CRITERIA: Final = (
    Gate(Reason.MODEL, _model, lambda _, r, __: f"the request asks for `{r.model}` alone"),
    Gate(Reason.COST, _cost, _price),
    Gate(Reason.LATENCY, _latency, _slow),
    Gate(
        Reason.QUALITY,
        _quality,
        lambda m, r, _: f"quality {m.quality:g} is less than the {r.min_quality:g} asked for",
    ),
)
"""What only some requests ask for, each with a field of its own."""


def gates_for(request: Request) -> tuple[Gate, ...]:
    """The gates that may have something to say about a request, in order."""
    if (
        request.model is None
        and request.max_cost is None
        and request.max_latency is None
        and request.min_quality is None
    ):
        return ALWAYS
    return CRITERIA + ALWAYS
