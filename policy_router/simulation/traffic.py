"""The requests of a simulation: made up by a scenario, or those of a log or journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.base_errors import UsageError
from policy_router.domain.outcome import Role
from policy_router.experience.other_policy import request_of
from policy_router.intake import take_in
from policy_router.observe.records import read_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

    from policy_router.classification.classifier import Classifier
    from policy_router.decision.policy import Policy
    from policy_router.domain.outcome import Outcome
    from policy_router.domain.request import Request
    from policy_router.replay.log import LogLine
    from policy_router.simulation.scenario import Mix, Scenario

_USUAL_OUTPUT: Final = 300
"""Output tokens of an answer where nothing says how many it had."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that comes at a time.

    Attributes:
        at: Seconds after the beginning.
        group: The kind of request that it is.
        request: The request.
        output: Output tokens of an answer.
    """

    at: float
    group: str
    request: Request
    output: int


def made_up(scenario: Scenario, classifier: Classifier, draw: Random) -> Iterator[Arrival]:
    """Yield requests in order of time, at random distances (a Poisson process).

    Raises:
        UsageError: The facts of a kind of request make none.
    """
    weights = [mix.weight for mix in scenario.traffic]
    passed = 0.0
    while True:
        factor = 1.0
        for each in scenario.happenings:
            if each.fault is None and not each.models and each.active(passed):
                factor *= each.factor
        passed += draw.expovariate(scenario.rate * factor)
        if passed >= scenario.duration:
            return
        (mix,) = draw.choices(scenario.traffic, weights)
        yield Arrival(passed, mix.name, _request(mix, classifier, draw), draw.randint(*mix.output))


def _request(mix: Mix, classifier: Classifier, draw: Random) -> Request:
    declared = classifier.policy.vocabulary.attributes
    facts = {name: value for name, value in mix.facts.items() if name not in declared}
    stream = facts.pop("stream", False) is True
    for name in ("tags", "needs", "only", "avoid", "prefer"):
        if isinstance(facts.get(name), str):
            facts[name] = (facts[name],)
    facts["attributes"] = {name: mix.facts[name] for name in declared if name in mix.facts}
    if mix.users and "user" not in facts:
        facts["user"] = f"{mix.name}-{draw.randrange(mix.users)}"
    facts.setdefault("tokens", draw.randint(*mix.tokens))
    return take_in(classifier, None, facts, stream=stream).request  # type: ignore[arg-type]  # checked there


def logged(lines: Iterable[LogLine], factor: float = 1.0) -> Iterator[Arrival]:
    """Yield the requests of a decision log, at the times at which they came.

    Args:
        lines: The lines of the log; those that are no records are left out.
        factor: How many times as fast they come.
    """
    began: float | None = None
    latest = 0.0
    for line in lines:
        if line.record is None:
            continue
        try:
            request, snapshot = read_record(line.record)
        except UsageError:
            continue
        now = snapshot.now
        if now is None:
            continue
        began = now if began is None else began
        # A log has requests in the order in which they ended.
        latest = max(latest, (now - began) / factor)
        task = line.record.get("task")
        yield Arrival(latest, str(task or "requests"), request, _output(line.record))


def remembered(outcomes: Iterable[Outcome], policy: Policy) -> Iterator[Arrival]:
    """Yield the requests that a journal has outcomes of, at the times of their first calls.

    Args:
        outcomes: The outcomes, in order of time.
        policy: The policy that is simulated, which declares facts of requests.
    """
    began: float | None = None
    for outcome in outcomes:
        if outcome.role is not Role.FIRST:
            continue
        began = outcome.at if began is None else began
        yield Arrival(
            outcome.at - began,
            outcome.task or "requests",
            request_of(outcome, policy),
            outcome.tokens_out or _USUAL_OUTPUT,
        )


def _output(record: object) -> int:
    attempts = record.get("attempts") if isinstance(record, dict) else None
    counted = [
        attempt.get("tokens_out")
        for attempt in (attempts if isinstance(attempts, list) else ())
        if isinstance(attempt, dict)
    ]
    return max((tokens for tokens in counted if isinstance(tokens, int)), default=_USUAL_OUTPUT)
