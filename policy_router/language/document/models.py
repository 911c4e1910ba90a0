"""The section `models`: what may be called."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from policy_router.domain.effort import Effort
from policy_router.domain.models import MAX_CONNECTIONS
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
    Variable,
    Wait,
    Word,
    member_of,
)

EffortWord = Annotated[Effort, *member_of(Effort)]
Penalty = Annotated[float, Field(ge=-2, le=2)]


class ParamsShape(Shape):
    """Parameters that are sent with every call, overriding the request."""

    max_tokens: Annotated[Count | None, Field(
        description="Maximum number of tokens in an answer. Default: as many as the model can "
        "generate.",
        examples=["8k"],
    )] = None  # fmt: skip
    temperature: Annotated[Annotated[float, Field(ge=0, le=2)] | None, Field(
        description="How random the choice of each token is, 0 to 2. Default: the provider's.",
        examples=[0],
    )] = None  # fmt: skip
    top_p: Annotated[Share | None, Field(
        description="Tokens are chosen only among the likeliest ones that together have this "
        "probability, 0 to 1. Default: the provider's.",
        examples=[0.9],
    )] = None  # fmt: skip
    frequency_penalty: Annotated[Penalty | None, Field(
        description="How much less likely a token gets each time it was used, -2 to 2. Default: 0.",
        examples=[0.5],
    )] = None  # fmt: skip
    presence_penalty: Annotated[Penalty | None, Field(
        description="How much less likely a token gets once it was used, -2 to 2. Default: 0.",
        examples=[0.5],
    )] = None  # fmt: skip
    seed: Annotated[int | None, Field(
        description="Makes answers repeatable if the provider supports it. Default: none.",
        examples=[7],
    )] = None  # fmt: skip
    stop: Annotated[
        Word | Annotated[list[Word], Field(min_length=1, max_length=4)] | None,
        Field(
            description="Stop sequences, at most four; they are not part of the answer. "
            "Default: none.",
            examples=[["END"]],
        ),
    ] = None
    verbosity: Annotated[Literal["low", "medium", "high"] | None, Field(
        description="How long answers are, for models that support it. Default: the provider's.",
        examples=["low"],
    )] = None  # fmt: skip
    response_format: Annotated[dict[str, Any] | None, Field(
        description="The form of an answer, as in OpenAI's chat completions. Default: text.",
        examples=[{"type": "json_object"}],
    )] = None  # fmt: skip
    tool_choice: Annotated[Literal["none", "auto", "required"] | None, Field(
        description="Whether the model calls a tool, in requests with tools. Default: `auto`.",
        examples=["auto"],
    )] = None  # fmt: skip
    parallel_tool_calls: Annotated[bool | None, Field(
        description="Whether one answer may call several tools. Default: the provider's.",
        examples=[False],
    )] = None  # fmt: skip
    logit_bias: Annotated[dict[str, float] | None, Field(
        description="Token id -> how much likelier it gets, -100 to 100. Default: none.",
        examples=[{"50256": -100}],
    )] = None  # fmt: skip
    logprobs: Annotated[bool | None, Field(
        description="Whether probabilities of tokens are returned. Default: false.",
        examples=[True],
    )] = None  # fmt: skip
    top_logprobs: Annotated[Annotated[int, Field(ge=0, le=20)] | None, Field(
        description="Number of likeliest tokens to return for each token. Default: 0.",
        examples=[3],
    )] = None  # fmt: skip


class DefaultsShape(ParamsShape):
    """Parameters that are sent where a request does not set them."""

    reasoning_effort: Annotated[EffortWord | None, Field(
        description="How much the model reasons. Default: the provider's.", examples=["low"]
    )] = None  # fmt: skip


_UNLESS_LIKE: Final[dict[str, Any]] = {
    "if": {"not": {"required": ["like"]}},
    "then": {
        "required": ["model", "tier"],
        "properties": {
            "model": {"examples": ["ollama_chat/qwen2.5:7b", "anthropic/claude-haiku-4-5"]},
            "tier": {"examples": ["standard"]},
        },
    },
}
"""Only a model that is `like` another one may leave these out."""


class ModelShape(Shape):
    """A model that may be called."""

    model_config = ConfigDict(json_schema_extra=_UNLESS_LIKE)

    like: Annotated[Word | None, Field(
        description="Another model of the policy, from which it inherits every field that it does "
        "not set itself. A field is inherited as a whole. The two share the `limits` of that "
        "model. "
        "Default: none.",
        examples=["sonnet"],
    )] = None  # fmt: skip
    model: Annotated[str | None, Field(
        pattern=r"^[^\s]{1,200}$",
        description="Its name in LiteLLM, with the provider.",
        examples=["ollama_chat/qwen2.5:7b", "anthropic/claude-haiku-4-5"],
    )] = None  # fmt: skip
    api_base: Annotated[str | None, Field(
        pattern=r"^https?://[^\s]{1,500}$",
        description="Address of its server. Default: the provider's own.",
        examples=["http://localhost:11434"],
    )] = None  # fmt: skip
    api_base_env: Annotated[Variable | None, Field(
        description="Environment variable that holds the address of its server, read "
        "at each call. While it is not set, `api_base` is the address. Default: none.",
        examples=["OLLAMA_URL"],
    )] = None  # fmt: skip
    api_key_env: Annotated[
        Variable | Annotated[list[Variable], Field(min_length=1, max_length=16)] | None,
        Field(
            description="Environment variable that holds the key, never the key "
            "itself. Keys of several variables are used in turn, and each has its own cooldown. "
            "Default: the variable that LiteLLM reads for the provider.",
            examples=["ANTHROPIC_API_KEY", ["DEEPSEEK_KEY_A", "DEEPSEEK_KEY_B"]],
        ),
    ] = None
    tier: Annotated[Name | None, Field(
        description="How capable it is: one of the policy's tiers.", examples=["standard"]
    )] = None  # fmt: skip
    price: Annotated[Literal["free"] | PriceShape | None, Field(
        description="`free`, or dollars per million tokens. Default: LiteLLM's table of models.",
        examples=["free", {"input": "$0.10/M", "output": "$0.40/M"}],
    )] = None  # fmt: skip
    weight: Annotated[float | None, Field(
        gt=0, le=1_000_000,
        description="What a free model costs on your own hardware, relative to the others: with "
        "`cheapest`, the lowest weight comes first. Default: 1.",
        examples=[1, 2.5],
    )] = None  # fmt: skip
    context: Annotated[Count | None, Field(
        description="Size of its context in tokens. Default: LiteLLM's table of models.",
        examples=["128k"],
    )] = None  # fmt: skip
    max_output: Annotated[Count | None, Field(
        description="Maximum number of tokens in an answer. Default: LiteLLM's table of models.",
        examples=["8k"],
    )] = None  # fmt: skip
    params: Annotated[ParamsShape | None, Field(
        description="Parameters that are sent with every call, overriding the request. "
        "Default: none.",
        examples=[{"temperature": 0}],
    )] = None  # fmt: skip
    defaults: Annotated[DefaultsShape | None, Field(
        description="Parameters that are sent where a request does not set them. Default: none.",
        examples=[{"max_tokens": "8k"}],
    )] = None  # fmt: skip
    effort: Annotated[EffortWord | None, Field(
        description="How much it reasons before it answers. It overrides the effort of a request, "
        "and is sent in the provider's format. Default: as the request or the "
        "provider sets it.",
        examples=["high"],
    )] = None  # fmt: skip
    first_token_within: Annotated[Wait | None, Field(
        description="Timeout for the first token of a stream. Default: the `fallback`'s.",
        examples=["30s"],
    )] = None  # fmt: skip
    stall: Annotated[Wait | None, Field(
        description="Longest pause within a stream of this model. Default: the `fallback`'s.",
        examples=["20s"],
    )] = None  # fmt: skip
    deadline: Annotated[Wait | None, Field(
        description="Timeout of a single call. Default: what is left of the request's "
                    "deadline.",
        examples=["30s"],
    )] = None  # fmt: skip
    max_connections: Annotated[Annotated[int, Field(ge=1, le=100_000)] | None, Field(
        description="Maximum number of concurrent calls to its server, by all models, in one "
        "process. A "
        "further call waits for up to a second, then the next model is called. "
        f"Default: {MAX_CONNECTIONS}.",
        examples=[20],
    )] = None  # fmt: skip
    keep_loaded: Annotated[Wait | None, Field(
        description="How long a model at Ollama, LM Studio or vLLM stays in the memory of its "
        "server after its last answer. After that it is unloaded, and it is loaded again when a "
        "request needs it. Default: up to the server.",
        examples=["30m"],
    )] = None  # fmt: skip
    can: Annotated[list[Ability] | None, Field(
        description="What it can do. Default: LiteLLM's table of models, except `hosted_tools` "
        "(tools that run at the provider, which no price covers), which is never on by "
        "default.",
        examples=[["tools", "json"]],
    )] = None  # fmt: skip
    tags: Annotated[list[Word] | None, Field(
        description="Words by which rules select it.", examples=[["local"], ["eu"]]
    )] = None  # fmt: skip
    quality: Annotated[Share | None, Field(
        description="Quality of its answers, 0 to 1. Default: derived from its tier.",
        examples=[0.55],
    )] = None  # fmt: skip
    latency: Annotated[Duration | None, Field(
        description="Time for a typical answer.", examples=["2s"]
    )] = None  # fmt: skip
    gpu_memory: Annotated[Size | None, Field(
        description="Memory that it takes on your own GPUs, for reports.", examples=["8GB"]
    )] = None  # fmt: skip
    via: Annotated[Literal["auto", "direct", "litellm"] | None, Field(
        description="How it is called: through `litellm`; `direct`, over HTTP in the wire format "
        "of OpenAI or Anthropic; or `auto`, which is direct where the result is known to be the "
        "same.",
        examples=["direct"],
    )] = None  # fmt: skip
    limits: Annotated[list[ModelLimit] | None, Field(
        description="Rate limits of its provider.", examples=[["50/min", "400k tokens/min"]]
    )] = None  # fmt: skip

    @model_validator(mode="after")
    def _says_what_it_calls(self) -> Self:
        """Refuse a model without `model` and `tier`, unless it takes them from another one."""
        if self.like is None and (self.model is None or self.tier is None):
            raise ValueError("a model needs `model` and `tier`, or `like`")
        return self
