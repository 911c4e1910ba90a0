"""Renders a classification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from policy_router.classification.classifier import Classification
    from policy_router.classification.complexity import Factor
    from policy_router.views.lines import Line

EXCERPT_LENGTH = 40
"""Characters of a prompt that are shown."""
_SMALLEST_SHARE = 0.005
"""Factors that contribute less to a score are not shown on a terminal."""


def as_json(classified: Classification) -> dict[str, object]:
    """Return a classification as a JSON object."""
    return {
        "task": classified.task,
        "confidence": round(classified.confidence, 4),
        "by": classified.by.value,
        "evidence": list(classified.evidence),
        "form": classified.form.value,
        "kind": classified.kind.name,
        "kinds": {name: round(share, 4) for name, share in classified.kind.shares},
        "score": round(classified.score, 4),
        "band": classified.band,
        "estimator": classified.estimator,
        "abstained": classified.abstained,
        "factors": [_factor(factor) for factor in classified.factors],
        "turn": classified.reading.asked_turn,
        "tokens": classified.tokens,
        "needs": sorted(classified.needs),
        "script": classified.features.text.script.value,
    }


def _factor(factor: Factor) -> dict[str, object]:
    return {
        "name": factor.name,
        "value": round(factor.value, 4),
        "weight": round(factor.weight, 4),
        "share": round(factor.share, 4),
    }


def as_line(classified: Classification, text: str, exact_tokens: int | None = None) -> Line:
    """Return a classification as one line that ends with the beginning of the prompt.

    Args:
        classified: The classification to show.
        text: The prompt.
        exact_tokens: Number of tokens that a tokenizer counted; shown first when given.
    """
    factors = " ".join(
        f"{factor.name} {factor.share:.2f}"
        for factor in classified.factors
        if factor.share >= _SMALLEST_SHARE
    )
    plural = "" if exact_tokens == 1 else "s"
    tokens = "" if exact_tokens is None else f"{exact_tokens:,} token{plural}  "
    return [
        (tokens, ""),
        (f"{printable(classified.task or '-'):16} {classified.confidence:4.0%}  ", "bold"),
        (f"{classified.score:.2f} {classified.band or '-':9} ", ""),
        (f"{factors}  ", "dim"),
        (_excerpt(text), ""),
    ]


def _excerpt(text: str) -> str:
    text = " ".join(text.split())
    return printable(text if len(text) <= EXCERPT_LENGTH else f"{text[: EXCERPT_LENGTH - 1]}…")
