"""a limit of tokens below one request

What a request can take at most is reserved before it is sent: all that goes in, and an answer as
long as the model may give. Where a limit of tokens is less than that, the answers of requests that
set no `max_tokens` are capped to what fits, and may end in the middle.

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
from policy_router.decision.limits import refuses
from policy_router.decision.space import chosen
from policy_router.domain.limits import Metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    for meter in subject.policy.limits:
        if meter.metric is not Metric.TOKENS or meter.cap is None:
            continue
        cut = [
            (model.output_cap(None), model)
            for model in chosen(subject.policy.models, meter.models)
            if model.output_cap(None) > meter.cap and refuses(meter, model)
        ]
        if cut:
            longest, _ = min(cut, key=lambda pair: pair[0])
            names = ", ".join(f"`{model.name}`" for _, model in cut)
            kind = "budget" if meter.is_budget else "limit"
            yield warning(
                "limit-below-one-request",
                f"{kind} `{meter.name}` of {meter.cap:,} tokens is less than one answer of "
                f"{names} may have, {longest:,} tokens: answers are capped to what fits",
                meter.span,
                "raise it, or set the model's  defaults: { max_tokens: ... }  below it",
            )
