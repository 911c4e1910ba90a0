"""a model that its provider has switched off

LiteLLM's table has the day. Requests for it fail and cost an attempt each.

Bad:
    models:
      old: { model: groq/llama-guard-3-8b, tier: heavy }

Good:
    models:
      new: { model: openai/gpt-4o, tier: heavy }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    today = subject.today.isoformat()
    for model in subject.policy.models:
        entry = subject.draft.entries[model.name]
        if model.api_base is not None and not model.calls.startswith("azure"):
            continue  # a server of our own may serve it as long as we like
        if entry is not None and entry.retired is not None and entry.retired < today:
            yield warning(
                "deprecated-model",
                f"`{model.calls}` was due to be switched off on {entry.retired}",
                subject.draft.places.value(("models", model.name, "model")),
                "name its successor",
            )
