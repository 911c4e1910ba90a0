"""Calls models over HTTP in the wire format of Anthropic's messages."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final

from policy_router.providers.anthropic_wire.answer import read_message
from policy_router.providers.anthropic_wire.request import to_messages_request
from policy_router.providers.anthropic_wire.stream import MessageStream
from policy_router.providers.anthropic_wire.tool_names import original_names
from policy_router.providers.direct import DirectCaller, WireRequest
from policy_router.providers.http_answer import read_key
from policy_router.providers.wire_body import for_provider, provider_of

if TYPE_CHECKING:
    from policy_router.domain.models import Model
    from policy_router.providers.body import Body

_ADDRESS: Final = "https://api.anthropic.com"
_PATH: Final = "/v1/messages"
_VERSION: Final = "2023-06-01"
_KEY: Final = "ANTHROPIC_API_KEY"


class AnthropicWireCaller(DirectCaller):
    """A Caller for endpoints that speak Anthropic's wire format."""

    def make_request(self, model: Model, body: Body, *, stream: bool) -> WireRequest:
        """The request for a chat body."""
        address = (model.api_base or _ADDRESS).rstrip("/").removesuffix("/v1")
        # The key of the provider is never sent to an address that the policy states.
        variable = model.api_key_env or (_KEY if model.api_base is None else None)
        headers = {"anthropic-version": _VERSION}
        if variable is not None:
            headers["x-api-key"] = read_key(variable)
        sent = to_messages_request(
            for_provider(body, provider_of(model), model),
            name=model.provider_model.removeprefix("anthropic/"),
            max_output=model.max_output,
            stream=stream,
        )
        tools = (tool["function"].get("name") or "" for tool in body.get("tools") or ())
        names = original_names(tools)
        read_answer = partial(read_message, names=names)
        read_chunk = MessageStream(names).read
        return WireRequest(address + _PATH, headers, json.dumps(sent), read_answer, read_chunk)
