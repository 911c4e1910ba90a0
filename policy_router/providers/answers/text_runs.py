"""Runs of events that only add text to a stream, which can be read as one event.

A fast model sends several events at a time, and nearly all of them are of this kind.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple, Self

from pydantic_core import from_json

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
        before: The bytes up to the text in JSON.
        after: The bytes after it.
    """

    before: bytes
    after: bytes

    @classmethod
    def of(cls, data: bytes, text: str) -> Self | None:
        """The frame of an event that only adds this text; None where it is not obvious."""
        found = _CONTENT.search(data) if data.count(_NAME) == 1 else None
        if found is None or _string(found[1]) != text:
            return None
        return cls(data[: found.start(1)], data[found.end(1) :])

    def text_in(self, data: bytes) -> str | None:
        """The text of another event; None where the event must be parsed."""
        before, after = self
        if not (data.startswith(before) and data.endswith(after)):
            return None
        return _string(data[len(before) : -len(after)]) or None


_NAME: Final = b'"content"'
_CONTENT: Final = re.compile(rb'"content":[ ]*("(?:[^"\\]|\\.)*")')


def _string(data: bytes) -> str | None:
    """The string in a text of JSON; None where it is anything else."""
    try:
        value = from_json(data)
    except ValueError:
        return None
    return value if type(value) is str else None
