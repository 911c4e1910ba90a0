"""Restrictions that a new policy lacks, as when only half of a file has been written."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy
    from policy_router.domain.rules import Rule, Task


def lost_restrictions(old: Policy, new: Policy) -> frozenset[str]:
    """Return each restriction of the old policy that the new one lacks, as text.

    A restriction that was renamed counts as lost. One that was only relaxed does not, nor does one
    about a model that was removed.
    """
    models = frozenset(model.name for model in new.models)
    return frozenset(_restrictions(old, models)) - frozenset(_restrictions(new, models))


def _restrictions(policy: Policy, models: frozenset[str]) -> Iterator[str]:
    for rule in policy.rules:
        if not rule.shadow:  # shadow rules and limits restrict nothing
            parts = {**_parts(rule, models), "deny": rule.deny is not None}
            yield from (f"`{part}` of rule `{rule.name}`" for part, there in parts.items() if there)
    for task in policy.tasks:
        parts = {**_parts(task, models), "use": task.use is not None}
        yield from (f"`{part}` of task `{task.name}`" for part, there in parts.items() if there)
    yield from (f"`min_tier` of band `{b.name}`" for b in policy.bands if b.min_tier is not None)
    for limit in policy.limits:
        if not limit.shadow:
            yield f"`{limit.section}.{limit.name}` ({limit.metric})"
            if limit.narrow_at:
                yield f"`narrow_at` of budget `{limit.name}`"


def _parts(part: Rule | Task, models: frozenset[str]) -> dict[str, bool]:
    """The restrictions of rules and tasks, and whether this one has them."""
    return {
        "only": part.only is not None,
        "min_tier": part.min_tier is not None,
        "accept": part.accept is not None,
        **{f"avoid: {name}": name in models for name in part.avoid},
        **{f"needs: {ability}": True for ability in part.needs},
        **{name: value is not None for name, value in asdict(part.criteria).items()},
    }
