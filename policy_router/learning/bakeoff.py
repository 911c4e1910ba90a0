"""Finds the cheapest plan that keeps most of the best model's quality. Pure and deterministic.

A plan is a cascade for all requests, and others for the kinds of request where less is enough. It
is taken only where a lower 90 % bound of what it keeps, over pairs of the same prompts, is at least
the target. Where several plans may reach the target, they share the 10 %, so that the choice among
them is not a way around the bound.

The prompts are split into two halves by a digest of their ids. What is said about a plan is
measured on each half with what was chosen by the other, so no figure is of prompts that were chosen
by.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from math import sqrt
from statistics import NormalDist, fmean, pstdev
from typing import TYPE_CHECKING, Final

from policy_router.learning.cascade_checks import with_mean_verdicts
from policy_router.learning.cascades import Cascade, cascades

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.learning.cascades import GradedPrompt

TARGET: Final = 0.97
"""The share of the best model's quality that a plan keeps."""
FEWEST: Final = 30
"""Prompts that a choice rests on, at least, of all requests and of each kind of them."""
_DOUBT: Final = 0.1
"""The probability of what lies below a lower bound."""
_Z: Final = NormalDist().inv_cdf(1 - _DOUBT)
"""Standard errors below the mean at which the lower bound is."""
_UNSEEN: Final = 1.8
"""The standard error of a mean is at least this, divided by the number of prompts: where nothing
bad was seen in n prompts, about 2.3 / n of it can still be there."""


@dataclass(frozen=True, slots=True)
class PlanTable:
    """A plan: which cascade answers which kind of request.

    Attributes:
        usual: The cascade for all requests without one of their own.
        kinds: Cascades by the widest kind of request that they are for.
    """

    usual: Cascade
    kinds: Mapping[str, Cascade] = field(default_factory=dict)

    def cascade(self, prompt: GradedPrompt) -> Cascade:
        """The cascade that answers a prompt."""
        return self.kinds.get(prompt.path[0], self.usual) if prompt.path else self.usual

    def achieved(self, prompt: GradedPrompt) -> tuple[float, float]:
        """Its quality and its cost, in nano-USD, for a prompt."""
        return self.cascade(prompt).achieved(prompt)


@dataclass(frozen=True, slots=True)
class PlanFigures:
    """The results of a plan and of the best model, on the same prompts.

    Attributes:
        prompts: How many prompts.
        quality: Mean quality of the plan, 0..1.
        cost: Mean cost of it, in nano-USD a prompt.
        best_quality: Mean quality of the best model.
        best_cost: Mean cost of the best model.
        low: The lower 90 % bound of the share of the best model's quality that the plan keeps.
    """

    prompts: int
    quality: float
    cost: float
    best_quality: float
    best_cost: float
    low: float

    @property
    def kept(self) -> float:
        """The share of the best model's quality that the plan keeps; above one where it is
        better."""
        return self.quality / self.best_quality if self.best_quality else 1.0

    @property
    def cost_share(self) -> float:
        """The plan's cost as a share of the best model's."""
        return self.cost / self.best_cost if self.best_cost else 1.0


@dataclass(frozen=True, slots=True)
class BakeOff:
    """What a bake-off found.

    Attributes:
        best: Name of the model with the highest quality.
        plan: The cheapest plan that keeps the target share, chosen by all prompts.
        figures: The results of the plans chosen on one half of the prompts, measured on the other
            half.
    """

    best: str
    plan: PlanTable
    figures: PlanFigures


def bake_off(
    prompts: Sequence[GradedPrompt], models: Sequence[str], target: float = TARGET, seed: int = 0
) -> BakeOff:
    """Choose a plan, and measure how such a choice does on prompts that it was not made by.

    Args:
        prompts: Prompts that every model answered; at least two, with ids that differ.
        models: Names of the models that are allowed; at least one.
        target: The share of the best model's quality to keep, 0..1.
        seed: Splits the prompts in another way.
    """
    one, other = halves(prompts, seed)
    pairs = [
        pair
        for chosen_by, judged_by in ((one, other), (other, one))
        for pair in _pairs(
            choose_plan(chosen_by, models, target), best_model(chosen_by, models), judged_by
        )
    ]
    plan = choose_plan(prompts, models, target)
    return BakeOff(best_model(prompts, models), plan, _figures(pairs))


def halves(
    prompts: Sequence[GradedPrompt], seed: int = 0
) -> tuple[list[GradedPrompt], list[GradedPrompt]]:
    """Split prompts into two halves by a digest of their ids; the first may have one more."""
    ranked = sorted(prompts, key=lambda each: hashlib.sha256(f"{seed}:{each.id}".encode()).digest())
    middle = (len(ranked) + 1) // 2
    return ranked[:middle], ranked[middle:]


def best_model(prompts: Sequence[GradedPrompt], models: Sequence[str]) -> str:
    """The model with the highest mean quality; of equal ones the cheapest, then the first."""
    return max(
        models,
        key=lambda name: (
            fmean(each.answers[name].quality for each in prompts),
            -fmean(each.answers[name].cost for each in prompts),
        ),
    )


def choose_plan(prompts: Sequence[GradedPrompt], models: Sequence[str], target: float) -> PlanTable:
    """The cheapest plan that keeps the target share, as far as some prompts can tell.

    With fewer than `FEWEST` prompts it is the best model alone.
    """
    seen = with_mean_verdicts(prompts, models)
    best = best_model(seen, models)
    rivals = _rivals(seen, models, best, target)
    usual = _cheapest(rivals, _bound(len(rivals))) or Cascade((best,))
    own = {
        kind: [each for each in seen if each.path[:1] == (kind,)]
        for kind in sorted({each.path[0] for each in seen if each.path})
    }
    by_kind = {kind: _rivals(some, models, best, target) for kind, some in own.items()}
    bound = _bound(sum(map(len, by_kind.values())))
    kinds: dict[str, Cascade] = {}
    for kind, contest in by_kind.items():
        cascade = _cheapest(contest, bound)
        if cascade is None or mean_cost(cascade, own[kind]) >= mean_cost(usual, own[kind]):
            continue
        # What each kind may lose adds up: the whole has to keep the target as well.
        table = PlanTable(usual, {**kinds, kind: cascade})
        margin, error = _margin(table, best, seen, target)
        if margin - bound * error >= 0:
            kinds[kind] = cascade
    return PlanTable(usual, kinds)


def compare(plan: PlanTable, best: str, prompts: Sequence[GradedPrompt]) -> PlanFigures:
    """The results of a plan on some prompts, compared with the best model."""
    return _figures(_pairs(plan, best, prompts))


def mean_cost(plan: Cascade | PlanTable, prompts: Sequence[GradedPrompt]) -> float:
    """What a plan costs for some prompts, in nano-USD each."""
    return fmean(plan.achieved(each)[1] for each in prompts)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The results of a plan and of the best model for one prompt."""

    quality: float
    cost: float
    best_quality: float
    best_cost: float


def _pairs(plan: PlanTable, best: str, prompts: Sequence[GradedPrompt]) -> list[_Pair]:
    made = []
    for each in prompts:
        most = each.answers[best]
        made.append(_Pair(*plan.achieved(each), most.quality, most.cost))
    return made


def _figures(pairs: Sequence[_Pair]) -> PlanFigures:
    quality, most = fmean(p.quality for p in pairs), fmean(p.best_quality for p in pairs)
    share = quality / most if most else 1.0
    low = share
    if most and any(p.quality != p.best_quality for p in pairs):
        # How far the share, which is a ratio, may be off.
        low -= _Z * _error([p.quality - share * p.best_quality for p in pairs]) / most
    return PlanFigures(
        prompts=len(pairs),
        quality=quality,
        cost=fmean(p.cost for p in pairs),
        best_quality=most,
        best_cost=fmean(p.best_cost for p in pairs),
        low=low,
    )


@dataclass(frozen=True, slots=True)
class _Rival:
    """A cascade that is cheaper than the best model and may keep the target share."""

    cascade: Cascade
    cost: float
    margin: float
    error: float


def _rivals(
    prompts: Sequence[GradedPrompt], models: Sequence[str], best: str, target: float
) -> list[_Rival]:
    if len(prompts) < FEWEST:
        return []
    most = mean_cost(Cascade((best,)), prompts)
    rivals = []
    for cascade in cascades(prompts, models):
        cost = mean_cost(cascade, prompts)
        if cost < most:
            margin, error = _margin(cascade, best, prompts, target)
            if margin + _Z * error >= 0:
                rivals.append(_Rival(cascade, cost, margin, error))
    return rivals


def _bound(rivals: int) -> float:
    """Standard errors below the mean at which the bound of each of some rivals is."""
    return NormalDist().inv_cdf(1 - _DOUBT / max(1, rivals))


def _cheapest(rivals: Sequence[_Rival], bound: float) -> Cascade | None:
    kept = [each for each in rivals if each.margin - bound * each.error >= 0]
    if not kept:
        return None
    return min(kept, key=lambda each: (each.cost, each.cascade.models)).cascade


def _margin(
    plan: Cascade | PlanTable, best: str, prompts: Sequence[GradedPrompt], target: float
) -> tuple[float, float]:
    """By how much a plan's quality is above the target, and the standard error of that."""
    over = [plan.achieved(each)[0] - target * each.answers[best].quality for each in prompts]
    return fmean(over), _error(over)


def _error(values: Sequence[float]) -> float:
    """The standard error of a mean of differences of qualities."""
    return max(pstdev(values) / sqrt(len(values)), _UNSEEN / len(values))
