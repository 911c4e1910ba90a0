"""`models probe`: one token from each, with its time, its class of error and its charge."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from policy_router import Router, UsageError, load
from policy_router.providers.simulated import Behaviour, Fail, Say, Simulated
from tests.cli.run import run
from tests.execution.make import FakeCaller, response

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
version: 1
tiers: [light, heavy]
models:
  fine: { like: base, model: openai/fine }
  broken: { like: base, model: openai/broken, api_key_env: OTHER_KEY }
  thinks: { like: base, model: openai/thinks, can: [reasoning] }
  vectors: { like: base, model: openai/vectors, can: [embeddings] }
  base:
    model: openai/base
    api_base: "SERVER"
    api_key_env: SIMULATED_KEY
    via: direct
    tier: light
    price: { input: $1/M, output: $1000/M }
    context: 8k
    can: [tools]
budgets: { all: { cap: $5/day, then: block } }
"""


def policy_at(folder: Path, provider: Simulated, text: str = TEXT) -> str:
    path = folder / "policy.yaml"
    path.write_text(text.replace("SERVER", provider.url))
    return str(path)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATED_KEY", "sk-canary")
    monkeypatch.setenv("OTHER_KEY", "sk-canary-2")


def test_each_model_is_asked_for_one_token(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 8, "completion_tokens": 1, "total_tokens": 9}
    behaviours: dict[str, Behaviour] = {
        "fine": Say("x", usage=usage), "base": Say("x"), "thinks": Say("x"),
        "broken": Fail(401, message="bad key sk-canary"),
    }  # fmt: skip
    with Simulated(behaviours) as provider:
        done = run("models", "probe", "-p", policy_at(tmp_path, provider), "--json")
        most = {hit.model: hit.body["max_tokens"] for hit in provider.requests}
    assert done.code == 3
    told = {each["model"]: each for each in done.json["probes"]}
    assert list(told) == ["fine", "broken", "thinks", "vectors", "base"]
    assert most == {"fine": 1, "broken": 1, "thinks": 16, "base": 1}
    fine = told["fine"]
    assert (fine["answered"], fine["failure"], fine["cost_usd"]) == (True, None, "0.001008")
    assert fine["seconds"] >= 0
    broken = told["broken"]
    assert (broken["answered"], broken["failure"], broken["status"]) == (False, "credential", 401)
    assert "canary" not in done.out + done.err
    assert (told["vectors"]["skipped"], told["vectors"]["seconds"]) == ("ability", None)
    spent = run("usage", "-p", tmp_path / "policy.yaml", "--json").json
    charges = [float(each["cost_usd"]) for each in told.values() if each["cost_usd"]]
    (budget,) = spent["counters"]
    assert float(budget["used"]) == pytest.approx(sum(charges))


def test_some_models_as_people_read_it(tmp_path: Path) -> None:
    with Simulated({"fine": Say("x"), "broken": Fail(429)}) as provider:
        path = policy_at(tmp_path, provider)
        done = run("models", "probe", "broken", "fine", "-p", path)
        assert done.code == 3
        head, fine, broken = done.out.splitlines()
        assert head.split() == ["model", "outcome", "time", "cost", "detail"]
        assert fine.split()[:2] == ["fine", "answered"]
        assert broken.split()[:3] == ["broken", "rate_limited", "(429)"]
        assert run("models", "probe", "fine", "-p", path).code == 0
        unknown = run("models", "probe", "fien", "-p", path)
        assert (unknown.code, unknown.out) == (2, "")
        assert "did you mean `fine`?" in unknown.err


def test_budgets_hold(tmp_path: Path) -> None:
    text = TEXT.replace("cap: $5/day", "cap: $0.000001/day")
    with Simulated({"fine": Say("x")}) as provider:
        done = run("models", "probe", "fine", "-p", policy_at(tmp_path, provider, text))
        assert (done.code, provider.requests) == (0, ())
    assert "not called" in done.out
    assert "all" in done.out


def test_nothing_is_counted_where_nothing_is_limited(tmp_path: Path) -> None:
    text = TEXT.partition("budgets:")[0]
    with Simulated({"fine": Say("x")}) as provider:
        assert run("models", "probe", "fine", "-p", policy_at(tmp_path, provider, text)).code == 0
    assert not (tmp_path / "state").exists()


def test_a_program_probes_through_its_router() -> None:
    policy = load(text=TEXT.replace("SERVER", "http://localhost:1"))

    async def work() -> list[tuple[str, bool]]:
        caller = FakeCaller(fine=[response()], base=[response()])
        async with Router(policy, caller) as router:
            with pytest.raises(UsageError, match="unknown model `x`"):
                _ = [each async for each in router.probe(["x"])]
            return [(o.model.name, o.answered) async for o in router.probe(["fine", "base"])]

    assert sorted(asyncio.run(work())) == [("base", True), ("fine", True)]
