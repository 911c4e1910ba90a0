"""The most that a model counts for a picture."""

from __future__ import annotations

import pytest

from policy_router.catalog.pictures import HIGHEST, picture_tokens


@pytest.mark.parametrize(
    ("calls", "full", "low"),
    [
        ("openai/gpt-4o-mini", 48_169, 2_833),
        ("azure/gpt-4o-mini-2024-07-18", 48_169, 2_833),
        ("openai/gpt-4o", 1_445, 85),
        ("gpt-4.1-nano", 3_779, 3_779),
        ("openai/gpt-4.1", 1_445, 85),
        ("openai/o3", 1_275, 75),
        ("openai/gpt-5", 1_190, 70),
        ("openai/gpt-5-mini", 2_642, 2_642),
        ("openai/gpt-5.6-sol", HIGHEST, HIGHEST),
        ("openrouter/anthropic/claude-sonnet-4.5", 5_334, 5_334),
        ("gemini/gemini-2.5-flash", 4_386, 4_386),
        ("xai/grok-4", 1_792, 1_792),
        ("mistral/pixtral-12b", 4_160, 4_160),
        ("ollama_chat/qwen2.5vl:7b", 16_384, 16_384),
        ("hosted_vllm/ours", HIGHEST, HIGHEST),
    ],
)
def test_each_family_has_its_own_maximum(calls: str, full: int, low: int) -> None:
    assert picture_tokens(calls, None) == (full, low)
    assert picture_tokens(calls, 1_000) == (min(full, 1_000), min(low, 1_000))


def test_an_unknown_family_is_the_dearest() -> None:
    assert picture_tokens("acme/eyes", None) == (HIGHEST, HIGHEST)
    assert HIGHEST >= 2_833 + 8 * 5_667
