"""The endpoints that speak OpenAI's wire format: addresses, keys, and what they accept."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.providers.requests.wire_body import provider_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.models import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A provider that speaks OpenAI's wire format.

    Attributes:
        address: The address that `/chat/completions` is added to; None where each user has a
            server of their own, whose address the policy or a variable states.
        address_variables: The environment variables with an address that replaces it.
        path: What is added to an address that does not end with it, such as `/v1`.
        key_variables: The environment variables that may hold the key; the first that is set does.
        header_variables: Headers whose values are in environment variables, by name.
        cap: The name of the parameter that caps the tokens of an answer.
        refused: Parameters that it refuses, and that are left out.
        renamed: Parameters that it has under another name.
        fixed: Parameters that are always sent.
        asks_for_usage: Whether a stream ends with the usage only where it is asked for.
        joins_text: Whether content that is only text must be one string.
        named: The roles whose messages may have a `name`.
        refused_in_schemas: Fields of a tool, and of the schema of its parameters, that it refuses.
    """

    address: str | None
    address_variables: tuple[str, ...] = ()
    path: str = ""
    key_variables: tuple[str, ...] = ()
    header_variables: Mapping[str, str] = field(default_factory=dict)
    cap: str = "max_tokens"
    refused: frozenset[str] = frozenset({"user", "verbosity"})
    renamed: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, object] = field(default_factory=dict)
    asks_for_usage: bool = True
    joins_text: bool = False
    named: frozenset[str] = frozenset({"system", "user", "assistant", "tool", "function"})
    refused_in_schemas: frozenset[str] = frozenset()


ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {
        "openai": Endpoint(
            address="https://api.openai.com/v1",
            address_variables=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
            key_variables=("OPENAI_API_KEY",),
            header_variables={
                "OpenAI-Organization": "OPENAI_ORGANIZATION",
                "OpenAI-Project": "OPENAI_PROJECT_ID",
            },
            # OpenAI's reasoning models refuse `max_tokens`; all of its models take this name.
            cap="max_completion_tokens",
            refused=frozenset(),
        ),
        "deepseek": Endpoint(
            address="https://api.deepseek.com/v1",
            address_variables=("DEEPSEEK_API_BASE",),
            key_variables=("DEEPSEEK_API_KEY",),
            joins_text=True,
        ),
        "groq": Endpoint(
            address="https://api.groq.com/openai/v1",
            address_variables=("GROQ_API_BASE",),
            key_variables=("GROQ_API_KEY",),
            refused=frozenset({"user", "verbosity", "web_search_options"}),
        ),
        "hosted_vllm": Endpoint(
            address=None,
            address_variables=("HOSTED_VLLM_API_BASE",),
            key_variables=("HOSTED_VLLM_API_KEY",),
        ),
        "lm_studio": Endpoint(
            address=None,
            address_variables=("LM_STUDIO_API_BASE",),
            key_variables=("LM_STUDIO_API_KEY",),
        ),
        "mistral": Endpoint(
            address="https://api.mistral.ai/v1",
            address_variables=("MISTRAL_API_BASE",),
            key_variables=("MISTRAL_API_KEY",),
            refused=frozenset(
                {
                    "audio",
                    "logit_bias",
                    "logprobs",
                    "modalities",
                    "reasoning_effort",
                    "top_logprobs",
                    "user",
                    "verbosity",
                    "web_search_options",
                }
            ),
            renamed={"seed": "random_seed"},
            asks_for_usage=False,
            joins_text=True,
            named=frozenset({"tool"}),
            refused_in_schemas=frozenset({"$id", "$schema"}),
        ),
        "ollama_chat": Endpoint(
            address="http://localhost:11434",
            address_variables=("OLLAMA_API_BASE",),
            path="/v1",
            refused=frozenset({"num_ctx", "user", "verbosity"}),
        ),
        "openrouter": Endpoint(
            address="https://openrouter.ai/api/v1",
            address_variables=("OPENROUTER_API_BASE",),
            key_variables=("OPENROUTER_API_KEY", "OR_API_KEY"),
            header_variables={"HTTP-Referer": "OR_SITE_URL", "X-Title": "OR_APP_NAME"},
            refused=frozenset(),
            fixed={"usage": {"include": True}},  # what a call costs is part of it
        ),
        "together_ai": Endpoint(
            address="https://api.together.xyz/v1",
            address_variables=("TOGETHER_AI_API_BASE",),
            key_variables=(
                "TOGETHERAI_API_KEY",
                "TOGETHER_API_KEY",
                "TOGETHER_AI_API_KEY",
                "TOGETHER_AI_TOKEN",
            ),
        ),
        "xai": Endpoint(
            address="https://api.x.ai/v1",
            address_variables=("XAI_API_BASE",),
            key_variables=("XAI_API_KEY",),
            refused=frozenset({"audio", "modalities", "prediction", "verbosity"}),
            named=frozenset({"user"}),
            refused_in_schemas=frozenset({"strict"}),
        ),
    }
)
"""The providers that can be called directly, by the first part of a LiteLLM name. The variables are
those that LiteLLM reads."""


def endpoint_of(model: Model) -> Endpoint | None:
    """The endpoint of a model; None when its provider cannot be called directly."""
    return ENDPOINTS.get(provider_of(model))
