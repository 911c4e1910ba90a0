"""What a request leaves is freed at once, not when the garbage collector looks for circles."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import httpx
import pytest

from policy_router.execution.accounts.account import RequestAccount
from policy_router.execution.progress import Progress
from policy_router.server.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator

_OF_A_REQUEST = Exchange, Progress, RequestAccount


@pytest.fixture
def unreachable() -> Iterator[list[object]]:
    """What the collector finds from here on, instead of freeing it."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield gc.garbage
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_leaves_no_circle(
    address: str, unreachable: list[object], *, stream: bool
) -> None:
    body = {"model": "big", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    with httpx.Client() as client:
        for _ in range(4):
            answer = client.post(f"{address}/v1/chat/completions", json=body)
            assert answer.status_code == 200
        gc.collect()  # before the connection is closed, whose own circle ends with it
    assert not [each for each in unreachable if isinstance(each, _OF_A_REQUEST)]
