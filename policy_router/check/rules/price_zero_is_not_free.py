"""a price of zero instead of `price: free`

LiteLLM's table has 0 for many models that do cost money. A model is free only if the policy says
`price: free`; a price of $0 is not enough.

Bad:
    models:
      mine: { model: gemini/gemini-exp-1206, tier: light, context: 8k }

Good:
    models:
      mine: { model: gemini/gemini-exp-1206, tier: light, context: 8k, price: free }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.language.document.prices import PriceShape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model in subject.policy.models:
        entry = subject.draft.entries[model.name]
        if model.price is None and entry is not None and entry.listed_zero:
            yield warning(
                "price-zero-is-not-free",
                f"the price of `{model.name}` in LiteLLM's table is 0, which does not mean that it "
                "is free",
                subject.draft.places.value(("models", model.name, "model")),
                "add  price: free  if it is free, or its price",
            )
        shape = (subject.draft.document.models or {})[model.name].price
        if isinstance(shape, PriceShape) and not (shape.input or shape.output):
            yield warning(
                "price-zero-is-not-free",
                f"a price of $0 does not make `{model.name}` free: it still needs a budget that "
                "covers it",
                subject.draft.places.value(("models", model.name, "price")),
                "write  price: free",
            )
