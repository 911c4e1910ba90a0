"""Off-policy evaluation: estimates how another policy would have done, from randomized outcomes.

Every outcome has the probability with which its model was drawn (its propensity). If the other
policy would have chosen the same model, the outcome is weighted by the inverse of that probability,
so that rare trials stand in for the requests without one. Three estimates are made from the same
outcomes:

* IPS, the mean of the weighted rewards: right on average, and the least exact;
* SNIPS, the same divided by the mean weight: a little off, and far more exact;
* DR (doubly robust), which adds to a prediction of each reward the weighted error of the
  prediction: right where either the propensities or the predictions are.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import ceil, inf, isinf, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from policy_router.experience.sequences import with_few_clusters

if TYPE_CHECKING:
    from collections.abc import Sequence

PRECISION: Final = 0.05
"""Half the width of an interval, in rewards, from which on an estimate says nothing."""
LEAST: Final = 100
"""Minimum effective sample size."""
COVERED: Final = 0.8
"""Minimum share of the other policy's choices that the log must have tried."""
_SHRINK: Final = 10
"""Outcomes that the mean of all is worth against the mean of a cell."""
_FOLDS: Final = 2
_FEWEST: Final = 2.0
"""Subjects, of equal size, from which on a variance can be told."""


@dataclass(frozen=True, slots=True)
class LoggedChoice:
    """An outcome, and what the other policy would have chosen for the same request.

    Attributes:
        cell: What kind of request it was; rewards are predicted for each kind and model.
        model: The model that was chosen.
        propensity: How likely it was to be chosen, above 0 and at most 1.
        reward: What came of it, such as 1 for a success.
        other: The model that the other policy would have chosen.
        subject: Whom the model was drawn for, such as a user who always gets the same one; None
            where it was drawn for this request alone.
    """

    cell: str
    model: str
    propensity: float
    reward: float
    other: str
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval.

    Attributes:
        value: The estimate.
        low: The lower end; infinite where nothing is known.
        high: The upper end; infinite likewise.
    """

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether it has ends."""
        return not isinf(self.high)


@dataclass(frozen=True, slots=True)
class OffPolicyEstimate:
    """The estimated mean reward per request of another policy.

    Attributes:
        outcomes: How many outcomes there are.
        effective: The effective sample size: the equivalent number of outcomes of the other policy
            itself.
        covered: Share of the other policy's choices that the log tried.
        logged: The mean reward per request in the log.
        ips: By inverse propensities.
        snips: By the same, self-normalised.
        doubly_robust: With predicted rewards.
        needed: How many outcomes more it takes to know; 0 when it is known, None when more of the
            same would not tell, since the log never tries what the policy would choose.
    """

    outcomes: int
    effective: float
    covered: float
    logged: float
    ips: Interval
    snips: Interval
    doubly_robust: Interval
    needed: int | None

    @property
    def known(self) -> bool:
        """Whether the outcomes are enough to say it."""
        return self.needed == 0


def estimate(
    choices: Sequence[LoggedChoice], *, confidence: float = 0.9, precision: float = PRECISION
) -> OffPolicyEstimate:
    """Estimate the mean reward per request of another policy.

    Args:
        choices: The outcomes, at least one.
        confidence: The confidence level of the intervals, above 0 and below 1.
        precision: The most that half the width of an interval may be, for it to say something.
    """
    count = len(choices)
    weights = [1 / c.propensity if c.model == c.other else 0.0 for c in choices]
    total = sum(weights)
    weighted = [weight * c.reward for weight, c in zip(weights, choices, strict=True)]
    mean = sum(weighted) / total if total else 0.0
    share = total / count
    influence = [
        mean + weight * (c.reward - mean) / (share or 1.0)
        for weight, c in zip(weights, choices, strict=True)
    ]
    predicted = _predicted(choices)
    corrected = [
        other + weight * (c.reward - own)
        for weight, c, (own, other) in zip(weights, choices, predicted, strict=True)
    ]
    sure = NormalDist().inv_cdf((1 + confidence) / 2)
    subjects = [c.subject for c in choices]
    effective = total * total / sum(weight * weight for weight in weights) if total else 0.0
    logged = sum(c.reward for c in choices) / count
    # A few outcomes may happen to be alike, and say less than their own variance shows.
    variance = sum((c.reward - logged) ** 2 for c in choices) / count
    snips = _interval(influence, subjects, sure, variance / effective if effective else 0.0)
    return OffPolicyEstimate(
        outcomes=count,
        effective=effective,
        covered=min(1.0, share),
        logged=logged,
        ips=_interval(weighted, subjects, sure),
        snips=snips,
        doubly_robust=_interval(corrected, subjects, sure),
        needed=_needed(count, effective, share, snips, precision),
    )


def _needed(
    count: int, effective: float, share: float, snips: Interval, precision: float
) -> int | None:
    """How many outcomes are missing; None when more of the same would not help."""
    if share < COVERED and effective >= LEAST:
        return None
    if not effective or not snips.known:
        return None
    times = max(((snips.high - snips.value) / precision) ** 2, LEAST / effective)
    return max(0, ceil(count * (times - 1)))


def _interval(
    values: Sequence[float],
    subjects: Sequence[str | None],
    sure: float,
    least: float = 0.0,
) -> Interval:
    """The mean of values, with its interval. Those of one subject may depend on each other, those
    of different subjects may not. The variance of the mean is at least so much."""
    count = len(values)
    mean = sum(values) / count
    squares, by_subject = 0.0, defaultdict[str, list[float]](list)
    for value, subject in zip(values, subjects, strict=True):
        if subject is None:
            squares += (value - mean) ** 2
        else:
            by_subject[subject].append(value - mean)
    squares += sum(sum(each) ** 2 for each in by_subject.values())
    alone = count - sum(map(len, by_subject.values()))
    clusters = count**2 / (alone + sum(len(each) ** 2 for each in by_subject.values()))
    if clusters >= _FEWEST:
        variance = squares / count**2 * clusters / (clusters - 1)
        errors = with_few_clusters(sure, clusters - 1) if by_subject else sure
    elif by_subject:
        return Interval(mean, -inf, inf)
    else:
        variance, errors = 0.0, sure  # of a single outcome
    width = errors * sqrt(max(variance, least))
    return Interval(mean, mean - width, mean + width)


def _predicted(choices: Sequence[LoggedChoice]) -> list[tuple[float, float]]:
    """The predicted rewards of the model that was chosen and of the other policy's, for each
    outcome, from the outcomes of the other half: so no outcome predicts itself."""
    tables = [
        _means([c for number, c in enumerate(choices) if number % _FOLDS != fold])
        for fold in range(_FOLDS)
    ]
    return [
        (
            tables[number % _FOLDS].predict(choice.cell, choice.model),
            tables[number % _FOLDS].predict(choice.cell, choice.other),
        )
        for number, choice in enumerate(choices)
    ]


@dataclass(frozen=True, slots=True)
class _Means:
    """Mean rewards: of all outcomes, of each model, and of each model in each cell."""

    overall: float
    by_model: dict[str, tuple[float, int]]
    by_cell: dict[tuple[str, str], tuple[float, int]]

    def predict(self, cell: str, model: str) -> float:
        """The mean of the model in the cell, drawn towards its mean everywhere, and that towards
        the mean of all, the more, the fewer outcomes there are."""
        total, count = self.by_model.get(model, (0.0, 0))
        usual = (total + _SHRINK * self.overall) / (count + _SHRINK)
        total, count = self.by_cell.get((cell, model), (0.0, 0))
        return (total + _SHRINK * usual) / (count + _SHRINK)


def _means(choices: Sequence[LoggedChoice]) -> _Means:
    by_model: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, 0))
    by_cell: dict[tuple[str, str], tuple[float, int]] = defaultdict(lambda: (0.0, 0))
    for choice in choices:
        total, count = by_model[choice.model]
        by_model[choice.model] = total + choice.reward, count + 1
        total, count = by_cell[choice.cell, choice.model]
        by_cell[choice.cell, choice.model] = total + choice.reward, count + 1
    overall = sum(c.reward for c in choices) / len(choices) if choices else 0.0
    return _Means(overall, by_model, by_cell)
