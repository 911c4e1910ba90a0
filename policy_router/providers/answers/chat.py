"""Typed, immutable values for chat answers, in the shape that OpenAI's library gives them.

Each value keeps in `raw` the object or dict that it was made from, untouched, with every field that
has no name here: `answer.choices[0].message.content` is typed, `answer.raw` is what the caller of
the model returned. `model_dump()` gives a dict in OpenAI's shape that holds both.

Nothing here reads foreign objects; `adapt` makes these values of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from policy_router.frozen import maker
from policy_router.providers.answers.raw_fields import fields_of, put, without_none

if TYPE_CHECKING:
    from policy_router.domain.original import OriginalAnswer
    from policy_router.providers.answers.message import AnswerMessage, Delta


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider counted for an answer.

    Attributes:
        prompt_tokens: All input tokens, including those that some providers count outside this
            field; None when no credible number was reported.
        completion_tokens: All output tokens, reasoning included; None as above.
        cached_tokens: Input tokens that were read from the provider's prompt cache.
        cache_write_tokens: Input tokens that were written to the prompt cache.
        audio_prompt_tokens: Input tokens that are audio.
        audio_completion_tokens: Output tokens that are audio.
        cache_write_1h_tokens: Input tokens that were written to that cache for an hour; None when
            the provider does not report how long it keeps them.
        reasoning_tokens: Output tokens that are reasoning.
        citation_tokens: Tokens of text that the provider fetched, which neither total includes.
        searches: Searches that the provider made; None when it reports none.
        billed_nano_usd: Nano-USD that the provider reports to charge; None when it reports none.
        service_tier: The service tier that answered; empty when it is not reported.
        regional: Whether the provider reports that it answered in a region that costs more.
        raw: The usage object as the provider reported it.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    audio_prompt_tokens: int = 0
    audio_completion_tokens: int = 0
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int = 0
    citation_tokens: int = 0
    searches: int | None = None
    billed_nano_usd: int | None = None
    service_tier: str = ""
    regional: bool = False
    raw: object = field(default=None, repr=False, compare=False)

    @property
    def total_tokens(self) -> int | None:
        """Tokens in and out together; None when one of them is unknown."""
        if self.prompt_tokens is None or self.completion_tokens is None:
            return None
        return self.prompt_tokens + self.completion_tokens

    def model_dump(self, *, exclude_none: bool = False) -> dict[str, object]:
        """The usage object as the provider reported it, with OpenAI's three totals added.

        Args:
            exclude_none: Leave out fields that are None.
        """
        fields = fields_of(self.raw)
        for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
            count = getattr(self, name)
            if count is not None:
                fields.setdefault(name, count)
        return without_none(fields) if exclude_none else fields


NO_USAGE: Final = Usage()
"""The usage of an answer for which nothing was reported."""


@dataclass(frozen=True, slots=True)
class ChatChoice:
    """One of the answers that were requested with `n`; by default there is one.

    Attributes:
        index: Its number, from 0.
        message: What the model answered.
        finish_reason: Why it ended, such as `stop`, `length` or `tool_calls`; None when the
            provider gave no reason.
        native_finish_reason: The reason in the words of the model's own provider, where a gateway
            passes it on.
        error: An error object that a gateway put in place of an answer.
        raw: The object or dict that this was made from.
    """

    index: int
    message: AnswerMessage
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    error: object = None
    raw: object = field(default=None, repr=False, compare=False)

    def model_dump(self, *, exclude_none: bool = False) -> dict[str, object]:
        """The choice as a dict in OpenAI's shape.

        Args:
            exclude_none: Leave out fields that are None.
        """
        fields = fields_of(self.raw)
        fields["index"] = self.index
        fields["message"] = self.message.model_dump()
        fields["finish_reason"] = self.finish_reason
        return without_none(fields) if exclude_none else fields


@dataclass(frozen=True, slots=True)
class ChunkChoice:
    """What one chunk of a stream adds to one choice.

    Attributes:
        index: The number of the choice, from 0.
        delta: What is added to its message.
        finish_reason: Why the choice ended; None while it continues.
        native_finish_reason: The reason in the words of the model's own provider, where a gateway
            passes it on.
        error: An error object that a gateway put in place of an answer.
        raw: The object or dict that this was made from.
    """

    index: int
    delta: Delta
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    error: object = None
    raw: object = field(default=None, repr=False, compare=False)

    def model_dump(self, *, exclude_none: bool = False) -> dict[str, object]:
        """The choice as a dict in OpenAI's shape.

        Args:
            exclude_none: Leave out fields that are None.
        """
        fields = fields_of(self.raw)
        fields.pop("message", None)  # some servers send whole messages in place of deltas
        fields["index"] = self.index
        fields["delta"] = self.delta.model_dump()
        fields["finish_reason"] = self.finish_reason
        return without_none(fields) if exclude_none else fields


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """A whole answer of a model.

    Attributes:
        choices: The answers, one for each that was requested with `n`.
        usage: What the provider counted; None when it reported nothing.
        id: The provider's id of the answer.
        model: The provider's name of the model that answered.
        created: When it was made, in Unix seconds.
        raw: The object or dict that the caller of the model returned, untouched.
        original: The bytes of the answer; None when the model was not called directly.
    """

    choices: tuple[ChatChoice, ...] = ()
    usage: Usage | None = None
    id: str | None = None
    model: str | None = None
    created: int | None = None
    raw: object = field(default=None, repr=False, compare=False)
    original: OriginalAnswer | None = field(default=None, repr=False, compare=False)

    @property
    def size(self) -> int:
        """Bytes of all that the model produced."""
        return sum(choice.message.size for choice in self.choices)

    def model_dump(self, *, exclude_none: bool = False) -> dict[str, object]:
        """The answer as a dict in the shape of OpenAI's `chat.completion`.

        Fields of `raw` that have no attribute here are in it too.

        Args:
            exclude_none: Leave out fields that are None.
        """
        fields = _envelope(self, "chat.completion")
        return without_none(fields) if exclude_none else fields


NO_ANSWER: Final = ChatAnswer()
"""Stands for the answer of a call that failed."""


@dataclass(frozen=True, slots=True)
class ChatChunk:
    """One chunk of a streamed answer.

    Attributes:
        choices: What is added to each choice; empty in the chunk that brings the usage.
        usage: What the provider counted; in the last chunks only.
        id: The provider's id of the answer, the same in each of its chunks.
        model: The provider's name of the model that answers.
        created: When the answer began, in Unix seconds.
        raw: The object or dict that the caller of the model yielded, untouched.
        original: The bytes of the events from the chunk before it to this one; None when the model
            was not called directly, or the chunk was changed since.
    """

    choices: tuple[ChunkChoice, ...] = ()
    usage: Usage | None = None
    id: str | None = None
    model: str | None = None
    created: int | None = None
    raw: object = field(default=None, repr=False, compare=False)
    original: OriginalAnswer | None = field(default=None, repr=False, compare=False)

    @property
    def finish_reason(self) -> str | None:
        """The first finish reason in this chunk."""
        return next((c.finish_reason for c in self.choices if c.finish_reason), None)

    @property
    def text(self) -> str:
        """The text that is added to the first choice."""
        return self.choices[0].delta.text if self.choices else ""

    @property
    def has_output(self) -> bool:
        """Whether the model produced any of it; a role alone is no output."""
        return any(choice.delta.has_output for choice in self.choices)

    @property
    def is_usage_only(self) -> bool:
        """Whether this is the chunk after the last that brings the usage."""
        return self.usage is not None and not self.has_output and self.finish_reason is None

    @property
    def size(self) -> int:
        """Bytes of all that the model produced."""
        return sum(choice.delta.size for choice in self.choices)

    def model_dump(self, *, exclude_none: bool = False) -> dict[str, object]:
        """The chunk as a dict in the shape of OpenAI's `chat.completion.chunk`.

        Fields of `raw` that have no attribute here are in it too.

        Args:
            exclude_none: Leave out fields that are None.
        """
        fields = _envelope(self, "chat.completion.chunk")
        return without_none(fields) if exclude_none else fields


new_chunk: Final = maker(ChatChunk)
"""Makes a chunk as `ChatChunk` does, in less time."""
new_chunk_choice: Final = maker(ChunkChoice)
"""The same for `ChunkChoice`."""


def with_original(chunk: ChatChunk, original: OriginalAnswer) -> ChatChunk:
    """The chunk with the bytes that it was made of."""
    c = chunk
    return new_chunk(c.choices, c.usage, c.id, c.model, c.created, c.raw, original)


def _envelope(value: ChatAnswer | ChatChunk, type_name: str) -> dict[str, object]:
    fields = fields_of(value.raw)
    put(fields, "id", value.id)
    fields["object"] = type_name
    put(fields, "created", value.created)
    put(fields, "model", value.model)
    fields["choices"] = [choice.model_dump() for choice in value.choices]
    put(fields, "usage", None if value.usage is None else value.usage.model_dump())
    return fields
