"""Usage in the spellings of many providers, each token counted once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from policy_router.providers.answers.chat import Usage
from policy_router.providers.answers.usage import to_usage


def read(service_tier: object = None, **used: Any) -> Usage:
    usage = to_usage(used, service_tier)
    assert usage is not None
    assert usage.raw is used
    return usage


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}, Usage(5, 3)),
        ({"input_tokens": 5, "output_tokens": 3}, Usage(5, 3)),
        ({"prompt_tokens": 5.0, "completion_tokens": 3.0}, Usage(5, 3)),
        ({"prompt_tokens": "5", "completion_tokens": float("nan")}, Usage()),
        ({"prompt_tokens": -5, "completion_tokens": True}, Usage()),
        ({"prompt_tokens": 10**18, "completion_tokens": float("inf")}, Usage()),
        # Thinking that the completion does not include, as the total shows.
        (
            {
                "prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 34,
                "completion_tokens_details": {"reasoning_tokens": 20},
            },
            Usage(10, 24, reasoning_tokens=20),
        ),
        # A total that counts it within.
        (
            {
                "prompt_tokens": 10, "completion_tokens": 24, "total_tokens": 34,
                "completion_tokens_details": {"reasoning_tokens": 20},
            },
            Usage(10, 24, reasoning_tokens=20),
        ),
        # More thinking than completion, and a total that leaves it out.
        (
            {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14,
             "reasoning_tokens": 20},
            Usage(10, 24, reasoning_tokens=20),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 9}, Usage(10, 4)),
        # The prompt cache, in every spelling; two spellings are one count.
        (
            {"prompt_tokens": 100, "completion_tokens": 1,
             "prompt_tokens_details": {"cached_tokens": 60}},
            Usage(100, 1, cached_tokens=60),
        ),
        (
            {"prompt_tokens": 100, "completion_tokens": 1, "prompt_cache_hit_tokens": 60,
             "prompt_tokens_details": {"cached_tokens": 60}},
            Usage(100, 1, cached_tokens=60),
        ),
        ({"prompt_tokens": 100, "completion_tokens": 1, "cached_tokens": 60},
         Usage(100, 1, cached_tokens=60)),
        (
            {"prompt_tokens": 100, "completion_tokens": 1, "cache_creation_input_tokens": 50,
             "prompt_tokens_details": {"cache_write_tokens": 50, "cache_creation_tokens": 50}},
            Usage(100, 1, cache_write_tokens=50),
        ),
        # Counted apart from the prompt, as in Anthropic's own interface.
        (
            {
                "input_tokens": 10, "output_tokens": 1, "cache_creation_input_tokens": 50,
                "cache_read_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 20,
                                   "ephemeral_1h_input_tokens": 30},
            },
            Usage(90, 1, cached_tokens=30, cache_write_tokens=50, cache_write_1h_tokens=30),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 9,
             "prompt_tokens_details": {"audio_tokens": 5},
             "completion_tokens_details": {"audio_tokens": 4}},
            Usage(9, 9, audio_prompt_tokens=5, audio_completion_tokens=4),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 9, "num_search_queries": 2},
         Usage(9, 9, searches=2)),
        (
            {"prompt_tokens": 9, "completion_tokens": 9,
             "prompt_tokens_details": {"google_maps_grounding_requests": 1}},
            Usage(9, 9, searches=1),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 9, "citation_tokens": 7},
         Usage(9, 9, citation_tokens=7)),
        ({"prompt_tokens": 9, "completion_tokens": 9, "cost": 0.001},
         Usage(9, 9, billed_nano_usd=1_000_000)),
        ({"prompt_tokens": 9, "completion_tokens": 9, "cost": {"total_cost": 0.001}},
         Usage(9, 9, billed_nano_usd=1_000_000)),
        (
            {"prompt_tokens": 9, "completion_tokens": 9, "cost": 0.001, "is_byok": True,
             "cost_details": {"upstream_inference_cost": 0.002}},
            Usage(9, 9, billed_nano_usd=3_000_000),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 9, "cost": float("nan")}, Usage(9, 9)),
        ({"prompt_tokens": 9, "completion_tokens": 9, "cost": -1}, Usage(9, 9)),
        ({"prompt_tokens": 9, "completion_tokens": 9, "inference_geo": "us"},
         Usage(9, 9, regional=True)),
    ],
)  # fmt: skip
def test_usage(used: dict[str, Any], expected: Usage) -> None:
    assert read(**used) == expected
    assert to_usage(SimpleNamespace(**used)) == expected


def test_the_service_tier_that_answered() -> None:
    used: dict[str, Any] = {"prompt_tokens": 9, "completion_tokens": 9}
    assert read("priority", **used).service_tier == "priority"
    within = to_usage({**used, "service_tier": "flex"})
    assert within is not None
    assert within.service_tier == "flex"
    assert read(7, **used).service_tier == ""


def test_no_usage() -> None:
    assert to_usage({}) == Usage()
    assert to_usage(None) is None
