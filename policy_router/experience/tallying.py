"""Counts the requests of an experiment, and evaluates the counts.

The counts of one arm are kept in 256 rows by a hash of the subject that the experiment sticks to,
or of the request where it was drawn by itself. So what the requests of one user have in common is
seen in the variance, exactly as long as each row has one user, and no user is named. They are whole
numbers, so those of several processes add up exactly.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from policy_router.decision.arm_assignment import number_of
from policy_router.domain.experiments import Measure
from policy_router.experience.moments import Moments
from policy_router.experience.rated_answers import SCORE
from policy_router.experience.verdicts import ArmValues, EndReason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.domain.attempt import Attempt
    from policy_router.domain.experiments import Experiment
    from policy_router.ledger.tallies import Counts

CLUSTERS: Final = 256
"""Rows of the counts of one arm."""

_MEASURED: Final[Mapping[Measure, tuple[tuple[str, str, float], ...]]] = {
    Measure.SUCCESS: (("requests", "successes", 1.0),),
    Measure.QUALITY: (("checked", "passed", 1.0), ("ratings", "rating", 1 / SCORE)),
    Measure.COST: (("priced", "nano_usd", 1e-9),),
    Measure.LATENCY: (("timed", "microseconds", 1e-6),),
}
"""What each measure adds up: the names of a count and of a sum, and the unit of the sum."""
_ENDED: Final = "-"
"""What the keys of ended arms begin with; no arm has that name."""


def topic_of(experiment: Experiment) -> str:
    """The name under which a store keeps the counts of an experiment.

    An experiment that assigns other requests, or whose arms do something else, starts again.
    Another share, measure or end changes nothing.
    """
    when = None if experiment.when is None else experiment.when.text
    arms = [(arm.name, arm.first, arm.prompt, arm.effort) for arm in experiment.arms]
    return f"experiment:{experiment.name}:{_digest(when, experiment.stick_to, arms)}"


def end_key(experiment: Experiment, arm: str) -> str:
    """The key under which it is kept that an arm ended: one for each way to say when it does."""
    stop = experiment.stop
    rule = None if stop is None else (stop.confidence, stop.samples, sorted(stop.guard.items()))
    return f"{_ENDED} {arm} {_digest(experiment.measure, rule, experiment.until)}"


def count_key(experiment: Experiment, arm: str, subject: str | None, decision: str) -> str:
    """The key of the counts that a request belongs to.

    Args:
        experiment: The experiment.
        arm: Name of the arm.
        subject: What the experiment sticks to; None if the request was drawn individually.
        decision: Id of its decision.
    """
    by = None if subject is None else "cluster"
    number = number_of(experiment.name, by, decision if subject is None else subject)
    return f"{arm} {int(number * CLUSTERS)}"


def counts_of(attempts: Sequence[Attempt], *, accepted: bool, answered: bool) -> Counts:
    """What is counted of one request.

    Args:
        attempts: The calls that were made for it, in order.
        accepted: Whether it got an answer that no check rejected.
        answered: Whether it got any answer.
    """
    counts = {"requests": 1, "successes": int(accepted)}
    checked = next((a for a in attempts if a.passed or a.rejected), None)
    if checked is not None:
        counts |= {"checked": 1, "passed": int(not checked.rejected)}
    costs = [attempt.cost_nano_usd for attempt in attempts]
    known = [cost for cost in costs if cost is not None]
    if len(known) == len(costs):
        counts |= {"priced": 1, "nano_usd": sum(known)}
    if answered:
        seconds = sum(attempt.seconds for attempt in attempts)
        counts |= {"timed": 1, "microseconds": round(seconds * 1e6)}
    return counts


def ratings_of(number: int, change: int) -> Counts:
    """What is counted of feedback on an answer.

    Args:
        number: How many sources have rated it for the first time.
        change: What that, or a later score of the same sources, adds to the sum of the scores, in
            parts of a `SCORE`.
    """
    return {"ratings": number, "rating": change}


def values_of(rows: Mapping[str, Counts]) -> dict[str, ArmValues]:
    """What the counts of an experiment, by their keys, say about each arm, by its name."""
    clusters: dict[str, list[Counts]] = {}
    for key, row in rows.items():
        arm = key.partition(" ")[0]
        if arm != _ENDED:
            clusters.setdefault(arm, []).append(row)
    return {
        arm: ArmValues(
            sum(row.get("requests", 0) for row in found),
            {
                measure: Moments.of(_added(row, parts) for row in found)
                for measure, parts in _MEASURED.items()
            },
        )
        for arm, found in clusters.items()
    }


def _added(row: Counts, parts: tuple[tuple[str, str, float], ...]) -> tuple[int, float]:
    """How many values a row has of a measure, and what they add up to."""
    number = sum(row.get(count, 0) for count, _, _ in parts)
    return number, sum(row.get(total, 0) * unit for _, total, unit in parts)


def ended_in(experiment: Experiment, keys: Mapping[str, Counts]) -> dict[str, EndReason]:
    """The arms that are known to have ended, and why.

    Args:
        experiment: The experiment.
        keys: Everything that is stored about it, by key.
    """
    ended = {}
    for arm in experiment.arms:
        reasons = keys.get(end_key(experiment, arm.name), {})
        reason = next((each for each in EndReason if reasons.get(each.value)), None)
        if reason is not None:
            ended[arm.name] = reason
    return ended


def _digest(*parts: object) -> str:
    text = repr([_plain(part) for part in parts])
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _plain(part: object) -> object:
    """A value as text that stays the same from release to release."""
    if isinstance(part, list | tuple):
        return [_plain(each) for each in part]
    return None if part is None else str(part)
