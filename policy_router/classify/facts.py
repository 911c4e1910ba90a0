"""What a request's body says about it: how many tokens go in, and what a model must be able to do.

Runs on the hot path before every decision, so it never loads a tokenizer, is linear in the body,
and never raises: a body that makes no sense is refused later, by what calls the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_letters
from types import MappingProxyType
from typing import Final

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
_FILE_CHARACTERS_PER_TOKEN: Final = 8
"""Base64 characters of a document that become one token: pages are read as text and as pictures."""

_NEED_OF_PART: Final[Mapping[str, str]] = MappingProxyType(
    {
        "image_url": "vision", "input_image": "vision", "image": "vision",
        "input_audio": "audio",
        "file": "pdf", "input_file": "pdf", "document": "pdf",
    }
)  # fmt: skip
_JSON_FORMATS: Final = frozenset({"json_object", "json_schema"})


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """tokens: upper estimate of what goes in. needs: abilities a model must have."""

    tokens: int
    needs: frozenset[str]


def read_messages(
    messages: object, *, tools: object = None, response_format: object = None
) -> RequestFacts:
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
        tokens += _text_tokens(tools)
    if isinstance(response_format, Mapping):
        kind = response_format.get("type")
        if isinstance(kind, str) and kind in _JSON_FORMATS:
            needs.add("json")
            tokens += _text_tokens(response_format)
    return RequestFacts(tokens, frozenset(needs))


def _content(content: object, needs: set[str]) -> int:
    if isinstance(content, str):
        return _count(content)
    tokens = 0
    for part in _items(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        need = _NEED_OF_PART.get(kind) if isinstance(kind, str) else None
        if need is None:
            tokens += _text_tokens(part)
            continue
        needs.add(need)
        # The data of an image or a recording is base64 and must not be counted as text.
        if need == "vision":
            tokens += _IMAGE
        elif need == "audio":
            tokens += _audio_tokens(part)
        else:
            tokens += _file_tokens(part)
    return tokens


def _audio_tokens(part: object) -> int:
    audio = part.get("input_audio") if isinstance(part, Mapping) else None
    data = audio.get("data") if isinstance(audio, Mapping) else None
    size = len(data) if isinstance(data, str) else 0
    return max(1, -(-size // _AUDIO_CHARACTERS_PER_TOKEN))


def _file_tokens(part: object) -> int:
    inner = part.values() if isinstance(part, Mapping) else ()
    texts = [v for each in inner if isinstance(each, Mapping) for v in each.values()]
    size = max((len(text) for text in texts if isinstance(text, str)), default=0)
    return max(_IMAGE, size // _FILE_CHARACTERS_PER_TOKEN)


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
