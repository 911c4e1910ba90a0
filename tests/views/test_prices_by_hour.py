"""Prices by the hour and weights, as decisions show them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from policy_router import Request, Snapshot, decide, load
from policy_router.views.decision import as_json, candidates
from policy_router.views.lines import Table

if TYPE_CHECKING:
    from policy_router.domain.decision import Decision

BERLIN = ZoneInfo("Europe/Berlin")
TEXT = """\
version: 1
timezone: Europe/Berlin
models:
  peaks:
    model: hosted_vllm/peaks
    tier: standard
    context: 32k
    price:
      input: $1/M
      output: $2/M
      at: [{ hours: 22:00-06:00, input: $3/M }]
  flat:
    model: hosted_vllm/flat
    tier: standard
    context: 32k
    price: { input: $9/M, output: $9/M }
  own: { model: ollama_chat/own, tier: standard, context: 32k, price: free, weight: 2.5 }
  other: { model: ollama_chat/other, tier: standard, context: 32k, price: free }
prefer: [free, cheapest]
budgets: { all: { cap: $10/month } }
"""


def decided(now: str | None) -> Decision:
    moment = None
    if now is not None:
        moment = datetime.fromisoformat(now).replace(tzinfo=BERLIN).timestamp()
    request = Request(tokens=1000, max_tokens=1000)
    return decide(load(text=TEXT), request, Snapshot(moment))


@pytest.mark.parametrize(
    ("now", "cost"),
    [
        ("2026-11-18T12:00", "$0.003 until 22:00:00 CET"),
        ("2026-11-18T23:00", "$0.005 until 2026-11-19 06:00:00 CET"),
        ("2026-11-19T05:59:59", "$0.005 until 06:00:00 CET"),
        (None, "$0.003"),
    ],
)
def test_a_cost_is_shown_with_the_time_at_which_the_price_changes(
    now: str | None, cost: str
) -> None:
    (table,) = candidates(decided(now), BERLIN)
    assert isinstance(table, Table)
    costs = [str(row[3]) for row in table.rows][1:]
    assert costs == ["free", "free, weight 2.5", cost, "$0.018"]


def test_json_has_the_time_in_the_zone_of_the_policy() -> None:
    shown = json.loads(json.dumps(as_json(decided("2026-11-18T12:00"), BERLIN)))["candidates"]
    assert [(each["price_until"], each.get("weight")) for each in shown] == [
        (None, None),
        (None, 2.5),
        ("2026-11-18T22:00:00+01:00", None),
        (None, None),
    ]
