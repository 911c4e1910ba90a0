"""The section `models`: what may be called."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policy_router.language.document.prices import PriceShape
from policy_router.language.document.types import (
    Ability,
    Count,
    Duration,
    ModelLimit,
    Name,
    Shape,
    Share,
    Size,
    Word,
)


class DefaultsShape(Shape):
    """Parameters that a request gets when it does not set them itself."""

    max_tokens: Annotated[Count | None, Field(
        description="Largest number of tokens in an answer. Default: as many as the model can "
        "give.",
        examples=["8k"],
    )] = None  # fmt: skip


class ModelShape(Shape):
    """A model that may be called."""

    model: Annotated[str, Field(
        pattern=r"^[^\s]{1,200}$",
        description="The name that LiteLLM calls it by.",
        examples=["ollama_chat/qwen2.5:7b", "anthropic/claude-haiku-4-5"],
    )]  # fmt: skip
    api_base: Annotated[str | None, Field(
        pattern=r"^https?://[^\s]{1,500}$",
        description="Address of its server. Default: the provider's own.",
        examples=["http://localhost:11434"],
    )] = None  # fmt: skip
    api_key_env: Annotated[str | None, Field(
        pattern=r"^[A-Z][A-Z0-9_]{0,99}$",
        description="Name of the environment variable that holds the key. Never the key itself.",
        examples=["ANTHROPIC_API_KEY"],
    )] = None  # fmt: skip
    tier: Annotated[Name, Field(
        description="How capable it is: one of the policy's tiers.", examples=["standard"]
    )]  # fmt: skip
    price: Annotated[Literal["free"] | PriceShape | None, Field(
        description="`free`, or dollars per million tokens. Default: LiteLLM's table of models.",
        examples=["free", {"input": "$0.10/M", "output": "$0.40/M"}],
    )] = None  # fmt: skip
    weight: Annotated[float | None, Field(
        gt=0, le=1_000_000,
        description="What a free model costs on your own hardware, relative to the others: under "
        "`cheapest`, the lowest weight comes first. Default: 1.",
        examples=[1, 2.5],
    )] = None  # fmt: skip
    context: Annotated[Count | None, Field(
        description="Tokens that its context holds. Default: LiteLLM's table of models.",
        examples=["128k"],
    )] = None  # fmt: skip
    max_output: Annotated[Count | None, Field(
        description="Largest number of tokens in an answer. Default: LiteLLM's table of models.",
        examples=["8k"],
    )] = None  # fmt: skip
    defaults: Annotated[DefaultsShape | None, Field(
        description="Parameters that are sent when a request does not set them.",
        examples=[{"max_tokens": "8k"}],
    )] = None  # fmt: skip
    can: Annotated[list[Ability] | None, Field(
        description="What it can do. Default: LiteLLM's table of models, except `hosted_tools` "
        "(tools that run at the provider, whose cost no price covers), which is never on by "
        "default.",
        examples=[["tools", "json"]],
    )] = None  # fmt: skip
    tags: Annotated[list[Word] | None, Field(
        description="Words that rules select it by.", examples=[["local"], ["eu"]]
    )] = None  # fmt: skip
    quality: Annotated[Share | None, Field(
        description="Quality of its answers, 0 to 1. Default: derived from its tier.",
        examples=[0.55],
    )] = None  # fmt: skip
    latency: Annotated[Duration | None, Field(
        description="Time that a typical answer takes.", examples=["2s"]
    )] = None  # fmt: skip
    gpu_memory: Annotated[Size | None, Field(
        description="Memory that it takes on your own GPUs, for reports.", examples=["8GB"]
    )] = None  # fmt: skip
    via: Annotated[Literal["auto", "direct", "litellm"] | None, Field(
        description="How it is called: through LiteLLM, or directly in the OpenAI wire format.",
        examples=["direct"],
    )] = None  # fmt: skip
    limits: Annotated[list[ModelLimit] | None, Field(
        description="Rate limits of its provider.", examples=[["50/min", "400k tokens/min"]]
    )] = None  # fmt: skip
