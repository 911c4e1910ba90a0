"""Short keys for what may fail, equal in all processes that call it in the same way."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from policy_router.providers.failures.failure import FailureScope
from policy_router.providers.failures.fault_domain import (
    SHARED_SCOPES,
    fault_domain,
    key_variable,
    with_any_key,
    with_each_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.domain.models import Model
    from policy_router.providers.failures.fault_domain import FaultDomain

COOLING: Final = (FailureScope.MODEL, *SHARED_SCOPES)
"""The scopes of what keeps a model from being called."""
_MOST: Final = 10_000
"""Keys that are remembered; when there are more, all are rebuilt."""
_SHORT: Final = 12
"""Bytes of the digest of what a key stands for."""
_USER: Final = f"{FailureScope.USER} "
_FINGERPRINT: Final = 3
"""Bytes of a credential's digest: enough to notice another value, too few to recognize one."""


def scope_in(key: str) -> FailureScope:
    """The scope that a key is of."""
    return FailureScope(key.partition(" ")[0])


def name_in(key: str) -> str:
    """The name in a key: of a model, of the variable of a key or of a provider."""
    return key.split(" ", 2)[2]


def domain_in(key: str) -> str:
    """What a key stands for, whatever the values of the environment variables are."""
    return key.partition(".")[0]


def is_of_user(key: str) -> bool:
    """Whether a key is of a model for one user."""
    return key.startswith(_USER)


def concerns(key: str, domains: frozenset[str]) -> bool:
    """Whether a key is about a model, for everyone or for one user.

    Args:
        key: The key.
        domains: All that may keep the model from being called (see `domains_of`).
    """
    domain = domain_in(key)
    if is_of_user(key):
        domain = f"{FailureScope.MODEL} {domain.rpartition('-')[2]}"
    return domain in domains


def domain_of(model: Model, scope: FailureScope) -> str:
    """What a failure of this scope affects for a model, as `domain_in` names it."""
    return _named(fault_domain(model, scope))


def domains_of(model: Model) -> frozenset[str]:
    """All that may keep a model from being called, as `domain_in` names it."""
    ways = {*with_each_key(model), with_any_key(model)}
    return frozenset(domain_of(each, scope) for each in ways for scope in COOLING)


@lru_cache(maxsize=10_000)
def _named(domain: FaultDomain) -> str:
    return f"{domain[0]} {_digest(domain, _SHORT)}"


@lru_cache(maxsize=10_000)
def _user(user: str) -> str:
    return f"{_USER}{_digest(user, _SHORT)}"


def _digest(values: object, size: int) -> str:
    return hashlib.blake2b(json.dumps(values).encode(), digest_size=size).hexdigest()


def _name(model: Model, scope: FailureScope) -> str:
    if scope is FailureScope.MODEL:
        return model.name
    if scope is FailureScope.PROVIDER:
        return model.provider_model.partition("/")[0]
    return key_variable(model)


class DomainKeys:
    """The keys of what a model shares with others, by the scope of the failure.

    Args:
        environment: The value of an environment variable.
    """

    def __init__(self, environment: Callable[[str], str | None]) -> None:
        self._environment = environment
        self._fingerprints: dict[tuple[str, int], str] = {}
        self._keys: dict[tuple[str | None, ...], str] = {}

    def of(self, model: Model, scope: FailureScope) -> str:
        """The key of what a failure of this scope affects for a model."""
        own = None if scope is FailureScope.PROVIDER else self._fingerprint(key_variable(model))
        address = None if model.api_base_env is None else self._fingerprint(model.api_base_env)
        domain = fault_domain(model, scope)
        identity = *domain, own, address
        key = self._keys.get(identity)
        if key is None:
            if len(self._keys) >= _MOST:
                self._keys.clear()
            values = _digest((own, address), _FINGERPRINT)
            name = _name(model, FailureScope(str(domain[0])))
            key = self._keys[identity] = f"{_named(domain)}.{values} {name}"
        return key

    def of_user(self, model: Model, user: str) -> str:
        """The key of a model for one user, whose name it does not show."""
        _, _, rest = self.of(model, FailureScope.MODEL).partition(" ")
        return f"{_user(user)}-{rest}"

    def _fingerprint(self, variable: str) -> str | None:
        """Distinguishes values of a variable without keeping them."""
        value = self._environment(variable)
        if value is None:
            return None
        name = variable, hash(value)
        fingerprint = self._fingerprints.get(name)
        if fingerprint is None:
            if len(self._fingerprints) >= _MOST:
                self._fingerprints.clear()
            data = value.encode("utf-8", "surrogateescape")
            digest = hashlib.blake2b(data, digest_size=_FINGERPRINT, person=b"policy-router")
            fingerprint = self._fingerprints[name] = digest.hexdigest()
        return fingerprint
