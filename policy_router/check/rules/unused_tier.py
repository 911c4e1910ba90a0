"""a tier that no model belongs to

A floor on it asks for models that do not exist, and every such request steps down or is refused.

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
    used = {model.tier for model in subject.policy.models}
    for i, tier in enumerate(subject.draft.document.tiers or ()):
        if tier not in used:
            yield warning(
                "unused-tier",
                f"no model is of tier `{tier}`",
                subject.draft.places.value(("tiers", i)),
                "give a model that tier, or take the tier out",
            )
