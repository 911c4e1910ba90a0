"""Whether one plan is better than another, and with what certainty.

A plan is: ask one model; where the task has a check and the check flags the answer, ask a stronger
one. What a plan is worth: what a good answer is worth, times how likely the answer is good, minus
what the calls cost. All of that is known with an uncertainty, from the beliefs about its models.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.beliefs import ModelBelief
    from policy_router.learning.evidence import CheckRates


@dataclass(frozen=True, slots=True)
class Plan:
    """Which models to ask.

    Attributes:
        first: Name of the model that is asked.
        then: Name of the model that is asked where the answer is flagged; None: none.
    """

    first: str
    then: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What plans are compared by.

    Attributes:
        worth: What a good answer is worth, in nano-USD.
        costs: What a call of each model is expected to cost, in nano-USD, by name.
        check: How often the check of the task flags answers; None without one.
    """

    worth: float
    costs: Mapping[str, float]
    check: CheckRates | None = None

    @property
    def quality_alone(self) -> Terms:
        """The same, where costs do not count and a good answer is worth one."""
        return Terms(1.0, dict.fromkeys(self.costs, 0.0), self.check)


@dataclass(frozen=True, slots=True)
class Advantage:
    """How much better one plan is than another.

    Attributes:
        mean: The difference that is expected, in nano-USD a request.
        variance: How far from it the difference may be.
    """

    mean: float
    variance: float

    @property
    def probability(self) -> float:
        """How likely the plan is better, 0..1; one half where nothing speaks for either."""
        if self.variance <= 0:
            return 0.5 if self.mean == 0 else float(self.mean > 0)
        return 0.5 * erfc(-self.mean / sqrt(2 * self.variance))


def advantage(
    one: Plan, other: Plan, beliefs: Mapping[str, ModelBelief], terms: Terms
) -> Advantage:
    """How much better one plan is than another.

    Args:
        one: The plan that may take the place of the other.
        other: The plan of now.
        beliefs: What is believed of their models, by name.
        terms: What they are compared by.
    """
    value, slopes = _value(one, beliefs, terms)
    less, against = _value(other, beliefs, terms)
    for which, slope in against.items():
        # A belief that both plans rest on moves both of them.
        slopes[which] = slopes.get(which, 0.0) - slope
    variance = 0.0
    for (name, after), slope in slopes.items():
        believed = beliefs[name]
        variance += slope**2 * (believed.after if after else believed.first).variance
    return Advantage(value - less, variance)


def expected_cost(plan: Plan, beliefs: Mapping[str, ModelBelief], terms: Terms) -> float:
    """What a plan is expected to cost, in nano-USD a request."""
    cost = terms.costs[plan.first]
    if terms.check is None or plan.then is None:
        return cost
    flagged = terms.check.flagged(beliefs[plan.first].first.mean)
    return cost + flagged * terms.costs[plan.then]


_Slopes: TypeAlias = dict[tuple[str, bool], float]
"""By how much a value moves when a belief moves by one: (model, whether it is `after`) -> slope."""


def _value(plan: Plan, beliefs: Mapping[str, ModelBelief], terms: Terms) -> tuple[float, _Slopes]:
    good, check = beliefs[plan.first].first.mean, terms.check
    cost = terms.costs[plan.first]
    if check is None or plan.then is None:
        return terms.worth * good - cost, {(plan.first, False): terms.worth}
    flagged, kept = check.flagged(good), 1 - check.spurious
    again = terms.worth * beliefs[plan.then].after.mean - terms.costs[plan.then]
    return terms.worth * good * kept - cost + flagged * again, {
        (plan.first, False): terms.worth * kept - check.power * again,
        (plan.then, True): terms.worth * flagged,
    }
