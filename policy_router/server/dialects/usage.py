"""Writes the usage of an answer, each token once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from policy_router.providers.answers.chat import Usage


def chat_usage(used: Usage) -> dict[str, Any]:
    """The usage as chat completions have it: cached tokens are among those of the prompt."""
    return {
        "prompt_tokens": used.prompt_tokens or 0,
        "completion_tokens": used.completion_tokens or 0,
        "total_tokens": (used.prompt_tokens or 0) + (used.completion_tokens or 0),
        "prompt_tokens_details": {
            "cached_tokens": used.cached_tokens,
            "audio_tokens": used.audio_prompt_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": used.reasoning_tokens,
            "audio_tokens": used.audio_completion_tokens,
        },
    }


def messages_usage(used: Usage) -> dict[str, Any]:
    """The usage as messages have it: cached tokens are apart from those of the input."""
    cached = used.cached_tokens + used.cache_write_tokens
    return {
        "input_tokens": max((used.prompt_tokens or 0) - cached, 0),
        "cache_creation_input_tokens": used.cache_write_tokens,
        "cache_read_input_tokens": used.cached_tokens,
        "cache_creation": None,
        "output_tokens": used.completion_tokens or 0,
        "output_tokens_details": {"thinking_tokens": used.reasoning_tokens},
        "server_tool_use": None,
        "service_tier": None,
        "inference_geo": None,
    }


def responses_usage(used: Usage) -> dict[str, Any]:
    """The usage as responses have it: cached tokens are among those of the input."""
    return {
        "input_tokens": used.prompt_tokens or 0,
        "input_tokens_details": {
            "cached_tokens": used.cached_tokens,
            "cache_write_tokens": used.cache_write_tokens,
        },
        "output_tokens": used.completion_tokens or 0,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
        "total_tokens": (used.prompt_tokens or 0) + (used.completion_tokens or 0),
    }
