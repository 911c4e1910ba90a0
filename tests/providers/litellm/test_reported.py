"""What a provider reported in a stream, apart from what a library adds up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from policy_router.providers.answers.chat import Usage
from policy_router.providers.litellm.reported import reported_usage


def chunk(tokens_in: int, tokens_out: int) -> Any:
    return SimpleNamespace(usage={"prompt_tokens": tokens_in, "completion_tokens": tokens_out})


def test_nothing_was_reported() -> None:
    assert reported_usage([]) is None
    assert reported_usage([SimpleNamespace(), SimpleNamespace(usage=None)]) is None


def test_counts_so_far_end_in_the_largest() -> None:
    chunks = [chunk(10, 1), SimpleNamespace(), chunk(10, 7), chunk(0, 0)]
    assert reported_usage(chunks) == Usage(10, 7)


def test_of_equals_the_last() -> None:
    chunks = [chunk(10, 1), chunk(10, 1)]
    usage = reported_usage(chunks)
    assert usage is not None
    assert usage.raw is chunks[1].usage
