"""Coding agents in the middle of a task, each in its own dialect, over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx
import pytest

from policy_router import Router
from policy_router.events import Decided
from policy_router.providers.simulated import Fail, Say, Simulated
from policy_router.server.app import closes, create_app
from tests.agent_bodies import AGENTS, Call, Human, title_calls
from tests.server.serving import served

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.events import Event
    from policy_router.providers.simulated import Behaviour

PATHS: Final = {
    "chat": "/v1/chat/completions", "messages": "/v1/messages?beta=true",
    "responses": "/v1/responses",
}  # fmt: skip
ENDS: Final = {
    "chat": "data: [DONE]", "messages": "event: message_stop", "responses": "response.completed",
}  # fmt: skip
POLICY: Final = """\
version: 1
tiers: [light, heavy]
models:
  one: {{ model: openai/one, api_base: "{url}", via: direct, tier: heavy, price: free,
          context: 200k, can: [tools, json] }}
  two: {{ model: openai/two, api_base: "{url}", via: direct, tier: heavy, price: free,
          context: 200k, can: [tools, json] }}
aliases: {{ "*": [heavy] }}
sessions: {{ keep: model }}
"""
STEPS: Final = (
    Human("Find the bug."), Call("Read", {"path": "a.py"}, "x = 1"), Human("And fix it."),
)  # fmt: skip


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_at_work(tmp_path: Path, agent: str) -> None:
    """One session keeps one model, until that fails; its title is told apart."""
    path = tmp_path / "policy.yaml"
    events: list[Event] = []
    scripts: dict[str, Behaviour | list[Behaviour]] = {
        "one": [Say("a"), Say("b"), Fail(500)],
        "two": Say("c"),
    }
    with Simulated(scripts) as provider:
        path.write_text(POLICY.format(url=provider.url))
        with (
            Router.open(path, watch="off", on_event=events.append) as router,
            served(create_app(router, lifespan=closes(router))) as address,
            httpx.Client(base_url=address, timeout=60) as client,
        ):
            served_by = []
            for length in (1, 2, 3, 3):
                sent = AGENTS[agent](STEPS[:length])
                stream = {**sent.body, "stream": True}
                answer = client.post(PATHS[sent.dialect], json=stream, headers=sent.headers)
                assert answer.status_code == 200, answer.text
                assert ENDS[sent.dialect] in answer.text
                served_by.append(answer.headers["x-policy-router-model"])
            assert served_by == ["one", "one", "two", "two"]
            if agent in title_calls(""):
                sent = title_calls("Find the bug.")[agent]
                answer = client.post(PATHS[sent.dialect], json=sent.body, headers=sent.headers)
                assert answer.status_code == 200, answer.text
    requests = [event.decision.request for event in events if isinstance(event, Decided)]
    assert {request.client for request in requests} == {agent}
    assert len({request.session for request in requests[:4]} - {None}) == 1
    assert [request.housekeeping for request in requests] == [False] * 4 + [True] * (
        agent in title_calls("")
    )
    assert all("tools" in request.needs for request in requests[:4])
