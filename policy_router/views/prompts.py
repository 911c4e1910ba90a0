"""Renders the prompts of a policy: which model gets what, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import printable
from policy_router.domain.prompts import Placement
from policy_router.views.document import document
from policy_router.views.lines import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Candidate
    from policy_router.domain.prompts import Prompt
    from policy_router.views.lines import Block

_SHOWN: Final = 60
_PLACES: Final = {
    Placement.BEFORE: "before the caller's system text",
    Placement.AFTER: "after the caller's system text",
    Placement.REPLACE: "in place of the caller's system text",
}


def as_json(policy: Policy, models: Sequence[str]) -> dict[str, object]:
    """Return what some models get, as a JSON document.

    Args:
        policy: The policy.
        models: Names of the models to show.
    """
    return document(
        revision=policy.revision,
        models=[
            {
                "model": name,
                "prompts": [
                    {
                        "name": prompt.name,
                        "when": None if prompt.when is None else prompt.when.text,
                        "system": prompt.system,
                        "place": None if prompt.system is None else prompt.place.value,
                        "tokens": prompt.tokens,
                        "params": _parameters(prompt),
                        "force": prompt.force,
                        "at": None if prompt.span is None else str(prompt.span),
                    }
                    for prompt in _prompts_of(policy, name)
                ],
            }
            for name in models
        ],
    )


def as_lines(policy: Policy, models: Sequence[str]) -> list[Block]:
    """Return what some models get: for each the prompts in the order in which they are tried.

    Args:
        policy: The policy.
        models: Names of the models to show.
    """
    lines: list[Block] = []
    without: list[str] = []
    for name in models:
        rows = [
            (
                "always" if prompt.when is None else f"when {printable(prompt.when.text)}",
                printable(prompt.name),
                _does(prompt),
                str(prompt.span or ""),
            )
            for prompt in _prompts_of(policy, name)
        ]
        if not rows:
            without.append(printable(name))
            continue
        lines += [[(printable(name), "bold")], Table(rows, indent=2)]
        texts = [prompt for prompt in _prompts_of(policy, name) if prompt.system is not None]
        lines += [f"    {printable(p.name)}: {_shortened(p.system or '')}" for p in texts]
    if not policy.prompts:
        return ["the policy has no prompts"]
    if without:
        lines.append(f"without a prompt: {', '.join(without)}")
    return lines


def of_candidates(candidates: Iterable[Candidate], only: str | None = None) -> list[Block]:
    """Return which prompt each candidate of a decision gets; nothing where none gets one.

    Args:
        candidates: The candidates.
        only: Name of the one model to show; None shows all.
    """
    rows = [
        (
            printable(candidate.name),
            printable(prompt.name),
            _does(prompt),
            str(prompt.span or ""),
        )
        for candidate in candidates
        if (prompt := candidate.model.prompt) is not None and only in (None, candidate.name)
    ]
    return [[("Prompts", "bold")], Table(rows, indent=2)] if rows else []


def _prompts_of(policy: Policy, model: str) -> list[Prompt]:
    return [prompt for prompt in policy.prompts if model in prompt.models]


def _parameters(prompt: Prompt) -> dict[str, object]:
    cap = {} if prompt.max_tokens is None else {"max_tokens": prompt.max_tokens}
    return {**prompt.params, **cap}


def _does(prompt: Prompt) -> str:
    """Say what a prompt adds to a call."""
    parts = []
    if prompt.system is not None:
        parts.append(f"about {prompt.tokens:,} tokens {_PLACES[prompt.place]}")
    names = ", ".join(prompt.sets)
    if names:
        parts.append(f"{names} {'forced' if prompt.force else 'unless the request sets it'}")
    return "; ".join(parts) or "nothing"


def _shortened(text: str) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN].rstrip()}..."
