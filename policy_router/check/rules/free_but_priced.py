"""a model declared free that has a price in LiteLLM's table

The policy says `price: free` for a model that its provider charges for.

Bad:
    models:
      x: { model: openai/gpt-4o, tier: heavy, price: free }

Good:
    models:
      x: { model: openai/gpt-4o, tier: heavy }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.domain.money import format_usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model in subject.policy.models:
        entry = subject.draft.entries[model.name]
        # A server of the user may well run a model of that name at no cost.
        price = None if entry is None else entry.price
        if model.free and not model.has_own_address and entry is not None and price is not None:
            yield warning(
                "free-but-priced",
                f"`{model.name}` is declared free, but `{entry.name}` costs "
                f"${format_usd(price.input)}/M for input "
                f"and ${format_usd(price.output)}/M for output",
                subject.draft.places.value(("models", model.name, "price")),
                "remove `price: free`, or name the free variant",
            )
