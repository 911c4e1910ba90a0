"""A policy that never changes, with the interface of one that follows its files."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from policy_router.live.active import Active
from policy_router.live.status import ReloadState, ReloadStatus

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy


class PolicySource(Protocol):
    """Where a router gets its policy from."""

    @property
    def current(self) -> Active:
        """The active policy."""
        ...

    def status(self) -> ReloadStatus:
        """What is active, and what is wrong with the files."""
        ...

    def reload_now(self) -> ReloadStatus:
        """Check the files now."""
        ...

    def close(self) -> None:
        """Stop following the files."""
        ...


class FixedPolicy:
    """The source of a policy that the program has loaded itself."""

    def __init__(self, policy: Policy) -> None:
        now = time.time()
        self.current = Active(policy, policy.revision, "", now, {}, ())
        self._status = ReloadStatus(
            state=ReloadState.OK,
            revision=policy.revision,
            digest="",
            loaded_at=now,
            since=now,
            attempted=None,
            errors=(),
            sources={},
            backend="off",
            reloads={},
            checked_at=now,
        )

    def status(self) -> ReloadStatus:
        """The policy is active, and nothing follows any file."""
        return self._status

    def reload_now(self) -> ReloadStatus:
        """Return the same status: there is no file to check."""
        return self._status

    def close(self) -> None:
        """Do nothing: no thread follows any file."""
