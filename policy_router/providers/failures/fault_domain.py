"""Names what a failure puts in cooldown: a model, a key, an account or a provider."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.providers.failures.failure import FailureKind, FailureScope

if TYPE_CHECKING:
    from policy_router.domain.models import Model
    from policy_router.providers.failures.failure import Failure

FaultDomain = tuple[str | None, ...]
"""What is out of service: its scope and what identifies it. Equal for all models that share it."""

SHARED_SCOPES: Final = (FailureScope.KEY, FailureScope.ACCOUNT, FailureScope.PROVIDER)
"""Scopes that more than one model may share."""


def fault_domain(model: Model, scope: FailureScope) -> FaultDomain:
    """What a failure of this scope affects for this model.

    A self-hosted server that is called without a key has no key or account that could fail: then
    the failure affects the model.
    """
    provider = model.provider_model.partition("/")[0]
    address = model.api_base_env or model.api_base
    key = provider, address, key_variable(model)
    keyless = model.api_key_env is None and address is not None
    if scope is FailureScope.PROVIDER:
        return scope, provider, address
    if scope is FailureScope.KEY and not keyless:
        return scope, *key
    if scope is FailureScope.ACCOUNT and not keyless:
        return scope, *key, "free" if model.free else "paid"
    return FailureScope.MODEL, *key, model.name, model.provider_model


def key_variable(model: Model) -> str:
    """The environment variable that holds the model's key: the policy's, else the name that LiteLLM
    uses for the provider."""
    return model.api_key_env or f"{model.provider_model.partition('/')[0].upper()}_API_KEY"


def with_each_key(model: Model) -> tuple[Model, ...]:
    """The model once for each of its keys, as it is called with that key."""
    keys = model.api_key_envs
    if len(keys) < 2:
        return (model,)
    return tuple(replace(model, api_key_env=key) for key in keys)


def with_any_key(model: Model) -> Model:
    """The model as one, whichever of its keys it is called with."""
    keys = model.api_key_envs
    return model if len(keys) < 2 else replace(model, api_key_env=",".join(keys))


def is_of_key(failure: Failure) -> bool:
    """Whether another key of the same model may succeed after a failure."""
    if failure.scope is FailureScope.REQUEST:
        return False
    return failure.kind in _OF_KEY or failure.scope in (FailureScope.KEY, FailureScope.ACCOUNT)


_OF_KEY: Final = frozenset({FailureKind.RATE_LIMITED, FailureKind.FORBIDDEN})
"""Failures of a model that are about the key it was called with."""
