"""a model of unknown price

Its price is neither in LiteLLM's table nor in the policy. So it cannot be ordered by cost, held to
a budget, or chosen under a price limit.

Bad:
    models:
      mine: { model: openrouter/acme/unheard-of, tier: light, context: 8k }

Good:
    models:
      mine: { model: openrouter/acme/unheard-of, tier: light, context: 8k, price: free }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, near, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model in subject.policy.models:
        entry = subject.draft.entries[model.name]
        if model.price is None and not (entry and entry.listed_zero):
            yield warning(
                "missing-price",
                f"the price of `{model.name}` is unknown",
                subject.draft.places.value(("models", model.name, "model")),
                near(subject, model)
                or "add  price: free  or  price: { input: $0.10/M, output: $0.40/M }",
            )
