"""The section `tests`: requests, and what the policy is expected to decide for them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.domain.condition import COMPLEXITY
from policy_router.domain.policy_tests import Expectation, GivenState, PolicyTest
from policy_router.language.compile.abilities import known_abilities
from policy_router.language.compile.values import frozen_list
from policy_router.units import limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.policy_tests import StatedValue
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.promises import ExpectShape, GivenShape
    from policy_router.language.document.types import Scalar
    from policy_router.language.source import Path

NO_FACTS: Final = ("prompt", "needs")
"""What may stand among the facts of a test's request without being a fact of conditions."""


def compile_tests(resolver: Resolver) -> tuple[PolicyTest, ...]:
    """The policy's tests in written order; names they use that do not exist are reported."""
    tests = []
    for i, shape in enumerate(resolver.draft.document.tests or ()):
        path: Path = ("tests", i)
        tests.append(
            PolicyTest(
                name=shape.name,
                request=_request(resolver, shape.request, (*path, "request")),
                expect=_expectation(resolver, shape.expect, (*path, "expect")),
                given=_given(resolver, shape.given, (*path, "given")),
                span=resolver.places.value((*path, "name")),
            )
        )
    return tuple(tests)


def _request(
    resolver: Resolver, written: str | dict[str, Scalar | list[Scalar]], path: Path
) -> str | Mapping[str, StatedValue | tuple[StatedValue, ...]]:
    if isinstance(written, str):
        return written
    facts = {name: value for name, value in written.items() if name not in NO_FACTS}
    complexity, model = facts.get("complexity"), facts.get("model")
    if isinstance(complexity, int | float) and not isinstance(complexity, bool):
        _check_score(resolver, complexity, (*path, "complexity"))
        del facts["complexity"]
    if isinstance(model, str):
        resolver.model_or_alias(model, (*path, "model"))
    needs = written.get("needs")
    if needs is not None:
        names = [str(name) for name in (needs if isinstance(needs, list) else [needs])]
        known_abilities(resolver, names, (*path, "needs"))
    if facts:
        resolver.facts(facts, path)
    return MappingProxyType({name: frozen_list(value) for name, value in written.items()})


def _check_score(resolver: Resolver, complexity: float, path: Path) -> None:
    """Report a complexity that is neither a score nor, where the bands are levels, a level."""
    bands = resolver.vocabulary.facts[COMPLEXITY].values
    levels = len(bands) if bands[:1] == ("level_1",) else 0
    if not (0 <= complexity <= 1 or (isinstance(complexity, int) and 1 <= complexity <= levels)):
        level = f", or a level from 1 to {levels}" if levels else ""
        resolver.draft.error(
            "bad-value",
            f"{complexity} is no complexity",
            resolver.places.value(path),
            f"write a band, or a score from 0 to 1{level}",
        )


def _given(resolver: Resolver, shape: GivenShape | None, path: Path) -> GivenState:
    if shape is None:
        return GivenState()
    names, places = resolver.draft.names, resolver.places
    for budget in shape.spent or ():
        resolver.known(budget, names.budgets, "budget", places.key((*path, "spent", budget)))
    for name in shape.used or ():
        resolver.known(name, names.limits, "limit", places.key((*path, "used", name)))
    for session, model in (shape.session or {}).items():
        resolver.one_model(model, (*path, "session", session))
    if shape.arm is not None:
        span = places.value((*path, "arm"))
        resolver.known(shape.arm, names.experiments, "experiment", span)
    return GivenState(
        spent=MappingProxyType(dict(shape.spent or {})),
        session=MappingProxyType(dict(shape.session or {})),
        used=MappingProxyType({name: limit(text) for name, text in (shape.used or {}).items()}),
        arm=shape.arm,
    )


def _expectation(resolver: Resolver, shape: ExpectShape, path: Path) -> Expectation:
    names, places = resolver.draft.names, resolver.places
    if shape.first is not None:
        resolver.one_model(shape.first, (*path, "first"))
    for i, model in enumerate(shape.then or ()):
        resolver.one_model(model, (*path, "then", i))
    never = resolver.select(shape.never, (*path, "never")) or ()
    if shape.task is not None:
        resolver.known(shape.task, names.tasks, "task", places.value((*path, "task")))
    if shape.complexity is not None:
        bands = resolver.vocabulary.facts[resolver.vocabulary.by_name["complexity"]].values
        span = places.value((*path, "complexity"))
        resolver.known(shape.complexity, {*bands, *names.bands}, "complexity band", span)
    if shape.rule is not None:
        resolver.known(shape.rule, names.rules, "rule", places.value((*path, "rule")))
    return Expectation(
        first=shape.first,
        then=None if shape.then is None else tuple(shape.then),
        never=never,
        task=shape.task,
        complexity=shape.complexity,
        rule=shape.rule,
        cost=shape.cost,
        denied=shape.denied,
    )
