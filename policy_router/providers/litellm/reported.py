"""The usage that a provider itself reported, as against what a library made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.chat import usage

if TYPE_CHECKING:
    from collections.abc import Iterable


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
"""Providers that report no tokens: what LiteLLM gives for them are its own estimates."""


def reported(chunks: Iterable[Any]) -> Any:
    """The usage in these chunks as they came; None when none has any. Where several have one, they
    count what came so far: the one with the most tokens, and the last of equals."""
    found, most = None, -1
    for chunk in chunks:
        used = getattr(chunk, "usage", None)
        if used is None:
            continue
        counted = usage(chunk)
        tokens = (counted.tokens_in or 0) + (counted.tokens_out or 0)
        if tokens >= most:
            found, most = used, tokens
    return found
