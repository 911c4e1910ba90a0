"""Names what a failure takes out of service: a model, a key, an account or a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.providers.failure import FailureScope

if TYPE_CHECKING:
    from policy_router.domain.models import Model

FaultDomain = tuple[str | None, ...]
"""What is out of service: its scope and what identifies it. Equal for all models that share it."""

SHARED_SCOPES: Final = (FailureScope.KEY, FailureScope.ACCOUNT, FailureScope.PROVIDER)
"""Scopes that more than one model may share."""


def fault_domain(model: Model, scope: FailureScope) -> FaultDomain:
    """What a failure of this scope takes out of service for this model.

    A self-hosted server that is called without a key has no key or account to fail: then it is the
    model that is out of service.
    """
    provider = model.provider_model.partition("/")[0]
    key = provider, model.api_base, key_variable(model)
    keyless = model.api_key_env is None and model.api_base is not None
    if scope is FailureScope.PROVIDER:
        return scope, provider, model.api_base
    if scope is FailureScope.KEY and not keyless:
        return scope, *key
    if scope is FailureScope.ACCOUNT and not keyless:
        return scope, *key, "free" if model.free else "paid"
    return FailureScope.MODEL, *key, model.name, model.provider_model


def key_variable(model: Model) -> str:
    """The environment variable that holds the model's key: the policy's, else the name that LiteLLM
    uses for the provider."""
    return model.api_key_env or f"{model.provider_model.partition('/')[0].upper()}_API_KEY"
