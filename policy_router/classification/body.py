"""What the body of a request requires of a model: the size of its input and the abilities.

This runs before every decision. So it loads no tokenizer, takes time linear in the body, and raises
nothing: an invalid body is refused later, by the provider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from policy_router.classification.tokens.estimate import (
    MEDIA_TOKENS,
    MESSAGE,
    json_tokens,
    text_tokens,
)
from policy_router.domain.content import NEED_OF_MODALITY, NEED_OF_PART

_MEDIA_TYPE: Final = 64
"""Characters of a text in which a media type is looked for."""
NEED_OF_MEDIA: Final[Mapping[str, str]] = MappingProxyType(
    {"image": "vision", "audio": "audio", "video": "video"}
)
"""The ability that a part needs, by the first half of its media type."""
_MEDIA_FIELDS: Final = frozenset({"format", "mime_type", "media_type"})
_HOSTED: Final = "hosted_tools"
_CLIENT_TOOLS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "function": frozenset(
            {"type", "function", "cache_control", "strict", "eager_input_streaming"}
        ),
        "custom": frozenset({"type", "custom", "function", "cache_control"}),
    }
)
"""Tools that the caller runs, and the fields that such a tool may have. Everything else may
be run by the provider: a tool of an unknown type, of no type, or with any other field."""
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
    """

    tokens: int
    needs: frozenset[str]


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
    needs: set[str] = set()
    tokens = 0
    for message in _items(messages):
        tokens += MESSAGE
        if not isinstance(message, Mapping):
            continue
        for key, value in message.items():
            tokens += _content(value, needs) if key == "content" else json_tokens(value)
    if tools:
        needs.add("tools")
        if not isinstance(tools, list | tuple) or not all(map(_is_client_tool, tools)):
            needs.add(_HOSTED)
        tokens += json_tokens(tools)
    if isinstance(response_format, Mapping):
        kind = response_format.get("type")
        if isinstance(kind, str) and kind in _JSON_FORMATS:
            needs.add("json")
            tokens += json_tokens(response_format)
    return BodyFacts(tokens, frozenset(needs))


def needs_beside(body: Mapping[str, object]) -> frozenset[str]:
    """Return the abilities that a chat body needs in addition to those of `read_messages`."""
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
    for each in _items(body.get("modalities")):
        need = NEED_OF_MODALITY.get(each) if isinstance(each, str) else None
        if need is not None:
            needs.add(need)
    return frozenset(needs)


def _is_client_tool(tool: object) -> bool:
    """Whether a tool is run by the caller, not by the provider."""
    kind = tool.get("type") if isinstance(tool, Mapping) else None
    fields = _CLIENT_TOOLS.get(kind) if isinstance(kind, str) else None
    return fields is not None and isinstance(tool, Mapping) and tool.keys() <= fields


def _content(content: object, needs: set[str], *, within: bool = False) -> int:
    """Estimate the tokens of a message's content, and add the abilities it needs to `needs`.

    Args:
        content: A text or a list of parts.
        needs: The set that abilities are added to.
        within: Whether it is the result of a tool inside of a part.
    """
    if isinstance(content, str):
        return text_tokens(content)
    tokens = 0
    for content_part in _items(content):
        part_type = content_part.get("type") if isinstance(content_part, Mapping) else None
        need = _need_of(content_part, part_type) if isinstance(part_type, str) else None
        if need is None:
            if part_type == "tool_result" and isinstance(content_part, Mapping) and not within:
                tokens += _content(content_part.get("content"), needs, within=True)
                tokens += json_tokens({k: v for k, v in content_part.items() if k != "content"})
            else:
                tokens += json_tokens(content_part)
            continue
        needs.add(need)
        tokens += MEDIA_TOKENS[need](content_part)
    return tokens


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


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()
