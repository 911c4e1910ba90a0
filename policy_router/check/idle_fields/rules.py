"""Rules: fields that `deny` or `only` makes useless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.idle_fields.acceptance import of_accept
from policy_router.check.idle_fields.found import IdleField

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.language.document.document import Document
    from policy_router.language.source import Path


_OF_MODELS: Final = (
    "only", "avoid", "first", "min_tier", "needs", "min_quality", "max_latency", "max_price",
    "max_cost", "prefer", "accept",
)  # fmt: skip
"""Fields of a rule that concern the models that answer."""


def of_rules(document: Document) -> Iterator[IdleField]:
    """Yield fields of rules that `deny` or `only` of the same rule makes useless."""
    for i, rule in enumerate(document.rules or ()):
        path: Path = ("rules", i)
        if rule.accept is not None:
            yield from of_accept(rule.accept, (*path, "accept"))
        if rule.deny is not None:
            for field in _OF_MODELS:
                if getattr(rule, field) is not None:
                    yield IdleField(
                        (*path, field),
                        f"a denied request is sent to no model, so `{field}` has no effect",
                        f"leave `deny` or `{field}` out",
                    )
        if rule.only is not None and rule.avoid is not None:
            names = document.models or {}
            if all(word in names for word in (*rule.only, *rule.avoid)) and not (
                set(rule.only) & set(rule.avoid)
            ):
                yield IdleField(
                    (*path, "avoid"),
                    "`only` already excludes these models",
                    "leave `avoid` out",
                )
