"""`prefer` puts free models first, but no model is free

The first key of the order decides nothing, and every request costs money.

Bad:
    models:
      big: { model: openai/gpt-4o, tier: heavy }
    prefer: [free, cheapest]

Good:
    models:
      big: { model: openai/gpt-4o, tier: heavy }
      small: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k }
    prefer: [free, cheapest]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    written = subject.draft.document.prefer
    if written and written[0] is SortKey.FREE and not any(m.free for m in subject.policy.models):
        yield warning(
            "no-free-model",
            "`prefer` begins with `free`, but no model is free",
            subject.draft.places.value(("prefer", 0)),
            "write  price: free  for a model that costs nothing, or remove `free`",
        )
