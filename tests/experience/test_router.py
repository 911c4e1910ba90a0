"""An experiment from the policy to the event, with a router and its models."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from policy_router import Router
from policy_router.events import Decided, ExperimentEnded
from tests.own_callers import OwnCaller, answer

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.events import Event

POLICY = """\
version: 1
models:
  small: { model: openai/small, tier: t, price: free, context: 8k }
  large: { model: openai/large, tier: t, price: free, context: 8k, can: [reasoning] }
tasks: { extract: { accept: { json: true, otherwise: best } } }
fallback: { max_attempts: 1 }
experiments:
  other:
    share: 50%
    first: [large]
    stick_to: user
    stop: { guard: { success: -3% } }
"""


def no_json_when_large(name: str) -> Any:
    return answer("well" if name == "large" else "{}")


def test_an_arm_that_fails_ends_for_all_routers_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(POLICY, "utf-8")
    events: list[Event] = []

    async def ask(router: Router, users: range) -> None:
        for number in users:
            await router.acompletion([{"role": "user", "content": "Hi"}], user=f"u{number}")

    async def main(count: int) -> list[str]:
        caller = OwnCaller(no_json_when_large)
        router = Router.open(
            tmp_path / "p.yaml",
            caller=caller,
            state=f"sqlite:///{tmp_path}/state.db",
            watch="off",
            on_event=events.append,
        )
        async with router:
            await ask(router, range(count))
            await router._experiments.round()
            await ask(router, range(5))
        return caller.asked

    first = asyncio.run(main(200))
    assert {"small", "large"} == set(first[:-5])
    assert first[-5:] == ["small"] * 5
    (ended,) = [event for event in events if isinstance(event, ExperimentEnded)]
    assert (ended.experiment, ended.arm, ended.reason) == ("other", "other", "guard")
    assert (ended.measure, ended.verdict, ended.difference) == ("success", "drop", -1.0)
    decided = [event.decision for event in events if isinstance(event, Decided)]
    assert {each.arms[0].arm for each in decided[:200]} == {"other", "control"}
    assert {each.arms for each in decided[-5:]} == {()}
    assert set(asyncio.run(main(20))) == {"small"}
    assert len([event for event in events if isinstance(event, ExperimentEnded)]) == 1
