"""The section `abilities`, and the lists of abilities elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.decision.abilities import ABILITIES

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.source import Path


def compile_abilities(resolver: Resolver) -> tuple[str, ...]:
    """The abilities that the policy declares, in written order; built-in ones are reported."""
    draft = resolver.draft
    declared = draft.document.abilities or []
    resolver.no_twins(("abilities",), declared, "ability")
    for i, name in enumerate(declared):
        if name in ABILITIES:
            draft.error(
                "reserved-name",
                f"`{name}` is a built-in ability",
                draft.places.value(("abilities", i)),
                "leave it out here; it can be used without a declaration",
            )
    return tuple(dict.fromkeys(declared))


def known_abilities(resolver: Resolver, names: list[str] | None, path: Path) -> frozenset[str]:
    """The abilities of a list; those that are neither built in nor declared are reported."""
    draft = resolver.draft
    declared = draft.document.abilities
    # Without the section, what was written there may be broken, or in a file that cannot be read.
    unsure = declared is None and "abilities" in draft.names.sections
    known = [*(declared or ()), *ABILITIES]
    for i, name in enumerate(names or ()):
        if name in known or unsure or draft.names.may_hold(name):
            continue
        close = draft.hints.did_you_mean(name, known)
        draft.error(
            "unknown-name",
            f"`{name}` is not an ability",
            draft.places.value((*path, i)),
            f"did you mean `{close}`?" if close else f"declare it:  abilities: [{name}]",
        )
    return frozenset(names or ())
