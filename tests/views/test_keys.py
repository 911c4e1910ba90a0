"""Which key a call was made with is shown by the name of its variable."""

from __future__ import annotations

from policy_router import load
from policy_router.decision.decide import decide
from policy_router.domain.attempt import Attempt
from policy_router.domain.request import Request
from policy_router.errors import AllModelsFailedError
from policy_router.views import answer as view

POLICY = load(
    text="""\
version: 1
models:
  two: { model: openai/two, tier: light, price: free, api_key_env: [KEY_A, KEY_B] }
  one: { model: openai/one, tier: light, price: free, api_key_env: KEY_C }
"""
)
CALLS = (
    Attempt("two", "openai/two", 0.0, 1.0, "rate_limited", 429, key_env="KEY_A"),
    Attempt("two", "openai/two", 0.0, 2.0, key_env="KEY_B"),
    Attempt("one", "openai/one", 0.0, 3.0, key_env="KEY_C"),
)


def test_the_key_is_named_where_a_model_has_several() -> None:
    lines = view.attempts(POLICY, CALLS)
    texts = [line if isinstance(line, str) else "".join(text for text, _ in line) for line in lines]
    assert texts == [
        "two (openai/two with KEY_A) 1.0 s, free rate_limited",
        "answered by two (openai/two with KEY_B) 2.0 s, free",
        "answered by one (openai/one) 3.0 s, free",
    ]


def test_a_document_names_the_key_of_each_call() -> None:
    failed = AllModelsFailedError(decide(POLICY, Request()), CALLS, ())
    shown = view.failure_as_json(POLICY, failed)["attempts"]
    assert isinstance(shown, list)
    assert [each["key_env"] for each in shown] == ["KEY_A", "KEY_B", "KEY_C"]
