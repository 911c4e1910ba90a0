"""Runs of events that only add text to a stream, which can be read as one event.

A fast model sends several events at a time, and nearly all of them are of this kind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from pydantic_core import from_json

if TYPE_CHECKING:
    from collections.abc import Iterable

_CHOICE: Final = frozenset({"index", "delta", "finish_reason", "logprobs"})
_DELTA: Final = frozenset({"content"})


def text_of(value: dict[str, Any]) -> str | None:
    """The text that an event adds to the first choice; None where it says anything else."""
    choices = value.get("choices")
    if type(choices) is not list or len(choices) != 1 or value.get("usage") is not None:
        return None
    choice = choices[0]
    if type(choice) is not dict or not choice.keys() <= _CHOICE:
        return None
    delta = choice.get("delta")
    if type(delta) is not dict or delta.keys() != _DELTA:
        return None
    if choice.get("finish_reason") is not None or choice.get("logprobs") is not None:
        return None
    text = delta["content"]
    is_first = type(choice.get("index")) is int and choice["index"] == 0
    return text if is_first and type(text) is str and text else None


def same_answer(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two events are of the same answer."""
    return one.get("id") == other.get("id") and one.get("model") == other.get("model")


def with_text(value: dict[str, Any], text: str) -> dict[str, Any]:
    """An event that only adds text, with another text."""
    return {**value, "choices": [{**value["choices"][0], "delta": {"content": text}}]}


class TextFrame(NamedTuple):
    """What the events of a run have around their text, which is all that differs between them.

    An event that has the same around a text says the same otherwise, so only that text is parsed.

    Attributes:
        before: The bytes up to the text in JSON, its first quotation mark among them.
        after: The bytes after it, from its last quotation mark.
    """

    before: bytes
    after: bytes

    @classmethod
    def of(cls, data: bytes, text: str) -> Self | None:
        """The frame of an event that only adds this text; None where it is not obvious."""
        found = _CONTENT.search(data) if data.count(_NAME) == 1 else None
        if found is None or _strings([found[1]]) != [text]:
            return None
        return cls(data[: found.start(1)], data[found.end(1) :])

    def texts_in(self, run: Iterable[bytes]) -> list[str]:
        """The texts of the first events of a run, up to one that must be parsed itself.

        They are parsed together, since a call of the parser takes longer than reading a short text.
        """
        before, after = self
        begin, end = len(before), -len(after)
        texts = []
        for data in run:
            text = data[begin:end]
            # A mark that ends one text after a backslash would not end it among the others.
            if (
                not text
                or text[-1:] == b"\\"
                or not (data.startswith(before) and data.endswith(after))
            ):
                break
            texts.append(text)
        return _strings(texts)


_NAME: Final = b'"content"'
_CONTENT: Final = re.compile(rb'"content":[ ]*"((?:[^"\\]|\\.)*)"')


def _strings(texts: list[bytes]) -> list[str]:
    """What stands between the quotation marks of JSON strings; nothing where one is no string."""
    try:
        values = from_json(b'["%s"]' % b'","'.join(texts))
    except ValueError:
        return []
    is_one_each = len(values) == len(texts) and all(type(value) is str for value in values)
    return values if is_one_each else []
