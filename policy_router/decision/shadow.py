"""What a part of a policy that is in shadow would have done: two decisions compared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.shadow import ShadowEffect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.diagnostics import Span
    from policy_router.domain.decision import Decision
    from policy_router.domain.limits import Limit


_NAMED: Final = 12
"""Models that the text names; the data has all of them."""


def shadow_effect(
    kind: str, name: str, span: Span | None, *, without: Decision, applied: Decision
) -> ShadowEffect:
    """What a part of a policy in shadow would have done to a request.

    Args:
        kind: What it is: `rule`, `limit` or `budget`.
        name: Its name in the policy.
        span: Its position in the policy files.
        without: The decision without it, which is the one that holds.
        applied: The decision as it would be with it.
    """
    before = [candidate.name for candidate in without.candidates]
    after = [candidate.name for candidate in applied.candidates]
    removed = tuple(name for name in before if name not in after)
    first = after[0] if after and after[:1] != before[:1] else None
    denied = applied.denied if without.denied is None else None
    done: list[str] = []
    if denied is not None:
        done.append(f"denied the request: {denied}")
    elif removed:
        done.append(f"excluded {_named(removed)}" + ("" if after else ", the last ones left"))
    if first is not None:
        done.append(f"put `{first}` first")
    elif after != [name for name in before if name not in removed] and denied is None:
        done.append("changed the order after the first model")
    more = [accept for accept in applied.accept if accept not in without.accept]
    if more and denied is None:
        done.append("checked the answer: " + ", ".join(c for each in more for c in each.checks))
    detail = "would have " + " and ".join(done or ["changed nothing"])
    return ShadowEffect(kind, name, detail, removed, first, denied, span)


def limit_effect(limit: Limit, *, without: Decision, applied: Decision) -> ShadowEffect:
    """What a limit or budget in shadow would have done to a request, and why.

    Args:
        limit: The limit or budget.
        without: The decision without it, which is the one that holds.
        applied: The decision as it would be with it.
    """
    kind = "budget" if limit.is_budget else "limit"
    effect = shadow_effect(kind, limit.name, limit.span, without=without, applied=applied)
    why = next((skip.detail for skip in applied.further if skip.model in effect.removed), None)
    return effect if why is None else replace(effect, detail=f"{effect.detail}: {why}")


def learning_effect(*, without: Decision, applied: Decision) -> ShadowEffect | None:
    """What past outcomes would have done to the order of a request, and by which key.

    Args:
        without: The decision by declared values, which is the one that holds.
        applied: The decision as it would be by measured values.

    Returns:
        The effect; None where the order is the same.
    """
    before = [candidate.name for candidate in without.candidates]
    if [candidate.name for candidate in applied.candidates] == before:
        return None
    effect = shadow_effect("section", "learning", None, without=without, applied=applied)
    if effect.first is None:
        return effect
    return replace(effect, detail=f"{effect.detail}: {applied.candidates[0].detail}")


def _named(models: Sequence[str]) -> str:
    more = len(models) - _NAMED
    shown = ", ".join(f"`{name}`" for name in models[:_NAMED])
    return shown + (f" and {more} more" if more > 0 else "")
