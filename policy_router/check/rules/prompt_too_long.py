"""a prompt that takes much of a model's context

Its text is sent and paid with every request that it is used for, and what it takes of the context
is missing for the conversation. Where it takes all of it, the model never answers such a request.

Bad:
    models:
      small: { model: ollama_chat/llama3.2, tier: light, price: free, context: 10 }
    prompts:
      terse: { models: [small], system: Answer with JSON only. }

Good:
    models:
      small: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k }
    prompts:
      terse: { models: [small], system: Answer with JSON only. }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic

SHARE: Final = 4
"""A text may take up to this fraction of a context: one part in four."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    for prompt in subject.policy.prompts:
        models = [subject.policy.model(name) for name in prompt.models]
        known = [(model.context, model.name) for model in models if model.context is not None]
        context, name = min(known, default=(None, ""))
        if context is None or prompt.tokens * SHARE <= context:
            continue
        so = "never answers with it" if prompt.tokens >= context else "has little room left"
        yield warning(
            "prompt-too-long",
            f"prompt `{prompt.name}` takes about {prompt.tokens:,} of the {context:,} tokens of "
            f"the context of `{name}`, which {so}",
            subject.draft.places.value(("prompts", prompt.name, "system")),
            "a shorter text, or only models with a larger context",
        )
