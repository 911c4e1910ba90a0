"""Server-sent events come out whole, however their bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.providers.http import event_stream
from policy_router.providers.http.event_stream import EventStream, EventTooLarge, ServerSentEvent


def read(*pieces: bytes) -> list[ServerSentEvent]:
    stream = EventStream()
    events = [event for piece in pieces for event in stream.feed(piece)]
    last = stream.end()
    return events if last is None else [*events, last]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"", []),
        (b"data: a\n\n", [b"a"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b": keep-alive\n\ndata: a\n\n", [b"a"]),
        (b"event: x\nid: 1\nretry: 5\ndata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data: a\n\ndata: cut", [b"a", b"cut"]),
        (b"data: a\n", [b"a"]),
        (b"<html>it works</html>", []),
        (b"data\n\n", []),
        (b"\n\n\n", []),
    ],
)
def test_events(body: bytes, events: list[bytes]) -> None:
    assert [event.data for event in read(body)] == events
    assert read(*(body[i : i + 1] for i in range(len(body)))) == read(body)


@pytest.mark.parametrize(
    ("body", "originals"),
    [
        (b"data: a\r\n\r\ndata:b\n\n", [b"data: a\r\n\r\n", b"data:b\n\n"]),
        (b": wait\n\ndata: a\n\n: end\n\n", [b": wait\n\ndata: a\n\n"]),
        (b"event: x\ndata: a\n\n\ndata: b", [b"event: x\ndata: a\n\n", b"\ndata: b"]),
        (b"data:\n\ndata: a\r\r", [b"data:\n\ndata: a\r\r"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"\xef\xbb\xbfdata: a\n\n"]),
    ],
)
def test_the_original_bytes_are_all_there_is_between_two_events(
    body: bytes, originals: list[bytes]
) -> None:
    assert [event.original for event in read(body)] == originals
    assert body.startswith(b"".join(originals))


lines = st.sampled_from(
    [b"data: one", b"data: zwei \xc3\xbc", b"data:", b": c", b"event: e", b"", b"x", b"data: {}"]
)


@given(
    st.lists(lines, max_size=12),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.lists(st.integers(0, 80), max_size=6),
)
def test_cuts_change_nothing(parts: list[bytes], end: bytes, cuts: list[int]) -> None:
    body = end.join(parts)
    edges = sorted({0, len(body), *(min(cut, len(body)) for cut in cuts)})
    pieces = [body[a:b] for a, b in pairwise(edges)]
    assert read(*pieces) == read(body)


def test_an_endless_event_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "LARGEST_EVENT", 100)
    stream = EventStream()
    assert stream.feed(b"data: " + b"a" * 50 + b"\n") == []
    with pytest.raises(EventTooLarge):
        stream.feed(b"data: " + b"a" * 50)
