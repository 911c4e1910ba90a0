"""free-quota-unused: when it is suggested, and when it is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from policy_router.language.write.text_edit import apply
from policy_router.suggestions.free_quota_unused import suggestions
from policy_router.suggestions.traffic import Traffic
from tests.suggestions.make import TASKS, calls, observed

if TYPE_CHECKING:
    from policy_router.experience.counts import OutcomeCounts
    from policy_router.experience.nodes import OutcomeKey

MODELS = """\
version: 1
tiers: [light, heavy]
models:
  dear: { model: openai/a, tier: light, price: { input: $1/M, output: $2/M } }
  gift: { model: openai/b, tier: light, price: free }
  small: { model: openai/c, tier: light, price: free }
  large: { model: openai/d, tier: heavy, price: free }
budgets: { all: { cap: $500/month } }
"""
QUOTA = "limits: { quota: { models: [gift], requests: [1000/day] } }\n"
TASK = TASKS.replace("[extract] }", "[extract], first: [dear] }")
PAID = calls("dear", 3_000, 30, cost=1_000_000)


def seen(
    text: str, counted: dict[OutcomeKey, OutcomeCounts] | None = None, used: int = 100,
    days: int = 30,
) -> list[str]:  # fmt: skip
    traffic = Traffic(3_000, {}, {"gift": {20_000: used, 20_001: 1}}, days)
    known = replace(observed(text, PAID if counted is None else counted), traffic=traffic)
    return [f"{each.sentence}, {each.effect}" for each in suggestions(known)]


def test_a_free_model_goes_first() -> None:
    text = MODELS + QUOTA + TASK
    known = replace(observed(text, PAID), traffic=Traffic(3_000, {}, {"gift": {1: 100}}, 30))
    (proposed,) = suggestions(known)
    assert proposed.sentence == "for task `extract`, put the free model `gift` before `dear`"
    assert proposed.evidence.text == (
        "of 1,000 free requests a day under limit `quota`, at most 100 were made on a day, while "
        "`dear` was paid for 3,000 calls"
    )
    assert proposed.effect == "saves up to $0.10 a day"
    changed = apply(proposed.edits, known.sources)["p.yaml"]
    assert changed == text.replace("first: [dear]", "first: [gift, dear]")


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (MODELS + QUOTA + TASK, {"used": 501}),
        (MODELS + QUOTA + TASK, {"days": 6}),
        (MODELS + QUOTA + TASK, {"counted": calls("dear", 10, cost=1_000_000)}),
        (MODELS + QUOTA + TASK, {"counted": {**PAID, **calls("gift", 200, 60)}}),
        (MODELS + QUOTA.replace("[gift]", "[gift, dear]") + TASK, {}),
        (MODELS + QUOTA.replace("1000/day", "1000/min") + TASK, {}),
        (MODELS + QUOTA.replace("{ models", "{ per: user, models") + TASK, {}),
        (MODELS + TASK, {}),
        (MODELS + QUOTA + TASK.replace("[dear]", "[large]"), {"counted": calls("large", 3_000)}),
    ],
)
def test_when_it_is_not(text: str, known: dict[str, int]) -> None:
    assert seen(text, **known) == []  # type: ignore[arg-type]  # of a table


@pytest.mark.parametrize(
    ("window", "number"), [("7000/week", 1), ("31000/month", 1), ("100/2d", 0)]
)
def test_a_quota_may_last_longer(window: str, number: int) -> None:
    assert len(seen(MODELS + QUOTA.replace("1000/day", window) + TASK)) == number
