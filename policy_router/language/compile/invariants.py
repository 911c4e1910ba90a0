"""The section `invariants`: promises about every request, whatever the state of the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.invariants import Invariant

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver


def compile_invariants(resolver: Resolver) -> tuple[Invariant, ...]:
    """The policy's invariants in written order."""
    return tuple(
        Invariant(
            name=shape.name,
            when=resolver.when(shape.when, ("invariants", i, "when")),
            never=resolver.select(shape.never, ("invariants", i, "never")) or (),
            span=resolver.places.value(("invariants", i, "name")),
        )
        for i, shape in enumerate(resolver.draft.document.invariants or ())
    )
