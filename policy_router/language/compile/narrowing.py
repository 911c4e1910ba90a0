"""The `narrow_at` of budgets: fewer models once a share of the cap is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.diagnostics import Diagnostic, Severity
from policy_router.domain.limits import Narrowing
from policy_router.units import percent

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.limits import BudgetShape
    from policy_router.language.source import Path


def narrowing(
    resolver: Resolver, name: str, budget: BudgetShape, models: int
) -> tuple[Narrowing, ...]:
    """The thresholds of a budget, ascending; what can have no effect is reported.

    Args:
        resolver: Resolves the selectors.
        name: The name of the budget.
        budget: The budget.
        models: The models that it covers, as a bit mask.
    """
    path: Path = ("budgets", name, "narrow_at")
    draft, places = resolver.draft, resolver.places
    thresholds: dict[float, tuple[Narrowing, Path]] = {}
    for text, selectors in (budget.narrow_at or {}).items():
        share, place = percent(text), (*path, text)
        if share == 0:
            draft.error(
                "bad-value",
                "0% is reached before anything is used",
                places.key(place),
                "write a share above 0%, or a rule with  only  that always applies",
            )
        if share in thresholds:
            draft.diagnostics.append(
                Diagnostic(
                    "duplicate-name",
                    Severity.ERROR,
                    f"`narrow_at` names {share:.6g} of the cap twice",
                    places.key(place),
                    "keep one of them",
                    (("the first", places.key(thresholds[share][1])),),
                )
            )
        chosen = resolver.select(selectors, place) or ()
        kept = sum(1 << resolver.numbers[model] for model in chosen)
        if chosen and not kept & models:
            draft.error(
                "bad-value",
                f"budget `{name}` covers none of these models, so {text} would exclude all of its",
                places.key(place),
                "name models that the budget covers",
            )
        thresholds[share] = Narrowing(share, kept, tuple(selectors)), place
    return tuple(thresholds[share][0] for share in sorted(thresholds))
