"""An estimate of the tokens in a request, made without a tokenizer.

It is somewhat above what current tokenizers count for prose, code and JSON, and takes time linear
in the text. Random text such as base64 takes up to twice what is estimated here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from string import ascii_letters
from types import MappingProxyType
from typing import Final

_CHEAP: Final = (ascii_letters + " ").encode()
_LETTERS_PER_TOKEN: Final = 4
_EXPENSIVE: Final = 0.75
"""Tokens per byte of anything but ASCII letters and spaces."""
_MARGIN: Final = 1.15
"""Tokenizers differ; with this factor the estimate is above o200k and cl100k."""
MESSAGE: Final = 4
"""Tokens that the chat format adds to one message."""
_IMAGE: Final = 1_500
"""Tokens of one image: the upper end of what providers charge for a picture of usual size."""
_VIDEO: Final = 6_000
"""Tokens of one video: some twenty seconds at the usual rate. Its true length is not known here."""
_AUDIO_CHARACTERS_PER_TOKEN: Final = 200
"""Base64 characters of compressed speech per audio token, rounded to the safe side."""
_FILE_CHARACTERS_PER_TOKEN: Final = 8
"""Base64 characters of a document per token: pages are read both as text and as pictures."""


def text_tokens(text: str) -> int:
    """Estimate the tokens of a text: few for ASCII letters and spaces, more for anything else."""
    data = text.encode("utf-8", "surrogatepass")
    expensive = len(data.translate(None, _CHEAP))
    cheap = len(data) - expensive
    return math.ceil((cheap / _LETTERS_PER_TOKEN + expensive * _EXPENSIVE) * _MARGIN)


def json_tokens(value: object) -> int:
    """Estimate the tokens of all texts, keys and numbers in a value of JSON."""
    tokens = 0
    # A stack instead of recursion, which a deeply nested body would make fail.
    stack: list[object] = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            tokens += text_tokens(node)
        elif isinstance(node, bool | int | float):
            tokens += 1
        elif isinstance(node, Mapping):
            for key, inner in node.items():
                tokens += 1 + (text_tokens(key) if isinstance(key, str) else 1)
                stack.append(inner)
        elif isinstance(node, list | tuple):
            stack.extend(node)
    return tokens


def _audio(part: object) -> int:
    audio = part.get("input_audio") if isinstance(part, Mapping) else None
    data = audio.get("data") if isinstance(audio, Mapping) else None
    size = len(data) if isinstance(data, str) else 0
    return max(1, -(-size // _AUDIO_CHARACTERS_PER_TOKEN))


def _file(part: object) -> int:
    inner = part.values() if isinstance(part, Mapping) else ()
    texts = [text for each in inner if isinstance(each, Mapping) for text in each.values()]
    size = max((len(text) for text in texts if isinstance(text, str)), default=0)
    return max(_IMAGE, size // _FILE_CHARACTERS_PER_TOKEN)


MEDIA_TOKENS: Final[Mapping[str, Callable[[object], int]]] = MappingProxyType(
    {
        "vision": lambda _: _IMAGE,
        "audio": _audio,
        "video": lambda _: _VIDEO,
        "pdf": _file,
    }
)
"""What estimates the tokens of a part of a message, by the ability that the part needs."""
