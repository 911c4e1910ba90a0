"""a tag that already has another meaning

A selector selects a model by its name, its tier, its tags or its price. A tag `free` on a model
that costs money lets `only: [free]` spend money, and a tag with the name of another model or tier
turns a rule about that one into a rule about both.

Bad:
    models:
      local: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k, tags: [local] }
      big: { model: openai/gpt-4o, tier: heavy, tags: [free] }

Good:
    models:
      local: { model: ollama_chat/llama3.2, tier: light, price: free, context: 8k, tags: [local] }
      big: { model: openai/gpt-4o, tier: heavy, tags: [trial] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.models import Model


def check(subject: Subject) -> Iterator[Diagnostic]:
    for name, shape in (subject.draft.document.models or {}).items():
        model = subject.policy.model(name)
        for i, tag in enumerate(shape.tags or ()):
            other = _other(subject.policy, model, tag)
            if other:
                yield warning(
                    "misleading-tag",
                    f"the selector `{tag}` means {other}, but selects `{name}` as well",
                    subject.draft.places.value(("models", name, "tags", i)),
                    "choose another tag",
                )


def _other(policy: Policy, model: Model, tag: str) -> str:
    if (tag == "free" and not model.free) or (tag == "paid" and model.free):
        return "models by their price"
    other = policy.models_by_name.get(tag, model)
    if other is not model and tag not in other.tags:  # else it is one of the group
        return "the model of that name"
    if tag != model.tier and tag in policy.tiers:
        return "the tier of that name"
    return ""
