"""model-going-away: when it is suggested, and when it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from policy_router.catalog.table import catalog
from policy_router.suggestions.model_going_away import suggestions
from tests.suggestions.make import calls, observed

NAME = "groq/llama-guard-3-8b"
TEXT = f"""\
version: 1
tiers: [light]
models:
  old: {{ model: {NAME}, tier: light, price: free, context: 8k }}
  own: {{ model: {NAME}, tier: light, price: free, context: 8k, api_base: "http://127.0.0.1:1" }}
  new: {{ model: openai/new, tier: light, price: free }}
"""


@pytest.mark.parametrize(("model", "days", "number"), [
    ("old", 30, 1), ("old", 0, 1), ("old", -5, 1), ("old", 31, 0), ("own", 3, 0), ("new", 3, 0),
])  # fmt: skip
def test_models_that_are_called_and_end_soon(model: str, days: int, number: int) -> None:
    entry = catalog().find(NAME)
    assert entry is not None
    assert entry.last_day is not None
    seen = observed(TEXT, calls(model, 12))
    today = entry.last_day - timedelta(days=days)
    proposed = list(suggestions(replace(seen, today=today)))
    assert [each.sentence for each in proposed] == ["replace model `old` by its successor"] * number
    assert [each.evidence.samples for each in proposed] == [12] * number
    assert list(suggestions(seen)) == []
