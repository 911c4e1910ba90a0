"""An answer without an end is cut off at the size that its cap allows, and harms nobody else.

The provider sends up to a gibibyte, from a process of its own. What the router makes of that is
measured in a process of its own as well, by the most memory that it ever had.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from policy_router import AllModelsFailedError, Router
from policy_router.loading import load
from policy_router.providers.default_caller import DefaultCaller
from tests.slow_server import slow_server

POLICY: Final = """
version: 1
tiers: [light]
models:
  m:
    model: {model}
    api_base: "{url}"
    api_key_env: ENDLESS_KEY
    tier: light
    context: 8k
    price: free
    via: {via}
fallback: {{deadline: 2m, first_token_within: 1m, stall: 1m, max_attempts: 1}}
"""
WAYS: Final = {
    "openai_wire": ("openai/m", "/v1", "direct"),
    "anthropic_wire": ("anthropic/m", "", "direct"),
    "responses_wire": ("openai/responses/m", "/v1", "direct"),
    "litellm, openai": ("openai/m", "/v1", "litellm"),
    "litellm, anthropic": ("anthropic/m", "", "litellm"),
    "litellm, groq": ("groq/m", "/v1", "litellm"),
    "litellm, gemini": ("gemini/m", "", "litellm"),
    "litellm, ollama_chat": ("ollama_chat/m", "", "litellm"),
}
MOST: Final = 100 * 1024 * 1024
"""Bytes by which the memory may grow, of the gibibyte that is sent."""
ODD: Final = [{"role": "user", "content": "endless"}]
HELLO: Final = [{"role": "user", "content": "hello"}]
TIMES: Final = 4
"""Requests of one user that end so."""


def peak() -> int:
    """The most memory that this process had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def read(router: Router, messages: Any, user: str, *, stream: bool) -> str:
    """The text of an answer, or the class of the failure."""
    try:
        ask: Any = router.acompletion
        asked: Any = await ask(messages, stream=stream, user=user, max_tokens=500)
        if not stream:
            return str(asked.choices[0].message.content)
        async with asked:
            return "".join([chunk.text async for chunk in asked])
    except AllModelsFailedError as failed:
        return str(failed.attempts[-1].failure)
    except Exception as error:  # noqa: BLE001  the report of this process says what it was
        return type(error).__name__


async def harm(way: str, url: str, *, stream: bool) -> dict[str, Any]:
    """What requests of one user do to the memory, and to another user."""
    model, path, via = WAYS[way]
    policy = load(text=POLICY.format(model=model, url=url + path, via=via))
    async with Router(policy, DefaultCaller()) as router:
        await router.warm()
        await read(router, HELLO, "bob", stream=stream)
        before = peak()
        ends = [await read(router, ODD, "ada", stream=stream) for _ in range(TIMES)]
        grown = peak() - before
        after = await read(router, HELLO, "bob", stream=stream)
    return {"ends": ends, "grown": grown, "after": after}


@pytest.mark.parametrize("via", ["direct", "litellm"])
def test_an_endless_answer_is_cut_off(via: str) -> None:
    with slow_server(before=0) as url:
        done = subprocess.run(
            [sys.executable, "-m", "tests.execution.test_endless", via, url],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "ENDLESS_KEY": "sk-none"},
            capture_output=True,
            text=True,
            check=True,
        )
    reports = json.loads(done.stdout.splitlines()[-1])
    assert len(reports) == 2 * sum(way[2] == via for way in WAYS.values())
    for name, report in reports.items():
        assert report["grown"] < MOST, (name, report)
        assert set(report["ends"]) <= {"malformed", "StreamBrokenError"}, (name, report)
        assert report["after"] == "a few words", (name, report)


def report_on(via: str, url: str) -> dict[str, Any]:
    """What happens in each way of calling, whole and streamed."""
    return {
        f"{way}, {'stream' if stream else 'whole'}": asyncio.run(harm(way, url, stream=stream))
        for way in WAYS
        if WAYS[way][2] == via
        for stream in (False, True)
    }


if __name__ == "__main__":
    print(json.dumps(report_on(*sys.argv[1:])))  # noqa: T201  its report
