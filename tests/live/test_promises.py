"""A policy that breaks a promise is not used: not at the start, and not under load."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest

from policy_router import PolicyError, Router
from policy_router.assurance.promises import ProofVerdict
from policy_router.events import Event, ReloadRefused
from policy_router.live.status import ReloadState

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.domain.models import Model
    from policy_router.providers.requests.body import Body

HEAD: Final = """version: 1
tags: [private]
tiers: [light, heavy]
models:
  near: { model: hosted_vllm/near, api_base: "http://127.0.0.1:9/v1", tier: light, price: free,
          context: 8k, tags: [local] }
  far: { model: openai/far, tier: heavy, price: free, context: 8k }
rules:
  - { name: private stays, when: { tags: private }, only: [local], shadow: SHADOW }
  - { name: far first, first: [far] }
invariants:
  - { name: private never leaves, when: { tags: private }, never: [far] }
"""
GOOD: Final = HEAD.replace("SHADOW", "false")
BROKEN: Final = HEAD.replace("SHADOW", "true")
OPTIONS: Final[dict[str, Any]] = {"watch": "off", "settle": 0.01, "settle_loss": 0.0}


def say(model: Model, _body: Body, _timeout: float) -> str:
    return f"I am {model.name}"


def test_a_reload_that_breaks_a_promise_serves_no_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(GOOD)
    heard: list[Event] = []

    async def ask(router: Router, answered: list[tuple[str, str]], over: asyncio.Event) -> None:
        while not over.is_set():
            for tags in (["private"], []):
                answer = await router.acompletion([{"role": "user", "content": "hi"}], tags=tags)
                answered.append((answer.served_by, answer.decision.revision))
                if tags:
                    assert answer.served_by == "near"

    async def load(router: Router) -> list[tuple[str, str]]:
        answered: list[tuple[str, str]] = []
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(ask(router, answered, over))
            for text in (BROKEN, GOOD, BROKEN) * 2:
                file.write_text(text)
                await asyncio.to_thread(router.reload)
                enough = len(answered) + 20
                while len(answered) < enough:  # noqa: ASYNC110  the callers tell nobody
                    await asyncio.sleep(0)
            over.set()
        return answered

    with Router.open(file, caller=say, on_event=heard.append, **OPTIONS) as router:
        revision = router.policy.revision
        answered = asyncio.run(load(router))
        assert {asked for _, asked in answered} == {revision}
        assert {model for model, _ in answered} == {"near", "far"}
        status = router.status()
        assert status.state is ReloadState.DEGRADED
        assert [error.rule for error in status.errors] == ["broken-promise"]
        promises = router.promises()
    assert promises.revision == revision
    assert promises.since == status.loaded_at
    assert [proof.verdict for proof in promises.proofs] == [ProofVerdict.PROVED]
    refused = [event for event in heard if isinstance(event, ReloadRefused)]
    assert len(refused) == 4
    assert "promise `private never leaves` (never) is broken" in refused[0].detail
    assert "policy NOT reloaded" in caplog.text


def test_no_router_starts_with_a_broken_promise(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(BROKEN)
    with pytest.raises(PolicyError) as caught, Router.open(file, caller=say, **OPTIONS):
        pytest.fail("it has started")
    assert "private never leaves" in str(caught.value)
    file.write_text(GOOD)
    with Router.open(file, caller=say, **OPTIONS) as router:
        assert len(router.promises().proofs) == 1


def test_a_policy_of_the_program_itself_is_proved_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(GOOD)
    with Router.open(file, caller=say, **OPTIONS) as opened:
        router = Router(opened.policy, say)
        assert router.promises().proofs == opened.promises().proofs
