"""Minimum tiers that an exact order of models overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.idle_fields.found import IdleField

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject


def of_floors(subject: Subject) -> Iterator[IdleField]:
    """Yield minimum tiers that models of the same task's `use` are below, and answer first."""
    policy = subject.policy
    for task in policy.tasks if policy.fallback.step_down else ():
        models = [policy.model(name) for group in task.use or () for name in group]
        weak = next((model.name for model in models if model.rank < (task.min_tier or 0)), None)
        if weak is not None:
            yield IdleField(
                ("tasks", task.name, "min_tier"),
                f"`use` is an exact order, so `min_tier` does not move `{weak}` to its end",
                f"remove `{weak}` from `use`, or leave `min_tier` out",
            )
