"""Budgets: fields that a cap or another field makes useless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.idle_fields.found import IdleField
from policy_router.units import percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import Limit
    from policy_router.language.document.document import Document
    from policy_router.language.document.limits import BudgetShape
    from policy_router.language.source import Path


def of_budgets(document: Document, policy: Policy) -> Iterator[IdleField]:
    """The path of each field of a limit or budget without effect, why it has none, and a remedy."""
    budgets = {limit.name: limit for limit in policy.limits if limit.is_budget}
    for name, budget in (document.budgets or {}).items():
        yield from _of_budget(("budgets", name), budget, budgets[name])


def _of_budget(path: Path, budget: BudgetShape, limit: Limit) -> Iterator[IdleField]:
    if not limit.capped:
        for field in ("warn_at", "then", "narrow_at", "shadow"):
            if getattr(budget, field) not in (None, False):
                yield IdleField(
                    (*path, field),
                    f"an unlimited budget is never used up, so `{field}` has no effect",
                    f"write a cap, or leave `{field}` out",
                )
        return
    if budget.shadow and budget.then == "warn" and not budget.narrow_at:
        yield IdleField(
            (*path, "shadow"),
            "a budget that only warns refuses nothing, so `shadow` has no effect",
            "leave it out, or write what the budget is to do as  then",
        )
    for subject, cap in (budget.overrides or {}).items():
        if cap.amount == budget.cap.amount:
            yield IdleField(
                (*path, "overrides", subject),
                f"the cap of `{subject}` is the same as that of all others",
                "write another cap, or remove the override",
            )
    yield from _of_narrow_at((*path, "narrow_at"), budget, limit)


def _of_narrow_at(path: Path, budget: BudgetShape, limit: Limit) -> Iterator[IdleField]:
    left, kept = limit.models, {step.share: step.models for step in limit.narrow_at}
    for text in sorted(budget.narrow_at or {}, key=percent):
        remaining = left & kept[percent(text)]
        if text.startswith("100") and budget.then == "block":
            yield IdleField(
                (*path, text),
                "at 100% the budget refuses every model, so this threshold has no effect",
                "write a lower share, or leave it out",
            )
        elif left and kept[percent(text)] and not remaining:
            yield IdleField(
                (*path, text),
                f"from {text} on no model is left, because lower shares exclude all of these",
                "name models that are left at the lower shares",
            )
        elif remaining == left:
            before = "that the budget covers" if left == limit.models else "left at a lower share"
            yield IdleField(
                (*path, text),
                f"these are all models {before}, so {text} has no effect",
                "name fewer models, or leave it out",
            )
        left = remaining
