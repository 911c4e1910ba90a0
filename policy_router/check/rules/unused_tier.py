"""a tier without models

Nothing can be routed to it, and if it is the strongest, no model meets it as a minimum tier. A tier
in between that a `min_tier` names is in use: stronger models meet that minimum.

Bad:
    tiers: [light, medium, heavy]

Good:
    tiers: [light, heavy]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    policy = subject.policy
    used = {model.tier for model in policy.models}
    best = max((model.rank for model in policy.models), default=0)
    minimums = {rule.min_tier for rule in policy.rules}
    minimums |= {task.min_tier for task in policy.tasks} | {band.min_tier for band in policy.bands}
    for i, tier in enumerate(subject.draft.document.tiers or ()):
        if tier not in used and not (i in minimums and i < best):
            yield warning(
                "unused-tier",
                f"no model has the tier `{tier}`",
                subject.draft.places.value(("tiers", i)),
                "give a model that tier, or remove the tier",
            )
