"""Generates tests of a policy: requests at the edges of its rules, with its current decisions.

For each rule and each region in which its condition holds there is a request inside, with the
lowest numbers that the region allows, and one just outside by each fact that the region constrains.
So a change that moves an edge fails a test. There is also a request for each task and each band,
one for each model that none of these may use, and one for each limit and budget when it is used up.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.assurance.reach import Reach, Reached
from policy_router.assurance.values import MOST, highest_number
from policy_router.assurance.witness import Witness, witnesses
from policy_router.cases.run import PreparedTest, judge, prepare
from policy_router.cases.stated_request import clock_of, stated
from policy_router.classification.classifier import Classifier
from policy_router.decision.bitset import bits
from policy_router.domain.condition import TOKENS
from policy_router.domain.decision import Reason
from policy_router.domain.facts import FactType
from policy_router.domain.limits import Metric
from policy_router.domain.policy_tests import Expectation, GivenState, PolicyTest
from policy_router.domain.request import Request
from policy_router.units import Rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box, Dimension, Space
    from policy_router.domain.decision import Decision
    from policy_router.domain.limits import Limit
    from policy_router.domain.rules import Rule

MOST_REGIONS: Final = 16
"""Maximum number of regions per rule for which tests are generated."""
_LISTED: Final = 6
"""Maximum number of candidates whose whole order a test expects; with more, it expects only the
first."""
_MADE: Final = 24
"""Tests of a region that are made, of which one that tells most is kept."""
_TRIED: Final = 8
"""Requests of a region that are tried until one fits."""


def generate(policy: Policy) -> Iterator[PolicyTest]:
    """Yield tests that pass for the current policy, in the order of its rules."""
    maker = _Maker(policy)
    yield from maker.of_rules()
    yield from maker.of_kinds()
    yield from maker.of_models()
    for limit in policy.limits:
        test = maker.used_up(limit)
        if test is not None:
            yield test


class _Maker:
    """Generates tests of one policy."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._classifier = Classifier(policy)
        conditions = (limit.when for limit in policy.limits)
        self._reach = Reach(policy, [each.tree for each in conditions if each is not None])
        self._allowed: set[str] = set()

    def of_rules(self) -> Iterator[PolicyTest]:
        """A request inside and one outside of each region of each rule."""
        for rule in self._policy.rules:
            boxes = self._reach.boxes(rule.when)[:MOST_REGIONS]
            for number, box in enumerate(boxes, 1):
                region = f"{rule.name}, region {number}" if len(boxes) > 1 else rule.name
                inside = self._in_region(region, rule, box)
                yield from self._noting_allowed(() if inside is None else (inside,))
                yield from self._noting_allowed(self._around(region, rule, box))

    def of_kinds(self) -> Iterator[PolicyTest]:
        """A request of each task, and one of each complexity."""
        named = {f"task `{task.name}`": Request(task=task.name) for task in self._policy.tasks}
        for band in self._policy.bands:
            named[f"complexity `{band.name}`"] = Request(complexity=band.name)
        for name, request in named.items():
            test = self._test(name, Witness(request))
            yield from self._noting_allowed(() if test is None else (test,))

    def of_models(self) -> Iterator[PolicyTest]:
        """A request for each model that may answer none so far."""
        for i, model in enumerate(self._policy.models):
            if model.name not in self._allowed:
                answer = self._reach.ask(i, ({},))
                if isinstance(answer, Reached):
                    test = self._test(f"`{model.name}` may answer", answer.witness)
                    yield from self._noting_allowed(() if test is None else (test,))

    def _noting_allowed(self, tests: Iterable[PolicyTest]) -> Iterator[PolicyTest]:
        """The tests; the models that they let answer need no others."""
        for test in tests:
            self._allowed.update(test.expect.order or ())
            yield test

    def used_up(self, limit: Limit) -> PolicyTest | None:
        """A request at a time when a limit is used up; None if that excludes no model."""
        given = _exhausted(limit)
        if given is None or not limit.refusing or limit.cap is None:
            return None
        kind = "budget" if limit.is_budget else "limit"
        over = "" if limit.window is None else f" per {limit.window}"
        name = f"{kind} `{limit.name}` is used up: {limit.metric}{over}"
        subject = {} if limit.per is None else {limit.per: "someone"}
        tests = [
            self._test(
                name,
                replace(each, request=replace(each.request, **subject)),  # type: ignore[arg-type]  # text
                given=given,
            )
            for box in self._reach.boxes(limit.when)
            for each in islice(self._witnesses(box), _MADE)
        ]
        made = [test for test in tests if test is not None and test.expect.reasons]
        return max(made, key=lambda test: len(test.expect.reasons), default=None)

    def _in_region(self, name: str, rule: Rule, box: Box) -> PolicyTest | None:
        dimensions = self._reach.space.dimensions
        lowest = {
            number: cells & -cells if dimensions[number].kind is FactType.NUMBER else cells
            for number, cells in box.items()
        }
        without = self._with(rule, None)
        for each in (lowest, box):
            tests = (self._test(name, w, rule) for w in self._witnesses(each))
            test = self._telling(tests, without)
            if test is not None:
                return test
        return None

    def _around(self, region: str, rule: Rule, box: Box) -> Iterator[PolicyTest]:
        """A request outside of a region by each fact that it constrains, at each of its edges."""
        everywhere = self._with(rule, replace(rule, when=None))
        for number, cells in box.items():
            fact = self._reach.space.dimensions[number].fact
            name = f"not by `{self._policy.vocabulary.facts[fact].name}`: {region}"
            seen = set()
            for neighbours in _neighbours(self._reach.space.dimensions[number], cells):
                outside = {**box, number: neighbours}
                tests = (
                    self._test(name, each, rule, applies=False)
                    for each in self._witnesses(outside, high=fact == TOKENS)
                )
                test = self._telling(tests, everywhere)
                if test is not None and str(test) not in seen:
                    seen.add(str(test))
                    yield test

    def _witnesses(self, box: Box, *, high: bool = False) -> Iterator[Witness]:
        """Requests in a box, and the same with the default task, each other one, and no clock."""
        space = self._reach.space
        for witness in islice(witnesses(self._policy, space, box), _TRIED):
            edge = _highest(space, box, witness) if high else witness
            tasks = (task.name for task in self._policy.tasks)
            for task in dict.fromkeys((None, edge.request.task, *tasks)):
                request = replace(edge.request, task=task)
                yield from (Witness(request, now) for now in dict.fromkeys((None, edge.now)))

    def _telling(self, tests: Iterator[PolicyTest | None], other: Policy) -> PolicyTest | None:
        """The first test that fails under another policy, else the first one."""
        made = [test for test in islice(tests, _MADE) if test is not None]
        for test in made:
            prepared = prepare(self._classifier, test)
            if isinstance(prepared, PreparedTest) and not judge(other, prepared).passed:
                return test
        return next(iter(made), None)

    def _with(self, rule: Rule, changed: Rule | None) -> Policy:
        """The policy with another rule in place of one, or without it."""
        rules = (changed if each is rule else each for each in self._policy.rules)
        return replace(self._policy, rules=tuple(each for each in rules if each is not None))

    def _test(
        self,
        name: str,
        witness: Witness,
        rule: Rule | None = None,
        *,
        applies: bool = True,
        given: GivenState | None = None,
    ) -> PolicyTest | None:
        """The test of a request; None where none can state it, or the rule is otherwise."""
        facts = stated(self._policy, witness)
        if facts is None:
            return None
        clock = clock_of(self._policy, witness)
        state = replace(given or GivenState(), clock=clock)
        bare = PolicyTest(name, MappingProxyType(facts), Expectation(), state)
        prepared = prepare(self._classifier, bare)
        if not isinstance(prepared, PreparedTest):
            return None
        decision = judge(self._policy, prepared).decision
        if decision is None or (
            rule is not None
            and applies != (rule.when is None or rule.when.holds(decision.situation.facts))
        ):
            return None
        named = rule.name if rule is not None and rule.name in decision.rules else None
        return replace(bare, expect=_expected(decision, named, of_state=given is not None))


def _highest(space: Space, box: Box, witness: Witness) -> Witness:
    """The same request with as many tokens as a box allows."""
    for number, dimension in enumerate(space.dimensions):
        if dimension.fact == TOKENS:
            most = highest_number(dimension, box.get(number, dimension.live) & dimension.live)
            return replace(witness, request=replace(witness.request, tokens=min(most, MOST)))
    return witness


def _neighbours(dimension: Dimension, cells: int) -> list[int]:
    """The cells next to some cells: of a number the next ones, each by itself; else all others."""
    others = dimension.live & ~cells
    if dimension.kind is not FactType.NUMBER:
        return [others]
    present = others & (1 << dimension.size - 1) - 1
    next_ones = present & (cells << 1 | cells >> 1)
    return [1 << cell for cell in bits(next_ones)] or [others]


def _expected(decision: Decision, rule: str | None, *, of_state: bool) -> Expectation:
    """What a decision was."""
    names = tuple(candidate.name for candidate in decision.candidates)
    if of_state:
        reasons = {
            skip.model: skip.reason
            for skip in decision.skipped
            if skip.reason in {Reason.BUDGET, Reason.RATE_LIMIT}
        }
        return Expectation(reasons=dict(islice(reasons.items(), _LISTED)))
    if not names:
        return Expectation(denied=True if decision.denied is None else decision.denied, rule=rule)
    if len(names) > _LISTED:
        return Expectation(first=names[0], rule=rule)
    return Expectation(order=names, rule=rule)


def _exhausted(limit: Limit) -> GivenState | None:
    """The state in which a limit is used up; None where no test can state it."""
    cap = limit.cap or 0
    if limit.is_budget and limit.metric is Metric.USD:
        return GivenState(spent={limit.name: cap})
    window = "" if limit.window is None else str(limit.window)
    if window == "session":
        return None
    return GivenState(used={limit.name: Rate(cap, limit.metric.value, window)})
