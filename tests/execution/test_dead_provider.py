"""A provider is down for several processes at once: they call it little more than one would.

The processes are real, the provider is real HTTP on loopback, and so are the stores.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import pytest

from policy_router.providers.simulated import Fail, Say, Simulated
from tests.ledger.servers import Server

if TYPE_CHECKING:
    from pathlib import Path

POLICY: Final = """\
version: 1
models:
  dead: {{ model: openai/dead, api_base: "{url}", via: direct, tier: light, price: free }}
  well: {{ model: openai/well, api_base: "{url}", via: direct, tier: light, price: free }}
"""
PROCESS: Final = """
import asyncio, json, sys
from policy_router import Router

async def ask(router):
    answer = await router.acompletion([{"role": "user", "content": "hi"}])
    return answer.served_by

async def main(policy, state, number):
    served = []
    async with Router.open(policy, state=state, watch="off") as router:
        for _ in range(number):
            served.append(asyncio.ensure_future(ask(router)))
            await asyncio.sleep(0.02)  # 50 requests a second
        print(json.dumps(await asyncio.gather(*served)))

policy, state, number = sys.argv[1:]
asyncio.run(main(policy, state, int(number)))
"""


def start(policy: Path, state: str, requests: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROCESS, str(policy), state, str(requests)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def served(process: subprocess.Popen[str]) -> list[str]:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    answers: list[str] = json.loads(output)
    return answers


@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_processes_share_what_they_know_of_a_dead_provider(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with ExitStack() as stack:
        provider = stack.enter_context(Simulated({"dead": Fail(503), "well": Say("here")}))
        state = f"sqlite:///{tmp_path}/state.db"
        if store == "redis":
            state = stack.enter_context(Server()).url
        policy = tmp_path / "policy.yaml"
        policy.write_text(POLICY.format(url=provider.url))

        together = [start(policy, state, 100) for _ in range(2)]
        answers = [name for process in together for name in served(process)]
        assert answers == ["well"] * 200
        assert len(provider.requests) <= 1.2 * len(answers)

        before = sum(hit.model == "dead" for hit in provider.requests)
        assert served(start(policy, state, 50)) == ["well"] * 50  # as after a restart
        after = sum(hit.model == "dead" for hit in provider.requests)
        assert after - before <= 2, "one probe, and what was begun before the first look"
