"""a model that is called through LiteLLM, at a provider whose answers LiteLLM gets wrong

LiteLLM is tested provider by provider with the faults that real providers have. Most of what it
does to an answer is put right, and some of it cannot be: for example, it reports a good answer of
Groq without a service tier as an error, so that another model is called and both are paid. The
direct caller reads the same answers correctly.

Bad:
    models:
      x: { model: groq/llama-3.3-70b-versatile, tier: heavy, price: free, via: litellm }

Good:
    models:
      x: { model: groq/llama-3.3-70b-versatile, tier: heavy, price: free }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import warning
from policy_router.domain.models import Via
from policy_router.providers.litellm.lies import LIES
from policy_router.providers.requests.wire_body import provider_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    places = subject.draft.places
    for model in subject.policy.models:
        lies = LIES.get(provider_of(model), ()) if model.via is Via.LITELLM else ()
        if lies:
            yield warning(
                "litellm-known-to-lie",
                f"LiteLLM gets answers of `{provider_of(model)}` wrong: "
                + "; ".join(lie.what for lie in lies),
                places.value(("models", model.name, "via")),
                "leave `via` out: the model is then called directly where possible",
            )
