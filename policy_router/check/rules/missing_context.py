"""a model of unknown context

Without it, only a failed call shows that a prompt is too long.

Bad:
    models:
      mine: { model: ollama_chat/unheard-of, tier: light, price: free }

Good:
    models:
      mine: { model: ollama_chat/unheard-of, tier: light, price: free, context: 8k }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, near, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model in subject.policy.models:
        if model.context is None:
            yield warning(
                "missing-context",
                f"the context of `{model.name}` is unknown",
                subject.draft.places.value(("models", model.name, "model")),
                near(subject, model)
                or "add  context: 32k  with the value that its server is configured for",
            )
