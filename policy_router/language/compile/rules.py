"""The section `rules`: which models are excluded, and which are moved in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.diagnostics import Diagnostic, Severity
from policy_router.domain.rules import Rule
from policy_router.language.compile.abilities import known_abilities
from policy_router.language.compile.acceptance import compile_accept
from policy_router.language.compile.criteria import compile_criteria
from policy_router.language.compile.orders import compile_order

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.rules import RuleShape
    from policy_router.language.source import Path


def compile_rules(resolver: Resolver) -> tuple[Rule, ...]:
    """The policy's rules in written order; two of one name are reported."""
    rules: list[Rule] = []
    numbers: dict[str, int] = {}
    for i, shape in enumerate(resolver.draft.document.rules or ()):
        resolver.draft.checkpoint()
        if shape.name in numbers:
            _report_twin(resolver, shape.name, i, numbers[shape.name])
        numbers.setdefault(shape.name, i)
        rules.append(_rule(resolver, shape, ("rules", i)))
    return tuple(rules)


def _report_twin(resolver: Resolver, name: str, number: int, first: int) -> None:
    places = resolver.places
    resolver.draft.diagnostics.append(
        Diagnostic(
            "duplicate-name",
            Severity.ERROR,
            f"two rules are named `{name}`",
            places.value(("rules", number, "name")),
            "a rule's name is shown as its reason; give each rule its own name",
            (("the first", places.value(("rules", first, "name"))),),
        )
    )


def _rule(resolver: Resolver, shape: RuleShape, path: Path) -> Rule:
    places = resolver.places
    return Rule(
        name=shape.name,
        when=resolver.when(shape.when, (*path, "when")),
        only=resolver.select(shape.only, (*path, "only")),
        avoid=resolver.select(shape.avoid, (*path, "avoid")) or (),
        first=resolver.select(shape.first, (*path, "first")) or (),
        min_tier=resolver.rank(shape.min_tier, (*path, "min_tier")),
        needs=known_abilities(resolver, shape.needs, (*path, "needs")),
        deny=shape.deny,
        accept=compile_accept(resolver, shape.accept, (*path, "accept"), f"rule `{shape.name}`"),
        criteria=compile_criteria(shape),
        prefer=compile_order(resolver, shape.prefer, (*path, "prefer")),
        shadow=bool(shape.shadow),
        span=places.value((*path, "name")),
        only_at=places.key((*path, "only")) if shape.only else None,
        avoid_at=places.key((*path, "avoid")) if shape.avoid else None,
    )
