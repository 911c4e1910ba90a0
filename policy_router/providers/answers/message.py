"""Typed, immutable values for the messages of a chat answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from policy_router.providers.answers.raw_fields import fields_of, plain_value, put, without_none

_CALL_OVERHEAD: Final = 64
"""Bytes counted for what a model writes around the name and the arguments of a tool call."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The function that a model calls.

    Attributes:
        name: The function's name; in a chunk of a stream it may be empty.
        arguments: JSON text; in a chunk of a stream, a piece of it.
    """

    name: str = ""
    arguments: str = ""

    def model_dump(self, *, exclude_none: bool = False) -> dict[str, object]:  # noqa: ARG002  as the others have it
        """The call as a dict; no field of it is ever None."""
        return {"name": self.name, "arguments": self.arguments}


_NO_FUNCTION: Final = FunctionCall()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool, or a piece of it in a chunk of a stream.

    Attributes:
        id: The id that the result of the call refers to; None when there is none.
        function: The function that is called.
        type: `function`, unless the provider has other types.
        index: In a stream, which of the answer's calls this piece belongs to.
        raw: The object or dict that this was made from.
    """

    id: str | None = None
    function: FunctionCall = _NO_FUNCTION
    type: str = "function"
    index: int | None = None
    raw: object = field(default=None, repr=False, compare=False)

    @property
    def size(self) -> int:
        """Bytes of the call."""
        called = self.function
        size = _CALL_OVERHEAD + _bytes(self.id) + _bytes(called.name) + _bytes(called.arguments)
        if called == _NO_FUNCTION and self.raw is not None:
            size += _bytes(repr(plain_value(self.raw)))  # of another type, such as `custom`
        return size

    def model_dump(self, *, exclude_none: bool = False) -> dict[str, object]:
        """The call as a dict in OpenAI's shape.

        Args:
            exclude_none: Leave out fields that are None.
        """
        fields = fields_of(self.raw)
        put(fields, "id", self.id)
        put(fields, "index", self.index)
        fields.setdefault("type", self.type)
        if self.function != _NO_FUNCTION or "function" in fields:
            fields["function"] = _function_fields(fields.get("function"), self.function)
        return without_none(fields) if exclude_none else fields


@dataclass(frozen=True, slots=True)
class _Content:
    """What messages and the deltas of a stream have in common.

    Attributes:
        content: The text; None when there is none.
        tool_calls: The tools that are called.
        reasoning_content: The model's reasoning, where the provider shows it.
        refusal: Why the model refuses, as text.
        function_call: A call in the older form that `tool_calls` replaced.
        audio: Audio output, as the provider sent it.
        images: Generated images, as the provider sent them.
        raw: The object or dict that this was made from.
    """

    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning_content: str | None = None
    refusal: str | None = None
    function_call: FunctionCall | None = None
    audio: object = None
    images: object = None
    raw: object = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The text; empty when there is none."""
        return self.content or ""

    @property
    def calls_tools(self) -> bool:
        """Whether a tool is called."""
        return bool(self.tool_calls or self.function_call)

    @property
    def has_answer(self) -> bool:
        """Whether there is a piece of an answer, which reasoning alone is not."""
        return bool(
            self.content
            or self.tool_calls
            or self.function_call
            or self.refusal
            or self.audio
            or self.images
        )

    @property
    def has_more_than_text(self) -> bool:
        """Whether there is reasoning, a tool call, a refusal or audio."""
        return bool(
            self.tool_calls
            or self.reasoning_content
            or self.function_call
            or self.refusal
            or self.audio
        )

    @property
    def has_output(self) -> bool:
        """Whether the model produced any of it; a role alone is no output."""
        return bool(self.content) or self.has_more_than_text

    @property
    def size(self) -> int:
        """Bytes of all that the model produced; no tokenizer makes more tokens than bytes."""
        total = _bytes(self.content)
        if self.has_more_than_text:
            total += _bytes(self.reasoning_content) + _bytes(self.refusal)
            total += sum(call.size for call in self.tool_calls)
            if self.function_call is not None:
                total += ToolCall(function=self.function_call).size
            if self.audio:
                total += _bytes(repr(self.audio))
        return total

    def _content_fields(self) -> dict[str, object]:
        fields = fields_of(self.raw)
        for name in ("content", "reasoning_content", "refusal"):
            put(fields, name, getattr(self, name))
        calls = [call.model_dump() for call in self.tool_calls]
        if calls or fields.get("tool_calls"):
            fields["tool_calls"] = calls or None
        if self.function_call is not None:
            fields["function_call"] = _function_fields(
                fields.get("function_call"), self.function_call
            )
        for name in ("audio", "images"):
            put(fields, name, plain_value(getattr(self, name)))
        return fields


@dataclass(frozen=True, slots=True)
class AnswerMessage(_Content):
    """The message of a whole answer.

    Attributes:
        role: `assistant`.
        content: The text; None when there is none.
        tool_calls: The tools that the model calls; empty when it calls none.
        reasoning_content: The model's reasoning, where the provider shows it.
        refusal: Why the model refuses, as text.
        function_call: A call in the older form that `tool_calls` replaced.
        audio: Audio output, as the provider sent it.
        images: Generated images, as the provider sent them.
        raw: The object or dict that this was made from.
    """

    role: str = "assistant"

    def model_dump(self, *, exclude_none: bool = False) -> dict[str, object]:
        """The message as a dict in OpenAI's shape, which can be sent back in a conversation.

        Args:
            exclude_none: Leave out fields that are None.
        """
        fields = {"role": self.role, **self._content_fields()}
        fields["role"] = self.role
        fields.setdefault("content", None)
        return without_none(fields) if exclude_none else fields


@dataclass(frozen=True, slots=True)
class Delta(_Content):
    """What one chunk of a stream adds to a message.

    Attributes:
        role: `assistant` in the first chunk, as a rule; else None.
        content: The next piece of the text; None when there is none.
        tool_calls: Pieces of tool calls, distinguished by their `index`.
        reasoning_content: The next piece of the model's reasoning.
        refusal: The next piece of a refusal.
        function_call: A piece of a call in the older form that `tool_calls` replaced.
        audio: A piece of audio output, as the provider sent it.
        images: Generated images, as the provider sent them.
        raw: The object or dict that this was made from.
    """

    role: str | None = None

    def model_dump(self, *, exclude_none: bool = False) -> dict[str, object]:
        """The delta as a dict in OpenAI's shape.

        Args:
            exclude_none: Leave out fields that are None.
        """
        fields = self._content_fields()
        put(fields, "role", self.role)
        return without_none(fields) if exclude_none else fields


def _function_fields(raw: object, function: FunctionCall) -> dict[str, object]:
    fields = fields_of(raw)
    for name, text in (("name", function.name), ("arguments", function.arguments)):
        if text or fields.get(name):
            fields[name] = text
    return fields


def _bytes(text: str | None) -> int:
    if not text:
        return 0
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
