"""What the body of a request requires of a model: the size of its input and the abilities.

This runs before every decision. So it loads no tokenizer, takes linear time, and never raises: the
provider will reject an invalid body later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from policy_router.classification.tokens.estimate import (
    MEDIA_TOKENS,
    MESSAGE,
    weigh,
)
from policy_router.classification.tokens.parts import most_tokens_of_part
from policy_router.conversation.transcript import items
from policy_router.domain.content import NEED_OF_MODALITY, NEED_OF_PART, TEXT_PARTS
from policy_router.domain.dialect import Dialect
from policy_router.domain.request import UNBOUNDED
from policy_router.frozen import maker

_MEDIA_TYPE: Final = 64
"""Number of characters that are searched for a media type."""
NEED_OF_MEDIA: Final[Mapping[str, str]] = MappingProxyType(
    {"image": "vision", "audio": "audio", "video": "video"}
)
"""The ability that a part needs, by the first half of its media type."""
_MEDIA_FIELDS: Final = frozenset({"format", "mime_type", "media_type"})
_HOSTED: Final = "hosted_tools"
_ANTHROPIC: Final = frozenset(
    {
        "type", "name", "description", "input_schema", "cache_control", "strict",
        "eager_input_streaming", "defer_loading", "input_examples",
    }
)  # fmt: skip
_CLIENT_TOOLS: Final[Mapping[Dialect, Mapping[object, frozenset[str]]]] = MappingProxyType(
    {
        Dialect.CHAT: MappingProxyType(
            {
                "function": frozenset(
                    {"type", "function", "cache_control", "strict", "eager_input_streaming"}
                ),
                "custom": frozenset({"type", "custom", "function", "cache_control"}),
            }
        ),
        Dialect.MESSAGES: MappingProxyType({None: _ANTHROPIC, "custom": _ANTHROPIC}),
        Dialect.RESPONSES: MappingProxyType(
            {
                "function": frozenset(
                    {"type", "name", "description", "parameters", "strict", "defer_loading"}
                ),
                "custom": frozenset({"type", "name", "description", "format", "defer_loading"}),
                "namespace": frozenset({"type", "name", "description", "tools"}),
            }
        ),
    }
)
"""Tools that the caller runs, by their type, and the fields that such a tool may have. Everything
else may be run by the provider: a tool of an unknown type, or with any other field."""
_TOOL_CHOICES: Final = frozenset(
    {"function", "custom", "allowed_tools", "tool", "auto", "any", "required", "none"}
)
"""Types of `tool_choice` that name no hosted tool."""
_JSON_FORMATS: Final = frozenset({"json_object", "json_schema"})


@dataclass(frozen=True, slots=True)
class BodyFacts:
    """What the body of a request requires.

    Attributes:
        tokens: Estimate of the input tokens.
        needs: Abilities that a model must have.
        most: An upper bound on the input tokens, without images.
        messages: Those of `tokens` that are in messages.
        instructions: Those that are in system prompts.
        judged: Those of the message that is judged.
        judged_needs: Abilities that this message needs.
        has_format: Whether the format of the answer is fixed.
    """

    tokens: int
    needs: frozenset[str]
    most: int = field(default=0, compare=False)
    messages: int = field(default=0, compare=False)
    instructions: int = field(default=0, compare=False)
    judged: int = field(default=0, compare=False)
    judged_needs: frozenset[str] = field(default=frozenset(), compare=False)
    has_format: bool = field(default=False, compare=False)


def read_messages(
    messages: object, *, tools: object = None, response_format: object = None
) -> BodyFacts:
    """Read an OpenAI chat body. Any input is accepted; no text is kept.

    Args:
        messages: A list of {"role", "content"}, whose content is a text or a list of parts.
        tools: The tools that are offered.
        response_format: The format that the answer must have.

    Returns:
        The estimated tokens and the abilities that a model needs.
    """
    return read_body({"messages": messages, "tools": tools, "response_format": response_format})


def read_body(
    body: Mapping[str, object], dialect: Dialect = Dialect.CHAT, *, judged: object = None
) -> BodyFacts:
    """Read a body of any dialect, every text of it once. Any input is accepted; no text is kept.

    Args:
        body: The body.
        dialect: Its format.
        judged: The message that is judged, if it is one message.

    Returns:
        The estimated tokens, their bound, and the abilities that a model needs.
    """
    needs: set[str] = set()
    judged_needs: set[str] = set()
    instructions = judged_tokens = 0
    tokens = most = 0
    prompt = body.get(_SYSTEM_PROMPT[dialect])
    if prompt:
        tokens, most = message_size({"content": prompt}, needs)
        instructions = tokens = tokens + MESSAGE
    for message in items(body.get("input" if dialect is Dialect.RESPONSES else "messages")):
        if not isinstance(message, Mapping):
            tokens += MESSAGE
            most += weigh(message).most
            continue
        own, own_most = message_size(message, judged_needs if message is judged else needs)
        tokens += own + MESSAGE
        most += own_most + FRAME
        if message is judged:
            judged_tokens = own + MESSAGE
        if message.get("role") in _INSTRUCTING:
            instructions += own + MESSAGE
    in_messages = tokens
    tools = body.get("tools")
    if tools:
        needs.add("tools")
        if not _are_client_tools(tools, dialect):
            needs.add(_HOSTED)
        weight = weigh(tools)
        tokens += weight.tokens
        most += weight.most + _AROUND
    form = _format_of(body, dialect)
    kind = form.get("type") if isinstance(form, Mapping) else None
    has_format = isinstance(kind, str) and kind in _JSON_FORMATS
    if has_format:
        needs.add("json")
        tokens += weigh(form).tokens
    extras = [each for each in (form, body.get("prediction")) if each is not None]
    most += weigh(extras).most if extras else 0
    elsewhere = _ELSEWHERE[dialect]
    if elsewhere and any(body.get(name) is not None for name in elsewhere):
        most = UNBOUNDED
    own_needs = frozenset(judged_needs)
    return _new_facts(
        tokens,
        own_needs.union(needs) if needs else own_needs,
        min(most, UNBOUNDED),
        in_messages,
        instructions,
        judged_tokens,
        own_needs,
        has_format,
    )


_new_facts: Final = maker(BodyFacts)


FRAME: Final = 16
"""Maximum number of tokens that chat formats add to a message."""
_AROUND: Final = 2
"""Maximum number of bytes that a field adds to its value."""
_COUNTED: Final = ("messages", "tools", "response_format", "prediction")
"""Fields of a chat body that `read_body` counts."""


def has_same_size(body: Mapping[str, object], translated: Mapping[str, object]) -> bool:
    """Whether a chat body is as large as its translation, since what counts is the same objects."""
    return all(body.get(name) is translated.get(name) for name in _COUNTED)


_ELSEWHERE: Final[Mapping[Dialect, tuple[str, ...]]] = MappingProxyType(
    {
        Dialect.CHAT: (),
        Dialect.MESSAGES: (),
        Dialect.RESPONSES: ("previous_response_id", "conversation", "prompt"),
    }
)
"""Fields that refer to text which the provider keeps, of any size."""
_SYSTEM_PROMPT: Final = MappingProxyType(
    {Dialect.CHAT: "", Dialect.MESSAGES: "system", Dialect.RESPONSES: "instructions"}
)
"""The field of a body with the system prompt, where it is no message."""
_CONTENT: Final = frozenset({"content", "output"})
_INSTRUCTING: Final = ("system", "developer")


def _format_of(body: Mapping[str, object], dialect: Dialect) -> object:
    """Return the format that an answer must have."""
    if dialect is Dialect.CHAT:
        return body.get("response_format")
    holder = body.get("output_config" if dialect is Dialect.MESSAGES else "text")
    return holder.get("format") if isinstance(holder, Mapping) else None


_BESIDE: Final = frozenset({"web_search_options", "tool_choice", "audio", "modalities"})


def needs_beside(body: Mapping[str, object]) -> frozenset[str]:
    """Return the abilities that a chat body needs in addition to those of `read_messages`."""
    if _BESIDE.isdisjoint(body):
        return frozenset()
    needs: set[str] = set()
    if body.get("web_search_options") is not None:
        needs.add(_HOSTED)
    choice = body.get("tool_choice")
    if isinstance(choice, Mapping):
        kind = choice.get("type")
        if not isinstance(kind, str) or kind not in _TOOL_CHOICES:
            needs.add(_HOSTED)
    if body.get("audio") is not None:
        needs.add("audio_output")
    for each in items(body.get("modalities")):
        need = NEED_OF_MODALITY.get(each) if isinstance(each, str) else None
        if need is not None:
            needs.add(need)
    return frozenset(needs)


def _are_client_tools(tools: object, dialect: Dialect) -> bool:
    """Whether all tools are run by the caller, none by the provider."""
    return isinstance(tools, list | tuple) and all(_is_client_tool(tool, dialect) for tool in tools)


def _is_client_tool(tool: object, dialect: Dialect) -> bool:
    kind = tool.get("type") if isinstance(tool, Mapping) else ""
    known = _CLIENT_TOOLS[dialect]
    fields = known.get(kind) if kind is None or isinstance(kind, str) else None
    if fields is None or not isinstance(tool, Mapping) or not tool.keys() <= fields:
        return False
    return kind != "namespace" or all(
        isinstance(inner, Mapping)
        and inner.get("type") != "namespace"
        and _is_client_tool(inner, dialect)
        for inner in items(tool.get("tools"))
    )


def message_size(message: Mapping[object, object], needs: set[str]) -> tuple[int, int]:
    """Estimate the tokens of a message and the most it can have, without those of its frame.

    Args:
        message: The message.
        needs: The set that the abilities which it needs are added to.
    """
    tokens = most = 0
    for key, value in message.items():
        if key == "role" and type(value) is str and value in _ROLES:
            own, own_most = _ROLES[value]
            tokens += own
            most += own_most
        elif key in _CONTENT and isinstance(value, list | tuple):
            for content_part in value:
                own, own_most = _part_size(content_part, needs)
                tokens += own
                most += own_most
        else:
            weight = weigh(value)
            tokens += weight.tokens
            most += weight.most + len(str(key).encode("utf-8", "surrogatepass")) + _KEY
    return tokens, most


_KEY: Final = 6
"""Bytes of the quotes, the colon and the comma around a key, at most."""
_ROLES: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        role: (weigh(role).tokens, weigh(role).most + len("role") + _KEY)
        for role in ("user", "assistant", "system", "developer", "tool")
    }
)
"""The size of a role with its key, which every message has."""


def _part_size(content_part: object, needs: set[str], *, within: bool = False) -> tuple[int, int]:
    """Do the same for a part of a message.

    Args:
        content_part: The part.
        needs: The set that abilities are added to.
        within: Whether it is in the result of a tool inside of another part.
    """
    part_type = content_part.get("type") if isinstance(content_part, Mapping) else None
    if not isinstance(content_part, Mapping) or not isinstance(part_type, str):
        return weigh(content_part)
    need = _need_of(content_part, part_type)
    if need is not None:
        needs.add(need)
        return MEDIA_TOKENS[need](content_part), most_tokens_of_part(content_part)
    inner = content_part.get("content")
    if part_type == "tool_result" and not within and isinstance(inner, list | tuple):
        tokens, _ = weigh({k: v for k, v in content_part.items() if k != "content"})
        tokens += sum(_part_size(each, needs, within=True)[0] for each in inner)
        return tokens, weigh(content_part).most
    weight = weigh(content_part)
    return weight if part_type in TEXT_PARTS else (weight.tokens, UNBOUNDED)


def _need_of(content_part: object, part_type: str) -> str | None:
    """Return the ability that a part needs, or None.

    The media type decides where the part names one, otherwise the type of the part: a file may
    contain a recording, and the address of an image may lead to a video.
    """
    need = NEED_OF_PART.get(part_type)
    if need is None:
        return None
    return NEED_OF_MEDIA.get(_media_type(content_part).partition("/")[0], need)


def _media_type(part: object) -> str:
    """Return the media type in a field or a `data:` URL of a part; empty when there is none."""
    holders = [part] if isinstance(part, Mapping) else []
    holders += [each for holder in holders for each in holder.values() if isinstance(each, Mapping)]
    for holder in holders:
        for name, value in holder.items():
            if isinstance(value, str):
                if name in _MEDIA_FIELDS and "/" in value[:_MEDIA_TYPE]:
                    return value[:_MEDIA_TYPE].casefold()
                if value[:5].casefold() == "data:":
                    return value[5:_MEDIA_TYPE].partition(";")[0].casefold()
    return ""
