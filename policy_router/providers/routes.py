"""The ways of calling a model, and which of them is used.

`via: direct` and `via: litellm` say it. `via: auto`, the default, calls a model directly where that
is known to be equal to LiteLLM, and through LiteLLM otherwise. What stays with LiteLLM, and why, is
in the table `STAYS`. So does what the direct caller refuses to send because its wire format cannot
express it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from policy_router.domain.models import Via
from policy_router.providers.openai_wire.endpoints import ENDPOINTS
from policy_router.providers.requests.wire_body import provider_of, split_name, wire_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.domain.models import Model

ANTHROPIC: Final = "anthropic"
"""The provider that is called in Anthropic's wire format."""
RESPONSES: Final = "responses/"
"""How the name of a model of OpenAI begins that is called by the Responses API, as LiteLLM has
it."""


class Route(StrEnum):
    """A way of calling a model."""

    LITELLM = "litellm"
    OPENAI_WIRE = "openai_wire"
    ANTHROPIC_WIRE = "anthropic_wire"
    RESPONSES_WIRE = "responses_wire"


DIRECT_PROVIDERS: Final = (ANTHROPIC, *ENDPOINTS)
"""The providers whose models can be called directly, by the first part of a LiteLLM name."""


def _always(_: Mapping[str, object]) -> bool:
    return True


def _schema(body: Mapping[str, object]) -> bool:
    asked = body.get("response_format")
    return isinstance(asked, Mapping) and asked.get("type") == "json_schema"


def _has(name: str) -> Callable[[Mapping[str, object]], bool]:
    return lambda body: body.get(name) is not None


def _reasons_with_tools(body: Mapping[str, object]) -> bool:
    return bool(body.get("tools")) and body.get("reasoning_effort") != "none"


@dataclass(frozen=True, slots=True)
class Stay:
    """Calls that `via: auto` leaves to LiteLLM.

    Attributes:
        provider: The provider, by its LiteLLM name.
        models: The beginning of the names of the models there.
        why: What LiteLLM does for them.
        applies: Whether it does that for a body.
        at_own_address: Whether it does so, too, where the policy states the address.
    """

    provider: str
    models: re.Pattern[str]
    why: str
    applies: Callable[[Mapping[str, object]], bool] = _always
    at_own_address: bool = False


_ANY: Final = re.compile("")

STAYS: Final[tuple[Stay, ...]] = (
    Stay("ollama_chat", _ANY,
         "it tells Ollama how long the context is; Ollama's `/v1` cannot be told, and "
         "silently truncates a long prompt", at_own_address=True),
    Stay("openai", re.compile("responses/"),
         "it translates to OpenAI's Responses API", at_own_address=True),
    Stay("openai", re.compile(r"o\d-pro|o\d.*-deep-research|gpt-.*(?:-pro|-codex)|gpt-daybreak"),
         "these models only answer the Responses API, which it translates to"),
    Stay("openai", re.compile(r"gpt-(?:5\.(?:[4-9]|\d\d)|[6-9])(?!.*-chat)"),
         "chat completions of these models take no tools while they reason, and it translates to "
         "the Responses API", _reasons_with_tools),
    Stay("xai", re.compile("responses/|.*multi-agent"),
         "these models only answer the Responses API, which it translates to", at_own_address=True),
    Stay("xai", _ANY, "it searches the web by the Responses API", _has("web_search_options"),
         at_own_address=True),
    Stay("groq", re.compile("(?!openai/gpt-oss|moonshotai/kimi-k2|meta-llama/llama-4)"),
         "these models take no JSON schema, and it makes a tool of it", _schema,
         at_own_address=True),
    Stay("groq", re.compile("openai/gpt-oss"), "it makes a tool of the web search",
         _has("web_search_options"), at_own_address=True),
    Stay("mistral", re.compile("magistral"), "it makes a system message of the effort",
         _has("reasoning_effort"), at_own_address=True),
    Stay("anthropic", re.compile(r"claude-(?:[123]|(?:opus|sonnet|haiku)-4(?:-[01])?(?:-\d{8})?$|"
                                 r"instant)"),
         "these models take no JSON schema, and it makes a tool of it", _schema,
         at_own_address=True),
    Stay("anthropic", _ANY, "it makes a tool of the web search", _has("web_search_options"),
         at_own_address=True),
)  # fmt: skip
"""What `via: auto` leaves to LiteLLM at providers that can be called directly."""

SENDS_ITS_KEY: Final = frozenset({ANTHROPIC, *(p for p, e in ENDPOINTS.items() if e.address)}) - {
    "ollama_chat",
    "openai",
}
"""Providers whose own key LiteLLM sends to an address that the policy states, where the policy
names no key for it. The direct callers never do that, so `via: auto` leaves such a model to
LiteLLM."""


def route_of(model: Model, body: Mapping[str, object] | None = None) -> Route:
    """The way a model is called.

    Args:
        model: The model.
        body: The parameters of the request; None for what most requests take.
    """
    provider = provider_of(model)
    direct = Route.ANTHROPIC_WIRE if provider == ANTHROPIC else Route.OPENAI_WIRE
    if model.via is Via.LITELLM or provider not in DIRECT_PROVIDERS:
        return Route.LITELLM
    if model.via is Via.DIRECT:
        by_responses = provider == "openai" and wire_name(model).startswith(RESPONSES)
        return Route.RESPONSES_WIRE if by_responses else direct
    return Route.LITELLM if reason_to_stay(model, body) is not None else direct


def embedding_route(model: Model) -> Route:
    """The way a model is called for embeddings; what `STAYS` lists is about chat.

    Args:
        model: The model.
    """
    provider = provider_of(model)
    if model.via is Via.LITELLM or provider not in DIRECT_PROVIDERS or _takes_its_key(model):
        return Route.LITELLM
    if provider == ANTHROPIC:
        return Route.ANTHROPIC_WIRE
    by_responses = wire_name(model).startswith(RESPONSES)
    return Route.RESPONSES_WIRE if by_responses else Route.OPENAI_WIRE


def _takes_its_key(model: Model) -> bool:
    """Whether LiteLLM sends the provider's own key to the address that the policy states."""
    keyless = model.has_own_address and model.api_key_env is None
    return model.via is Via.AUTO and keyless and provider_of(model) in SENDS_ITS_KEY


def reason_to_stay(model: Model, body: Mapping[str, object] | None = None) -> str | None:
    """Why `via: auto` leaves a model of a provider that can be called directly to LiteLLM.

    Args:
        model: The model.
        body: As for `route_of`.

    Returns:
        The reason; None where it is called directly.
    """
    provider, own = provider_of(model), model.has_own_address
    if own and model.api_key_env is None and provider in SENDS_ITS_KEY:
        return "it sends the provider's own key to the address that the policy states"
    parameters = {} if body is None else body
    for stay in _stays(model.provider_model, own):
        if stay.applies(parameters):
            return stay.why
    return None


@lru_cache(maxsize=4096)
def _stays(provider_model: str, own: bool) -> tuple[Stay, ...]:
    """What of the table is about a model; `own` says that the policy states its address."""
    provider, name = split_name(provider_model)
    return tuple(
        stay
        for stay in STAYS
        if stay.provider == provider
        and (stay.at_own_address or not own)
        and stay.models.match(name.lower())
    )
