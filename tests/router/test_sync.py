"""The synchronous methods, in a process of their own where a signal ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

WAITING = """
import asyncio, signal
from policy_router import Router, load

# A shell starts what runs in the background with this signal ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

async def ask(model, body, timeout):
    print("called", flush=True)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        raise

policy = load(text="version: 1\\nmodels: { m: { model: openai/m, tier: t, price: free } }\\n")
with Router(policy, ask) as router:
    try:
        router.completion([{"role": "user", "content": "Hello!"}])
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="this system has no SIGINT for one process")
def test_an_interrupt_cancels_the_call_that_is_waited_for() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "called\n"
        program.send_signal(signal.SIGINT)
        rest = program.communicate(timeout=60)[0]
    assert sorted(rest.splitlines()) == ["cancelled", "interrupted"]
    assert program.returncode == 0
