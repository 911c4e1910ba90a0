"""a token limit that is too low for a single request

The most tokens that a request can use are reserved before it is sent: its input, and the longest
answer of the model. Where a token limit is lower than that, the answers of requests without
`max_tokens` are capped to what fits, and may be truncated.

Bad:
    models:
      llama:
        { model: groq/llama-3.1-8b-instant, tier: light, price: free, limits: [4k tokens/min] }

Good:
    models:
      llama:
        model: groq/llama-3.1-8b-instant
        tier: light
        price: free
        defaults: { max_tokens: 1k }
        limits: [4k tokens/min]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import Subject, warning
from policy_router.decision.bitset import chosen
from policy_router.decision.limits.amounts import refuses
from policy_router.domain.limits import Metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for limit in subject.policy.limits:
        if limit.metric is not Metric.TOKENS or limit.cap is None:
            continue
        capped = [
            (model.output_cap(None), model)
            for model in chosen(subject.policy.models, limit.models)
            if model.output_cap(None) > limit.cap and refuses(limit, model)
        ]
        if capped:
            longest, _ = min(capped, key=lambda pair: pair[0])
            names = ", ".join(f"`{model.name}`" for _, model in capped)
            kind = "budget" if limit.is_budget else "limit"
            yield warning(
                "limit-below-one-request",
                f"{kind} `{limit.name}` of {limit.cap:,} tokens is lower than the longest "
                f"answer of {names}, {longest:,} tokens: answers are capped to what fits",
                limit.span,
                "raise it, or set the model's  defaults: { max_tokens: ... }  below it",
            )
