"""`policy-router experiments`: arms, verdicts, and the patch that makes the winner the policy."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from policy_router.check.report import inspect_path
from policy_router.experience.tallying import topic_of
from policy_router.ledger.open import open_store
from policy_router.ledger.tallies import DAY, TallyBatch, TallyStore
from tests.cli.run import run

if TYPE_CHECKING:
    from pathlib import Path

    from policy_router.decision.policy import Policy

POLICY = """\
version: 1
tiers: [light, heavy]
models:
  small: { model: ollama_chat/qwen2.5:7b, tier: light, price: free, context: 32k }
  large: { model: ollama_chat/qwen2.5:72b, tier: heavy, price: free, context: 32k }
tasks: { code: { keywords: [def] }, chat: {} }
experiments:
  # large models may talk better
  talk:
    when: { task: chat }              # only talk
    share: 50%
    first: [large]
    stick_to: user
    stop: { confidence: 95%, guard: { latency: +50% } }
    until: 2099-12-31
  # ask for code from the other one
  code:
    when: { task: code }
    arms:
      one: { share: 20%, first: [large] }
      two: { share: 20%, first: [small] }
    measure: cost

rules:
  # ours
  - name: long
    when: tokens > 9000
    first: [large]
"""


class Place:
    """A policy and a state store."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "policy.yaml"
        self.path.write_text(POLICY, "utf-8")
        self.state = f"sqlite:///{folder}/state.db"

    @property
    def policy(self) -> Policy:
        found = inspect_path(self.path).policy
        assert found is not None
        return found

    def count(self, experiment: int, arm: str, requests: int, successes: int) -> None:
        """Count requests of an arm, each of another user."""
        day = int(time.time() // DAY)
        counts = {
            (day, f"{arm} {user}"): {
                "requests": requests // 200, "successes": successes // 200, "priced": 1,
                "nano_usd": 1000, "timed": 1, "microseconds": 500_000,
            }
            for user in range(200)
        }  # fmt: skip
        topic = topic_of(self.policy.experiments[experiment])

        async def add() -> None:
            store = open_store(self.state)
            assert isinstance(store, TallyStore)
            await store.add_tallies(TallyBatch(topic, f"{arm} of the test", 1, counts))
            await store.aclose()

        asyncio.run(add())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_before_any_request(place: Place) -> None:
    done = run("experiments", "-p", str(place.path), "--state", place.state)
    assert done.code == 0
    assert "talk: success, 0 requests, until 2099-12-31; all intervals hold with 95%" in done.out
    assert "too few requests" in done.out


def test_a_winner_becomes_the_policy_by_a_patch_that_keeps_comments(place: Place) -> None:
    place.count(0, "talk", 800, 800)
    place.count(0, "control", 800, 600)
    done = run("experiments", "talk", "-p", str(place.path), "--state", place.state, "--json")
    (found,) = done.json["experiments"]
    (arm,) = found["arms"]
    assert (arm["verdict"], arm["ended"], arm["requests"]) == ("keep", "confidence", 800)
    assert arm["difference"] == pytest.approx(0.25)
    assert 0 < arm["low"] < 0.25 < arm["high"]
    assert [guard["measure"] for guard in arm["guards"]] == ["latency"]
    removed = [line[1:] for line in found["patch"].splitlines() if line.startswith("-")]
    added = [line[1:] for line in found["patch"].splitlines() if line.startswith("+")]
    assert [line for line in removed if "# ours" in line or "ask for code" in line] == []
    assert added[1:] == [
        "  - name: talk (an experiment kept it)",
        "    when: \"task == 'chat'\"",
        "    first: [large]",
    ]
    shown = run("experiments", "talk", "-p", str(place.path), "--state", place.state).out
    assert "put `large` first by a rule before all others, and remove experiment `talk`" in shown
    assert "+25.0 points" in shown
    assert "+    first: [large]" in shown


def test_route_and_explain_name_the_arm_of_a_user(place: Place) -> None:
    seen = set()
    for user in ("ada", "bob", "cid", "dan", "eve"):
        done = run("route", "-p", str(place.path), "--task", "chat", "--user", user, "--json")
        (arm,) = done.json["arms"]
        first = done.json["candidates"][0]["model"]
        assert first == ("large" if arm["arm"] == "talk" else "small")
        seen.add(arm["arm"])
        text = run("explain", "-p", str(place.path), "--task", "chat", "--user", user).out
        name = "arm `talk`" if arm["arm"] == "talk" else "the control"
        assert f"in {name} of `talk`, like 50% of users" in text
    assert seen == {"talk", "control"}


def test_an_arm_that_ended_is_not_drawn(place: Place) -> None:
    place.count(0, "talk", 800, 600)
    place.count(0, "control", 800, 800)
    argv = ("-p", str(place.path), "--state", place.state)
    done = run("route", *argv, "--task", "chat", "--user", "ada", "--json")
    assert done.json["arms"] == []
    (found,) = run("experiments", "talk", *argv, "--json").json["experiments"]
    assert (found["arms"][0]["verdict"], found["over"]) == ("drop", True)
    assert "first: [large]" not in found["patch"].replace("-    first: [large]", "")


def test_an_unknown_experiment(place: Place) -> None:
    done = run("experiments", "tolk", "-p", str(place.path))
    assert done.code == 2
    assert "talk" in done.err


def test_a_policy_without_experiments(place: Place) -> None:
    place.path.write_text(POLICY[: POLICY.index("experiments:")], "utf-8")
    done = run("experiments", "-p", str(place.path))
    assert done.out == "the policy has no experiments\n"
