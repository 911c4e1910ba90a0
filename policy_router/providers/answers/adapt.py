"""Makes typed chat answers of the objects, dicts and texts that callers return.

This is the one place that reads foreign answers. A field that is missing, or has a type that
OpenAI's format does not know, becomes None or empty; the checks of complete answers then decide
what that means. The foreign value is kept in `raw` and never changed.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from policy_router.frozen import maker
from policy_router.providers.answers.chat import (
    ChatAnswer,
    ChatChoice,
    ChatChunk,
    ChunkChoice,
    new_chunk,
    new_chunk_choice,
)
from policy_router.providers.answers.message import AnswerMessage, Delta, FunctionCall, ToolCall
from policy_router.providers.answers.usage import to_usage

_Reader: TypeAlias = "Callable[[str], Any]"
"""Gives the field of that name; None when there is none."""

_new_answer: Final = maker(ChatAnswer)
_NO_DELTA: Final = Delta()
_NOT_PYDANTIC: Final = object()


def to_answer(value: object) -> ChatAnswer:
    """The whole answer that a caller returned.

    Args:
        value: An object or a mapping in the shape of OpenAI's `chat.completion`, or the text of a
            complete answer. Anything else becomes an answer without choices.
    """
    if isinstance(value, ChatAnswer):
        return value
    if isinstance(value, str):
        message = AnswerMessage(content=value)
        return ChatAnswer((ChatChoice(0, message, "stop"),), raw=value)
    read = _reader(value)
    return _new_answer(
        tuple(map(_choice, _items(read("choices")))),
        to_usage(read("usage"), read("service_tier")),
        _text(read("id")),
        _text(read("model")),
        _whole_number(read("created")),
        value,
    )


def to_chunk(value: object) -> ChatChunk:
    """The chunk of a stream that a caller yielded.

    Args:
        value: An object or a mapping in the shape of OpenAI's `chat.completion.chunk`. Anything
            else becomes a chunk without choices.
    """
    if isinstance(value, ChatChunk):
        return value
    read = _reader(value)
    used = read("usage")
    return new_chunk(
        tuple(map(_chunk_choice, _items(read("choices")))),
        None if used is None else to_usage(used, read("service_tier")),
        _text(read("id")),
        _text(read("model")),
        _whole_number(read("created")),
        value,
    )


def as_chunk(answer: ChatAnswer) -> ChatChunk:
    """A whole answer as the only chunk of a stream."""
    choices = tuple(
        ChunkChoice(
            choice.index,
            to_delta(choice.message),
            choice.finish_reason,
            choice.native_finish_reason,
            choice.error,
            choice.raw,
        )
        for choice in answer.choices
    )
    return ChatChunk(choices, answer.usage, answer.id, answer.model, answer.created, answer.raw)


def to_delta(message: AnswerMessage) -> Delta:
    """A whole message as the only delta of a stream."""
    return Delta(
        message.content,
        message.tool_calls,
        message.reasoning_content,
        message.refusal,
        message.function_call,
        message.audio,
        message.images,
        message.raw,
        message.role,
    )


def content_text(value: object) -> str | None:
    """The text of a message's content, which is a text or a list of parts; None when it has none.

    Of a list, the texts of its parts of type `text` are put together.
    """
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, list | tuple):
        return None
    parts = (part for part in value if isinstance(part, Mapping) and part.get("type") == "text")
    return "".join(str(part.get("text") or "") for part in parts)


def _reader(value: object) -> _Reader:
    """Gives the fields of a value by name.

    The fields of pydantic's objects, such as LiteLLM's, are read from the two dicts that hold them:
    an object takes 20 times longer to find out that it has no attribute of a name, and chunks have
    few of the fields that are looked for.
    """
    if type(value) is dict or isinstance(value, Mapping):  # most are dicts
        return value.get
    extra = getattr(value, "__pydantic_extra__", _NOT_PYDANTIC)
    if extra is _NOT_PYDANTIC:
        return lambda name: getattr(value, name, None)
    fields = {**extra, **vars(value)} if isinstance(extra, dict) else vars(value)
    model: type = type(value)
    computed = _computed(model)
    return lambda name: getattr(value, name, None) if name in computed else fields.get(name)


@lru_cache(maxsize=256)
def _computed(model: type) -> frozenset[str]:
    """The names of the properties of a class."""
    members = inspect.getmembers_static(model)
    return frozenset(name for name, member in members if isinstance(member, property))


def _choice(value: object) -> ChatChoice:
    read = _reader(value)
    return ChatChoice(_index(read), _message(read("message")), *_ending(read), value)


def _chunk_choice(value: object) -> ChunkChoice:
    read = _reader(value)
    delta = read("delta") or read("message")
    return new_chunk_choice(_index(read), _delta(delta), *_ending(read), value)


def _ending(read: _Reader) -> tuple[str | None, str | None, object]:
    """The finish reason, the one of the model's own provider, and the error of a choice. The last
    two stand in the choice, or where LiteLLM keeps the fields that OpenAI's format does not know.
    """
    native, error = read("native_finish_reason"), read("error")
    more = read("provider_specific_fields")
    if more:
        inner = _reader(more)
        native = native if isinstance(native, str) else inner("native_finish_reason")
        error = error or inner("error")
    return _text(read("finish_reason")), _text(native), error or None


def _message(value: object) -> AnswerMessage:
    read = _reader(value)
    role = read("role")
    return AnswerMessage(*_content(read), value, role if isinstance(role, str) else "assistant")


def _delta(value: object) -> Delta:
    if value is None:
        return _NO_DELTA
    read = _reader(value)
    return Delta(*_content(read), value, _text(read("role")))


def _content(
    read: _Reader,
) -> tuple[
    str | None, tuple[ToolCall, ...], str | None, str | None, FunctionCall | None, object, object
]:
    calls = read("tool_calls")
    called = read("function_call")
    return (
        content_text(read("content")),
        tuple(map(_tool_call, _items(calls))) if calls else (),
        _text(read("reasoning_content")),
        _text(read("refusal")),
        _function(called) if called else None,
        read("audio"),
        read("images"),
    )


def _tool_call(value: object) -> ToolCall:
    read = _reader(value)
    index, type_name = read("index"), read("type")
    return ToolCall(
        _text(read("id")),
        _function(read("function")),
        type_name if isinstance(type_name, str) else "function",
        index if type(index) is int else None,
        value,
    )


def _function(value: object) -> FunctionCall:
    read = _reader(value)
    arguments = read("arguments")
    if isinstance(arguments, Mapping | list):
        arguments = json.dumps(
            arguments
        )  # some servers send an object where the format has JSON text
    return FunctionCall(_text(read("name")) or "", _text(arguments) or "")


def _items(value: object) -> list[object] | tuple[object, ...]:
    return value if isinstance(value, list | tuple) else ()


def _index(read: _Reader) -> int:
    index = read("index")
    return index if type(index) is int else 0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole_number(value: object) -> int | None:
    return value if type(value) is int else None
