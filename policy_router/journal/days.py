"""Daily sums, which are kept forever. Sums of parts add up to the sums of the whole."""

from __future__ import annotations

from typing import Final

SECONDS: Final = 86_400
"""Those of a day in UTC; days are counted from 1970."""
NAMES: Final = (
    "calls", "ok", "failed", "rejected", "accepted", "served", "requests", "denied", "stopped",
    "exhausted", "cost", "unsure", "estimate", "tokens_in", "tokens_out", "tokens_cached",
    "micros", "first_tokens", "first_token_micros", "rated", "rating", "free", "unpriced",
    "answer_micros", "poor", "uncounted_cost", "compared", "compared_cost", "compared_in",
    "compared_out", "compared_cached", "fitted", "fit_cost", "fitted_cost",
)  # fmt: skip
"""What is added up."""
