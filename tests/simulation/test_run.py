"""Traffic through a policy: what fails, what it costs, how it recovers."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from policy_router import load
from policy_router.base_errors import UsageError
from policy_router.classification.classifier import Classifier
from policy_router.decision.decide import decide
from policy_router.domain.request import Request
from policy_router.domain.snapshot import Snapshot
from policy_router.observe.records import record_of
from policy_router.replay.log import LogLine
from policy_router.simulation.reading import read_scenario
from policy_router.simulation.run import simulate
from policy_router.simulation.traffic import Arrival, logged, made_up

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.simulation.result import SimulationResult

POLICY = """\
version: 1
tiers: [light, heavy]
attributes: { plan: [free, pro] }
models:
  own: { model: ollama_chat/a, tier: light, price: free, context: 32k, tags: [here], latency: 1s }
  dear: { model: openai/b, tier: heavy, price: { input: $1/M, output: $10/M }, context: 32k }
tasks: { code: {}, chat: {} }
sessions: { keep: model }
experiments: { try: { share: 20%, first: [dear], when: { task: code } } }
fallback: { deadline: 20s }
"""
BUDGET = "budgets: { team: { cap: $100/day } }\n"
HEAD = "duration: 10m\nrate: 1/s\n"


def run(scenario: str, policy: str = POLICY + BUDGET) -> SimulationResult:
    loaded = load(text=policy)
    read = read_scenario("s.yaml", (HEAD + scenario).encode(), loaded)
    return simulate(loaded, read, made_up(read, Classifier(loaded), Random(read.seed)))  # noqa: S311  no secret


def figures(result: SimulationResult) -> SimulationResult:
    return replace(result, seconds=0.0)


def test_quiet_traffic_is_answered_for_nothing() -> None:
    result = run("")
    total = result.total
    assert 500 < total.requests < 700
    assert (total.availability, total.free_share, total.amplification) == (1.0, 1.0, 1.0)
    assert (total.cost, result.starving, result.recoveries) == (0, [], ())
    assert 0.8 < total.seconds / total.answered < 1.3
    assert sum(tally.requests for tally in result.slices) == total.requests


def test_equal_seeds_give_equal_results() -> None:
    events = "events: [{ at: 1m, for: 2m, models: [own], fault: errors, share: 50% }]\n"
    one, same, other = run(events), run(events), run(f"{events}seed: 2\n")
    assert figures(one) == figures(same)
    assert figures(one) != figures(other)


def test_an_outage_moves_requests_to_the_next_model_and_back() -> None:
    result = run("events: [{ name: down, at: 3m, for: 3m, models: [here], fault: outage }]\n")
    assert result.total.availability == 1.0
    before, during, after = (result.slices[i].free_share for i in (10, 25, 55))
    assert (before, during, after) == (1.0, 0.0, 1.0)
    assert result.total.cost > 0
    assert 1.0 < (result.total.amplification or 0) < 1.2
    (recovery,) = result.recoveries
    assert (recovery.name, recovery.ended, recovery.requests) == ("down", 360, 0)
    assert 0 < (recovery.models or 0) < 240


def test_an_outage_without_another_model_is_felt() -> None:
    alone = POLICY + "rules: [{ name: r, only: [here] }]\n" + BUDGET
    result = run("events: [{ at: 3m, for: 3m, models: [here], fault: outage }]\n", alone)
    assert 0.5 < (result.total.availability or 0) < 0.75
    assert result.total.refused > result.total.failed > 0
    assert result.reasons.most_common(1)[0][0] == "cooling"
    (recovery,) = result.recoveries
    assert recovery.requests is not None


@pytest.mark.parametrize("fault", ["rate_limit", "errors", "hang"])
def test_other_faults_are_passed_over(fault: str) -> None:
    result = run(f"events: [{{ at: 1m, for: 5m, models: [own], fault: {fault} }}]\n")
    assert (result.total.availability or 0) > 0.97
    assert (result.total.free_share or 0) < 0.8
    own = result.models["own"]
    assert own.answered < own.calls


def test_a_slow_model_is_slow_and_failures_are_its_own() -> None:
    slow = run("events: [{ at: 0s, models: [own], slower: 4x }]\n")
    assert slow.total.seconds / slow.total.answered > 3
    failing = run("models: { own: { failures: 30% } }\n")
    own = failing.models["own"]
    assert own.answered < own.calls
    assert failing.total.availability == 1.0


def test_prices_and_budgets_change() -> None:
    paid = POLICY + "rules: [{ name: r, avoid: [here] }]\n" + BUDGET
    usual = run("", paid)
    rise = "models: [dear], price: { input: $2/M, output: $20/M } }]\n"
    dear = run(f"events: [{{ at: 5m, {rise}", paid)
    assert 1.3 < dear.total.cost / usual.total.cost < 1.7
    back = run(f"events: [{{ at: 5m, for: 1m, {rise}", paid)
    assert usual.total.cost < back.total.cost < dear.total.cost
    capped = run("events: [{ at: 0s, budgets: { team: $0.50 } }]\n", paid)
    assert capped.total.cost < 600_000_000
    assert capped.reasons.most_common(1)[0][0] == "budget"


def test_more_traffic_at_a_time() -> None:
    result = run("events: [{ at: 5m, for: 2m, traffic: 5x }]\n")
    calm, rush = (sum(t.requests for t in result.slices[a : a + 10]) for a in (10, 31))
    assert rush > 3 * calm


def test_who_starves() -> None:
    limit = "limits: { each: { per: user, requests: [5/min] } }\n"
    traffic = "traffic: [{ share: 50%, name: few, users: 1 }, { share: 50%, users: 30 }]\n"
    result = run(traffic, POLICY + BUDGET + limit)
    assert [user for user, _ in result.starving] == ["few-0"]
    assert result.reasons == {"rate_limit": result.total.refused}
    refused = result.groups["few"].refused
    assert refused / result.groups["few"].requests > 0.5


def test_denials_have_their_reason() -> None:
    deny = POLICY + "rules: [{ name: r, when: { plan: free }, deny: not for free }]\n" + BUDGET
    result = run("traffic: [{ request: { plan: free, tags: x, stream: true } }]\n", deny)
    assert result.reasons == {"denied: not for free": result.total.requests}
    assert (result.total.free_share, result.total.availability) == (None, 0.0)
    nobody = run("traffic: [{ request: { needs: vision } }]\n")
    assert set(nobody.reasons) == {"ability"}


def test_facts_that_make_no_request() -> None:
    with pytest.raises(UsageError, match="tags"):
        run("traffic: [{ request: { tags: 5 } }]\n")


def line(policy: Policy, at: float | None, task: str = "code") -> LogLine:
    snapshot = Snapshot(now=at)
    decision = replace(decide(policy, Request(task=task), snapshot), snapshot=snapshot)
    record = record_of(decision, time=1.0)
    return LogLine("log", 1, {**record, "attempts": [{"tokens_out": 77}, {"tokens_out": None}]})


def test_the_requests_of_a_log() -> None:
    policy = load(text=POLICY)
    lines = [
        line(policy, 1000.0), line(policy, None), LogLine("log", 2, None), LogLine("log", 3, {}),
        line(policy, 1010.0, "chat"), line(policy, 1006.0),
    ]  # fmt: skip
    found = list(logged(lines, 2.0))
    assert [(a.at, a.group, a.output) for a in found] == [
        (0.0, "code", 77), (5.0, "chat", 77), (5.0, "code", 77),
    ]  # fmt: skip
    bare = LogLine("log", 4, {**(lines[0].record or {}), "attempts": 5, "task": None})
    assert [(a.group, a.output) for a in logged([bare])] == [("requests", 300)]


def test_sessions_go_on_with_their_model() -> None:
    policy = load(text=POLICY + BUDGET)
    scenario = read_scenario("s.yaml", HEAD.encode(), policy)
    asked = Request(task="chat", session="s", tokens=9, model="dear")
    later = Request(task="chat", session="s", tokens=9)
    arrivals = [Arrival(1.0, "x", asked, 9), Arrival(60.0, "x", later, 9)]
    result = simulate(policy, scenario, arrivals)
    assert result.models["dear"].answered == 2


@pytest.mark.parametrize(
    "capped", ["max_output: 20", "params: { max_tokens: 20 }", "defaults: { max_tokens: 20 }"]
)
def test_an_answer_is_cut_off_where_the_model_ends_it(capped: str) -> None:
    paid = "price: { input: $0/M, output: $1000/M }"
    policy = f"version: 1\nmodels: {{ m: {{ model: openai/m, tier: any, {paid}, {capped} }} }}\n"
    result = run("traffic: [{ output: 500 }]\n", policy + BUDGET)
    total = result.total
    assert total.answered == total.requests > 0
    assert total.cost == total.answered * 20 * 10**6
