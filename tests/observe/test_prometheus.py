"""Metrics: what happened is counted once, under labels whose number is bounded."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from policy_router.domain.attempt import Attempt
from policy_router.errors import RoutingError
from policy_router.events import (
    AlertSent,
    Answered,
    Attempted,
    BreakerChanged,
    Decided,
    DegradationChanged,
    Event,
    ExperimentEnded,
    FunctionChanged,
    JudgedAnswer,
    OfferChanged,
    QuotaLow,
    SourceChanged,
    StoreChanged,
    StoreLostData,
    Warned,
)
from policy_router.loading import load
from policy_router.observe.prometheus import PrometheusMetrics
from policy_router.providers.failures.failure import Failure, FailureKind
from policy_router.router.router import Router
from tests.execution.make import FakeCaller, decision, response

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """
version: 1
name: team
tiers: [light, heavy]
models:
  small: { model: openai/small, tier: light, price: { input: $1/M, output: $2/M } }
  big: { model: openai/big, tier: heavy, price: { input: $1/M, output: $2/M } }
budgets:
  all: { cap: $5/month }
  each: { cap: $1/day, per: user }
limits:
  calls: { requests: [20/min] }
rules:
  - { name: private, when: "'private' in tags", only: [small] }
"""


USED = SimpleNamespace(prompt_tokens=1_000_000, completion_tokens=500_000)


def values(metrics: PrometheusMetrics) -> dict[str, float]:
    """Every sample by its name and labels, as Prometheus reads them, without times."""
    found = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            if not sample.name.endswith(("_created", "_bucket", "_sum")):
                labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def served() -> PrometheusMetrics:
    metrics = PrometheusMetrics()
    caller = FakeCaller(
        small=[Failure(FailureKind.SERVER_ERROR, status=500)] * 4 + [response("one")],
        big=[response("two", usage=USED)],
    )
    with Router(load(text=POLICY), caller, on_event=metrics) as router:
        metrics.follow(router)

        async def ask() -> None:
            ask = [{"role": "user", "content": "hi"}]
            await router.acompletion(ask, user="ada")
            await router.aroute(ask)
            with pytest.raises(RoutingError):
                await router.acompletion(ask, tags=["private"], model="big")

        asyncio.run(ask())
    return metrics


def test_requests_attempts_and_fallbacks() -> None:
    found = values(served())
    assert found["policy_router_requests_total{model=big,outcome=answered}"] == 1
    assert found["policy_router_requests_total{model=,outcome=denied}"] == 1
    assert found["policy_router_attempts_total{model=big,outcome=ok}"] == 1
    assert found["policy_router_fallbacks_total{from=small,reason=server_error,to=big}"] == 1
    assert found["policy_router_request_duration_seconds_count{outcome=answered}"] == 1
    assert found["policy_router_rule_hits_total{rule=private}"] == 1
    assert found["policy_router_skipped_total{model=big,reason=only}"] == 1
    assert found["policy_router_tokens_total{direction=input,model=big}"] == 1_000_000
    assert found["policy_router_cost_dollars_total{model=big}"] == 2


def test_limits_show_their_use_next_to_their_cap() -> None:
    found = values(served())
    assert found["policy_router_limit_cap{limit=budgets/all,metric=usd,window=month}"] == 5
    assert found["policy_router_limit_cap{limit=limits/calls,metric=requests,window=min}"] == 20
    used = found["policy_router_limit_used{limit=budgets/all,metric=usd,window=month}"]
    assert used == pytest.approx(2, abs=0.1)
    assert not any("budgets/each" in name for name in found), "counters of single users"


def test_the_active_policy_is_named() -> None:
    (info,) = [name for name in values(served()) if name.startswith("policy_router_policy_info")]
    assert "name=team" in info


def test_states_of_the_router() -> None:
    metrics = PrometheusMetrics()
    identity = ("id", None, 1.0, None)
    events: list[Event] = [
        StoreChanged(*identity, up=False, detail="gone"),
        StoreLostData(*identity, lost=True, detail="gone"),
        ExperimentEnded(*identity, "e", "a", "guard", "drop", "success", -0.1, -0.2, -0.05, 90),
        FunctionChanged(*identity, function="a:b", up=False, detail="slow"),
        BreakerChanged(*identity, "model", "m", "opened", 2.0, "timeout"),
        BreakerChanged(*identity, "model", "n", "opened", 2.0, "timeout"),
        BreakerChanged(*identity, "model", "n", "closed", 2.0, "timeout"),
        Warned(*identity, "all", "-", "usd", 0.8, 4, 5, "month"),
        QuotaLow(*identity, "limits", "free", "requests", 0.95, 48, 50, "day"),
        DegradationChanged(*identity, "m", worse=True, detail="slow"),
        OfferChanged(*identity, "gone", "m", "ollama", "not offered", "remove it"),
        SourceChanged(*identity, "ollama", "http://gpu-1:11434", up=False, detail="no answer"),
        AlertSent(*identity, "budget", delivered=True, detail=""),
        AlertSent(*identity, "budget", delivered=False, detail="gone"),
        JudgedAnswer(
            *identity, decision(), Attempt("m", "openai/m", 0.0, 1.0, first_token=0.5), passed=None
        ),
    ]
    for event in events:
        metrics(event)
    found = values(metrics)
    assert found["policy_router_store_up{}"] == 0
    assert found["policy_router_store_lost_data{}"] == 1
    assert found["policy_router_function_up{function=a:b}"] == 0
    ended = "policy_router_experiments_ended_total{arm=a,experiment=e,reason=guard,verdict=drop}"
    assert found[ended] == 1
    assert found["policy_router_breaker_open{name=m,scope=model}"] == 1
    assert found["policy_router_breaker_open{name=n,scope=model}"] == 0
    assert found["policy_router_budget_warnings_total{budget=all,share=0.8}"] == 1
    assert found["policy_router_judged_answers_total{verdict=none}"] == 1
    quota = "policy_router_quota_warnings_total{metric=requests,quota=limits/free,window=day}"
    assert found[quota] == 1
    assert found["policy_router_model_degraded{model=m}"] == 1
    assert found["policy_router_alerts_total{kind=budget,result=delivered}"] == 1
    assert found["policy_router_alerts_total{kind=budget,result=failed}"] == 1
    assert found["policy_router_offer_changes_total{kind=gone}"] == 1
    assert found["policy_router_source_up{address=http://gpu-1:11434,source=ollama}"] == 0
    assert found["policy_router_time_to_first_token_seconds_count{model=m}"] == 1


def test_streams_that_break_are_distinguished_from_calls_that_fail() -> None:
    metrics = PrometheusMetrics()
    for first_token in (None, 0.5):
        broken = Attempt("m", "openai/m", 0.0, 1.0, failure="timeout", first_token=first_token)
        metrics(Attempted("id", "r", 1.0, "rev", broken))
    found = values(metrics)
    assert found["policy_router_attempts_total{model=m,outcome=timeout}"] == 2
    assert found["policy_router_stream_breaks_total{model=m,reason=timeout}"] == 1


def test_requests_in_flight_and_the_models_of_the_policy() -> None:
    metrics = PrometheusMetrics()
    during: list[float] = []

    def observe(event: Event) -> None:
        metrics(event)
        during.append(values(metrics)["policy_router_requests_in_flight{}"])

    with Router(load(text=POLICY), FakeCaller(small=[response("x")]), on_event=observe) as router:
        metrics.follow(router)
        asyncio.run(router.acompletion([{"role": "user", "content": "hi"}]))
    assert (max(during), during[-1]) == (1, 0)
    found = values(metrics)
    assert found["policy_router_model_info{free=false,model=big,tier=heavy}"] == 1
    assert found["policy_router_policy_up_to_date{}"] == 1


def test_flags_of_costs() -> None:
    metrics = PrometheusMetrics()
    attempt = Attempt("m", "openai/m", 0.0, 1.0, estimated=True, overrun=True)
    metrics(JudgedAnswer("id", "r", 1.0, "rev", decision(), attempt, passed=True))
    found = values(metrics)
    assert found["policy_router_cost_flags_total{flag=estimated,model=m}"] == 1
    assert found["policy_router_cost_flags_total{flag=overrun,model=m}"] == 1


def test_an_answer_whose_beginning_was_not_seen_has_no_duration() -> None:
    seen: list[Event] = []
    with Router(load(text=POLICY), FakeCaller(small=[response("x")]), on_event=seen.append) as r:
        asyncio.run(r.acompletion([{"role": "user", "content": "hi"}]))
    (decided,) = [event for event in seen if isinstance(event, Decided)]
    (answered,) = [event for event in seen if isinstance(event, Answered)]
    metrics = PrometheusMetrics()
    metrics(replace(answered, request_id=None))
    metrics(replace(decided, decision=replace(decided.decision, snapshot=None, candidates=())))
    found = values(metrics)
    assert found["policy_router_requests_total{model=small,outcome=answered}"] == 1
    assert not any(name.startswith("policy_router_request_duration") for name in found)


def test_reloads_accepted_and_refused(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    metrics, seen = PrometheusMetrics(), list[tuple[str, str]]()
    router = Router.open(
        file,
        caller=FakeCaller(),
        watch="off",
        settle=0.01,
        settle_loss=0.0,
        on_event=metrics,
        on_reload=lambda old, new: seen.append((old.revision, new.revision)),
    )
    with router:
        first = router.policy.revision
        file.write_text(POLICY.replace("$5/month", "$6/month"))
        router.reload()
        metrics.follow(router)
        assert values(metrics)["policy_router_policy_up_to_date{}"] == 1
        file.write_text(POLICY.replace("budgets:", "bugdets:"))
        router.reload()
        found = values(metrics)
        assert found["policy_router_policy_up_to_date{}"] == 0
        assert seen == [(first, router.policy.revision)]
    assert found["policy_router_policy_reloads_total{result=accepted}"] == 1
    assert found["policy_router_policy_reloads_total{result=refused}"] == 1
