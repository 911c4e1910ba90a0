"""Calls models over HTTP in the wire format of OpenAI's chat completions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.dialect import Dialect
from policy_router.providers.adapt import to_answer, to_chunk
from policy_router.providers.direct import DirectCaller, WireRequest
from policy_router.providers.failure import CallFailed, Failure, FailureKind
from policy_router.providers.http_answer import CAPS, read_key
from policy_router.providers.openai_wire.endpoints import endpoint_of
from policy_router.providers.original_body import chat_body, headers_of, original_for
from policy_router.providers.wire_body import for_provider, provider_of, wire_name

if TYPE_CHECKING:
    from policy_router.domain.models import Model
    from policy_router.providers.body import Body
    from policy_router.providers.chat import ChatChunk

_PATH: Final = "/chat/completions"


class OpenAIWireCaller(DirectCaller):
    """A Caller for endpoints that speak OpenAI's wire format."""

    def make_request(self, model: Model, body: Body, *, stream: bool) -> WireRequest:
        """The request for a chat body."""
        endpoint = endpoint_of(model)
        address = model.api_base or (None if endpoint is None else endpoint.address)
        if endpoint is None or address is None:
            detail = f"`{model.name}` has no address that can be called directly"
            raise CallFailed(Failure(FailureKind.INTERNAL, detail, sent=False))
        # The key of a provider is never sent to an address that the policy states.
        variable = model.api_key_env or (endpoint.key_variable if model.api_base is None else None)
        headers = {} if variable is None else {"Authorization": f"Bearer {read_key(variable)}"}
        original, options = original_for(body, Dialect.CHAT), None
        if original is None:
            sent = for_provider(body, provider_of(model), model)
        else:
            sent = chat_body(original, body, model)
            options = sent.get("stream_options")
            headers = headers_of(original) | headers
        sent = _renamed(sent, endpoint.cap) | {"model": wire_name(model)}
        sent.pop("stream_options", None)
        if stream:
            options = options if isinstance(options, dict) else {}
            sent |= {"stream": True, "stream_options": {**options, "include_usage": True}}
        return WireRequest(
            address.rstrip("/") + _PATH,
            headers,
            json.dumps(sent),
            to_answer,
            read_chunk,
            Dialect.CHAT,
        )


def read_chunk(value: dict[str, Any]) -> tuple[ChatChunk, ...]:
    """The chunk in an event of a stream. Raises CallFailed for a whole answer."""
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if isinstance(first, dict) and "delta" not in first and "message" in first:
        detail = "a whole answer in place of a stream"
        raise CallFailed(Failure(FailureKind.MALFORMED, detail))
    return (to_chunk(value),)


def _renamed(sent: dict[str, Any], cap: str) -> dict[str, Any]:
    """The parameters with the cap on the answer under the name that the endpoint knows."""
    caps = [sent.pop(name) for name in CAPS if name in sent]
    return {**sent, cap: caps[0]} if caps else sent
