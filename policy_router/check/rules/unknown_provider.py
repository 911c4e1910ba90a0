"""a LiteLLM name that does not begin with a provider

LiteLLM chooses the provider by the part before the first `/`.

Bad:
    models:
      x: { model: opnai/gpt-4o, tier: heavy, price: free, context: 8k }

Good:
    models:
      x: { model: openai/gpt-4o-mini, tier: heavy }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    catalog = subject.draft.catalog
    for model in subject.policy.models:
        provider = catalog.provider(model.provider_model)
        if provider is None and model.provider_model.startswith("ft:"):
            continue  # the name of a fine-tuned model, which LiteLLM assigns to OpenAI
        if catalog.providers and not catalog.knows(provider):
            if provider is None and subject.draft.entries[model.name] is not None:
                continue
            word = provider or model.provider_model
            close = subject.draft.hints.did_you_mean(word, catalog.providers)
            yield warning(
                "unknown-provider",
                f"LiteLLM has no provider `{word}`"
                if provider
                else f"`{word}` does not begin with a provider and is not in LiteLLM's table",
                subject.draft.places.value(("models", model.name, "model")),
                f"did you mean `{close}`?" if close else "write  provider/model",
            )
