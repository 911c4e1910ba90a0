"""Bodies of answers as providers send them, read through a real HTTP client."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx

from policy_router.providers.answers.raw_answer import RawAnswer, RawChoice
from policy_router.providers.http.body_tap import tap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping


class Body(httpx.AsyncByteStream):
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def seen(*pieces: bytes, headers: Mapping[str, str] | None = None) -> RawAnswer:
    """What was recorded of a body that came in these pieces; the client got all of it."""

    async def go() -> RawAnswer:
        answers = [httpx.Response(200, headers=headers, stream=Body(pieces))]
        transport = httpx.MockTransport(lambda _: answers.pop())
        noted: list[RawAnswer] = []

        async def note(response: httpx.Response) -> None:
            noted.append(tap(response))

        async with httpx.AsyncClient(
            transport=transport, event_hooks={"response": [note]}
        ) as client:
            read = await client.get("http://provider")
        if not headers:
            assert read.content == b"".join(pieces)
        return noted[0]

    return asyncio.run(go())


def event(value: Any, end: bytes = b"\n\n") -> bytes:
    return b"data: " + json.dumps(value).encode() + end


def choice(index: int = 0, finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": {}, "finish_reason": finish_reason, **more}]}


TWO = [choice(0), choice(1), choice(1, "length"), choice(0, "stop")]
STREAM = b": a comment\n\n" + b"".join(map(event, TWO)) + b"data: [DONE]\n\n"
BOTH = {0: RawChoice("stop"), 1: RawChoice("length")}
