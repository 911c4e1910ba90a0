"""Whether an answer is complete, choice by choice, from its finish reasons: the table.

A reason that is not in the table is not believed: gateways end half an answer with `error`,
`network_error`, `abort` or nothing at all, and a client would take it for a whole one.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.chat import acts, choices, field, native, says, says_anything
from policy_router.providers.classify import classify
from policy_router.providers.error_body import read_error_body
from policy_router.providers.failure import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        # The model wrote what nobody can use
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
    """Whether an answer that ends for this reason came as far as its model meant it to."""
    return reason is not None and ENDINGS.get(reason.lower(), FailureKind.MALFORMED) is None


def is_broken(reason: str) -> bool:
    """Whether this is known to end an answer that is of no use. For reasons of any provider, which
    a gateway passes on: of those nobody has a list."""
    return ENDINGS.get(reason.lower()) is not None


def ended(reason: str, *, calls: bool, original: str | None = None) -> Failure | None:
    """What is wrong with a choice that ends for this reason. calls: it calls a tool. original: the
    reason of the model's own provider, where a gateway passes it on beside its own."""
    kind = ENDINGS.get(reason.lower(), FailureKind.MALFORMED)
    if kind is None and original is not None and is_broken(original):
        kind, reason = ENDINGS[original.lower()], original
    if kind is not None:
        word = reason[:_LONGEST] if reason.replace("_", "").isalnum() else "that is no word"
        return Failure(kind, f"finish reason {word}", _STATUS)
    if reason.lower() in _CALLS and not calls:
        return Failure(
            FailureKind.MALFORMED, f"finish reason {reason} without a tool call", _STATUS
        )
    return None


def of_answer(answer: Any) -> Failure | None:
    """What is wrong with a whole answer that came with status 200."""
    each = choices(answer)
    if not each:
        return Failure(FailureKind.MALFORMED, "an answer without choices", _STATUS)
    for choice in each:
        failure = _told(choice)
        if failure is not None:
            return failure
        reason = field(choice, "finish_reason")
        if not isinstance(reason, str) or not reason:
            return Failure(FailureKind.MALFORMED, "an answer without a finish reason", _STATUS)
        failure = ended(reason, calls=acts(choice), original=native(choice))
        if failure is not None:
            return failure
        if reason == "content_filter":
            return Failure(FailureKind.CONTENT_POLICY, "finish reason content_filter", _STATUS)
    if field(each[0], "finish_reason") == "stop" and not any(map(says, each)):
        return Failure(FailureKind.EMPTY, "an empty answer", _STATUS)
    return None


def _told(choice: Any) -> Failure | None:
    """The failure that a choice holds an error object for, as gateways send it."""
    for holder in (choice, field(choice, "provider_specific_fields")):
        error = field(holder, "error")
        if error:
            value = {"error": error}
            evidence = read_error_body([value], status=_STATUS, headers={}, prompt=None, now=0.0)
            word = evidence.codes[0] if evidence.codes else str(evidence.stated or "")
            return replace(classify(evidence), detail=f"an error in a choice: {word}".rstrip(": "))
    return None


class Endings:
    """The choices of a stream, as far as they have come."""

    def __init__(self) -> None:
        self._begun: set[int] = set()
        self._calls: set[int] = set()
        self._ended: dict[int, str] = {}
        self._said = False
        self._began = False

    @property
    def whole(self) -> bool:
        """Whether every choice that began has ended."""
        return bool(self._ended) and self._begun <= self._ended.keys()

    def add(self, chunk: Any) -> None:
        """Notes a chunk."""
        self._began = self._began or says_anything(chunk)
        for choice in choices(chunk):
            index = field(choice, "index") or 0
            self._begun.add(index)
            if acts(choice):
                self._calls.add(index)
            self._said = self._said or says(choice)
            reason = field(choice, "finish_reason")
            if isinstance(reason, str) and reason:
                self._ended.setdefault(index, reason)

    def failure(self, chunk: Any) -> Failure | None:
        """What is wrong with a choice in this chunk, which was added before."""
        for choice in choices(chunk):
            failure = _told(choice)
            if failure is not None:
                return failure
            index = field(choice, "index") or 0
            reason = self._ended.get(index)
            calls = index in self._calls
            if reason is not None:
                failure = ended(reason, calls=calls, original=native(choice))
            if failure is not None:
                return failure
        return None

    def at_the_end(self) -> Failure | None:
        """What is wrong when nothing more comes."""
        if not self.whole:
            kind = FailureKind.CONNECTION_LOST if self._began else FailureKind.MALFORMED
            return Failure(kind, "the stream ended without a finish reason")
        reason = next(iter(self._ended.values()))
        kind_of_nothing = None if self._said else _OF_NOTHING.get(reason)
        if kind_of_nothing is None:
            return None
        return Failure(kind_of_nothing, f"finish reason {reason}", _STATUS)


_OF_NOTHING: Final = {"content_filter": FailureKind.CONTENT_POLICY, "stop": FailureKind.EMPTY}
"""What a finish reason means when nothing was said before it."""
