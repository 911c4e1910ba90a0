"""The section `aliases`: names that callers may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.diagnostics import Diagnostic, Severity
from policy_router.domain.aliases import Alias
from policy_router.language.compile.selectors import is_pattern

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver


def compile_aliases(resolver: Resolver) -> tuple[Alias, ...]:
    """The policy's aliases in written order; one with the name of a model is reported."""
    draft, places = resolver.draft, resolver.places
    aliases = []
    for name, selectors in (draft.document.aliases or {}).items():
        path = ("aliases", name)
        if name in draft.names.models or name in resolver.numbers:
            draft.diagnostics.append(
                Diagnostic(
                    "alias-of-model",
                    Severity.ERROR,
                    f"alias `{name}` would shadow the model `{name}`",
                    places.key(path),
                    "give one of them another name; to put other models behind it, let clients "
                    "ask for the alias",
                    (("the model", places.key(("models", name))),),
                )
            )
        groups = resolver.select_groups(selectors, path)
        aliases.append(Alias(name, groups, is_pattern(name), places.key(path)))
    return tuple(aliases)
