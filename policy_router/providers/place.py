"""What models have in common that can be at fault: a key, an account, a provider. No IO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.providers.failure import FailureScope

if TYPE_CHECKING:
    from policy_router.domain.models import Model

Place = tuple[str | None, ...]
"""What is at fault: its scope, and how it is called. Equal for the models that share it."""

SHARED: Final = (FailureScope.KEY, FailureScope.ACCOUNT, FailureScope.PROVIDER)
"""Scopes of more than one model."""


def place(model: Model, scope: FailureScope) -> Place:
    """What a failure of this scope takes out. A server of one's own that is called without a key
    has none to be at fault: then it is the model."""
    provider = model.provider_model.partition("/")[0]
    key = provider, model.api_base, variable(model)
    keyless = model.api_key_env is None and model.api_base is not None
    if scope is FailureScope.PROVIDER:
        return scope, provider, model.api_base
    if scope is FailureScope.KEY and not keyless:
        return scope, *key
    if scope is FailureScope.ACCOUNT and not keyless:
        return scope, *key, "free" if model.free else "paid"
    return FailureScope.MODEL, *key, model.name, model.provider_model


def variable(model: Model) -> str:
    """The environment variable that holds its key; without one in the policy by LiteLLM's
    convention."""
    return model.api_key_env or f"{model.provider_model.partition('/')[0].upper()}_API_KEY"
