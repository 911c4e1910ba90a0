"""The section `invariants`: promises about every request, whatever the state of the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.invariants import AtLeast, Countable, Invariant

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.promises import InvariantShape
    from policy_router.language.source import Path


_PROMISES: Final = ("never", "only", "at_least", "max_cost", "always_denied")
_WITHOUT: Final = {
    "one model is down": Countable.CANDIDATES,
    "one provider is down": Countable.PROVIDERS,
}


def compile_invariants(resolver: Resolver) -> tuple[Invariant, ...]:
    """The policy's invariants in written order; one that promises nothing is reported."""
    invariants = []
    for i, shape in enumerate(resolver.draft.document.invariants or ()):
        path: Path = ("invariants", i)
        _check(resolver, shape, path)
        invariants.append(
            Invariant(
                name=shape.name,
                when=resolver.when(shape.when, (*path, "when")),
                never=resolver.select(shape.never, (*path, "never")) or (),
                only=resolver.select(shape.only, (*path, "only")),
                at_least=_at_least(shape),
                max_cost=shape.max_cost,
                always_denied=shape.always_denied is True,
                span=resolver.places.value((*path, "name")),
            )
        )
    return tuple(invariants)


def _check(resolver: Resolver, shape: InvariantShape, path: Path) -> None:
    """Report an invariant that promises nothing, and an `even_if` that adds to no promise."""
    draft, places = resolver.draft, resolver.places
    if not draft.whole:  # a promise that could not be read is reported where it is written
        return
    if not any(getattr(shape, name) for name in _PROMISES) and shape.max_cost is None:
        draft.error(
            "missing-field",
            f"invariant `{shape.name}` promises nothing",
            places.value((*path, "name")),
            f"add one of {', '.join(_PROMISES)}",
        )
    if shape.even_if is not None and shape.at_least is None:
        draft.error(
            "missing-field",
            "`even_if` needs `at_least`, which is missing",
            places.key((*path, "even_if")),
            "add  at_least: 1 candidate",
        )


def _at_least(shape: InvariantShape) -> AtLeast | None:
    if shape.at_least is None:
        return None
    count, _, word = shape.at_least.partition(" ")
    of = Countable.CANDIDATES if word.startswith("candidate") else Countable.PROVIDERS
    return AtLeast(int(count), of, None if shape.even_if is None else _WITHOUT[shape.even_if])
