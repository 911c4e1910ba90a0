"""A decision as plain JSON values."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from policy_router import Request, UsageError
from policy_router.diagnostics import Span
from policy_router.domain.decision import Candidate, Decision, Reason, RuleReasons, Skip
from policy_router.domain.models import Model
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.domain.rules import Task
from policy_router.domain.situation import Situation

FREE = Model("free", "ollama_chat/a", "light", 0, FREE_PRICE, True)
PAID = Model("paid", "openai/b", "heavy", 1, Price(10**9, 2 * 10**9))
UNPRICED = Model("unpriced", "openai/c", "heavy", 1)


def decision(*skips: Skip, request: Request | None = None) -> Decision:
    situation = Situation(request or Request(tokens=1000, max_tokens=500), task=Task("code"))
    models = (FREE, PAID, UNPRICED)
    return Decision(
        revision="rev",
        situation=situation,
        candidates=tuple(Candidate(m, "free", "free first") for m in models),
        reasons=RuleReasons(("private",), skips[:1]),
        further=skips[1:],
        id="d1",
    )


def test_a_decision_is_plain_json() -> None:
    span = Span("p.yaml", 0, 3, 5, 1)
    made = decision(
        Skip("big", Reason.ONLY, "excluded", span=span),
        Skip("slow", Reason.COOLING, "in cooldown", until=1_800_000_000.2),
        request=Request(tokens=1000, max_tokens=500, confidence=0.75),
    )
    shape = made.as_dict()
    assert json.loads(json.dumps(shape)) == shape
    assert shape == {
        "id": "d1",
        "revision": "rev",
        "task": "code",
        "complexity": None,
        "score": None,
        "confidence": 0.75,
        "denied": None,
        "invalid": False,
        "candidates": [
            {
                "model": name,
                "calls": calls,
                "tier": tier,
                "free": name == "free",
                "cost_usd": cost,
                "price_until": None,
                "placed_by": "free",
                "why": "free first",
            }
            for name, calls, tier, cost in (
                ("free", "ollama_chat/a", "light", "0"),
                ("paid", "openai/b", "heavy", "0.002"),
                ("unpriced", "openai/c", "heavy", None),
            )
        ],
        "skipped": [
            {
                "model": "big",
                "reason": "only",
                "detail": "excluded",
                "until": None,
                "at": str(span),
            },
            {
                "model": "slow",
                "reason": "cooling",
                "detail": "in cooldown",
                "until": "2027-01-15T08:00:01+00:00",
                "at": None,
            },
        ],
        "rules": ["private"],
        "shadow": [],
        "session": None,
        "arms": [],
        "learned": None,
    }


@pytest.mark.parametrize("until", [float("inf"), float("nan"), 1e30])
def test_a_time_beyond_the_calendar_is_unknown(until: float) -> None:
    assert Skip("m", Reason.COOLING, "", until=until).as_dict()["until"] is None


def test_costs_are_dollars() -> None:
    costs = [decision().cost_usd(model) for model in (FREE, PAID, UNPRICED)]
    assert costs == [0, Decimal("0.002"), None]


def test_confidence_is_what_the_request_carries() -> None:
    assert decision().confidence is None
    assert decision(request=Request(confidence=1)).confidence == 1


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_confidence_is_a_share(confidence: float) -> None:
    with pytest.raises(UsageError, match="`confidence` must be a number from 0 to 1"):
        Request(confidence=confidence)
