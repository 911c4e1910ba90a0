"""a model that is to be called directly, at a provider that cannot be

`via: direct` sends requests over HTTP in the wire format of OpenAI or of Anthropic, to providers
that speak one of them. All others are called through LiteLLM.

Bad:
    models:
      x: { model: bedrock/nova-lite, tier: heavy, price: free, context: 8k, via: direct }

Good:
    models:
      x: { model: bedrock/nova-lite, tier: heavy, price: free, context: 8k }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import error
from policy_router.domain.models import Via
from policy_router.providers.openai_wire.endpoints import endpoint_of
from policy_router.providers.requests.wire_body import provider_of
from policy_router.providers.routes import DIRECT_PROVIDERS, Route, route_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.models import Model


def check(subject: Subject) -> Iterator[Diagnostic]:
    places = subject.draft.places
    for model in subject.policy.models:
        if model.via is not Via.DIRECT:
            continue
        provider = provider_of(model)
        if route_of(model) is Route.LITELLM:
            yield error(
                "no-direct-caller",
                f"models of `{provider}` cannot be called directly",
                places.value(("models", model.name, "via")),
                "leave `via` out to call it through LiteLLM; direct calls go to "
                + ", ".join(DIRECT_PROVIDERS),
            )
        elif route_of(model) is Route.OPENAI_WIRE and not _has_address(model):
            yield error(
                "no-direct-caller",
                f"`{provider}` has no address of its own",
                places.value(("models", model.name, "via")),
                "add  api_base: http://localhost:8000/v1  with the address of your server",
            )


def _has_address(model: Model) -> bool:
    endpoint = endpoint_of(model)
    stated = model.api_base is not None or model.api_base_env is not None
    return stated or (endpoint is not None and endpoint.address is not None)
