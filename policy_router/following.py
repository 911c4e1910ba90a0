"""Follows the policy files of a router; observers and the program hear of what becomes active."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from policy_router.live.policy_compiler import compile_policy
from policy_router.live.reload import Live
from policy_router.live.restrictions import lost_restrictions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from policy_router.acceptance.user_code import Functions
    from policy_router.live.active import Active
    from policy_router.live.settings import ReloadTiming
    from policy_router.live.watch import Watch
    from policy_router.observe.router_events import RouterEvents


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
        events: The observers that hear of every other policy and of every refusal.
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
    """Another policy has become active: observers hear of it, then the program."""
    events.policy_reloaded(old.revision, new.revision)
    if on_reload is not None:
        on_reload(old, new)
