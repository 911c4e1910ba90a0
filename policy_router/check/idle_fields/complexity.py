"""Complexity: keywords without weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.idle_fields.found import IdleField

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.language.document.document import Document


def of_complexity(document: Document) -> Iterator[IdleField]:
    """Yield keywords that count nothing."""
    shape = document.complexity
    if shape is None or shape.weights is None or not shape.keywords:
        return
    if not shape.weights.keywords:
        yield IdleField(
            ("complexity", "keywords"),
            "`weights` gives keywords no weight, so these have no effect",
            "add  keywords: 20%  to `weights`, or leave them out",
        )
