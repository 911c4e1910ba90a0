"""Calls models over HTTP by OpenAI's Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.dialect import Dialect
from policy_router.providers.direct import DirectCaller, WireRequest
from policy_router.providers.failures.http_answer import read_key
from policy_router.providers.openai_wire.adapted import adapted
from policy_router.providers.openai_wire.endpoints import ENDPOINTS
from policy_router.providers.requests.json_values import json_text
from policy_router.providers.requests.original_body import headers_of, original_for
from policy_router.providers.requests.wire_body import for_provider, provider_of, wire_name
from policy_router.providers.responses_wire.answer import read_response
from policy_router.providers.responses_wire.original import responses_body
from policy_router.providers.responses_wire.request import to_responses_request
from policy_router.providers.responses_wire.stream import ResponseStream
from policy_router.providers.routes import RESPONSES

if TYPE_CHECKING:
    from policy_router.domain.models import Model
    from policy_router.providers.requests.body import Body

_ADDRESS: Final = "https://api.openai.com/v1"
_PATH: Final = "/responses"
_KEY: Final = "OPENAI_API_KEY"
_REASONING: Final = "reasoning"
"""The ability of a model to reason."""
_OWN_FIELDS: Final = frozenset({"thinking_blocks"})
"""Fields of messages that only this API has."""


class ResponsesWireCaller(DirectCaller):
    """A Caller for endpoints that speak OpenAI's Responses API."""

    api = "the Responses API"

    def make_request(self, model: Model, body: Body, *, stream: bool) -> WireRequest:
        """The request for a chat body."""
        # The key of the provider is never sent to an address that the policy states.
        variable = model.api_key_env or (_KEY if model.api_base is None else None)
        headers = {} if variable is None else {"Authorization": f"Bearer {read_key(variable)}"}
        name = wire_name(model).removeprefix(RESPONSES)
        original = original_for(body, Dialect.RESPONSES)
        if original is not None:
            sent = responses_body(original, body, model) | {"model": name}
            if stream:
                sent["stream"] = True
            headers = headers_of(original) | headers
        else:
            provider, own = provider_of(model), model.api_base is not None
            chat = for_provider(body, provider, model, fields=_OWN_FIELDS)
            sent = to_responses_request(
                adapted(chat, ENDPOINTS[provider], provider, name, own_address=own),
                name=name,
                reasons=_REASONING in model.abilities,
                stream=stream,
            )
        return WireRequest(
            (model.api_base or _ADDRESS).rstrip("/") + _PATH,
            headers,
            json_text(sent),
            read_response,
            ResponseStream().read,
            Dialect.RESPONSES,
        )
