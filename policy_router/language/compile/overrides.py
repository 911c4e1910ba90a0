"""The `overrides` of limits and budgets: other caps for subjects that are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from policy_router.decision.wording import per_window
from policy_router.domain.identity import bounded_id, is_key_id
from policy_router.domain.limits import Metric
from policy_router.domain.windows import window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.domain.windows import Window
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.limits import BudgetShape, LimitOverrideShape, LimitShape
    from policy_router.language.source import Path
    from policy_router.units import Cap

Overrides: TypeAlias = tuple[tuple[str, int | None], ...]
"""Subjects, as counters name them, with their caps; None for no cap."""


def cap_overrides(resolver: Resolver, budget: BudgetShape, path: Path) -> Overrides:
    """The overrides of a budget; those that do not fit its `cap` are reported."""
    caps: dict[str, int | None] = {}
    for name, cap in (budget.overrides or {}).items():
        place = (*path, "overrides", name)
        subject = _subject(resolver, budget.per, path, name)
        if budget.cap.amount is None or cap.amount is None or _alike(cap, budget.cap):
            caps[subject] = cap.amount
            continue
        base = resolver.places.written((*path, "cap"))
        resolver.draft.error(
            "bad-value",
            f"`{resolver.places.written(place)}` has a different unit or period than the cap "
            f"`{base}`",
            resolver.places.value(place),
            "give it the unit and the period of `cap`; for another period write another budget",
        )
    return tuple(caps.items())


def rate_overrides(
    resolver: Resolver,
    limit: LimitShape,
    path: Path,
    counted: Sequence[tuple[Metric, Window | None]],
) -> dict[tuple[Metric, str], Overrides]:
    """The overrides of a limit, by metric and name of the window; others are reported.

    Args:
        resolver: Has the places, and takes the diagnostics.
        limit: The limit.
        path: Its path.
        counted: What the limit counts: metric and window.
    """
    known = {(metric, str(over or "")) for metric, over in counted}
    overrides: dict[tuple[Metric, str], dict[str, int | None]] = {}
    for name, shape in (limit.overrides or {}).items():
        way = (*path, "overrides", name)
        subject = _subject(resolver, limit.per, path, name)
        caps = list(_caps(shape, way))
        for kind, amount, place in caps:
            if kind in known:
                overrides.setdefault(kind, {})[subject] = amount
            else:
                resolver.draft.error(
                    "bad-value",
                    f"limit `{path[-1]}` has no {_spelled(kind)} that this could override",
                    resolver.places.value(place),
                    f"it has {', '.join(map(_spelled, sorted(known))) or 'no numbers'}",
                )
        if not caps:
            resolver.draft.error(
                "missing-field",
                f"the override for `{name}` changes nothing",
                resolver.places.key(way),
                "add requests, tokens or concurrent",
            )
    return {kind: tuple(caps.items()) for kind, caps in overrides.items()}


def _caps(shape: LimitOverrideShape, path: Path) -> Iterator[tuple[tuple[Metric, str], int, Path]]:
    """Metric and window, cap and path of each number of an override."""
    for field in ("requests", "tokens"):
        for i, rate in enumerate(getattr(shape, field) or ()):
            yield (Metric(rate.metric), str(window(rate.period))), rate.amount, (*path, field, i)
    if shape.concurrent:
        yield (Metric.CONCURRENT, ""), shape.concurrent, (*path, "concurrent")


def _subject(resolver: Resolver, per: str | None, path: Path, name: str) -> str:
    """The name of a subject as counters have it; an override that matches none is reported."""
    place = (*path, "overrides", name)
    if per is None:
        resolver.draft.error(
            "missing-field",
            f"an override for `{name}` needs `per`",
            resolver.places.key(place),
            "add  per: tenant  or what else it names; without it, all requests share one count",
        )
    elif per == "key" and not is_key_id(name):
        resolver.draft.error(
            "bad-value",
            "keys are listed by their identifiers here, never in plain text",
            resolver.places.key(place),
            "write the  sha256:...  that `policy-router usage` shows for it",
        )
    return bounded_id(name)


def _alike(cap: Cap, base: Cap) -> bool:
    """Whether two caps count the same over the same window."""
    windows = {"" if not each.period else str(window(each.period)) for each in (cap, base)}
    return cap.unit == base.unit and len(windows) == 1


def _spelled(kind: tuple[Metric, str]) -> str:
    metric, over = kind
    return f"number of {metric} {per_window(over)}" if over else "`concurrent`"
