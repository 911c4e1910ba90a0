"""The events of a provider, passed on as they came, end once and are all read by clients."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policy_router.domain.dialect import Dialect
from policy_router.domain.original import OriginalAnswer
from policy_router.providers.answers.chat import with_original
from policy_router.providers.anthropic_wire.stream import MessageStream
from policy_router.providers.http.event_stream import EventStream
from policy_router.server.relay import RelayedEvents

_EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": 'event: message_stop "type": "message_stop"'},
    },
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]


def _relayed(sent: bytes) -> bytes | None:
    """What a client gets of these bytes; None where they are rewritten."""
    events, stream, relay = (
        EventStream(),
        MessageStream({}),
        RelayedEvents(Dialect.MESSAGES, holds=True),
    )
    found = events.feed(sent)
    last = events.end()
    passed = before = b""
    for event in [*found, *([] if last is None else [last])]:
        before += event.original
        for chunk in stream.read(json.loads(event.data)):
            original = OriginalAnswer(Dialect.MESSAGES, before)
            before = b""
            passed += relay.take(with_original(chunk, original)) or b""
    return passed + relay.end() if relay.holds else None


@pytest.mark.parametrize("name", ["event: ", "event:"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("whole", [True, False])
def test_the_end_of_a_message_comes_once(name: str, end: str, whole: bool) -> None:
    lines = "".join(
        f"{name}{event['type']}{end}data: {json.dumps(event)}{end}{end}" for event in _EVENTS
    )
    passed = _relayed(lines.encode() if whole else lines.removesuffix(end).encode())
    assert passed is not None
    heard = EventStream().feed(passed)
    assert [json.loads(event.data)["type"] for event in heard] == [e["type"] for e in _EVENTS]


def test_a_message_without_its_end_gets_it() -> None:
    lines = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in _EVENTS[:-1])
    passed = _relayed(lines.encode())
    assert passed is not None
    assert passed.endswith(b'event: message_stop\ndata: {"type": "message_stop"}\n\n')


def test_events_without_names_are_rewritten_for_clients_that_skip_them() -> None:
    lines = "".join(f"data: {json.dumps(event)}\n\n" for event in _EVENTS)
    assert _relayed(lines.encode()) is None
