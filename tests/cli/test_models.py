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
from policy_router.execution.health.cooldown import Cooldowns
from policy_router.execution.health.shared_health import SharedHealth
from policy_router.experience.keeper import ExperienceKeeper
from policy_router.experience.recorder import OutcomeRecorder
from policy_router.ledger.open import open_store
from policy_router.providers.failures.failure import Failure, FailureKind
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
    assert head.split() == [
        "model", "provider", "model", "tier", "price", "latency", "quality", "context", "can",
        "tags", "state",
    ]  # fmt: skip
    assert rows[0].split()[:6] == ["small", "openai/small", "light", "free", "2", "s"]
    assert "$1.00/M in, $2.00/M out" in rows[1]
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


FILTERED = """\
version: 1
tiers: [light, heavy]
models:
  small:
    model: ollama_chat/small
    tier: light
    price: free
    context: 32k
    tags: [local]
  eyes: { model: openai/eyes, tier: heavy, price: { input: $1/M, output: $4/M }, can: [vision] }
  both:
    like: eyes
    can: [vision, tools]
    price: { input: $0.50/M, output: $1/M }
    api_base_env: SOME_SERVER
    quality: 0.9
  dear: { model: anthropic/claude-haiku-4-5, tier: heavy }
prefer: [cheapest]
budgets: { all: { cap: $10/month, then: block } }
"""


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy with models that differ in all that can be asked for."""
    path = tmp_path / "several.yaml"
    path.write_text(FILTERED)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("OPENAI_API_KEY", "a key")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    return path


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ((), ["small", "eyes", "both", "dear"]),
        (("--can", "vision"), ["eyes", "both", "dear"]),
        (("--can", "vision, tools"), ["both", "dear"]),
        (("--tier", "light"), ["small"]),
        (("--max-price", "$1/M"), ["small", "both"]),
        (("--max-price", "4"), ["small", "eyes", "both"]),
        (("--free",), ["small"]),
        (("--free", "--tier", "heavy"), []),
    ],
)
def test_models_are_chosen(several: Path, options: tuple[str, ...], names: list[str]) -> None:
    told = run("models", "-p", several, "--json", *options).json
    assert [each["model"] for each in told["models"]] == names


def test_that_no_model_is_wanted_is_said(several: Path) -> None:
    done = run("models", "-p", several, "--free", "--tier", "heavy")
    assert (done.code, done.err) == (0, "none of the 4 models matches all of these filters\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--can", "visoin"), "unknown ability `visoin`; did you mean `vision`?"),
        (("--tier", "haevy"), "unknown tier `haevy`; did you mean `heavy`?"),
        (("--max-price", "/M"), "write one such as $0.10/M"),
        (("smal",), "unknown model or action `smal`; did you mean `small`?"),
        (("shwo", "small"), "unknown action `shwo`; did you mean `show`?"),
        (("compare", "small"), "needs the names of two models"),
        (("remove",), "needs the name of a model"),
        (("set", "small"), "needs the name of a model and KEY=VALUE"),
        (("set", "small", "tier"), "is not KEY=VALUE"),
        (("add", "mini", "openai/gpt-5.4-mini"), "such as `model=openai/gpt-5.4-mini`"),
    ],
)
def test_what_is_asked_wrongly(several: Path, options: tuple[str, ...], said: str) -> None:
    done = run("models", "-p", several, *options)
    assert (done.code, done.out) == (2, "")
    assert said in " ".join(done.err.split())


def test_the_state_says_what_is_missing(several: Path) -> None:
    told = run("models", "-p", several, "--json").json["models"]
    assert [each["state"] for each in told] == [
        "ready", "ready", "SOME_SERVER is not set", "ANTHROPIC_API_KEY is not set",
    ]  # fmt: skip
    assert told[0]["context"] == 32_000
    assert told[0]["tags"] == ["local"]
    assert told[1]["abilities"] == ["vision"]


def test_a_model_that_rests(several: Path, tmp_path: Path) -> None:
    url, now = f"sqlite:///{tmp_path}/rest.db", time.time()
    policy = load(several)

    async def fail_often() -> None:
        store = open_store(url)
        shared = SharedHealth(store, lambda: now)
        failure = Failure(FailureKind.SERVER_ERROR, "broken", sent=True)
        Cooldowns(lambda: now, shared=shared).trip(
            policy.model("small"), failure, policy.fallback.cooldown
        )
        await shared.exchange()
        await store.aclose()

    asyncio.run(fail_often())
    told = run("models", "-p", several, "--state", url, "--json").json["models"]
    assert told[0]["state"].startswith("open until ")


def test_a_list_without_its_store(several: Path, tmp_path: Path) -> None:
    (tmp_path / "other.db").write_text("no ledger")
    done = run("models", "-p", several, "--state", f"sqlite:///{tmp_path}/other.db")
    assert done.code == 0
    assert "cooldowns are unknown: " in done.err


def test_each_value_has_an_origin(several: Path) -> None:
    told = run("models", "-p", several, "both", "--json").json
    values = told["values"]
    assert values["tier"] == {
        "value": "heavy", "origin": "policy", "file": str(several), "line": 10,
    }  # fmt: skip
    assert values["price"]["line"] == 14
    assert values["price"]["value"] == {
        "input_usd_per_million": "0.5", "output_usd_per_million": "1",
    }  # fmt: skip
    assert values["context"] == {"value": None, "origin": "unknown", "file": None, "line": None}
    assert told["measured"] is None
    dear = run("models", "-p", several, "show", "dear", "--json").json["values"]
    assert dear["context"]["origin"].endswith(", `claude-haiku-4-5`")
    assert dear["quality"]["origin"] == "default"


def test_a_model_as_people_read_it(several: Path) -> None:
    done = run("models", "-p", several, "small")
    head, *rows = done.out.splitlines()
    assert (done.code, head) == (0, "small: ready")
    table = [row.split() for row in rows]
    assert ["price", "free", f"{several}:7"] in table
    assert ["context", "32k", "tokens", f"{several}:8"] in table
    assert ["max_output", "unknown", "unknown"] in table


def test_what_was_measured_is_among_the_values(place: tuple[str, str]) -> None:
    done = run("models", "-p", place[0], "--state", place[1], "large")
    assert "40 calls" in done.out
    assert run("models", "-p", place[0], "--state", place[1], "large", "--json").json["measured"]


def test_two_models_side_by_side(several: Path, place: tuple[str, str]) -> None:
    told = run("models", "-p", several, "compare", "eyes", "both", "--json").json
    rows = {row["field"]: row for row in told["values"]}
    assert rows["tier"]["equal"]
    assert rows["can"]["values"] == [["vision"], ["tools", "vision"]]
    assert rows["api_base_env"]["values"] == [None, "SOME_SERVER"]
    assert told["measured"] is None
    lines = run("models", "-p", several, "compare", "eyes", "both").out.splitlines()
    assert lines[0].split() == ["eyes", "both"]
    assert ["quality", "0.667", "0.9"] in [line.split() for line in lines]
    both = ("compare", "small", "large", "--measured")
    measured = run("models", "-p", place[0], "--state", place[1], *both)
    assert "measured succeed" in measured.out
    told = run("models", "-p", place[0], "--state", place[1], *both, "--json").json
    assert [each["calls"] for each in told["measured"]] == [0, 40]


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
