"""a model tagged `local` that runs elsewhere

Ollama's `:cloud` and `-cloud` models run at ollama.com, and a model of a provider without an
`api_base` runs at that provider; private data would leave.

Bad:
    models:
      x: { model: ollama_chat/qwen:cloud, tier: heavy, price: free, context: 8k, tags: [local] }

Good:
    models:
      x: { model: ollama_chat/qwen:7b, tier: heavy, price: free, context: 8k, tags: [local] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.addresses import read
from policy_router.check.key_issuers import OWNERS, owners_of
from policy_router.check.subject import Subject, warning
from policy_router.decision.order.sort_keys import LOCAL_TAG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.models import Model


def check(subject: Subject) -> Iterator[Diagnostic]:
    for model in subject.policy.models:
        elsewhere = model.provider_model.startswith("ollama") and model.provider_model.endswith(
            (":cloud", "-cloud")
        )
        if elsewhere and LOCAL_TAG in model.tags:
            where = "ollama.com"
        elif LOCAL_TAG in model.tags:
            where = _provider(subject, model)
        else:
            continue
        if where:
            yield warning(
                "cloud-is-not-local",
                f"`{model.provider_model}` runs on {where}, not on this machine",
                subject.draft.places.value(("models", model.name, "model")),
                "remove the tag `local`, or name a model that runs here",
            )


def _provider(subject: Subject, model: Model) -> str:
    """Return whose machines a model runs on; empty when they are not a provider's."""
    address = read(model.api_base or "")
    if address is not None:
        theirs = any(address.belongs_to(owner.domains) for owner in OWNERS)
        return f"`{address.host}`" if theirs else ""
    provider = subject.draft.catalog.provider(model.provider_model)
    owners = owners_of(provider or "")
    return f"the machines of {owners[-1].name}" if owners and not model.has_own_address else ""
