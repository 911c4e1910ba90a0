"""Alerts: what an operator hears, and how it is sent."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.domain.attempt import Attempt
from policy_router.domain.fallback import Degraded
from policy_router.events import (
    AlertSent,
    Attempted,
    DegradationChanged,
    Event,
    OfferChanged,
    QualityChanged,
    QuotaLow,
    ReloadRefused,
    StoreChanged,
    StoreLostData,
    Warned,
)
from policy_router.execution.health.degradation import Worse
from policy_router.loading import load
from policy_router.observe.alerts import KINDS, alert_of
from policy_router.observe.degradation_watch import EVERY, DegradationWatch
from policy_router.observe.webhook import WAITING, AlertSender
from policy_router.router.router import Router
from tests.execution.make import FakeCaller, response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy

POLICY = """
version: 1
models:
  big: { model: openai/big, tier: t, price: { input: $1/M, output: $1/M }, context: 32k,
         max_output: 1k }
limits: { daily: { requests: [2/day] } }
budgets: { team: { cap: $0.01/month, warn_at: [80%], then: block } }
"""
WITH_ALERTS = POLICY + "alerts: { webhook_env: HOOK }\n"
ID = ("id", None, 1_795_003_200.0, "rev")
SPENT = Warned(*ID, "team", "ada", "usd", 0.8, 4_000_000_000, 5_000_000_000, "month")


@contextmanager
def webhook(*statuses: int) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """A server that answers with these statuses in turn, and the paths and bodies that it got."""
    got: list[tuple[str, Any]] = []
    script = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((self.path, json.loads(body)))
            self.send_response(script.pop(0))
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", got
        finally:
            server.shutdown()
            thread.join()


def sent(
    address: str | None, *events: Event, policy: Policy | None = None, tries: int = 2
) -> list[tuple[str, bool, str]]:
    """How the alerts of events ended."""
    ended: list[tuple[str, bool, str]] = []
    done = threading.Semaphore(0)

    def on_end(kind: str, delivered: bool, why: str) -> None:
        ended.append((kind, delivered, why))
        done.release()

    found = load(text=WITH_ALERTS) if policy is None else policy
    environ = {} if address is None else {"HOOK": address}
    sender = AlertSender(lambda: found, on_end, pauses=(0.0,) * tries, environ=environ)
    for event in events:
        sender(event)
    for _ in events if found.alerts.webhook_env else ():
        assert done.acquire(timeout=60)
    sender.close()
    sender.close()
    return ended


# -- what is an alert --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "kind", "text"),
    [
        (SPENT, "budget", "budget `team` of `ada` has passed 80%: $4.00 of $5.00 a month are used"),
        (
            Warned(*ID, "all", "-", "tokens", 0.95, 95, 100, "day"),
            "budget",
            "budget `all` has passed 95%: 95 of 100 tokens a day are used",
        ),
        (
            QuotaLow(*ID, "limits", "free", "requests", 0.95, 48, 50, "day"),
            "quota",
            "quota `free` is about to run out: 48 of 50 requests a day are used",
        ),
        (
            DegradationChanged(*ID, "big", worse=True, detail="80% of 20 calls succeeded"),
            "degraded",
            "model `big` does worse than usual: 80% of 20 calls succeeded",
        ),
        (
            DegradationChanged(*ID, "big", worse=False, detail=""),
            "degraded",
            "model `big` is back to normal",
        ),
        (
            QualityChanged(*ID, "big", "code", worse=True, usual=0.1),
            "quality",
            "answers of model `big` are rejected more often than usual",
        ),
        (
            QualityChanged(*ID, "big", "code", worse=False, usual=0.1),
            "quality",
            "answers of model `big` are back to normal",
        ),
        (
            ReloadRefused(*ID, "policy.yaml:3:1: unknown field", 1),
            "reload_refused",
            "changed policy files are not used: policy.yaml:3:1: unknown field",
        ),
        (
            StoreChanged(*ID, up=False, detail="refused"),
            "store",
            "the store of counters is unreachable: refused",
        ),
        (
            StoreChanged(*ID, up=True, detail=""),
            "store",
            "the store of counters can be reached again",
        ),
        (
            OfferChanged(*ID, "gone", "big", "ollama", "`q` is not offered by ollama", "remove it"),
            "offer",
            "model `big` is no longer offered: `q` is not offered by ollama",
        ),
        (
            OfferChanged(*ID, "goes away", "big", "", "`q` is switched off on 2026-12-20", ""),
            "offer",
            "model `big` goes away: `q` is switched off on 2026-12-20",
        ),
        (
            OfferChanged(
                *ID, "more expensive", "big", "openrouter", "it costs $2", "change `price`"
            ),
            "offer",
            "model `big` costs more than the policy says: it costs $2",
        ),
        (
            StoreLostData(*ID, lost=True, detail="3 holds"),
            "store_lost_data",
            "the store of counters has lost data: 3 holds",
        ),
        (
            StoreLostData(*ID, lost=False, detail=""),
            "store_lost_data",
            "the store of counters has its data again",
        ),
    ],
)
def test_an_alert_says_in_a_sentence_what_happened(event: Event, kind: str, text: str) -> None:
    alert = alert_of(event)
    assert alert is not None
    assert (alert.kind, alert.text, alert.at) == (kind, text, ID[2])
    assert type(event) in KINDS
    assert not {"id", "request_id", "time", "revision"} & set(alert.details)


@pytest.mark.parametrize(
    "event",
    [
        ReloadRefused(*ID, "policy.yaml:3:1: unknown field `{}`\n", 1),
        StoreChanged(*ID, up=False, detail="{} is refused\n"),
        StoreLostData(*ID, lost=True, detail="{}\n"),
        DegradationChanged(*ID, "big", worse=True, detail="{}\n"),
    ],
)
def test_no_part_of_an_alert_contains_a_credential(
    event: ReloadRefused | StoreChanged | StoreLostData | DegradationChanged,
) -> None:
    key = "sk-ant-api03-" + "a1B2" * 10
    alert = alert_of(replace(event, detail=event.detail.format(key)))
    assert alert is not None
    for shown in (alert.text, str(alert.details["detail"])):
        assert "a1B2" not in shown
        assert shown.isprintable()


def test_other_events_are_no_alerts() -> None:
    assert alert_of(AlertSent(*ID, "budget", delivered=True, detail="")) is None
    assert alert_of(OfferChanged(*ID, "new", "q", "ollama", "free", "")) is None


# -- sending -----------------------------------------------------------------------------------


def test_an_alert_is_posted_as_json() -> None:
    with webhook(200) as (address, got):
        assert sent(f"{address}/hooks/x?token=y", SPENT) == [("budget", True, "")]
    policy = load(text=WITH_ALERTS)
    assert got == [
        (
            "/hooks/x?token=y",
            {
                "text": "policy-router, policy `policy`: budget `team` of `ada` has passed 80%: "
                "$4.00 of $5.00 a month are used",
                "kind": "budget",
                "policy": "policy",
                "revision": policy.revision,
                "at": "2026-11-18T12:00:00+00:00",
                "details": {
                    "budget": "team", "subject": "ada", "metric": "usd", "share": 0.8,
                    "spent": 4_000_000_000, "cap": 5_000_000_000, "window": "month",
                },
            },
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("statuses", "tries", "ended"),
    [
        ((500, 429, 204), 3, ("budget", True, "")),
        ((503, 503, 503), 3, ("budget", False, "the address answered with status 503")),
        ((404,), 1, ("budget", False, "the address answered with status 404")),
        ((302,), 1, ("budget", False, "the address answered with status 302")),
        ((307,), 1, ("budget", False, "the address answered with status 307")),
    ],
)
def test_what_may_succeed_later_is_tried_again_and_redirects_are_not_followed(
    statuses: tuple[int, ...], tries: int, ended: tuple[str, bool, str]
) -> None:
    with webhook(*statuses) as (address, got):
        assert sent(address, SPENT) == [ended]
    assert [path for path, _ in got] == ["/"] * tries


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (None, "the variable HOOK has no address that begins with http:// or https://"),
        ("ftp://x", "the variable HOOK has no address that begins with http:// or https://"),
        ("http://[", "the variable HOOK has no address that begins with http:// or https://"),
        ("http://x:99999", "the variable HOOK has no address that begins with http:// or https://"),
        ("http://127.0.0.1:1/", "the address cannot be reached: ConnectionRefusedError"),
        ("http://127.0.0.1:1/a b", "the address cannot be reached: InvalidURL"),
    ],
)
def test_an_address_that_cannot_be_used_is_named_by_its_variable(
    address: str | None, why: str
) -> None:
    assert sent(address, SPENT) == [("budget", False, why)]


def test_a_policy_without_alerts_sends_none() -> None:
    assert sent("http://127.0.0.1:1/", SPENT, policy=load(text=POLICY)) == []


def test_what_does_not_fit_is_given_up_and_reported() -> None:
    ended: list[tuple[str, bool, str]] = []
    found = load(text=WITH_ALERTS)
    sender = AlertSender(lambda: found, lambda *end: ended.append(end), pauses=(3600.0,))
    sender.close()
    sender(SPENT)
    assert ended == [("budget", False, "too many alerts wait to be sent")]
    assert WAITING > 1


def test_a_forked_child_starts_again() -> None:
    found = load(text=WITH_ALERTS)
    sender = AlertSender(lambda: found, lambda *_: None, environ={})
    sender.close()
    sender.after_fork_in_child()
    sender(SPENT)
    assert sender._thread is not None
    sender.close()


# -- from a request to an alert ------------------------------------------------------------------


def test_a_budget_and_a_quota_alert_without_text_of_the_prompt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = {"prompt_tokens": 4_000, "completion_tokens": 900}
    answers = [response("an answer of secrets", usage=usage) for _ in range(2)]
    ends: list[AlertSent] = []
    done = threading.Semaphore(0)

    def observe(event: Event) -> None:
        if isinstance(event, AlertSent):
            ends.append(event)
            done.release()

    async def run(router: Router) -> None:
        for _ in range(2):
            await router.acompletion(
                [{"role": "user", "content": "a prompt of secrets"}], max_tokens=900
            )

    with webhook(200, 200) as (address, got):
        monkeypatch.setenv("HOOK", address)
        policy = load(text=WITH_ALERTS)
        with Router(policy, FakeCaller(big=answers), on_event=observe) as router:
            asyncio.run(run(router))
            for _ in range(2):
                assert done.acquire(timeout=60)
    assert {end.kind for end in ends} == {"budget", "quota"}
    assert all(end.delivered for end in ends)
    assert {body["kind"] for _, body in got} == {"budget", "quota"}
    assert "secrets" not in json.dumps(got)


def test_quotas_are_watched_only_where_somebody_hears_of_them() -> None:
    def shares(text: str) -> dict[str, tuple[float, ...]]:
        return {limit.name: limit.warn_at for limit in load(text=text).limits}

    assert shares(POLICY) == {"daily": (), "team": (0.8,)}
    assert shares(WITH_ALERTS) == {"daily": (0.95,), "team": (0.8,)}


# -- degraded ------------------------------------------------------------------------------------


def test_a_model_that_does_worse_is_reported_once_and_so_is_its_recovery() -> None:
    worse: dict[str, Worse] = {}
    now = [100.0]
    rule: list[Degraded | None] = [Degraded()]
    changes: list[tuple[str, bool, str]] = []
    watch = DegradationWatch(
        lambda: rule[0], lambda _rule, _at: worse, lambda: now[0],
        lambda model, bad, why: changes.append((model, bad, why)),
    )  # fmt: skip
    ended = Attempted(*ID, Attempt("big", "openai/big", 0.0, 1.0))
    watch(SPENT)
    watch(ended)
    worse["big"] = Worse("slow")
    watch(ended)
    assert changes == []  # it has just looked
    now[0] += EVERY
    watch(ended)
    now[0] += EVERY
    watch(ended)
    assert changes == [("big", True, "slow")]
    rule[0] = None
    now[0] += EVERY
    watch(ended)
    assert changes == [("big", True, "slow"), ("big", False, "")]
