"""Which names stand for one model, and which do not."""

from __future__ import annotations

import pytest

from policy_router.catalog.upstream import upstream_model

ONE = {
    "anthropic/claude-sonnet-4-5": [
        "anthropic/claude-sonnet-4-5",
        "anthropic/claude-sonnet-4-5-20250929",
        "claude-sonnet-4-5",
        "openrouter/anthropic/claude-sonnet-4-5",
        "openrouter/anthropic/claude-sonnet-4.5",
        "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0",
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "bedrock/converse/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "bedrock/us-east-1/anthropic.claude-sonnet-4-5-20250929-v1:0",
        "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "vertex_ai/claude-sonnet-4-5@20250929",
        "databricks/databricks-claude-sonnet-4-5",
        "azure_ai/claude-sonnet-4-5",
    ],
    "anthropic/claude-3-5-sonnet-20241022": [
        "anthropic/claude-3-5-sonnet-20241022",
        "bedrock/anthropic.claude-3-5-sonnet-20241022-v2:0",
    ],
    "openai/gpt-4o": ["openai/gpt-4o", "azure/gpt-4o", "openrouter/openai/gpt-4o", "github/gpt-4o"],
    "openai/gpt-oss-120b": ["groq/openai/gpt-oss-120b", "openrouter/openai/gpt-oss-120b"],
    "openai/o3-mini": ["openai/o3-mini", "azure/o3-mini"],
    "qwen/qwen3-coder": ["openrouter/qwen/qwen3-coder", "openrouter/qwen/qwen3-coder:free"],
    "qwen/qwen2-5-72b-instruct": [
        "together_ai/Qwen/Qwen2.5-72B-Instruct",
        "hosted_vllm/Qwen/Qwen2.5-72B-Instruct",
    ],
    "meta/llama-3-3-70b-instruct": [
        "bedrock/meta.llama3-3-70b-instruct-v1:0",
        "openrouter/meta-llama/llama-3.3-70b-instruct",
        "nvidia_nim/meta/llama-3.3-70b-instruct",
    ],
    "meta/llama-3-1-405b-instruct": [
        "vertex_ai/meta/llama-3.1-405b-instruct-maas",
        "deepinfra/meta-llama/Meta-Llama-3.1-405B-Instruct",
    ],
    "google/gemini-2-5-pro": [
        "gemini/gemini-2.5-pro",
        "vertex_ai/gemini-2.5-pro",
        "openrouter/google/gemini-2.5-pro",
    ],
    "deepseek/deepseek-v3": ["fireworks_ai/accounts/fireworks/models/deepseek-v3"],
    "deepseek/deepseek-chat": ["deepseek/deepseek-chat", "openrouter/deepseek/deepseek-chat"],
    "xai/grok-4": ["xai/grok-4", "openrouter/x-ai/grok-4"],
    "cohere/command-r-plus": ["cohere_chat/command-r-plus", "bedrock/cohere.command-r-plus-v1:0"],
    "ollama/qwen2.5:7b": ["ollama/qwen2.5:7b", "ollama_chat/qwen2.5:7b"],
}
ITSELF = [
    "openrouter/anthropic/claude-3.7-sonnet:thinking",  # answers in another way
    "openrouter/qwen/qwen3-coder:exacto",
    "openai/ft:gpt-4o:acme::id",  # fine-tuned
    "openrouter/nousresearch/llama-3.1-70b",  # by another maker than its name says
    "fireworks_ai/accounts/someone/models/deepseek-v3",
    "azure/my-deployment",
    "bedrock/arn:aws:bedrock:us-east-1:123:application-inference-profile/abc",
    "ollama/llama3.2",  # a quantised build
    "openrouter/auto",
    "openai",
]
DIFFERENT = [
    ("openai/gpt-4o", "openai/gpt-4o-2024-08-06"),
    ("openai/gpt-4o", "openai/gpt-4o-mini"),
    ("anthropic/claude-3-5-sonnet-20240620", "anthropic/claude-3-5-sonnet-20241022"),
    ("anthropic/claude-sonnet-4-5", "anthropic/claude-opus-4-5"),
    ("hosted_vllm/Qwen/Qwen2.5-72B-Instruct", "hosted_vllm/Qwen/Qwen2.5-72B-Instruct-AWQ"),
    ("together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo", "groq/llama-3.3-70b-versatile"),
    ("ollama/qwen2.5:7b", "ollama/qwen2.5:72b"),
    ("ollama/qwen2.5", "hosted_vllm/qwen2.5"),
]


@pytest.mark.parametrize(
    ("name", "upstream"), [(name, upstream) for upstream in ONE for name in ONE[upstream]]
)
def test_names_of_one_model(name: str, upstream: str) -> None:
    assert upstream_model(name) == upstream


@pytest.mark.parametrize("name", ITSELF)
def test_a_doubtful_name_is_the_same_as_itself_alone(name: str) -> None:
    assert upstream_model(name) == name


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_models(one: str, other: str) -> None:
    assert upstream_model(one) != upstream_model(other)
