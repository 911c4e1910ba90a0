"""What a request's body says about it: how many tokens go in, and what a model must be able to do.

Runs on the hot path before every decision, so it never loads a tokenizer, is linear in the body,
and never raises: a body that makes no sense is refused later, by what calls the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_letters
from types import MappingProxyType
from typing import Final

from policy_router.domain.content import NEED_OF_MODALITY, NEED_OF_PART

_CHEAP: Final = (ascii_letters + " ").encode()
_LETTERS_PER_TOKEN: Final = 4
_DEAR: Final = 0.75
"""Tokens a byte of anything but letters and spaces of ASCII."""
_MARGIN: Final = 1.15
"""Tokenizers differ; with this the estimate is above o200k and cl100k for prose, code and JSON."""
_MESSAGE: Final = 4
"""Tokens the chat format adds around one message."""
_IMAGE: Final = 1_500
"""Tokens of one image: the dear end of what providers charge for a picture of usual size."""
_AUDIO_CHARACTERS_PER_TOKEN: Final = 200
"""Base64 characters of compressed speech that become one audio token, rounded to the safe side."""
_MEDIA_TYPE: Final = 64
"""Characters of a text that are looked at for a media type."""
_FILE_CHARACTERS_PER_TOKEN: Final = 8
"""Base64 characters of a document that become one token: pages are read as text and as pictures."""

_VIDEO: Final = 6_000
"""Tokens of one video: some twenty seconds at the usual rate; its true length is not known here."""

NEED_OF_MEDIA: Final[Mapping[str, str]] = MappingProxyType(
    {"image": "vision", "audio": "audio", "video": "video"}
)
"""By the first half of a media type."""
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
"""Tools that the caller runs itself, and the fields that such a tool may have. Everything else may
be run by the provider: a type that is not known here, no type at all, or a field beside these."""
_TOOL_CHOICES: Final = frozenset(
    {"function", "custom", "allowed_tools", "tool", "auto", "any", "required", "none"}
)
"""Types of `tool_choice` that name no hosted tool."""
_JSON_FORMATS: Final = frozenset({"json_object", "json_schema"})


@dataclass(frozen=True, slots=True)
class BodyFacts:
    """tokens: upper estimate of what goes in. needs: abilities a model must have."""

    tokens: int
    needs: frozenset[str]


def read_messages(
    messages: object, *, tools: object = None, response_format: object = None
) -> BodyFacts:
    """The facts of an OpenAI chat body. Keeps none of its text and takes any input whatever.

    messages: a list of {"role", "content"} where content is text or a list of parts.
    """
    needs: set[str] = set()
    tokens = 0
    for message in _items(messages):
        tokens += _MESSAGE
        if not isinstance(message, Mapping):
            continue
        for key, value in message.items():
            tokens += _content(value, needs) if key == "content" else _text_tokens(value)
    if tools:
        needs.add("tools")
        if not isinstance(tools, list | tuple) or not all(map(_is_client_tool, tools)):
            needs.add(_HOSTED)
        tokens += _text_tokens(tools)
    if isinstance(response_format, Mapping):
        kind = response_format.get("type")
        if isinstance(kind, str) and kind in _JSON_FORMATS:
            needs.add("json")
            tokens += _text_tokens(response_format)
    return BodyFacts(tokens, frozenset(needs))


def needs_beside(body: Mapping[str, object]) -> frozenset[str]:
    """Abilities that a chat body asks for outside of its messages, tools and response format."""
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
    """Whether a tool is one that the caller runs, and the provider only asks for."""
    kind = tool.get("type") if isinstance(tool, Mapping) else None
    fields = _CLIENT_TOOLS.get(kind) if isinstance(kind, str) else None
    return fields is not None and isinstance(tool, Mapping) and tool.keys() <= fields


def _content(content: object, needs: set[str], *, within: bool = False) -> int:
    """Tokens of a message's content, or of a tool's result `within` a part of it."""
    if isinstance(content, str):
        return _count(content)
    tokens = 0
    for part in _items(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        need = _need_of(part, kind) if isinstance(kind, str) else None
        if need is None:
            if kind == "tool_result" and isinstance(part, Mapping) and not within:
                tokens += _content(part.get("content"), needs, within=True)
                tokens += _text_tokens({k: v for k, v in part.items() if k != "content"})
            else:
                tokens += _text_tokens(part)
            continue
        needs.add(need)
        tokens += _MEDIA_TOKENS[need](part)
    return tokens


def _need_of(part: object, kind: str) -> str | None:
    """The ability that a part asks for: by its media type where it names one, else by its own type.
    A file may hold a recording, and an image's address a video."""
    need = NEED_OF_PART.get(kind)
    if need is None:
        return None
    return NEED_OF_MEDIA.get(_media_type(part).partition("/")[0], need)


def _media_type(part: object) -> str:
    """The media type that a part names, in a field or in a `data:` URL; else an empty text."""
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


def _audio_tokens(part: object) -> int:
    audio = part.get("input_audio") if isinstance(part, Mapping) else None
    data = audio.get("data") if isinstance(audio, Mapping) else None
    size = len(data) if isinstance(data, str) else 0
    return max(1, -(-size // _AUDIO_CHARACTERS_PER_TOKEN))


def _image_tokens(_: object) -> int:
    # The data of an image is base64 and must not be counted as text.
    return _IMAGE


def _video_tokens(_: object) -> int:
    return _VIDEO


def _file_tokens(part: object) -> int:
    inner = part.values() if isinstance(part, Mapping) else ()
    texts = [v for each in inner if isinstance(each, Mapping) for v in each.values()]
    size = max((len(text) for text in texts if isinstance(text, str)), default=0)
    return max(_IMAGE, size // _FILE_CHARACTERS_PER_TOKEN)


_MEDIA_TOKENS: Final[Mapping[str, Callable[[object], int]]] = MappingProxyType(
    {"vision": _image_tokens, "audio": _audio_tokens, "video": _video_tokens, "pdf": _file_tokens}
)


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _text_tokens(value: object) -> int:
    """Tokens of all text within a value of JSON, keys included. A loop over an explicit stack:
    recursion would raise on a hostile depth."""
    tokens = 0
    stack: list[object] = [value]
    while stack:
        here = stack.pop()
        if isinstance(here, str):
            tokens += _count(here)
        elif isinstance(here, bool | int | float):
            tokens += 1
        elif isinstance(here, Mapping):
            for key, inner in here.items():
                tokens += 1 + (_count(key) if isinstance(key, str) else 1)
                stack.append(inner)
        else:
            stack.extend(_items(here))
    return tokens


def _count(text: str) -> int:
    """Letters and spaces of ASCII are cheap; digits, signs and every byte of other scripts are
    not. Random strings such as base64 take up to twice what is counted here."""
    data = text.encode("utf-8", "surrogatepass")
    dear = len(data.translate(None, _CHEAP))
    return math.ceil(((len(data) - dear) / _LETTERS_PER_TOKEN + dear * _DEAR) * _MARGIN)
