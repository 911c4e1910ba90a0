"""Claude Code, Codex and opencode, the programs themselves, finish a task through the server.

Each plays it over upstreams of every dialect, undisturbed, with a model that fails in the middle,
and with a rule that moves the session to another model in the middle. `make agents` installs the
programs; where they are missing, these tests are skipped and say so.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest

from policy_router import Router
from policy_router.events import Answered, Event
from policy_router.providers.simulated import ByBody, Fail, Say, Simulated
from policy_router.server.app import closes, create_app
from tests.agents.model import DONE, NOTES, next_turn, results_of
from tests.agents.programs import AGENTS, FOLDER, LIMIT, Agent, run
from tests.server.serving import served

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

POLICY: Final = """\
version: 1
models:
  first: {model}
  second: {model}
aliases:
  claude-auto: [first, second]
rules: {rules}
"""
MODEL: Final = (
    '{{ model: {provider}/NAME, api_base: "{url}", via: direct, tier: light, price: free, '
    "context: 200k, can: [tools, json, vision, reasoning] }}"
)
UPSTREAMS: Final = {
    "chat": "openai",
    "messages": "anthropic",
    "responses": "openai/responses",
}
MOVED: Final = "[{ name: moved, only: [second] }]"
EACH_AGENT = [
    pytest.param(
        agent,
        id=agent.name,
        marks=pytest.mark.skipif(
            agent.program is None, reason=f"{agent.name} is not in {FOLDER}: see `make agents`"
        ),
    )
    for agent in AGENTS
]


class Upstream:
    """Two models that play the task; the policy for them; and who was asked at which turn."""

    def __init__(self, folder: Path, dialect: str) -> None:
        self.asked: list[tuple[str, int]] = []
        self.before: Callable[[str, int], Fail | None] = lambda _model, _turn: None
        self._file = folder / "policy.yaml"
        self._dialect = dialect
        self.provider = Simulated(
            {name: ByBody(self._playing(name)) for name in ("first", "second")}
        )

    def _playing(self, name: str) -> Callable[[Mapping[str, Any]], Say | Fail]:
        def play(body: Mapping[str, Any]) -> Say | Fail:
            turn = results_of(body)
            if body.get("tools"):
                self.asked.append((name, turn))
            return self.before(name, turn) or next_turn(body)

        return play

    def write_policy(self, rules: str) -> Path:
        """Write the policy with other rules."""
        url = self.provider.url.removesuffix("/v1" if self._dialect == "messages" else "")
        model = MODEL.format(provider=UPSTREAMS[self._dialect], url=url)
        text = POLICY.format(model=model, rules=rules)
        for name in ("first", "second"):
            text = text.replace("NAME", name, 1)
        self._file.write_text(text)
        return self._file


@pytest.mark.timeout(LIMIT + 60)
@pytest.mark.parametrize("event", ["nothing", "failure", "rule"])
@pytest.mark.parametrize("dialect", UPSTREAMS)
@pytest.mark.parametrize("agent", EACH_AGENT)
def test_an_agent_finishes_its_task(
    agent: Agent, dialect: str, event: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "none")
    upstream, answered = Upstream(tmp_path, dialect), list[Answered]()

    def observe(happened: Event) -> None:
        if isinstance(happened, Answered):
            answered.append(happened)

    with ExitStack() as stack:
        stack.enter_context(upstream.provider)
        file = upstream.write_policy("[]")
        router = stack.enter_context(Router.open(file, watch="off", on_event=observe))

        def before(model: str, turn: int) -> Fail | None:
            if model == "first" and turn >= 1 and event == "failure":
                return Fail(500)
            if turn == 1 and event == "rule":
                upstream.write_policy(MOVED)
                router.reload()
            return None

        upstream.before = before
        url = stack.enter_context(served(create_app(router, lifespan=closes(router))))
        ended = run(agent, tmp_path, url, "claude-auto")
    assert (ended.code, ended.notes) == (0, NOTES), ended.output
    assert DONE in ended.output
    last = {"nothing": "first", "failure": "second", "rule": "second"}[event]
    assert upstream.asked[0] == ("first", 0)
    assert upstream.asked[-1] == (last, 2)
    assert answered[-1].served_by == last
    sessions = {each.decision.request.session for each in answered}
    assert len(sessions) == 1
    assert None not in sessions
