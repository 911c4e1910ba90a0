"""Faults of providers, each with what every caller must make of it: one row of a table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from policy_router.providers.failures.failure import REACTIONS, FailureKind, FailureScope
from policy_router.providers.simulated import Cut, Fail, Garble, Redirect, Say, messages

if TYPE_CHECKING:
    from policy_router.providers.simulated import Behaviour


@dataclass(frozen=True, slots=True)
class Expected:
    """What a caller must report.

    Attributes:
        kind: The class of the failure; None for a whole answer.
        scope: What is out of service.
        sent: Whether the call is charged, because the provider may have received it.
        hits: Requests that the provider receives.
    """

    kind: FailureKind | None
    scope: FailureScope | None = None
    sent: bool = True
    hits: int = 1


def fails(kind: str, scope: str | None = None) -> Expected:
    """A failure of this class; by default with the scope of its class."""
    each = FailureKind(kind)
    return Expected(each, FailureScope(scope) if scope else REACTIONS[each].scope)


ANSWERED: Final = Expected(None)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        chat: What an endpoint of OpenAI's format does; None where the fault cannot occur there.
        messages: The same in Anthropic's format.
        whole: What a call for a whole answer must report; None where it is not called so.
        stream: What a stream must report; None where it is not called so.
    """

    chat: Behaviour | None
    messages: Behaviour | None
    whole: Expected | None
    stream: Expected | None


def both(behaviour: Behaviour, kind: str, scope: str | None = None) -> Fault:
    """A fault that is the same in both formats, and for whole answers and streams."""
    return Fault(behaviour, behaviour, fails(kind, scope), fails(kind, scope))


# -- bodies in OpenAI's format ------------------------------------------------------------------


def piece(index: int = 0, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """An event with one choice."""
    delta = {k: more.pop(k) for k in ("content", "role", "refusal", "tool_calls") if k in more}
    choice = {"index": index, "delta": delta, "finish_reason": finish, **more}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [choice]}  # fmt: skip


def events(*items: Any, end: str = "data: [DONE]\n\n") -> Garble:
    """A stream of these events; a string is sent as it is."""
    texts = (f"data: {each if isinstance(each, str) else json.dumps(each)}\n\n" for each in items)
    return Garble("".join(texts) + end, "text/event-stream")


def whole(finish: str | None, content: str | None = "Half an ", **choice: Any) -> Garble:
    message = {"role": "assistant", "content": content, **choice.pop("message", {})}
    choices = [{"index": 0, "message": message, "finish_reason": finish, **choice}]
    return as_json({**FRAME, "choices": choices, "service_tier": "default"})


FRAME: Final = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}


def as_json(value: Any) -> Garble:
    return Garble(json.dumps(value), "application/json")


# -- bodies in Anthropic's format ---------------------------------------------------------------


def message(reason: str | None, text: str = "Half an ") -> Garble:
    return as_json({"id": "m", "type": "message", "role": "assistant", "model": "m",
                    "content": [{"type": "text", "text": text}] if text else [],
                    "stop_reason": reason,
                    "usage": {"input_tokens": 1, "output_tokens": 1}})  # fmt: skip


START: Final = {"type": "message_start", "message": {
    "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [],
    "stop_reason": None, "usage": {"input_tokens": 1, "output_tokens": 0}}}  # fmt: skip
BLOCK: Final = {"type": "content_block_start", "index": 0,
                "content_block": {"type": "text", "text": ""}}  # fmt: skip
STOPPED: Final = {"type": "message_stop"}


def text(words: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0,
            "delta": {"type": "text_delta", "text": words}}  # fmt: skip


def ending(reason: str | None) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason},
            "usage": {"output_tokens": 2}}  # fmt: skip


def named(*items: Any) -> Garble:
    """A stream of these events with their names; a string is sent as it is."""
    made = (
        f"event: content_block_delta\ndata: {each}\n\n"
        if isinstance(each, str)
        else messages.event(each).decode()
        for each in items
    )
    return Garble("".join(made), "text/event-stream")


LIMITED = {"error": {"code": 429, "message": "no"}}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}

FAULTS: Final[dict[str, Fault]] = {
    # -- statuses
    "429": both(Fail(429, "rate_limit_exceeded", retry_after=30), "rate_limited"),
    "429-bare": both(Fail(429), "rate_limited"),
    "quota": both(Fail(429, "insufficient_quota"), "quota_exhausted"),
    "402": both(Fail(402), "quota_exhausted"),
    "401": both(Fail(401), "credential"),
    "403": both(Fail(403), "forbidden"),
    "moderation": both(Fail(403, "content_moderation"), "content_policy"),
    "400": both(Fail(400, message="your text on the rate limit is odd"), "bad_request"),
    "400-context": both(Fail(400, "context_length_exceeded"), "context_too_long"),
    "400-credit": both(
        Fail(400, message="Your credit balance is too low to access"), "quota_exhausted"
    ),
    "404": both(Fail(404, "model_not_found"), "model_gone"),
    "405": both(Fail(405), "refused"),
    "409": both(Fail(409), "conflict"),
    "422": both(Fail(422), "bad_request"),
    "451": both(Fail(451), "refused"),
    "500": both(Fail(500), "server_error"),
    "502": both(Fail(502), "server_error"),
    "503-wait": both(Fail(503, retry_after=30), "server_error"),
    "529": both(Fail(529, type="overloaded_error"), "overloaded"),
    "redirect": both(Redirect("http://127.0.0.1:9/v1/chat/completions"), "redirected"),
    # -- connections
    "cut": both(Cut(), "connection_lost"),
    "reset": both(Cut(reset=True), "connection_lost"),
    "cut-in-the-body": Fault(Cut(2), Cut(2), fails("connection_lost"), fails("connection_lost")),
    # -- answers that are none
    "html": both(Garble(), "malformed"),
    "no-body": both(Garble("", "application/json"), "malformed"),
    "no-choices": both(as_json({"object": "x"}), "malformed"),
    "a-list": both(Garble("[1, 2]", "application/json"), "malformed"),
    "half-json": both(Garble('{"choices": [{"mess', "application/json"), "malformed"),
    "error-in-200": Fault(as_json(LIMITED), as_json(OVERLOADED),
                          fails("rate_limited"), fails("rate_limited")),
    "error-text-in-200": both(as_json({"error": "no"}), "malformed"),
    # -- whole answers that are not whole
    "reason-error": Fault(whole("error"), message("error"), fails("server_error"), None),
    "reason-network": Fault(whole("network_error"), None, fails("connection_lost"), None),
    "reason-abort": Fault(whole("abort"), None, fails("server_error"), None),
    "reason-resource": Fault(whole("insufficient_system_resource"), None,
                             fails("overloaded"), None),
    "reason-model-length": Fault(whole("model_length"), None, fails("context_too_long"), None),
    "reason-none": Fault(whole(None), message(None), fails("malformed"), None),
    "reason-unknown": Fault(whole("a_new_reason"), message("a_new_reason"),
                            fails("malformed"), None),
    "reason-native": Fault(whole("stop", native_finish_reason="network_error"), None,
                           fails("connection_lost"), None),
    "error-in-choice": Fault(whole("error", error={"code": 502, "message": "gone"}), None,
                             fails("server_error"), None),
    "calls-without-a-call": Fault(whole("tool_calls"), message("tool_use"),
                                  fails("malformed"), None),
    "empty": Fault(whole("stop", ""), message("end_turn", ""), fails("empty"), None),
    "filtered": Fault(whole("content_filter", ""), message("refusal", ""),
                      fails("content_policy"), None),
    "refusal": Fault(whole("stop", None, message={"refusal": "I cannot"}), None, ANSWERED, None),
    "one-of-two-cut": Fault(
        as_json({**FRAME, "service_tier": "default", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"},
            {"index": 1, "message": {"role": "assistant", "content": "b"},
             "finish_reason": "network_error"}]}), None, fails("connection_lost"), None),
    # -- streams that are not whole
    "stream-error-event": Fault(
        events(LIMITED), named(OVERLOADED), None, fails("rate_limited")),
    "stream-error-text": Fault(events({"error": "no"}), None, None, fails("malformed")),
    "stream-error-after-text": Fault(
        events(piece(content="a"), {"error": {"code": 502, "message": "gone"}}),
        named(START, BLOCK, text("a"), {"type": "error", "error": {
            "type": "api_error", "message": "gone"}}), None, fails("server_error")),
    "stream-no-events": Fault(Garble("", "text/event-stream"), Garble("", "text/event-stream"),
                              None, fails("malformed")),
    "stream-only-done": Fault(events(), named(STOPPED), None, fails("malformed")),
    "stream-whole-answer": Fault(whole("stop"), message("end_turn"), None, fails("malformed")),
    "stream-done-without-reason": Fault(
        events(piece(role="assistant"), piece(content="a "), piece(content="b")),
        named(START, BLOCK, text("a"), STOPPED), None, fails("connection_lost")),
    "stream-ends-without-reason": Fault(
        events(piece(content="a "), piece(content="b"), end=""),
        named(START, BLOCK, text("a")), None, fails("connection_lost")),
    "stream-malformed-event": Fault(
        events(piece(content="a"), '{"choices": [{"delta": {"con', piece(content="b"),
               piece(finish="stop")),
        named(START, BLOCK, text("a"), '{"type": "content_block_de', ending("end_turn"), STOPPED),
        None, fails("malformed")),
    "stream-event-of-words": Fault(
        events(piece(content="a"), "oops", piece(finish="stop")),
        named(START, BLOCK, text("a"), "oops", ending("end_turn"), STOPPED),
        None, fails("malformed")),
    "stream-event-that-is-a-list": Fault(
        events(piece(content="a"), [1], piece(finish="stop")),
        named(START, BLOCK, text("a"), "[1]", ending("end_turn"), STOPPED),
        None, fails("malformed")),
    "stream-cut-in-an-event": Fault(
        events(piece(content="a"), end='data: {"choices": [{"delta": {"con'),
        Garble(named(START, BLOCK, text("a")).body + 'data: {"type": "content_b',
               "text/event-stream"), None, fails("connection_lost")),
    "stream-reason-error": Fault(
        events(piece(content="a"), piece(finish="error")),
        named(START, BLOCK, text("a"), ending("error"), STOPPED), None, fails("server_error")),
    "stream-reason-network": Fault(
        events(piece(content="a"), piece(finish="network_error")), None,
        None, fails("connection_lost")),
    "stream-reason-abort": Fault(
        events(piece(content="a"), piece(finish="abort")), None, None, fails("server_error")),
    "stream-reason-resource": Fault(
        events(piece(content="a"), piece(finish="insufficient_system_resource")), None,
        None, fails("overloaded")),
    "stream-reason-model-length": Fault(
        events(piece(content="a"), piece(finish="model_length")), None,
        None, fails("context_too_long")),
    "stream-reason-unknown": Fault(
        events(piece(content="a"), piece(finish="a_new_reason")),
        named(START, BLOCK, text("a"), ending("a_new_reason"), STOPPED), None, fails("malformed")),
    "stream-one-of-two-cut": Fault(
        events(piece(content="a"), piece(1, content="b"), piece(finish="stop")), None,
        None, fails("connection_lost")),
    "stream-one-of-two-broken": Fault(
        events(piece(content="a"), piece(1, content="b"), piece(finish="stop"),
               piece(1, finish="network_error")), None, None, fails("connection_lost")),
    "stream-calls-without-a-call": Fault(
        events(piece(role="assistant"), piece(finish="tool_calls")),
        named(START, ending("tool_use"), STOPPED), None, fails("malformed")),
    "stream-empty": Fault(
        events(piece(role="assistant"), piece(finish="stop")),
        named(START, ending("end_turn"), STOPPED), None, fails("empty")),
    "stream-filtered": Fault(
        events(piece(role="assistant"), piece(finish="content_filter")),
        named(START, ending("refusal"), STOPPED), None, fails("content_policy")),
    "stream-refusal": Fault(
        events(piece(role="assistant"), piece(refusal="I can"), piece(refusal="not"),
               piece(finish="stop")), None, None, ANSWERED),
    # -- nothing is wrong
    "fine": Fault(Say("one two"), Say("one two"), ANSWERED, ANSWERED),
    "fine-without-usage": Fault(Say("one two", usage=None), Say("one two", usage=None),
                                ANSWERED, ANSWERED),
    "fine-in-few-words": Fault(
        as_json({**FRAME, "choices": [{"index": 0, "finish_reason": "stop",
                                       "message": {"role": "assistant", "content": "a"}}]}),
        None, ANSWERED, None),
    "fine-repeating": Fault(
        events(*[piece(content="again ")] * 150, piece(finish="stop")), None, None, ANSWERED),
}  # fmt: skip
"""Each row by its name, which is also the name of the model that has the fault."""

IN_MESSAGES: Final[dict[str, Expected]] = {
    "error-in-200": fails("overloaded"),
    "stream-error-event": fails("overloaded"),
}
"""Where Anthropic's format states another failure."""
