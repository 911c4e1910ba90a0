"""a key of `prefer` that does not distinguish any models

`fastest` needs a `latency`, `local` a model tagged `local`, and `headroom` a limit or budget.
Without them the key is skipped.

Bad:
    prefer: [free, fastest]

Good:
    prefer: [free, cheapest]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import warning
from policy_router.decision.sort_keys import LOCAL_TAG
from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    if len(subject.policy.models) < 2:
        return
    for i, key in enumerate(subject.draft.document.prefer or ()):
        reason, help_ = _reason(subject.policy, key, first=i == 0)
        if reason:
            yield warning(
                "sort-key-without-effect",
                f"`{key}` does not distinguish any models: {reason}",
                subject.draft.places.value(("prefer", i)),
                help_,
            )


def _reason(policy: Policy, key: SortKey, *, first: bool) -> tuple[str, str]:
    models = policy.models
    if key is SortKey.FREE and not first and not any(m.free for m in models):
        return "no model is free", "write  price: free  for a model that costs nothing"
    if key is SortKey.LOCAL and not any(LOCAL_TAG in m.tags for m in models):
        return (
            f"no model is tagged `{LOCAL_TAG}`",
            f"add  tags: [{LOCAL_TAG}]  to those that run here",
        )
    if key is SortKey.FASTEST and all(m.latency is None for m in models):
        return "no model has a `latency`", "add  latency: 2s  to the models"
    if key is SortKey.QUALITY and len({m.quality for m in models}) == 1:
        return "all have the same quality", "add  quality: 0.7  to the models, or more tiers"
    if key is SortKey.HEADROOM and not any(m.cap for m in policy.limits):
        return "the policy has no limits", "add a limit or a budget"
    return "", ""
