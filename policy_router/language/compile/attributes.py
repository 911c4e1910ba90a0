"""The section `attributes`: facts about a request that the policy declares itself."""

from __future__ import annotations

from keyword import iskeyword
from typing import TYPE_CHECKING, Final

from policy_router.domain.facts import BUILT_IN, Fact, FactType
from policy_router.language.grammar import FUNCTIONS

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver

_CONSTANTS: Final = frozenset({"true", "false", "null", "none"})


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
        elif isinstance(declared, list):
            resolver.no_twins(path, declared, "value")
            facts.append(Fact(name, FactType.ENUM, tuple(dict.fromkeys(declared))))
        else:
            facts.append(Fact(name, FactType(declared)))
    return facts
