"""Selects the parts of a request that a provider understands.

A conversation may continue with another model than the one it began with. It then contains what
only the first provider knows: reasoning, signatures, annotations, ids of a length that others
refuse. That is left out for every other provider, so that a fallback is not refused because of it.
Input and output are plain JSON, and nothing is changed in place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.requests.effort import EFFORT, with_effort
from policy_router.providers.requests.reasoning_origin import GEMINI, origin_of, own_reasoning

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from policy_router.domain.models import Model

_OPENAI: Final = frozenset({"openai", "azure"})
_CLAUDE: Final = frozenset(
    {"anthropic", "azure_ai", "bedrock", "bedrock_converse", "databricks", "vertex_ai"}
)
_GOOGLE: Final = frozenset({"gemini", "vertex_ai"})
_GATEWAYS: Final = frozenset({"litellm_proxy", "openrouter", "vercel_ai_gateway"})
"""Providers that pass a request on to others."""
_REASONERS: Final = frozenset(
    {"dashscope", "deepseek", "minimax", "moonshot", "volcengine", "xiaomi_mimo", "zai"}
)
"""Providers that expect the reasoning of their models to be sent back."""
_OLLAMA: Final = frozenset({"ollama", "ollama_chat"})
_SHOWING: Final = _CLAUDE | _GOOGLE | _GATEWAYS
"""Providers that take pictures in the results of tools."""
_TAGGING: Final = _CLAUDE | _GOOGLE | _GATEWAYS | frozenset({"dashscope", "minimax", "zai"})
"""Providers that accept marks of what to keep in their prompt cache."""

_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "assistant": frozenset({"role", "content", "name", "tool_calls", "function_call"}),
    "tool": frozenset({"role", "content", "name", "tool_call_id"}),
}
_PLAIN: Final = frozenset({"role", "content", "name"})
_EXTRA: Final = (
    (_TAGGING, frozenset({"cache_control"})),
    (_CLAUDE | _GOOGLE | _GATEWAYS, frozenset({"thinking_blocks", "provider_specific_fields"})),
    (_CLAUDE | _REASONERS | _GATEWAYS, frozenset({"reasoning_content"})),
    (_GATEWAYS, frozenset({"reasoning", "reasoning_details"})),
    (_OPENAI, frozenset({"refusal", "audio"})),
)
"""Fields of a message in addition to the common ones, and the providers that know them."""
_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"type", "text"}),
    "refusal": frozenset({"type", "refusal"}),
    "image_url": frozenset({"type", "image_url"}),
    "input_audio": frozenset({"type", "input_audio"}),
    "file": frozenset({"type", "file"}),
}
IS_ERROR: Final = "is_error"
"""Says in the message of a tool that the tool failed."""
_REASONING: Final = frozenset({"thinking", "redacted_thinking"})
_EMPTY: Final = frozenset({"tools", "stop", "modalities", "logit_bias"})
"""Parameters that have no effect when they are empty, and that some providers then refuse."""
_WITH_TOOLS: Final = ("tool_choice", "parallel_tool_calls")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
_ERROR: Final = re.compile(r"\W*(?:\w+[ _])?error\b", re.IGNORECASE)
"""How a text begins that says itself that it is about an error."""
_SHORT_ID: Final = re.compile(r"[A-Za-z0-9]{9}")

_STEP: Final = 4_096
"""Tokens that Ollama keeps of a prompt and its answer by default."""
_BYTES: Final = 2
"""Bytes of text that make at least one token, almost always."""
_PICTURE: Final = 2 * 2_048
_ANSWER: Final = 2_048
_MOST_KEPT: Final = 131_072
"""The most tokens to keep where the policy does not give the size of the model's context."""


@lru_cache(maxsize=4096)
def split_name(provider_model: str) -> tuple[str, str]:
    """A LiteLLM name of a model as the provider and the name there, as the next two give them."""
    head, slash, name = provider_model.partition("/")
    return (head, name) if slash else ("openai", provider_model)


def provider_of(model: Model) -> str:
    """The provider in a LiteLLM name of a model; `openai` when the name has none."""
    return split_name(model.provider_model)[0]


def wire_name(model: Model) -> str:
    """The name of a model at its provider, which is its LiteLLM name without the provider."""
    return split_name(model.provider_model)[1]


def for_provider(
    body: Mapping[str, Any],
    provider: str,
    model: Model,
    *,
    fields: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """The parameters that are sent to a provider.

    Args:
        body: The parameters of the request.
        provider: The provider by its LiteLLM name.
        model: The model that is called.
        fields: Fields of messages that the caller translates itself.
    """
    sent = {name: value for name, value in body.items() if value or name not in _EMPTY}
    if "tools" not in sent:
        for name in _WITH_TOOLS:
            sent.pop(name, None)
    elif provider not in _TAGGING:
        sent["tools"] = [_without(tool, "cache_control") for tool in sent["tools"]]
    extra = fields | _extra_of(provider)
    origin = origin_of(model)
    messages = [_message(m, provider, extra, origin) for m in sent["messages"]]
    if provider not in _SHOWING and any(map(_shows, messages)):
        messages = _with_pictures_apart(messages)
    sent["messages"] = messages
    if EFFORT in sent:
        sent = {**with_effort(sent, provider, model)}
    if provider in _OLLAMA:
        sent["num_ctx"] = _kept(sent, model.context)
    return sent


def original_for_provider(body: Mapping[str, Any], provider: str, model: Model) -> dict[str, Any]:
    """The body of a client without what its provider is known to refuse.

    Unlike in `for_provider`, fields and parts that are unknown here are kept: a client may use what
    is newer than this package.

    Args:
        body: A body in the dialect of chat completions, as the client sent it.
        provider: The provider by its LiteLLM name.
        model: The model that is called.
    """
    sent = {name: value for name, value in body.items() if value or name not in _EMPTY}
    tools, messages = sent.get("tools"), sent.get("messages")
    if isinstance(tools, list) and provider not in _TAGGING:
        sent["tools"] = [_without(tool, "cache_control") for tool in tools]
    extra = _extra_of(provider)
    if isinstance(messages, list):
        origin = origin_of(model)
        if model.has_own_address:  # whatever is behind it may know what nothing here knows
            extra |= _SIGNED
        sent["messages"] = [_original_message(m, provider, extra, origin) for m in messages]
    return sent


@lru_cache(maxsize=256)
def _extra_of(provider: str) -> frozenset[str]:
    """The fields of a message that a provider knows in addition to the common ones."""
    return frozenset[str]().union(*(names for providers, names in _EXTRA if provider in providers))


_OF_SOME: Final = frozenset({"annotations"}).union(*(names for _, names in _EXTRA))
"""Fields of a message that only some providers know."""


def _original_message(message: Any, provider: str, extra: AbstractSet[str], origin: str) -> Any:
    if not isinstance(message, Mapping):
        return message
    foreign = _OF_SOME - extra
    sent = {
        name: value
        for name, value in message.items()
        if name == "content" or not (value is None or name in foreign)
    }
    content = sent.get("content")
    if isinstance(content, list):
        parts = [part for part in content if not _is_reasoning(part, extra)]
        sent["content"] = [_without(part, *foreign & _MARKS) for part in parts]
    if isinstance(sent.get("tool_calls"), list):
        sent["tool_calls"] = [_call(call, provider, extra, origin) for call in sent["tool_calls"]]
    if isinstance(sent.get("tool_call_id"), str):
        sent["tool_call_id"] = _id(sent["tool_call_id"], provider)
    sent = _with_own_thoughts(sent, origin)
    if sent.get("role") == "assistant" and not (sent.get("content") or sent.keys() & _CALLS):
        sent["content"] = message.get("refusal") or ""
    return sent


_SIGNED: Final = frozenset({"extra_content"})
"""The field of a tool call with the signature of Gemini's thoughts."""
_MARKS: Final = frozenset({"cache_control", "provider_specific_fields"})


def _message(
    message: Mapping[str, Any], provider: str, extra: AbstractSet[str], origin: str
) -> dict[str, Any]:
    role = message.get("role")
    fields = (_FIELDS.get(role, _PLAIN) if isinstance(role, str) else _PLAIN) | extra
    # An empty list or mapping has no effect, and some providers refuse it.
    sent = {
        name: value
        for name, value in message.items()
        if name in fields and (name == "content" or value not in (None, [], {}, ""))
    }
    content = sent.get("content")
    if isinstance(content, list):
        parts = [_part(part, extra) for part in content if not _is_reasoning(part, extra)]
        sent["content"] = parts
    if "tool_calls" in sent:
        sent["tool_calls"] = [_call(call, provider, extra, origin) for call in sent["tool_calls"]]
    if isinstance(sent.get("tool_call_id"), str):
        sent["tool_call_id"] = _id(sent["tool_call_id"], provider)
    if message.get(IS_ERROR) is True and IS_ERROR not in extra:
        sent["content"] = _told_as_error(sent.get("content"))
    sent = _with_own_thoughts(sent, origin)
    if role == "assistant" and not (sent.get("content") or sent.keys() & _CALLS):
        sent["content"] = message.get("refusal") or ""
    return sent


_CALLS: Final = frozenset({"tool_calls", "function_call", "refusal", "audio"})


def _shows(message: Mapping[str, Any]) -> bool:
    """Whether a message is the result of a tool that has more than text."""
    content = message.get("content") if message.get("role") == "tool" else None
    return isinstance(content, list) and any(map(_is_shown, content))


def _is_shown(content_part: object) -> bool:
    return isinstance(content_part, Mapping) and content_part.get("type") != "text"


def _with_pictures_apart(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages with the pictures of tools in a message of the user.

    OpenAI's format has only text in the results of tools. The message follows the last result of
    the same answer, since nothing may stand between an answer and the results that it waits for.
    """
    apart: list[dict[str, Any]] = []
    shown: list[Any] = []
    for message in messages:
        if shown and message.get("role") != "tool":
            apart.append({"role": "user", "content": shown})
            shown = []
        if not _shows(message):
            apart.append(message)
            continue
        content = message["content"]
        head = {"type": "text", "text": f"The output of tool call {message.get('tool_call_id')}:"}
        shown = [*shown, head, *filter(_is_shown, content)]
        texts = [part for part in content if not _is_shown(part)]
        apart.append({**message, "content": texts or "The output follows."})
    return [*apart, {"role": "user", "content": shown}] if shown else apart


def _with_own_thoughts(sent: dict[str, Any], origin: str) -> dict[str, Any]:
    """The message with the reasoning that only models of this origin can read again."""
    if "thinking_blocks" not in sent:
        return sent
    own = own_reasoning(sent["thinking_blocks"], origin)
    rest = _without(sent, "thinking_blocks")
    return {**rest, "thinking_blocks": own} if own else {**rest}


def _told_as_error(content: Any) -> Any:
    """The result of a tool that failed, for providers that have no field which says so."""
    if isinstance(content, list):
        first = content[0] if content else None
        text = first.get("text") if isinstance(first, Mapping) else None
        said = isinstance(text, str) and _ERROR.match(text)
        return content if said else [{"type": "text", "text": "Error:"}, *content]
    text = content if isinstance(content, str) else ""
    return text if _ERROR.match(text) else f"Error: {text}".rstrip()


def _is_reasoning(part: object, extra: AbstractSet[str]) -> bool:
    reasoning = isinstance(part, Mapping) and part.get("type") in _REASONING
    return reasoning and "thinking_blocks" not in extra


def _part(content_part: Any, extra: AbstractSet[str]) -> Any:
    """One part of a message's content; a part of an unknown type stays as it is."""
    part_type = content_part.get("type") if isinstance(content_part, Mapping) else None
    accepted = _PARTS.get(part_type) if isinstance(part_type, str) else None
    if accepted is None:
        return content_part
    allowed = accepted | (extra & _MARKS)
    return {name: value for name, value in content_part.items() if name in allowed}


def _call(call: Any, provider: str, extra: AbstractSet[str], origin: str) -> Any:
    """One tool call of an earlier answer."""
    if not isinstance(call, Mapping):
        return call
    sent = dict(call)
    if isinstance(sent.get("id"), str):
        sent["id"] = _id(sent["id"], provider)
    if origin != GEMINI and not extra & _SIGNED:
        sent = _without(sent, *_SIGNED)
    if "provider_specific_fields" not in extra:
        sent = _without(sent, "provider_specific_fields", "index", "cache_control")
        if isinstance(sent.get("function"), Mapping):
            sent["function"] = _without(sent["function"], "provider_specific_fields")
    return sent


def _id(name: str, provider: str) -> str:
    """The id of a tool call in a form that the provider accepts: itself, or a digest of it, which
    is the same in the call and in its result. Google's ids contain a signature of the reasoning."""
    if provider in _GOOGLE or provider in _GATEWAYS:
        return name
    rule, size = (_SHORT_ID, 9) if provider == "mistral" else (_ID, 32)
    if rule.fullmatch(name):
        return name
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()[:size]


def _without(value: Any, *names: str) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name: inner for name, inner in value.items() if name not in names}


def _kept(sent: Mapping[str, Any], context: int | None) -> int:
    """How many tokens Ollama must keep of a request and its answer; it silently drops the rest.

    The number grows in doubling steps, because Ollama reloads the model whenever it changes.
    """
    answer = sent.get("max_completion_tokens") or sent.get("max_tokens") or _ANSWER
    needed = _size([sent["messages"], sent.get("tools")]) // _BYTES + answer
    kept = _STEP
    while kept < needed:
        kept *= 2
    return min(kept, context or _MOST_KEPT)


def _size(value: Any) -> int:
    """Bytes of all text in plain JSON, with a fixed number for a picture."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, Mapping):
        if value.get("type") == "image_url":
            return _PICTURE
        return sum(_size(key) + _size(inner) for key, inner in value.items())
    return sum(map(_size, value)) if isinstance(value, list) else 8
