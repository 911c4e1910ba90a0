"""Determines from its finish reasons whether an answer is complete.

A reason that is not in the table counts as a failure: gateways end half an answer with `error`,
`network_error`, `abort` or no reason at all, and a client would mistake it for a complete one.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.providers.failures.classify import classify
from policy_router.providers.failures.error_body import read_error_body
from policy_router.providers.failures.failure import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.providers.answers.chat import ChatAnswer, ChatChunk

ENDINGS: Final[Mapping[str, FailureKind | None]] = MappingProxyType(
    {
        # OpenAI's own, and what others call the same
        "stop": None,
        "length": None,
        "tool_calls": None,
        "function_call": None,
        "content_filter": None,
        "end_turn": None,
        "stop_sequence": None,
        "max_tokens": None,
        "tool_use": None,
        "pause_turn": None,
        "refusal": None,
        "compaction": None,
        "model_context_window_exceeded": None,
        "complete": None,
        "completed": None,
        "tool_call": None,
        "eos": None,
        "eos_token": None,
        "end_of_text": None,
        "sensitive": None,
        "content_filtered": None,
        "guardrail_intervened": None,
        # Gemini's filters
        "safety": None,
        "recitation": None,
        "language": None,
        "blocklist": None,
        "prohibited_content": None,
        "spii": None,
        "image_safety": None,
        "image_prohibited_content": None,
        "image_recitation": None,
        # The service gave up
        "error": FailureKind.SERVER_ERROR,
        "abort": FailureKind.SERVER_ERROR,
        "cancelled": FailureKind.SERVER_ERROR,
        "network_error": FailureKind.CONNECTION_LOST,
        "insufficient_system_resource": FailureKind.OVERLOADED,
        # The model's context ended before the answer did
        "model_length": FailureKind.CONTEXT_TOO_LONG,
        # The model wrote what no client can use
        "malformed_function_call": FailureKind.MALFORMED,
        "malformed_response": FailureKind.MALFORMED,
        "unexpected_tool_call": FailureKind.MALFORMED,
        "too_many_tool_calls": FailureKind.MALFORMED,
        "missing_thought_signature": FailureKind.MALFORMED,
        "other": FailureKind.MALFORMED,
    }
)
"""What a finish reason stands for; None for an answer that is complete."""
_CALLS: Final = frozenset({"tool_calls", "tool_use", "tool_call", "function_call"})
_STATUS: Final = 200
_LONGEST: Final = 40


def is_complete(reason: str | None) -> bool:
    """Whether an answer that ends for this reason is as long as its model meant it to be."""
    return reason is not None and ENDINGS.get(reason.lower(), FailureKind.MALFORMED) is None


def is_broken(reason: str) -> bool:
    """Whether this reason is known to end an unusable answer.

    For reasons of any provider, which gateways pass on: there is no complete list of them, so an
    unknown one proves nothing.
    """
    return ENDINGS.get(reason.lower()) is not None


def ending_failure(reason: str, *, calls: bool, original: str | None = None) -> Failure | None:
    """What is wrong with a choice that ends for this reason; None when it is complete.

    Args:
        reason: The finish reason.
        calls: Whether the choice calls a tool.
        original: The reason of the model's own provider, where a gateway passes it on too.
    """
    failure_kind = ENDINGS.get(reason.lower(), FailureKind.MALFORMED)
    if failure_kind is None and original is not None and is_broken(original):
        failure_kind, reason = ENDINGS[original.lower()], original
    if failure_kind is not None:
        # A free text in place of a word of the API might quote the prompt.
        word = reason[:_LONGEST] if reason.replace("_", "").isalnum() else "that is not one word"
        return Failure(failure_kind, f"finish reason {word}", _STATUS)
    if reason.lower() in _CALLS and not calls:
        return Failure(
            FailureKind.MALFORMED, f"finish reason {reason} without a tool call", _STATUS
        )
    return None


def answer_failure(answer: ChatAnswer) -> Failure | None:
    """What is wrong with a whole answer that came with status 200; None when it is complete."""
    if not answer.choices:
        return Failure(FailureKind.MALFORMED, "an answer without choices", _STATUS)
    for choice in answer.choices:
        failure = _stated(choice.error)
        if failure is not None:
            return failure
        reason = choice.finish_reason
        if not reason:
            return Failure(FailureKind.MALFORMED, "an answer without a finish reason", _STATUS)
        calls = choice.message.calls_tools
        failure = ending_failure(reason, calls=calls, original=choice.native_finish_reason)
        if failure is not None:
            return failure
        if reason == "content_filter":
            return Failure(FailureKind.CONTENT_POLICY, "finish reason content_filter", _STATUS)
    answered = any(choice.message.has_answer for choice in answer.choices)
    if answer.choices[0].finish_reason == "stop" and not answered:
        return Failure(FailureKind.EMPTY, "an empty answer", _STATUS)
    return None


def _stated(error: object) -> Failure | None:
    """The failure that an error object in a choice states, as gateways send it."""
    if not error:
        return None
    value = {"error": error}
    evidence = read_error_body([value], status=_STATUS, headers={}, prompt=None, now=0.0)
    code = evidence.codes[0] if evidence.codes else str(evidence.stated_status or "")
    return replace(classify(evidence), detail=f"an error in a choice: {code}".rstrip(": "))


class Endings:
    """How each choice of a stream ends.

    `add` takes the chunks in order; `failure` judges the chunk that was added last, and
    `at_the_end` the stream when no chunk is left.
    """

    def __init__(self) -> None:
        self._begun: set[int] = set()
        self._calling: set[int] = set()
        self._ended: dict[int, str] = {}
        self._answered = False
        self._began = False

    @property
    def whole(self) -> bool:
        """Whether every choice that began has ended."""
        return bool(self._ended) and self._begun <= self._ended.keys()

    def add(self, chunk: ChatChunk) -> None:
        """Takes the next chunk."""
        for choice in chunk.choices:
            index, delta = choice.index, choice.delta
            self._begun.add(index)
            if delta.calls_tools:
                self._calling.add(index)
            self._began = self._began or delta.has_output
            self._answered = self._answered or delta.has_answer
            if choice.finish_reason:
                self._ended.setdefault(index, choice.finish_reason)

    def failure(self, chunk: ChatChunk) -> Failure | None:
        """What is wrong with a choice of this chunk, which was added before; None if nothing is."""
        for choice in chunk.choices:
            failure = _stated(choice.error)
            if failure is not None:
                return failure
            reason = self._ended.get(choice.index)
            if reason is not None:
                calls = choice.index in self._calling
                failure = ending_failure(reason, calls=calls, original=choice.native_finish_reason)
            if failure is not None:
                return failure
        return None

    def at_the_end(self) -> Failure | None:
        """What is wrong with the stream when no chunk is left; None when it was complete."""
        if not self.whole:
            kind = FailureKind.CONNECTION_LOST if self._began else FailureKind.MALFORMED
            return Failure(kind, "the stream ended without a finish reason")
        reason = next(iter(self._ended.values()))
        kind_of_nothing = None if self._answered else _OF_NOTHING.get(reason)
        if kind_of_nothing is None:
            return None
        return Failure(kind_of_nothing, f"finish reason {reason}", _STATUS)


_OF_NOTHING: Final = {"content_filter": FailureKind.CONTENT_POLICY, "stop": FailureKind.EMPTY}
"""What a finish reason means when there was no answer before it."""
