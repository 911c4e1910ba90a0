"""The sections `attributes` and `tags`: what a policy declares about the facts of a request."""

from __future__ import annotations

from dataclasses import replace
from keyword import iskeyword
from typing import TYPE_CHECKING, Final

from policy_router.domain.facts import BUILT_IN, Fact, FactType
from policy_router.language.condition_error import ConditionError
from policy_router.language.document.document import AttributeShape
from policy_router.language.grammar import FUNCTIONS
from policy_router.language.typing import constant_for

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.source import Path

_CONSTANTS: Final = frozenset({"true", "false", "null", "none"})


def compile_tags(resolver: Resolver) -> tuple[str, ...]:
    """The tags that requests may have, in written order; none when any string is a tag."""
    declared = resolver.draft.document.tags or []
    resolver.no_twins(("tags",), declared, "tag")
    return tuple(dict.fromkeys(declared))


def compile_attributes(resolver: Resolver) -> list[Fact]:
    """The declared facts in written order; a name that conditions use already is reported."""
    draft = resolver.draft
    facts = []
    for name, declared in (draft.document.attributes or {}).items():
        path = ("attributes", name)
        if name in BUILT_IN or name in FUNCTIONS or name in _CONSTANTS or iskeyword(name):
            draft.error(
                "reserved-name",
                f"`{name}` is a word of the condition language",
                draft.places.key(path),
                "give the attribute another name",
            )
        elif isinstance(declared, AttributeShape):
            facts += _with_default(resolver, name, declared)
        else:
            facts.append(_fact(resolver, name, declared, path))
    return facts


def _fact(resolver: Resolver, name: str, declared: str | list[str], path: Path) -> Fact:
    if isinstance(declared, str):
        return Fact(name, FactType(declared))
    resolver.no_twins(path, declared, "value")
    return Fact(name, FactType.ENUM, tuple(dict.fromkeys(declared)))


def _with_default(resolver: Resolver, name: str, shape: AttributeShape) -> list[Fact]:
    """The fact of a mapping; none where it is wrong."""
    draft, path = resolver.draft, ("attributes", name)
    if (shape.type is None) == (shape.values is None):
        has = "neither `type` nor `values`" if shape.type is None else "both `type` and `values`"
        draft.error(
            "missing-field" if shape.type is None else "unknown-field",
            f"attribute `{name}` has {has}",
            draft.places.key(path if shape.type is None else (*path, "type")),
            "write  type: bool  or  values: [a, b]",
        )
        return []
    fact = _fact(resolver, name, shape.type or shape.values or [], (*path, "values"))
    if shape.default is None:
        return [fact]
    try:
        default = constant_for(fact, shape.default, draft.hints, yaml=True)
    except ConditionError as error:
        span = draft.places.value((*path, "default"))
        draft.error(error.rule, error.message, span, error.help)
        return []
    return [replace(fact, default=default, optional=False)]
