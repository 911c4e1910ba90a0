"""The section `tests`: requests, and what the policy is expected to decide for them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from policy_router.domain.policy_tests import Expectation, PolicyTest
from policy_router.language.compile.given_states import given_state
from policy_router.language.compile.stated_requests import stated_request

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.policy_tests import ExpectShape
    from policy_router.language.source import Path


def compile_tests(resolver: Resolver) -> tuple[PolicyTest, ...]:
    """The policy's tests in written order; names they use that do not exist are reported."""
    tests = []
    for i, shape in enumerate(resolver.draft.document.tests or ()):
        path: Path = ("tests", i)
        request = stated_request(resolver, shape.request, (*path, "request"))
        tests.append(
            PolicyTest(
                name=shape.name,
                request=request,
                expect=_expectation(resolver, shape.expect, (*path, "expect")),
                given=given_state(resolver, shape.given, (*path, "given"), request),
                span=resolver.places.value((*path, "name")),
            )
        )
    return tuple(tests)


def _expectation(resolver: Resolver, shape: ExpectShape, path: Path) -> Expectation:
    names, places = resolver.draft.names, resolver.places
    if shape.first is not None:
        resolver.one_model(shape.first, (*path, "first"))
    for key, listed in (("order", shape.order), ("then", shape.then)):
        for i, model in enumerate(listed or ()):
            resolver.one_model(model, (*path, key, i))
        resolver.no_twins((*path, key), listed or (), "model")
    for model in shape.reasons or ():
        resolver.one_model(model, (*path, "reasons", model))
    never = resolver.select(shape.never, (*path, "never")) or ()
    if shape.task is not None:
        resolver.known(shape.task, names.tasks, "task", places.value((*path, "task")))
    if shape.complexity is not None:
        bands = resolver.vocabulary.facts[resolver.vocabulary.by_name["complexity"]].values
        span = places.value((*path, "complexity"))
        resolver.known(shape.complexity, {*bands, *names.bands}, "complexity band", span)
    if shape.rule is not None:
        resolver.known(shape.rule, names.rules, "rule", places.value((*path, "rule")))
    if shape.alias is not None:
        aliases = [alias.name for alias in resolver.aliases]
        resolver.known(shape.alias, aliases, "alias", places.value((*path, "alias")))
    return Expectation(
        first=shape.first,
        then=None if shape.then is None else tuple(shape.then),
        never=never,
        task=shape.task,
        complexity=shape.complexity,
        rule=shape.rule,
        cost=shape.cost,
        denied=shape.denied,
        order=None if shape.order is None else tuple(shape.order),
        max_cost=shape.max_cost,
        reasons=MappingProxyType(dict(shape.reasons or {})),
        alias=shape.alias,
        session=shape.session,
        places=MappingProxyType(
            {
                name: places.value((*path, name))
                for name in type(shape).model_fields
                if getattr(shape, name) is not None
            }
        ),
    )
