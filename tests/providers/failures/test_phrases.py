"""The words of providers for what they have no code for, as they were seen on the wire."""

from __future__ import annotations

import pytest

from policy_router.providers.failures.failure import FailureKind
from policy_router.providers.failures.phrases import PHRASES, find_phrase

TOO_LONG = {
    "OpenAI": "This model's maximum context length is 8192 tokens. However, your messages resulted "
    "in 9000 tokens.",
    "OpenAI, newer": "Your input exceeds the context window of this model. Please adjust",
    "Anthropic": "prompt is too long: 210000 tokens > 200000 maximum",
    "Anthropic, with the answer": "input length and `max_tokens` exceed context limit: 188240 + "
    "21333 > 200000, decrease input length or `max_tokens` and try again",
    "Gemini": "The input token count (1048577) exceeds the maximum number of tokens allowed",
    "Vertex": "Unable to submit request because the input token count is 32778 but the model only "
    "supports up to 32767.",
    "Mistral": "Prompt contains 140000 tokens and 0 draft tokens, too large for model with 131072 "
    "maximum context length",
    "Groq": "Please reduce the length of the messages or completion.",
    "xAI": "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "Bedrock": "Input is too long for requested model.",
    "Bedrock, with its exception": "ValidationException: Input is too long for requested model.",
    "vLLM": "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum "
    "context length is 4096 tokens",
    "vLLM, prompt": "The decoder prompt (length 9000) is longer than the maximum model length of 8",
    "SGLang": "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
    "llama.cpp": "the request exceeds the available context size. try increasing the context size",
    "llama.cpp, newer": "request (9000 tokens) exceeds the available context size (8192 tokens)",
    "LM Studio": "Trying to keep the first 9114 tokens when context the overflows. However, the "
    "model is loaded with context length of only 4096 tokens",
    "Ollama": "the input length exceeds the context length",
    "OpenRouter": "This endpoint's maximum context length is 131072 tokens. However, you requested",
    "Together": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193.",
    "DeepSeek": "This model's maximum context length is 65536 tokens. However, you requested 70000",
    "Cohere": "too many tokens: total number of tokens in the prompt cannot exceed 4081",
    "Moonshot": "Invalid request: Your request exceeded model token limit: 262144",
    "DashScope": "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, "
    "129024]",
    "Fireworks": "The prompt is too long: 140000, model maximum context length: 131071",
}


@pytest.mark.parametrize("who", TOO_LONG)
def test_a_prompt_that_does_not_fit(who: str) -> None:
    row = find_phrase([TOO_LONG[who]], FailureKind.BAD_REQUEST)
    assert row is not None
    assert row.kind is FailureKind.CONTEXT_TOO_LONG


@pytest.mark.parametrize("who", TOO_LONG)
@pytest.mark.parametrize("frame", ["Invalid value: '{}'", "tools[0].description '{}' is too short"])
def test_a_prompt_that_is_quoted_is_not_read(who: str, frame: str) -> None:
    assert find_phrase([frame.format(TOO_LONG[who])], FailureKind.BAD_REQUEST) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Insufficient Balance", FailureKind.QUOTA_EXHAUSTED),
        ("Incorrect API key provided: ab***cd.", FailureKind.CREDENTIAL),
        ("API key not valid. Please pass a valid API key.", FailureKind.CREDENTIAL),
        (
            "The model `old` has been decommissioned and is no longer supported.",
            FailureKind.MODEL_GONE,
        ),
        ("foo/bar is not a valid model ID", FailureKind.MODEL_GONE),
        (
            "Invalid content type. image_url is only supported by certain models.",
            FailureKind.UNSUPPORTED,
        ),
        ('"auto" tool choice requires --enable-auto-tool-choice', FailureKind.UNSUPPORTED),
        ("Output blocked by content filtering policy", FailureKind.CONTENT_POLICY),
        ("Invalid parameter: messages with role 'tool' must be a response to a preceeding", None),
        ("messages with role 'tool' must be a response to a preceeding message with 'tool_calls'",
         FailureKind.INVALID_REQUEST),
        ("Something else is wrong", None),
    ],
)  # fmt: skip
def test_other_wordings(text: str, kind: FailureKind | None) -> None:
    row = find_phrase([text], FailureKind.BAD_REQUEST)
    assert (row.kind if row else None) is kind


def test_a_schema_that_only_one_provider_refuses_proves_nothing() -> None:
    text = "Invalid schema for function 'f': In context=(), 'additionalProperties' is required"
    row = find_phrase([text], FailureKind.INVALID_REQUEST)
    assert row is not None
    assert row.kind is FailureKind.BAD_REQUEST


def test_the_first_text_that_says_something_counts() -> None:
    row = find_phrase(["Provider returned error", TOO_LONG["OpenAI"]], FailureKind.BAD_REQUEST)
    assert row is not None
    assert row.kind is FailureKind.CONTEXT_TOO_LONG


@pytest.mark.parametrize(
    "kind",
    [FailureKind.CREDENTIAL, FailureKind.TIMEOUT, FailureKind.CONNECT, FailureKind.OVERLOADED],
)
def test_a_text_overrules_nothing_that_is_clear(kind: FailureKind) -> None:
    assert not any(kind in row.over for row in PHRASES)


def test_a_long_text_is_searched_quickly() -> None:
    assert (
        find_phrase(["error: " * 2_000 + "x" * 2_000, "(" * 4_000], FailureKind.BAD_REQUEST) is None
    )
