"""The section `learning`: what the outcomes of past requests may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.learning import MIN_SAMPLES, Learning, LearningMode
from policy_router.language.compile.values import given

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver


def compile_learning(resolver: Resolver) -> Learning:
    """How the policy learns; by default it does not."""
    shape = resolver.draft.document.learning
    if shape is None:
        return Learning()
    resolver.no_twins(("learning", "quality"), shape.quality or [], "source")
    return Learning(
        LearningMode(shape.mode),
        given(shape.min_samples, MIN_SAMPLES),
        tuple(shape.quality or ()),
        shape.explore or 0.0,
    )
