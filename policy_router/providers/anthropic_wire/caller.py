"""Calls models over HTTP in the wire format of Anthropic's messages."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.dialect import Dialect
from policy_router.providers.anthropic_wire.answer import read_message
from policy_router.providers.anthropic_wire.request import to_messages_request
from policy_router.providers.anthropic_wire.stream import MessageStream
from policy_router.providers.anthropic_wire.tool_names import original_names
from policy_router.providers.direct import Destination, DirectCaller, WireRequest
from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.failures.http_answer import read_key
from policy_router.providers.requests.json_values import json_text
from policy_router.providers.requests.original_body import headers_of, messages_body, original_for
from policy_router.providers.requests.wire_body import (
    IS_ERROR,
    for_provider,
    provider_of,
    wire_name,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.models import Model
    from policy_router.providers.requests.body import Body

_ADDRESS: Final = "https://api.anthropic.com"
_PATH: Final = "/messages"
_VERSION: Final = "2023-06-01"
_KEY: Final = "ANTHROPIC_API_KEY"
_OWN_FIELDS: Final = frozenset({IS_ERROR})
"""Fields of messages that only this format has."""


class AnthropicWireCaller(DirectCaller):
    """A Caller for endpoints that speak Anthropic's wire format."""

    api = "Anthropic's API"

    def make_request(self, model: Model, body: Body, *, stream: bool) -> WireRequest:
        """The request for a chat body. Raises CallFailed."""
        to = destination_of(model)
        headers = dict(to.headers)
        names: Mapping[str, str] = {}
        original = original_for(body, Dialect.MESSAGES)
        if original is not None:
            sent = messages_body(original, body, model) | {"model": wire_name(model)}
            if stream:
                sent["stream"] = True
            headers |= headers_of(original)
        else:
            sent, names = _translated(body, model, stream=stream)
        return WireRequest(
            to.address + _PATH,
            headers,
            json_text(sent),
            partial(read_message, names=names),
            MessageStream(names).read,
            Dialect.MESSAGES,
        )


def destination_of(model: Model) -> Destination:
    """Where a model is called, and with which headers. Raises CallFailed."""
    address = (model.api_base or _ADDRESS).rstrip("/").removesuffix("/v1")
    # The key of the provider is never sent to an address that the policy states.
    variable = model.api_key_env or (_KEY if model.api_base is None else None)
    headers = {"anthropic-version": _VERSION}
    if variable is not None:
        headers["x-api-key"] = read_key(variable)
    return Destination(address + "/v1", headers, variable)


def _translated(
    body: Body, model: Model, *, stream: bool
) -> tuple[dict[str, Any], Mapping[str, str]]:
    """The request for a chat body, and the original names of its tools. Raises CallFailed."""
    try:
        sent = to_messages_request(
            for_provider(body, provider_of(model), model, fields=_OWN_FIELDS),
            name=wire_name(model),
            max_output=model.max_output,
            stream=stream,
        )
        tools = (tool["function"].get("name") or "" for tool in body.get("tools") or ())
        return sent, original_names(tools)
    except (AttributeError, KeyError, TypeError):
        # Whether the parts of a body are valid is for the provider to judge, and it sees none.
        detail = "a part of the request is not of the form of chat completions"
        raise CallFailed(Failure(FailureKind.BAD_REQUEST, detail, sent=False)) from None
