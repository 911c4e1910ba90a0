"""The endpoints that speak OpenAI's wire format: their addresses, their keys, and their dialect."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.providers.wire_body import provider_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.models import Model


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A provider that speaks OpenAI's wire format.

    Attributes:
        address: The address that `/chat/completions` is added to; None where each user has a
            server of their own, whose address the policy states.
        key_variable: The environment variable that holds the key; None where none is needed.
        cap: The name of the parameter that caps the tokens of an answer.
    """

    address: str | None
    key_variable: str | None = None
    cap: str = "max_tokens"


ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {
        # OpenAI's reasoning models refuse `max_tokens`; all of its models take this name.
        "openai": Endpoint("https://api.openai.com/v1", "OPENAI_API_KEY", "max_completion_tokens"),
        "deepseek": Endpoint("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
        "groq": Endpoint("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        "hosted_vllm": Endpoint(None),
        "lm_studio": Endpoint(None),
        "mistral": Endpoint("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
        "openrouter": Endpoint("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        "together_ai": Endpoint("https://api.together.xyz/v1", "TOGETHERAI_API_KEY"),
        "xai": Endpoint("https://api.x.ai/v1", "XAI_API_KEY"),
    }
)
"""The providers that can be called directly, by the first part of a LiteLLM name. The variables of
their keys are those that LiteLLM reads."""


def endpoint_of(model: Model) -> Endpoint | None:
    """The endpoint of a model; None when its provider cannot be called directly."""
    return ENDPOINTS.get(provider_of(model))
