"""Where a model is called, and with which of its keys.

Both are settled for each attempt: the address may be in an environment variable, and several keys
are used in turn. A key that rests after a failure, or that this request has tried, is passed over.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.check.addresses import read
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.failures.fault_domain import with_each_key
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from policy_router.domain.models import Model
    from policy_router.execution.health.cooldown import Cooldowns

_ADDRESS: Final = re.compile(r"https?://[^\s]{1,500}")


class KeyTurns:
    """Whose turn it is among the keys of each model. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = forks.lock()
        self._turns: dict[str, int] = {}

    def next(
        self, model: Model, tried: Container[str], cooldowns: Cooldowns | None, now: float
    ) -> Model:
        """Return the model with the key to call it with.

        Args:
            model: The model; with less than two keys it is returned as it is.
            tried: The variables of the keys that the request has tried.
            cooldowns: Which keys rest; None when none does.
            now: Unix time.
        """
        keys = model.api_key_envs
        if len(keys) < 2:
            return model
        usable = usable_keys(model, tried, cooldowns, now)
        with self._lock:
            turn = self._turns.get(model.name, 0)
            order = [(turn + i) % len(keys) for i in range(len(keys))]
            chosen = next((i for i in order if keys[i] in usable), order[0])
            self._turns[model.name] = chosen + 1
        return replace(model, api_key_env=keys[chosen])


def usable_keys(
    model: Model, tried: Container[str], cooldowns: Cooldowns | None, now: float
) -> list[str]:
    """Return the variables of the keys that do not rest and were not tried.

    Args: as those of `KeyTurns.next`.
    """
    left = [each for each in with_each_key(model) if each.api_key_env not in tried]
    return [
        str(each.api_key_env)
        for each in left
        if cooldowns is None or cooldowns.key_until(each, now) is None
    ]


def at_address(model: Model, environment: Callable[[str], str | None]) -> Model:
    """Return the model with the address that its variable holds now.

    Args:
        model: The model; without `api_base_env` it is returned as it is.
        environment: The value of an environment variable.

    Raises:
        CallFailed: There is no address, or what the variable holds is not one that may be called.
            The message does not contain the value.
    """
    name = model.api_base_env
    if name is None:
        return model
    value = environment(name)
    if not value:
        if model.api_base is not None:
            return model
        raise _not_called(f"environment variable {name}, for the address, is not set")
    address = read(value) if _ADDRESS.fullmatch(value) else None
    if address is None:
        raise _not_called(f"environment variable {name} does not hold an address")
    if address.login or address.secrets:
        raise _not_called(f"the address in environment variable {name} contains credentials")
    if address.is_metadata:
        raise _not_called(
            f"the address in environment variable {name} is not the address of a model"
        )
    return replace(model, api_base=value)


def _not_called(detail: str) -> CallFailed:
    return CallFailed(Failure(FailureKind.MODEL_GONE, detail, sent=False))
