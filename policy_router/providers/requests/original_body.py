"""Makes requests from the original bodies of clients, for models that speak the same dialect.

The body goes through as it is, with fields that nothing here knows. Changed are the name of the
model, what the policy sets, and what would make the provider refuse it: marks that another model
left in the conversation. Left out is what the policy alone decides: which model answers, where, and
at which price.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.failures.failure import CallFailed, Failure, FailureKind
from policy_router.providers.failures.http_answer import CAPS
from policy_router.providers.requests.effort import EFFORT, LEAST_BUDGET, with_effort
from policy_router.providers.requests.reasoning_origin import origin_of, with_own_blocks
from policy_router.providers.requests.system_text import with_system, with_system_blocks
from policy_router.providers.requests.wire_body import original_for_provider, provider_of

if TYPE_CHECKING:
    from policy_router.domain.dialect import Dialect
    from policy_router.domain.models import Model
    from policy_router.domain.original import OriginalRequest
    from policy_router.providers.requests.body import Body

OF_THE_POLICY: Final = frozenset(
    {
        "best_of",
        "fallbacks",
        "inference_geo",
        "models",
        "preset",
        "provider",
        "route",
        "service_tier",
        "speed",
        "stream",
    }
)
"""Fields of a body that choose another model, a place or a price, or more answers than are counted,
and how the answer comes."""
_NEVER_SENT: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "x-real-ip",
    }
)
_NEVER_MATCHING: Final = re.compile(
    r"(proxy-|x-forwarded-|(x-)?(amz|goog|ms)-).*"
    r"|.*(auth|cookie|credential|key|organi[sz]ation|password|project|secret|token).*"
)
"""Names of headers that credentials, or the account that pays, may be in."""


def original_for(body: Body, dialect: Dialect) -> OriginalRequest | None:
    """The client's own request, if it is in this dialect."""
    original = body.original
    return original if original is not None and original.dialect is dialect else None


def headers_of(original: OriginalRequest) -> dict[str, str]:
    """The headers that are sent with the body, by their lower-case names: none with credentials,
    none that chooses the account, none of the connection, and none that is not a line of text."""
    named = {name.lower(): value for name, value in original.headers.items()}
    return {
        name: value
        for name, value in named.items()
        if name not in _NEVER_SENT
        and not _NEVER_MATCHING.fullmatch(name)
        and (name + value).isprintable()
    }


def chat_body(original: OriginalRequest, body: Body, model: Model) -> dict[str, Any]:
    """The body of a chat completion.

    Args:
        original: The client's request, in the dialect of chat completions.
        body: What the policy sets.
        model: The model that is called.
    """
    provider = provider_of(model)
    sent = {**kept_fields(original), **body.set_by_policy}
    if body.prompt is not None and isinstance(sent.get("messages"), list):
        sent["messages"] = with_system(sent["messages"], body.prompt)
    sent = original_for_provider(sent, provider, model)
    return {**with_effort(sent, provider, model)}


def messages_body(original: OriginalRequest, body: Body, model: Model) -> dict[str, Any]:
    """The body of a request in Anthropic's dialect.

    Args:
        original: The client's request, in that dialect.
        body: What the policy sets.
        model: The model that is called.

    Raises:
        CallFailed: The dialect cannot express what the policy sets.
    """
    sent: dict[str, Any] = kept_fields(original)
    if isinstance(sent.get("messages"), list):
        origin = origin_of(model)
        sent["messages"] = [with_own_blocks(message, origin) for message in sent["messages"]]
    if body.prompt is not None:
        sent = with_system_blocks(sent, body.prompt)
    given = body.set_by_policy
    for name, own in _RENAMED.items():
        if name in given:
            sent[own] = given[name]
    if "stop" in given:
        stop = given["stop"]
        sent["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if sent.get("tools") and _OF_TOOLS & given.keys():
        sent["tool_choice"] = _tool_choice(sent.get("tool_choice"), given)
    if "response_format" in given:
        _set_format(sent, given["response_format"])
    if model.effort is not None or (EFFORT in given and "thinking" not in sent):
        _set_effort(sent, body, model)
    if _thinks(sent):
        for name in _REFUSED_WHILE_THINKING & given.keys():
            sent.pop(name, None)
    return _with_room(sent)


_RENAMED: Final[Mapping[str, str]] = MappingProxyType(
    {"temperature": "temperature", "top_p": "top_p", CAPS[0]: "max_tokens", CAPS[1]: "max_tokens"}
)
"""Parameters that the policy may set, and their names in Anthropic's dialect."""
_OF_TOOLS: Final = frozenset({"tool_choice", "parallel_tool_calls"})
_MODES: Final[Mapping[str, str]] = MappingProxyType(
    {"auto": "auto", "none": "none", "required": "any"}
)
"""The choices among tools that the policy may set, as Anthropic's dialect names them."""
_SERIAL: Final = "disable_parallel_tool_use"
_REFUSED_WHILE_THINKING: Final = frozenset({"temperature", "top_p"})


def _thinks(sent: Mapping[str, Any]) -> bool:
    thinking = sent.get("thinking")
    return isinstance(thinking, Mapping) and thinking.get("type") != "disabled"


def kept_fields(original: OriginalRequest) -> dict[str, Any]:
    """The fields of a body that a client may set."""
    return {k: v for k, v in original.body.items() if k not in OF_THE_POLICY}


def _tool_choice(theirs: object, given: Mapping[str, Any]) -> dict[str, Any]:
    """The client's choice among tools, as far as the policy leaves it."""
    choice = dict(theirs) if isinstance(theirs, Mapping) else {"type": "auto"}
    if "tool_choice" in given:
        choice = {"type": _MODES[given["tool_choice"]], _SERIAL: choice.get(_SERIAL)}
    if "parallel_tool_calls" in given:
        choice[_SERIAL] = not given["parallel_tool_calls"]
    if choice.get("type") == "none" or not choice.get(_SERIAL):
        choice.pop(_SERIAL, None)
    return choice


def _set_format(sent: dict[str, Any], form: Mapping[str, Any]) -> None:
    """Put the policy's format of the answer in place of the client's. Raises CallFailed."""
    config = sent.get("output_config")
    kept = {k: v for k, v in config.items() if k != "format"} if isinstance(config, Mapping) else {}
    if form.get("type") == "json_schema":
        schema = form["json_schema"].get("schema", {})
        kept["format"] = {"type": "json_schema", "schema": schema}
    elif form.get("type") != "text":
        detail = "the wire format of Anthropic cannot express the policy's `response_format`"
        raise CallFailed(Failure(FailureKind.UNSUPPORTED, detail, sent=False))
    sent.pop("output_config", None)
    if kept:
        sent["output_config"] = kept


def _set_effort(sent: dict[str, Any], body: Body, model: Model) -> None:
    """Put the policy's effort in place of the client's."""
    made = with_effort(body.parameters, provider_of(model), model)
    config = sent.pop("output_config", None)
    config = (
        {k: v for k, v in config.items() if k != "effort"} if isinstance(config, Mapping) else {}
    )
    sent.pop("thinking", None)
    if "thinking" in made:
        sent["thinking"] = made["thinking"]
    elif EFFORT in made:
        sent["thinking"] = {"type": "adaptive", "display": "summarized"}
        config["effort"] = made[EFFORT]
    if _thinks(sent):
        for name in _REFUSED_WHILE_THINKING:
            sent.pop(name, None)
    if config:
        sent["output_config"] = config


def _with_room(sent: dict[str, Any]) -> dict[str, Any]:
    """The body with less thinking, where the policy's cap leaves no room for what was asked for."""
    thinking, cap = sent.get("thinking"), sent.get("max_tokens")
    if not isinstance(thinking, Mapping) or not isinstance(cap, int):
        return sent
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < cap:
        return sent
    rest = {k: v for k, v in sent.items() if k != "thinking"}
    if cap <= LEAST_BUDGET:
        return rest
    return {**rest, "thinking": {**thinking, "budget_tokens": max(cap // 2, LEAST_BUDGET)}}
