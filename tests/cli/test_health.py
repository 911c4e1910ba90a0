"""`health`: which models are not called, and lifting what keeps them away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from policy_router import load
from policy_router.domain.fallback import Cooldown
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.execution.health.shared_health import SharedHealth
from policy_router.ledger.open import open_store
from policy_router.providers.failures.failure import Failure, FailureKind
from tests.cli.run import run
from tests.cli.spent import COUNTED, NOON, stop_the_clock

if TYPE_CHECKING:
    from pathlib import Path

RULE = Cooldown(failures=2, within=60, duration=60)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store that knows an open breaker of one model and a rest of another."""
    stop_the_clock(monkeypatch, NOON)
    found = f"sqlite:///{tmp_path}/ledger.db"
    policy = load(COUNTED)

    async def fail() -> None:
        store = open_store(found, lambda: NOON)
        shared = SharedHealth(store, lambda: NOON)
        cooldowns = Cooldowns(lambda: NOON, shared=shared)
        for _ in range(2):
            cooldowns.failed(policy.models[0], Failure(FailureKind.TIMEOUT), RULE)
        rest = Failure(FailureKind.RATE_LIMITED, retry_after=90)
        cooldowns.failed(policy.models[1], rest, RULE)
        await shared.exchange()
        await store.aclose()

    asyncio.run(fail())
    return found


def states(url: str, *more: str) -> dict[str, str]:
    models = run("health", "--policy", COUNTED, "--state", url, "--json", *more).json["models"]
    return {each["model"]: each["state"] for each in models}


def test_a_table_of_the_models(url: str) -> None:
    first, second, *_ = load(COUNTED).models
    done = run("health", "--policy", COUNTED, "--state", url)
    assert (done.code, done.err) == (0, "")
    head, *rows = done.out.splitlines()
    assert head.split() == ["model", "state", "until", "at", "fault", "cause"]
    assert rows[0].split() == [first.name, "open", "13:01:00", "CET", "model", "timeout"]
    assert rows[1].split() == [second.name, "cooldown", "13:01:30", "CET", "model", "rate_limited"]


def test_as_json(url: str) -> None:
    first = load(COUNTED).models[0].name
    told = run("health", "--policy", COUNTED, "--state", url, "--json").json
    assert told["lifted"] is None
    assert told["models"][0] == {
        "model": first,
        "state": "open",
        "until": "2026-11-18T13:01:00+01:00",
        "at_fault": "model",
        "cause": "timeout",
        "times": 1,
    }


def test_a_breaker_that_is_lifted(url: str) -> None:
    first, second, *_ = (model.name for model in load(COUNTED).models)
    done = run("health", "--policy", COUNTED, "--state", url, "--lift", first)
    assert (done.code, done.err) == (0, f"{first}: lifted\n")
    assert states(url)[first] == "ok"
    assert states(url)[second] == "cooldown"
    assert run("health", "--policy", COUNTED, "--state", url, "--lift", first).err == (
        f"{first}: nothing to lift\n"
    )
    told = run("health", "--policy", COUNTED, "--state", url, "--lift", second, "--json").json
    assert told["lifted"] == second
    assert set(states(url).values()) == {"ok"}


def test_a_model_of_which_only_the_processes_that_call_it_know(url: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "version: 1\nmodels:\n  m: { model: openai/m, tier: t, price: free, context: 8k }\n"
        "fallback: { degraded: { success: 90%, then: skip } }\n"
    )
    done = run("health", "--policy", str(path), "--state", url, "--lift", "m")
    told = (
        "m: nothing to lift in the store; every process that shares it observes the model afresh\n"
    )
    assert (done.code, done.err) == (0, told)


def test_a_model_that_there_is_not(url: str) -> None:
    first = load(COUNTED).models[0].name
    done = run("health", "--policy", COUNTED, "--state", url, "--lift", f"{first}x")
    assert (done.code, done.out) == (2, "")
    assert f"`{first}`" in done.err


def test_an_unused_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_the_clock(monkeypatch, NOON)
    missing = f"sqlite:///{tmp_path}/none.db"
    assert set(states(missing).values()) == {"ok"}
    assert set(states(missing, "--lift", load(COUNTED).models[0].name).values()) == {"ok"}
    assert not (tmp_path / "none.db").exists()


def test_a_store_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "other.db").write_text("not a database, but a text that is long enough" * 40)
    done = run("health", "--policy", COUNTED, "--state", f"sqlite:///{tmp_path}/other.db")
    assert (done.code, done.out) == (2, "")
