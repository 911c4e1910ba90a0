"""How many tokens go in, counted with a tokenizer, for who wants to know exactly.

Nothing on the way of a request does: loading a tokenizer takes half a second and a hundred
megabytes, and `most_tokens` bounds the same without. The tokenizers are files inside the litellm
package, so nothing is fetched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policy_router.classification.body import read_messages

if TYPE_CHECKING:
    from tiktoken import Encoding

_FILES: Final = {
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
}
_NEWEST: Final = "o200k_base"
_MESSAGE: Final = 3
"""Tokens that OpenAI's chat format adds to a message, and to the beginning of the answer."""
_NAME: Final = 1
_PIECE: Final = 50_000
"""Characters that any tokenizer takes at once; some give up on long runs of one character."""


def count_tokens(
    messages: object,
    *,
    tools: object = None,
    response_format: object = None,
    model: str = "gpt-4o",
) -> int:
    """The tokens of an OpenAI chat body, by the tokenizer of `model`.

    messages: a list of {"role", "content"}, or a text. Exact for text and OpenAI's models; other
    makers' models are counted by OpenAI's newest tokenizer, tools and formats by their JSON, and
    what is not text (pictures, sound) by the bound that `Classification.tokens` has for it.

    Raises LookupError when the installed litellm does not bring the tokenizer's file.
    """
    encoding = _encoding(_encoding_name(model), _tokenizers())
    said = json.dumps([each for each in (tools, response_format) if each])
    extra = _length(encoding, said) if tools or response_format else 0
    if isinstance(messages, str):
        return _length(encoding, messages) + extra
    total = _MESSAGE
    for message in messages if isinstance(messages, list | tuple) else ():
        total += _MESSAGE
        if isinstance(message, Mapping):
            total += sum(_value(encoding, str(key), value) for key, value in message.items())
    return total + extra


def _value(encoding: Encoding, key: str, value: object) -> int:
    """The tokens of one field of a message."""
    if isinstance(value, str):
        return _length(encoding, value) + (_NAME if key == "name" else 0)
    if key != "content" or not isinstance(value, list | tuple):
        return 0 if value is None else _length(encoding, json.dumps(value, default=str))
    total = 0
    for part in value:
        text = part.get("text") if isinstance(part, Mapping) else part
        if isinstance(text, str):
            total += _length(encoding, text)
        else:
            # The bound counts a message around its parts, which is none here.
            bound = read_messages([{"content": [part]}]).tokens
            total += bound - read_messages([{"content": []}]).tokens
    return total


def _length(encoding: Encoding, text: str) -> int:
    try:
        return len(encoding.encode(text, disallowed_special=()))
    except ValueError:
        pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
        return sum(len(encoding.encode(piece, disallowed_special=())) for piece in pieces)


def _encoding_name(model: str) -> str:
    from tiktoken import encoding_name_for_model  # noqa: PLC0415  half a second, for few

    try:
        name = encoding_name_for_model(model.rpartition("/")[2])
    except KeyError:
        return _NEWEST
    return name if name in _FILES else _NEWEST


def _tokenizers() -> Path:
    spec = find_spec("litellm")
    found = spec.submodule_search_locations if spec else None
    return Path(next(iter(found or ()), "litellm"), "litellm_core_utils", "tokenizers")


@cache
def _encoding(name: str, folder: Path) -> Encoding:
    if not (folder / _FILES[name]).is_file():
        raise LookupError(f"the installed litellm does not bring the tokenizer {name}")
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(folder))  # as litellm itself does
    from tiktoken import get_encoding  # noqa: PLC0415

    return get_encoding(name)
