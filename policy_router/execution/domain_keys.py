"""Short keys for what may fail, equal in all processes that call it in the same way."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from policy_router.providers.failure import FailureScope
from policy_router.providers.fault_domain import fault_domain, key_variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.domain.models import Model

_MOST: Final = 10_000
"""Keys that are remembered; when there are more, all are made anew."""
_FINGERPRINT: Final = 3
"""Bytes of a credential's digest: enough to notice another value, too few to recognize one."""


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
        """The key of what a failure of this scope takes out of service for a model."""
        own = None if scope is FailureScope.PROVIDER else self._fingerprint(key_variable(model))
        address = None if model.api_base_env is None else self._fingerprint(model.api_base_env)
        domain = *fault_domain(model, scope), own, address
        key = self._keys.get(domain)
        if key is None:
            if len(self._keys) >= _MOST:
                self._keys.clear()
            text = json.dumps(domain).encode()
            key = self._keys[domain] = hashlib.blake2b(text, digest_size=16).hexdigest()
        return key

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
