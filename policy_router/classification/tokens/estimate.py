"""An estimate of the tokens in a request, made without a tokenizer.

It is somewhat above what current tokenizers count for prose, code and JSON, and takes time linear
in the text. Random text such as base64 takes up to twice what is estimated here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.domain.text_size import text_size

if TYPE_CHECKING:
    from policy_router.domain.text_size import Weight

_AROUND_KEY: Final = 6
"""Bytes of the quotes, the colon and the comma around a key and its value, at most."""
_AROUND_ITEM: Final = 2
"""Bytes between the items of a list, at most."""
_LONGEST_NUMBER: Final = 32
"""Bytes of a number or a truth value, at most."""
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


def weigh(value: object) -> Weight:
    """Return how large a value of JSON is.

    All texts are joined and read at once, in C: the tools of an agent are some thousand texts.
    """
    if isinstance(value, str):
        return text_size(value, 0, 0)
    texts: list[str] = []
    flat = extra = 0
    # A stack instead of recursion, which a deeply nested body would make fail.
    stack: list[object] = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            texts.append(node)
        elif isinstance(node, dict) or isinstance(node, Mapping):  # noqa: SIM101  a dict is known at once
            texts.extend(node)
            flat += len(node)
            extra += _AROUND_KEY * len(node)
            stack.extend(node.values())
        elif isinstance(node, list | tuple):
            extra += _AROUND_ITEM * len(node)
            stack.extend(node)
        elif node is not None:
            flat += isinstance(node, bool | int | float)
            extra += _LONGEST_NUMBER
    try:
        whole = "".join(texts)
    except TypeError:  # a key that is no text
        whole = "".join(map(str, texts))
    # No token reaches from one text into another, which costs half a token on average.
    return text_size(whole, flat + len(texts) // 2, extra)


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
