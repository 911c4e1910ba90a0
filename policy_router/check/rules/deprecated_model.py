"""a model that its provider has switched off, or will within 60 days

The date is from LiteLLM's table. From then on requests for the model fail, and each costs an
attempt.

Bad:
    models:
      old: { model: groq/llama-guard-3-8b, tier: heavy }

Good:
    models:
      new: { model: openai/gpt-4o, tier: heavy }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


AHEAD: Final = 60
"""Days before the switch-off date of a model from which it is reported."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model in subject.policy.models:
        entry = subject.draft.entries[model.name]
        if model.has_own_address and not model.provider_model.startswith("azure"):
            continue  # a server of our own may serve it as long as we like
        day = entry.last_day if entry else None
        if day is None or (left := (day - subject.today).days) > AHEAD:
            continue
        when = f"was due to be switched off on {day}"
        if left >= 0:
            when = f"is switched off on {day}, in {left} days" if left else "is switched off today"
        yield warning(
            "deprecated-model",
            f"`{model.provider_model}` {when}",
            subject.draft.places.value(("models", model.name, "model")),
            "use its successor",
        )
