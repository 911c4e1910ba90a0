"""Follows the policy files of a router; observers and the program learn of each new policy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from policy_router.assurance.promises import prove
from policy_router.live.active import PromiseStatus
from policy_router.live.pinning import pinned_policy
from policy_router.live.policy_compiler import compile_policy
from policy_router.live.reload import Live
from policy_router.live.restrictions import lost_restrictions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from policy_router.acceptance.user_code import Functions
    from policy_router.decision.policy import Policy
    from policy_router.live.active import Active
    from policy_router.live.fixed import PolicySource
    from policy_router.live.settings import ReloadTiming
    from policy_router.live.status import ReloadStatus
    from policy_router.live.watch import Watch
    from policy_router.observe.router_events import RouterEvents


class PolicyMethods:
    """The methods of a router for its policy and the files of the policy."""

    _source: PolicySource

    @property
    def policy(self) -> Policy:
        """The active policy; in a block of `live.pinning.pinned`, the one that it began with."""
        return pinned_policy(self) or self._source.current.policy

    @property
    def active(self) -> Active:
        """The active policy with the texts of its files, and warnings about it."""
        return self._source.current

    def promises(self) -> PromiseStatus:
        """The verdict on each promise of the active policy, and since when that policy is active.

        A policy that was loaded from files was proved then; for one that the program made itself
        this takes up to a few seconds.
        """
        active = self.active
        proofs = active.proofs or prove(active.policy)
        return PromiseStatus(proofs, active.revision, active.loaded_at)

    def status(self) -> ReloadStatus:
        """Report which policy is active, and why a newer one was refused."""
        return self._source.status()

    def reload(self) -> ReloadStatus:
        """Check the files now instead of at the next interval.

        Waits until the files are loaded or refused. Does not raise for a broken file.

        Returns:
            The status after that.
        """
        return self._source.reload_now()


def follow(  # noqa: PLR0917  what a router is opened with
    path: Path,
    functions: Functions,
    watch: Watch,
    timing: ReloadTiming,
    events: RouterEvents,
    on_reload: Callable[[Active, Active], None] | None,
) -> Live:
    """Load the policy files and follow them.

    Args:
        path: A policy file, or a folder of files that together form one policy.
        functions: The functions that the policy may call.
        watch: How the files are followed.
        timing: When changed files are loaded.
        events: The observers that are notified of every new policy and every refusal.
        on_reload: Called with the old and the new policy after another one became active.

    Raises:
        PolicyError: The policy has an error, or calls a function that is not allowed.
    """
    return Live(
        path,
        partial(compile_policy, functions=functions),
        watch=watch,
        timing=timing,
        loses=lambda old, new: bool(lost_restrictions(old, new)),
        on_reload=partial(_reloaded, events, on_reload),
        on_refusal=lambda active, why: events.reload_refused(active.revision, why),
    ).start()


def _reloaded(
    events: RouterEvents,
    on_reload: Callable[[Active, Active], None] | None,
    old: Active,
    new: Active,
) -> None:
    """Another policy has become active: observers are notified, then the program."""
    events.policy_reloaded(old.revision, new.revision)
    if on_reload is not None:
        on_reload(old, new)
