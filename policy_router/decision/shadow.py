"""The effect that a part of a policy in shadow would have had, as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.domain.shadow import ShadowEffect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.acceptance import Accept
    from policy_router.domain.decision import Candidate, Decision
    from policy_router.domain.limits import Limit
    from policy_router.domain.rules import Rule


_NAMED: Final = 12
"""Models that the text names; the data has all of them."""


@dataclass(frozen=True, slots=True)
class _Done:
    """What is different with a part of a policy.

    Attributes:
        removed: Names of the candidates that are excluded, in their order.
        first: Name of the model that comes first in place of another.
        denied: Why the request is denied.
        detail: The same as text for people.
    """

    removed: tuple[str, ...]
    first: str | None
    denied: str | None
    detail: str


def rule_effect(
    rule: Rule, without: Decision, applied: Decision | None, after: Sequence[str]
) -> ShadowEffect:
    """What a rule in shadow would have done to a request.

    Args:
        rule: The rule.
        without: The decision without it, which is the one that holds.
        applied: The decision as it would be with it; None where the rule only takes models away.
        after: Names of the candidates with it, in order.
    """
    denied, more = None, []
    if applied is not None:
        denied = applied.denied if without.denied is None else None
        more = [accept for accept in applied.accept if accept not in without.accept]
    done = _compared(names_of(without), after, denied, more)
    return ShadowEffect(
        "rule", rule.name, done.detail, done.removed, done.first, done.denied, rule.span
    )


def limit_effect(
    limit: Limit, before: Sequence[str], after: Sequence[str], why: str
) -> ShadowEffect:
    """What a limit or budget in shadow would have done to a request, and why.

    Args:
        limit: The limit or budget.
        before: Names of the candidates without it, in order.
        after: Names of the candidates with it, in order.
        why: Why it excludes models, as text for people.
    """
    done = _compared(before, after)
    detail = done.detail if not done.removed else f"{done.detail}: {why}"
    kind = "budget" if limit.is_budget else "limit"
    return ShadowEffect(kind, limit.name, detail, done.removed, done.first, None, limit.span)


def learning_effect(
    without: Sequence[Candidate], applied: Sequence[Candidate]
) -> tuple[ShadowEffect, ...]:
    """What past outcomes would have done to the order of a request, and by which key.

    Args:
        without: The candidates by declared values, whose order is the one that holds.
        applied: The candidates as they would be by measured values.

    Returns:
        The effect; nothing where the order is the same.
    """
    before, after = [c.model.name for c in without], [c.model.name for c in applied]
    if after == before:
        return ()
    done = _compared(before, after)
    detail = done.detail
    if done.first is not None:
        detail = f"{detail}: {applied[0].detail}"
    return (ShadowEffect("section", "learning", detail, done.removed, done.first, None),)


def names_of(decision: Decision) -> list[str]:
    """Names of the candidates, in order."""
    return [candidate.name for candidate in decision.candidates]


def _compared(
    before: Sequence[str],
    after: Sequence[str],
    denied: str | None = None,
    more: Sequence[Accept] = (),
) -> _Done:
    stays = set(after)
    removed = tuple(name for name in before if name not in stays)
    first = after[0] if after and after[:1] != before[:1] else None
    done: list[str] = []
    if denied is not None:
        done.append(f"denied the request: {denied}")
    elif removed:
        done.append(f"excluded {_named(removed)}" + ("" if after else ", the last ones left"))
    if first is not None:
        done.append(f"put `{first}` first")
    elif denied is None and after != [name for name in before if name in stays]:
        done.append("changed the order after the first model")
    if more and denied is None:
        done.append("checked the answer: " + ", ".join(c for each in more for c in each.checks))
    detail = "would have " + " and ".join(done or ["changed nothing"])
    return _Done(removed, first, denied, detail)


def _named(models: Sequence[str]) -> str:
    more = len(models) - _NAMED
    shown = ", ".join(f"`{name}`" for name in models[:_NAMED])
    return shown + (f" and {more} more" if more > 0 else "")
