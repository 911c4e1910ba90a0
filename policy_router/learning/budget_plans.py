"""The best plan for each budget: the highest quality for a mean cost per request. Pure.

Requests form kinds, and kinds of those. Each of the narrowest kinds has a cascade of its own. With
a higher budget one kind after another gets a better cascade, the one first that gains the most
quality for its cost; the last one that the budget does not cover in full gets it for a share of its
requests. So no mixture of single models is better on the same prompts.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.learning.cascade_checks import with_mean_verdicts
from policy_router.learning.cascades import Cascade, cascades

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.learning.cascades import GradedPrompt

MASS: Final = 100
"""Prompts that what is known about a kind is worth to each kind within it. With 30, plans for high
budgets are below the best single model (`benchmarks/bakeoff.py`, without verdicts).
"""

Path: TypeAlias = tuple[str, ...]
_Point: TypeAlias = tuple[float, float, Cascade]
"""Mean cost in nano-USD, mean quality, and the cascade that comes to them."""


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """A plan for a budget.

    Attributes:
        usual: The cascade that most requests get.
        kinds: The cascade of each kind of request, by its path.
        raised: The kind of request a share of which gets a better cascade; None for none.
        better: That cascade.
        share: That share, 0..1.
    """

    usual: Cascade
    kinds: Mapping[Path, Cascade]
    raised: Path | None = None
    better: Cascade | None = None
    share: float = 0.0

    def achieved(self, prompt: GradedPrompt) -> tuple[float, float]:
        """Its quality and its cost, in nano-USD, for a prompt."""
        quality, cost = self.kinds.get(prompt.path, self.usual).achieved(prompt)
        if self.better is None or prompt.path != self.raised:
            return quality, cost
        higher, costlier = self.better.achieved(prompt)
        return quality + self.share * (higher - quality), cost + self.share * (costlier - cost)


def budget_plan(
    prompts: Sequence[GradedPrompt], models: Sequence[str], budget: float
) -> BudgetPlan | None:
    """The plan with the highest quality whose mean cost is within a budget.

    Args:
        prompts: Prompts that every model answered; at least one.
        models: Names of the models that are allowed; at least one.
        budget: The highest mean cost of a request, in nano-USD.

    Returns:
        None where even the cheapest models cost more.
    """
    seen = with_mean_verdicts(prompts, models)
    options = list(cascades(seen, models))
    weights, points = _kinds(seen, options)
    hulls = {path: hull(some) for path, some in points.items()}
    left = budget - sum(weights[path] * line[0][0] for path, line in hulls.items())
    if left < 0:
        return None
    chosen = {path: line[0][2] for path, line in hulls.items()}
    steps = sorted(
        (-_slope(line[i], line[i + 1]), i, path)
        for path, line in hulls.items()
        for i in range(len(line) - 1)
    )
    for _, number, path in steps:
        at, to = hulls[path][number : number + 2]
        price = weights[path] * (to[0] - at[0])
        if price > left:
            return BudgetPlan(_most(chosen, weights), chosen, path, to[2], left / price)
        left -= price
        chosen[path] = to[2]
    return BudgetPlan(_most(chosen, weights), chosen)


def hull(points: Iterable[_Point]) -> list[_Point]:
    """Those points between which no mixture of the others has more quality at the same cost.

    Returns:
        The points by ascending cost and quality: the upper left of their convex hull.
    """
    line: list[_Point] = []
    for point in sorted(points, key=lambda each: (each[0], -each[1], each[2].models)):
        if line and point[1] <= line[-1][1]:
            continue
        while len(line) > 1 and _slope(line[-2], line[-1]) <= _slope(line[-1], point):
            line.pop()
        line.append(point)
    return line


def at_budget(line: Sequence[_Point], budget: float) -> float | None:
    """The quality of the best mixture of points of a hull within a budget; None for none."""
    if budget < line[0][0]:
        return None
    for at, to in itertools.pairwise(line):
        if budget < to[0]:
            return at[1] + _slope(at, to) * (budget - at[0])
    return line[-1][1]


def single_points(prompts: Sequence[GradedPrompt], models: Sequence[str]) -> list[_Point]:
    """The results of each model alone on some prompts."""
    return [_measured(Cascade((name,)), prompts) for name in models]


def _slope(at: _Point, to: _Point) -> float:
    return (to[1] - at[1]) / (to[0] - at[0])


def _measured(cascade: Cascade, prompts: Sequence[GradedPrompt]) -> _Point:
    got = [cascade.achieved(each) for each in prompts]
    return fmean(cost for _, cost in got), fmean(quality for quality, _ in got), cascade


def _kinds(
    prompts: Sequence[GradedPrompt], options: Sequence[Cascade]
) -> tuple[dict[Path, float], dict[Path, list[_Point]]]:
    """The share of the narrowest kinds in the prompts, and the results of each cascade there, where
    a kind with few prompts is taken to be like the wider one that it belongs to.
    """
    inside: dict[Path, list[GradedPrompt]] = {}
    for each in prompts:
        for depth in range(len(each.path) + 1):
            inside.setdefault(each.path[:depth], []).append(each)
    known: dict[Path, list[_Point]] = {}
    for path in sorted(inside, key=len):
        points = [_measured(each, inside[path]) for each in options]
        if path:
            n = len(inside[path])
            points = [
                (
                    (n * cost + MASS * wider[0]) / (n + MASS),
                    (n * quality + MASS * wider[1]) / (n + MASS),
                    cascade,
                )
                for (cost, quality, cascade), wider in zip(points, known[path[:-1]], strict=True)
            ]
        known[path] = points
    leaves = {each.path for each in prompts}
    weights = {path: sum(p.path == path for p in prompts) / len(prompts) for path in leaves}
    return weights, {path: known[path] for path in sorted(leaves)}


def _most(chosen: Mapping[Path, Cascade], weights: Mapping[Path, float]) -> Cascade:
    """The cascade that most requests get."""
    total: dict[Cascade, float] = {}
    for path, cascade in chosen.items():
        total[cascade] = total.get(cascade, 0.0) + weights[path]
    return max(total, key=lambda each: (total[each], each.models))
