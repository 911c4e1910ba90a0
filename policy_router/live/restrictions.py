"""Restrictions that a new policy lacks, as it does when half of a file is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy


def lost_restrictions(old: Policy, new: Policy) -> frozenset[str]:
    """Return each restriction that the old policy has and the new one lacks, in words.

    A restriction that was renamed counts as lost. One that was only relaxed does not, nor does one
    about a model that was removed.
    """
    models = frozenset(model.name for model in new.models)
    return frozenset(_restrictions(old, models)) - frozenset(_restrictions(new, models))


def _restrictions(policy: Policy, models: frozenset[str]) -> Iterator[str]:
    for rule in policy.rules:
        parts = {
            "only": rule.only is not None,
            "min_tier": rule.min_tier is not None,
            "deny": rule.deny is not None,
            "accept": rule.accept is not None,
            **{f"avoid: {name}": name in models for name in rule.avoid},
            **{f"needs: {ability}": True for ability in rule.needs},
        }
        yield from (f"`{part}` of rule `{rule.name}`" for part, there in parts.items() if there)
    for kind, named in (("task", policy.tasks), ("band", policy.bands)):
        yield from (f"`min_tier` of {kind} `{n.name}`" for n in named if n.min_tier is not None)
    yield from (f"`accept` of task `{t.name}`" for t in policy.tasks if t.accept is not None)
    yield from (f"`{limit.section}.{limit.name}` ({limit.metric})" for limit in policy.limits)
