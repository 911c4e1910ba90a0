"""Pins one policy for a call that reads it several times.

A server reads a request with the active policy, and then lets the router decide it. In between,
another policy may become active. Inside `pinned`, both see the same one.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy


class PolicyHolder(Protocol):
    """Something with an active policy: a router."""

    @property
    def policy(self) -> Policy:
        """The active policy."""
        ...


class _Pin:
    """The policy of one block. Tasks that outlive the block share the pin, but are no longer bound
    by it."""

    __slots__ = ("holder", "policy")

    def __init__(self, holder: PolicyHolder, policy: Policy) -> None:
        self.holder = holder
        self.policy: Policy | None = policy


_current: Final[ContextVar[_Pin | None]] = ContextVar("policy_router_pin", default=None)


class pinned:  # noqa: N801  used as a function
    """Pins a router's active policy inside the `with` block, which gets the policy.

    Args:
        holder: The router.
    """

    __slots__ = ("_holder", "_pin", "_token")

    def __init__(self, holder: PolicyHolder) -> None:
        self._holder = holder

    def __enter__(self) -> Policy:
        policy = self._holder.policy
        self._pin = _Pin(self._holder, policy)
        self._token = _current.set(self._pin)
        return policy

    def __exit__(self, *_: object) -> None:
        self._pin.policy = None
        _current.reset(self._token)


def pinned_policy(holder: PolicyHolder) -> Policy | None:
    """The policy that is pinned for a router; None outside of a `pinned` block."""
    pin = _current.get()
    return pin.policy if pin is not None and pin.holder is holder else None
