"""Finds the usage that a provider itself reported, not the one that LiteLLM made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.answers.usage import to_usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.providers.answers.chat import Usage


UNCOUNTED: Final = frozenset(
    {
        "a2a",
        "langflow",
        "langgraph",
        "microsoft_365_copilot",
        "petals",
        "predibase",
        "replicate",
        "sagemaker",
    }
)
"""Providers that report no tokens; LiteLLM's numbers for them are its own estimates."""


def reported_usage(chunks: Iterable[Any]) -> Usage | None:
    """The usage in chunks of LiteLLM's that it did not change; None when no chunk has one.

    Where several chunks have one, each counts the tokens so far: the one with the most tokens is
    taken, and of equal ones the last.
    """
    best, most = None, -1
    for chunk in chunks:
        usage = to_usage(getattr(chunk, "usage", None), getattr(chunk, "service_tier", None))
        if usage is None:
            continue
        tokens = (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
        if tokens >= most:
            best, most = usage, tokens
    return best
