"""Renders suggestions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.diagnostics import printable
from policy_router.language.write.text_edit import unified
from policy_router.views.document import document
from policy_router.views.lines import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.suggestions.suggestion import MeasuredEffect, Suggestion
    from policy_router.views.lines import Block


def as_json(proposed: Sequence[Suggestion], sources: Mapping[str, str]) -> dict[str, object]:
    """Return suggestions as a JSON document.

    Args:
        proposed: The suggestions.
        sources: The text of each policy file, by its name.
    """
    return document(suggestions=[_entry(each, sources) for each in proposed])


def _entry(suggestion: Suggestion, sources: Mapping[str, str]) -> dict[str, object]:
    evidence = suggestion.evidence
    gap = evidence.difference
    return {
        "kind": suggestion.kind,
        "sentence": suggestion.sentence,
        "evidence": {
            "text": evidence.text,
            "samples": evidence.samples,
            "difference": gap and gap.value,
            "low": gap and gap.low,
            "high": gap and gap.high,
        },
        "effect": suggestion.effect,
        "measured": None if suggestion.measured is None else _measured(suggestion.measured),
        "patch": unified(suggestion.edits, sources) or None,
    }


def _measured(effect: MeasuredEffect) -> dict[str, object]:
    return {
        "method": effect.method.value,
        "requests": effect.requests,
        "moved": effect.moved,
        "cost_change_usd": None if effect.cost is None else round(effect.cost) / 1e9,
        "logged": effect.logged,
        **dict(zip(("reward", "low", "high"), effect.reward or (None, None, None), strict=True)),
    }


def as_lines(proposed: Sequence[Suggestion], sources: Mapping[str, str]) -> list[Block]:
    """Return each suggestion with its evidence and its patch, and how many there are.

    Args:
        proposed: The suggestions.
        sources: The text of each policy file, by its name.
    """
    blocks: list[Block] = []
    for each in proposed:
        blocks.append([(each.kind, "bold yellow"), (f": {printable(each.sentence)}", "")])
        blocks.append(f"  because {printable(each.evidence.text)}")
        if each.effect is not None:
            blocks.append(f"  effect: {printable(each.effect)}")
        if each.measured is not None:
            blocks.append(f"  by {printable(str(each.measured))}")
        patch = unified(each.edits, sources)
        blocks += [f"    {printable(line)}" for line in patch.splitlines()]
        blocks.append("")
    blocks.append(count(len(proposed), "suggestion") if proposed else "no suggestions")
    return blocks
