"""The exact number of tokens in a request, counted with a tokenizer.

No request is routed by it: loading a tokenizer takes half a second and a hundred megabytes, and
`most_tokens` gives a bound without one. The tokenizers are files in the litellm package, so nothing
is fetched. LiteLLM's own `token_counter` is not used: it cuts long texts into pieces, each counted
by itself, so its counts are a little too high, and it takes seconds to import.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from policy_router.classification.body import read_messages

if TYPE_CHECKING:
    from tiktoken import Encoding


class _Tokenizer(NamedTuple):
    """A tokenizer of OpenAI.

    Attributes:
        file: Name of its file in the litellm package.
        pattern: The regular expression that splits a text before it is tokenized.
    """

    file: str
    pattern: str


_TOKENIZERS: Final = MappingProxyType({
    "o200k_base": _Tokenizer(
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    "cl100k_base": _Tokenizer(
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
        r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    ),
})  # fmt: skip
_NEWEST: Final = "o200k_base"
_MESSAGE: Final = 3
"""Tokens that OpenAI's chat format adds to each message, and to the beginning of the answer."""
_NAME: Final = 1
"""Tokens that it adds for the name of an author."""
_PIECE: Final = 50_000
"""Maximum chunk size, in characters, that every tokenizer accepts; some fail on long runs of one
character."""


def count_tokens(
    messages: object,
    *,
    tools: object = None,
    response_format: object = None,
    model: str = "gpt-4o",
) -> int:
    """Count the tokens of an OpenAI chat body.

    The count is exact for text and models of OpenAI. Models of other makers are counted with
    OpenAI's newest tokenizer, tools and formats by their JSON, and what is not text (pictures,
    sound) by the estimate that is also part of `Classification.tokens`.

    Args:
        messages: A list of {"role", "content"}, or a text.
        tools: The tools that are offered.
        response_format: The format that the answer must have.
        model: The model whose tokenizer counts.

    Returns:
        The number of tokens.

    Raises:
        LookupError: The installed litellm does not contain the file of the tokenizer.
    """
    encoding = _encoding(_encoding_name(model), _folder())
    declared = json.dumps([part for part in (tools, response_format) if part])
    extra = _length(encoding, declared) if tools or response_format else 0
    if isinstance(messages, str):
        return _length(encoding, messages) + extra
    total = _MESSAGE
    for message in messages if isinstance(messages, list | tuple) else ():
        total += _MESSAGE
        if isinstance(message, Mapping):
            total += sum(_value(encoding, str(key), value) for key, value in message.items())
    return total + extra


def _value(encoding: Encoding, key: str, value: object) -> int:
    """Count the tokens of one field of a message."""
    if isinstance(value, str):
        return _length(encoding, value) + (_NAME if key == "name" else 0)
    if key != "content" or not isinstance(value, list | tuple):
        return 0 if value is None else _length(encoding, json.dumps(value, default=str))
    total = 0
    for content_part in value:
        text = content_part.get("text") if isinstance(content_part, Mapping) else content_part
        if isinstance(text, str):
            total += _length(encoding, text)
        else:
            # The estimate includes the message around the part, which is counted already.
            estimate = read_messages([{"content": [content_part]}]).tokens
            total += estimate - read_messages([{"content": []}]).tokens
    return total


def _length(encoding: Encoding, text: str) -> int:
    try:
        return len(encoding.encode(text, disallowed_special=()))
    except ValueError:
        pieces = (text[i : i + _PIECE] for i in range(0, len(text), _PIECE))
        return sum(len(encoding.encode(piece, disallowed_special=())) for piece in pieces)


def _encoding_name(model: str) -> str:
    from tiktoken import encoding_name_for_model  # noqa: PLC0415  takes half a second, and few callers need it

    try:
        name = encoding_name_for_model(model.rpartition("/")[2])
    except KeyError:
        return _NEWEST
    return name if name in _TOKENIZERS else _NEWEST


def _folder() -> Path:
    """Return the folder of litellm that has the files of the tokenizers."""
    spec = find_spec("litellm")
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places or ()), "litellm"), "litellm_core_utils", "tokenizers")


@cache
def _encoding(name: str, folder: Path) -> Encoding:
    """Make a tokenizer from its file.

    tiktoken's own `get_encoding` finds the file by an environment variable, which would have to be
    set for the whole process, and fetches it from the network otherwise.
    """
    from tiktoken import Encoding  # noqa: PLC0415  takes half a second, and few callers need it

    tokenizer = _TOKENIZERS[name]
    path = folder / tokenizer.file
    if not path.is_file():
        raise LookupError(f"the installed litellm does not include the tokenizer {name}")
    rows = (line.split() for line in path.read_bytes().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in rows}
    return Encoding(name, pat_str=tokenizer.pattern, mergeable_ranks=ranks, special_tokens={})
