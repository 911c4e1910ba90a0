"""Runs of events that only add text to a stream, which can be read as one event.

A fast model sends several events at a time, and nearly all of them are of this kind.
"""

from __future__ import annotations

from typing import Any, Final

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
