"""The requests of coding agents: those made up here, and recorded ones where there are any.

POLICY_ROUTER_RECORDED names a folder of files {"path", "headers", "body"}.
"""

from __future__ import annotations

import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from policy_router.domain.dialect import Dialect
from policy_router.domain.models import Model
from policy_router.providers.anthropic_wire.caller import AnthropicWireCaller
from policy_router.providers.openai_wire.caller import OpenAIWireCaller
from policy_router.providers.requests.body import Body
from policy_router.server.dialects.translators import TRANSLATORS
from tests.agent_bodies import AGENTS, Call, Human, title_calls
from tests.agent_bodies import Model as Said

_STEPS: list[Human | Said | Call] = [
    Human("fix the test"),
    Call("Bash", {"command": "make test"}, "1 failed", failed=True),
    Said("It fails because of a typo."),
    Human("then repair it"),
]
_DIALECTS = {
    "messages": Dialect.MESSAGES,
    "responses": Dialect.RESPONSES,
    "completions": Dialect.CHAT,
}


def bodies() -> dict[str, tuple[Dialect, dict[str, Any]]]:
    """Each request with its dialect, by its name."""
    made = {name: make(_STEPS) for name, make in AGENTS.items()}
    made |= {f"{name}-title": sent for name, sent in title_calls("fix the test").items()}
    found = {name: (Dialect(sent.dialect), sent.body) for name, sent in made.items()}
    folder = os.environ.get("POLICY_ROUTER_RECORDED")
    for path in sorted(Path(folder).glob("*.json")) if folder else ():
        record = json.loads(path.read_text())
        name = record["path"].partition("?")[0].rpartition("/")[2]
        found[path.stem] = (_DIALECTS[name], record["body"])
    return {name: each for name, each in found.items() if each[0] in TRANSLATORS}


BODIES = bodies()
EACH_BODY = pytest.mark.parametrize("name", BODIES)


@EACH_BODY
@pytest.mark.parametrize(
    ("caller", "model"),
    [
        (AnthropicWireCaller(), "anthropic/claude-opus-4-8"),
        (OpenAIWireCaller(), "openai/gpt-5"),
        (OpenAIWireCaller(), "mistral/mistral-large"),
    ],
)
def test_a_request_of_an_agent_can_be_sent_to_every_provider(
    name: str, caller: Any, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "MISTRAL_API_KEY"):
        monkeypatch.setenv(variable, "k")
    dialect, body = BODIES[name]
    before = deepcopy(body)
    request = TRANSLATORS[dialect].read_request(body)
    assert body == before
    assert request.stream
    wire = caller.make_request(Model("m", model, "heavy", 2), Body(**request.body), stream=True)
    sent = json.loads(wire.body)
    offered = [tool for tool in body.get("tools", ()) if tool.get("type") != "web_search"]
    assert len(sent.get("tools", ())) >= len(offered) - 1
    assert set(request.dropped) <= {
        "context_management", "store", "include", "prompt_cache_key", "client_metadata",
        "reasoning.summary", "tools[8] (`web_search`)",
    }  # fmt: skip
