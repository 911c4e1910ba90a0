"""The chunks of a stream as one answer, in the shape of an answer that came whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from policy_router.execute.shape import choices

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.execute.shape import Usage

_TEXTS = ("content", "reasoning_content", "refusal")


def joined(chunks: Iterable[Any], used: Usage) -> Any:
    """An object with `choices` (index, finish_reason, message) and `usage` (prompt_tokens,
    completion_tokens), for reading."""
    found: dict[int, SimpleNamespace] = {}
    for chunk in chunks:
        for part in choices(chunk):
            index = getattr(part, "index", None) or 0
            choice = found.setdefault(index, _choice(index))
            choice.finish_reason = choice.finish_reason or getattr(part, "finish_reason", None)
            _add(choice.message, getattr(part, "delta", None))
    usage = SimpleNamespace(prompt_tokens=used.tokens_in, completion_tokens=used.tokens_out)
    return SimpleNamespace(choices=[found[index] for index in sorted(found)], usage=usage)


def _choice(index: int) -> SimpleNamespace:
    message = SimpleNamespace(role="assistant", tool_calls=None, **dict.fromkeys(_TEXTS))
    return SimpleNamespace(index=index, finish_reason=None, message=message)


def _add(message: SimpleNamespace, delta: Any) -> None:
    for name in _TEXTS:
        piece = getattr(delta, name, None)
        if isinstance(piece, str):
            setattr(message, name, (getattr(message, name) or "") + piece)
    for call in getattr(delta, "tool_calls", None) or ():
        message.tool_calls = message.tool_calls or []
        _add_call(message.tool_calls, call)


def _add_call(calls: list[SimpleNamespace], call: Any) -> None:
    """A tool call comes in pieces: its name with the first, its arguments over all of them."""
    index = _of(call, "index") or 0
    while len(calls) <= index:
        function = SimpleNamespace(name="", arguments="")
        calls.append(SimpleNamespace(id=None, type="function", function=function))
    whole, piece = calls[index], _of(call, "function")
    whole.id = whole.id or _of(call, "id")
    whole.function.name += _of(piece, "name") or ""
    whole.function.arguments += _of(piece, "arguments") or ""


def _of(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)
