"""a model tagged `local` that runs elsewhere

Ollama's `:cloud` and `-cloud` models are answered by ollama.com; private data would leave.

Bad:
    models:
      x: { model: ollama_chat/qwen:cloud, tier: heavy, price: free, context: 8k, tags: [local] }

Good:
    models:
      x: { model: ollama_chat/qwen:7b, tier: heavy, price: free, context: 8k, tags: [local] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.decide.order import LOCAL_TAG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model in subject.policy.models:
        elsewhere = model.calls.startswith("ollama") and model.calls.endswith((":cloud", "-cloud"))
        if elsewhere and LOCAL_TAG in model.tags:
            yield warning(
                "cloud-is-not-local",
                f"`{model.calls}` runs on ollama.com, not on this machine",
                subject.draft.places.value(("models", model.name, "model")),
                "take the tag `local` off, or name a model that runs here",
            )
