"""Calls models over HTTP in the wire format of OpenAI's chat completions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.dialect import Dialect
from policy_router.frozen import maker
from policy_router.providers.answers.adapt import to_answer, to_chunk
from policy_router.providers.answers.embeddings import to_embeddings
from policy_router.providers.direct import Destination, DirectCaller, WireRequest
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.failures.http_answer import read_key
from policy_router.providers.openai_wire.adapted import adapted
from policy_router.providers.openai_wire.endpoints import ENDPOINTS, endpoint_of
from policy_router.providers.openai_wire.signed_calls import (
    signed_answer,
    with_blocks,
    with_signatures,
)
from policy_router.providers.requests.json_values import json_text
from policy_router.providers.requests.original_body import chat_body, headers_of, original_for
from policy_router.providers.requests.reasoning_origin import GEMINI, origin_of
from policy_router.providers.requests.wire_body import for_provider, provider_of, wire_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.models import Model
    from policy_router.providers.answers.chat import ChatChunk
    from policy_router.providers.answers.embeddings import EmbeddingAnswer
    from policy_router.providers.openai_wire.endpoints import Endpoint
    from policy_router.providers.requests.body import Body
    from policy_router.providers.requests.embedding_body import EmbeddingBody

_new_request: Final = maker(WireRequest)
_PATH: Final = "/chat/completions"
_EMBEDDINGS: Final = "/embeddings"


class OpenAIWireCaller(DirectCaller):
    """A Caller for endpoints that speak OpenAI's wire format."""

    api = "OpenAI's API"

    def make_request(self, model: Model, body: Body, *, stream: bool) -> WireRequest:
        """The request for a chat body."""
        to = destination_of(model)
        name, provider = wire_name(model), provider_of(model)
        headers, endpoint = dict(to.headers), ENDPOINTS[provider]
        original, options = original_for(body, Dialect.CHAT), None
        signs = origin_of(model) == GEMINI
        if original is None:
            given: Mapping[str, Any] = body.parameters
            if signs:
                given = {**given, "messages": with_signatures(given["messages"], name)}
            sent = for_provider(given, provider, model)
        else:
            sent = chat_body(original, body, model)
            options = sent.get("stream_options")
            headers = headers_of(original) | headers
            if signs:
                sent["messages"] = with_signatures(sent["messages"], name)
        own = model.api_base is not None
        sent = adapted(sent, endpoint, provider, name, own_address=own) | {"model": name}
        sent.pop("stream_options", None)
        if stream:
            sent["stream"] = True
            if endpoint.asks_for_usage:
                options = options if isinstance(options, dict) else {}
                sent["stream_options"] = {**options, "include_usage": True}
        return _new_request(
            to.address + _PATH,
            headers,
            json_text(sent),
            signed_answer if signs else to_answer,
            read_signed_chunk if signs else read_chunk,
            Dialect.CHAT,
            # What is relayed keeps its events, whatever the chunks are that they are read as.
            joins_text=original is not None,
        )

    async def embed(self, model: Model, body: EmbeddingBody, timeout: float) -> EmbeddingAnswer:  # noqa: ASYNC109, ARG002  see Caller; the executor enforces its own limits
        """Embeddings. Raises CallFailed."""
        to = destination_of(model)
        sent = json_text({**body, "model": wire_name(model)})
        request = WireRequest(
            to.address + _EMBEDDINGS, to.headers, sent, to_answer, read_chunk, Dialect.CHAT
        )
        _, value = await self.fetch(request, [body["input"]], body.most_bytes)
        return to_embeddings(value, len(body.inputs), as_base64=body.as_base64)


def destination_of(model: Model) -> Destination:
    """Where a model is called, and with which headers. Raises CallFailed."""
    endpoint = endpoint_of(model)
    stated = model.api_base
    address = stated or (None if endpoint is None else _address(endpoint))
    if endpoint is None or address is None:
        detail = f"`{model.name}` has no address that can be called directly"
        raise CallFailed(Failure(FailureKind.INTERNAL, detail, sent=False))
    headers = {
        name: value
        for name, variable in endpoint.header_variables.items()
        if stated is None and (value := os.environ.get(variable))
    }
    # The key of a provider is never sent to an address that the policy states.
    variable = model.api_key_env or (_key_variable(endpoint) if stated is None else None)
    if variable is not None:
        headers["Authorization"] = f"Bearer {read_key(variable)}"
    whole = address.rstrip("/").removesuffix(endpoint.path) + endpoint.path
    return Destination(whole, headers, variable)


def read_chunk(value: dict[str, Any]) -> tuple[ChatChunk, ...]:
    """The chunk in an event of a stream. Raises CallFailed for a whole answer."""
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if isinstance(first, dict) and "delta" not in first and "message" in first:
        detail = "a whole answer in place of a stream"
        raise CallFailed(Failure(FailureKind.MALFORMED, detail))
    return (to_chunk(value),)


def read_signed_chunk(value: dict[str, Any]) -> tuple[ChatChunk, ...]:
    """What `read_chunk` gives, with the signatures of Gemini's thoughts as blocks of reasoning."""
    return read_chunk(with_blocks(value, "delta"))


def _address(endpoint: Endpoint) -> str | None:
    """The address that the environment states, or the provider's own."""
    stated = (os.environ.get(variable) for variable in endpoint.address_variables)
    return next(filter(None, stated), endpoint.address)


def _key_variable(endpoint: Endpoint) -> str | None:
    """The variable with the key; None where there is no key and none may be needed."""
    variables = endpoint.key_variables
    found = next((variable for variable in variables if os.environ.get(variable)), None)
    return found or (variables[0] if variables and endpoint.address is not None else None)
