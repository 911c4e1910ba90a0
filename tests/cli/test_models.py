"""`models`: what a policy declares of its models, and what was measured of them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from policy_router import load
from policy_router.decision.decide import decide
from policy_router.domain.attempt import Attempt
from policy_router.domain.request import Request
from policy_router.events import Answered
from policy_router.experience.keeper import ExperienceKeeper
from policy_router.experience.recorder import OutcomeRecorder
from policy_router.ledger.open import open_store
from tests.cli.run import run

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: openai/small, tier: light, price: free, latency: 2s }
  large: { model: openai/large, tier: heavy, price: { input: $1/M, output: $2/M } }
  other: { model: openai/other, tier: heavy }
tasks: { form: { keywords: [invoice], accept: { json: true } }, chat: {} }
learning: { mode: adjust }
prefer: [fastest]
budgets: { all: { cap: $10/month, then: block } }
"""


@pytest.fixture
def place(tmp_path: Path) -> tuple[str, str]:
    """A policy file, and a store with forty calls of one of its models."""
    path, url = tmp_path / "policy.yaml", f"sqlite:///{tmp_path}/state.db"
    path.write_text(TEXT)
    policy = load(path)
    decision = decide(policy, Request(task="form"))
    now = time.time()

    async def count() -> None:
        store = open_store(url)
        recorder = OutcomeRecorder(lambda: policy)
        for number in range(40):
            passed = number % 4 > 0
            attempt = Attempt(
                "large", "openai/large", now, 1.0, None if passed else "rejected",
                tokens_in=100, tokens_out=50, cost_nano_usd=200_000,
                passed=("json",) if passed else (), rejected=() if passed else ("json",),
            )  # fmt: skip
            recorder(Answered("e", "d", now, policy.revision, decision, (attempt,), "large"))
        keeper = ExperienceKeeper(store, recorder, lambda: policy)
        await keeper.aclose()
        await store.aclose()

    asyncio.run(count())
    return str(path), url


def test_a_table_of_what_is_declared(place: tuple[str, str]) -> None:
    done = run("models", "--policy", place[0])
    assert (done.code, done.err) == (0, "")
    head, *rows = done.out.splitlines()
    assert head.split() == ["model", "calls", "tier", "price", "latency", "quality"]
    assert rows[0].split()[:6] == ["small", "openai/small", "light", "free", "2", "s"]
    assert "$1.00 in, $2.00 out /M" in rows[1]
    assert rows[2].split()[3] == "unknown"


def test_a_table_of_what_was_measured(place: tuple[str, str]) -> None:
    done = run("models", "-p", place[0], "--state", place[1], "--measured")
    assert (done.code, done.err) == (0, "")
    _, small, large, _ = done.out.splitlines()
    assert "0 calls" in small
    assert "40 calls" in large
    assert "75.0% (59.8% to 85.8%)" in large
    assert "50" in large.split()


def test_as_json(place: tuple[str, str]) -> None:
    told = run("models", "-p", place[0], "--state", place[1], "--task", "form", "--json").json
    small, large, _ = told["models"]
    assert small["measured"]["success"] is None
    assert large["measured"]["calls"] == 40
    assert large["measured"]["quality"] == {
        "value": 0.75, "low": 0.5981, "high": 0.8581, "samples": 40,
    }  # fmt: skip
    assert large["measured"]["cost_usd"] == "0.0002"
    assert large["input_usd_per_million"] == "1"
    other = run("models", "-p", place[0], "--state", place[1], "--task", "chat", "--json").json
    assert other["models"][1]["measured"]["calls"] == 0
    declared = run("models", "-p", place[0], "--json").json
    assert "measured" not in declared["models"][0]


def test_a_route_is_decided_by_what_was_measured(place: tuple[str, str]) -> None:
    done = run("route", "-p", place[0], "--state", place[1], "--task", "form", "--json", "hello")
    first, *_ = done.json["candidates"]
    assert first["model"] == "large"
    assert first["why"].endswith(" s measured over 40 calls")


def test_a_task_that_the_policy_does_not_have(place: tuple[str, str]) -> None:
    done = run("models", "-p", place[0], "--task", "from")
    assert (done.code, done.out) == (2, "")
    assert "unknown task `from`; did you mean `form`?" in done.err


def test_a_store_that_cannot_be_used(place: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "other.db").write_text("no ledger")
    done = run("models", "-p", place[0], "--measured", "--state", f"sqlite:///{tmp_path}/other.db")
    assert (done.code, done.out) == (2, "")
    assert "other.db" in done.err
