"""Renders how a rule was evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.diagnostics import printable
from policy_router.domain.condition import quote
from policy_router.redaction.mask import mask
from policy_router.views.lines import Table

if TYPE_CHECKING:
    from policy_router.router.explanation import RuleTrace
    from policy_router.views.lines import Block


def as_json(trace: RuleTrace) -> dict[str, object]:
    """Return a rule with the value of each part of its condition, as plain JSON values."""
    rule = trace.rule
    return {
        "rule": rule.name,
        "applied": trace.applied and not rule.shadow,
        "shadow": rule.shadow,
        "when": rule.when.text if rule.when else None,
        "at": str(rule.span) if rule.span else None,
        "steps": [{"text": step.text, "value": json_value(step.value)} for step in trace.steps],
    }


def json_value(value: object) -> object:
    """Return the value of a fact or of a part of a condition; None where the fact is absent."""
    match value:
        case str():
            return mask(value)  # the fact `key` may be an API key
        case bool() | int() | float():
            return value
        case frozenset() | set():
            return sorted(mask(str(item)) for item in value)
    return None


def as_lines(trace: RuleTrace) -> list[Block]:
    """Return a rule with the value of each part of its condition."""
    rule = trace.rule
    mark, style = ("+", "green") if trace.applied else ("-", "dim")
    if rule.shadow:
        mark, style = ("~" if trace.applied else "-"), "dim"
    note = " (in shadow: not applied)" if rule.shadow else ""
    span = f"  {rule.span}" if rule.span else ""
    head: Block = [(f"  {mark} {printable(rule.name)}{note}", style), (span, "dim")]
    if rule.when is None:
        return [head, "      always"]
    steps = [
        (printable(" ".join(step.text.split())), condition_value(step.value))
        for step in trace.steps
    ]
    return [head, Table(steps, indent=7)]


def condition_value(value: object) -> str:
    """Return a value as a condition writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quote(mask(value))
        case int() | float():
            return quote(value)
        case frozenset() | set():
            return "{" + ", ".join(sorted(map(condition_value, value))) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(condition_value, value)) + "]"
    return "absent"
