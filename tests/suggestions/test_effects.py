"""What a suggestion would have made of logged requests, and what the journal says of traffic."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from policy_router.domain.outcome import Outcome, RequestEnding, Role
from policy_router.journal.address import JournalAddress
from policy_router.journal.reader import JournalReader
from policy_router.suggestions.effects import MOST, measured_effect, recent_calls
from policy_router.suggestions.put_first import put_first
from policy_router.suggestions.registry import all_suggestions
from policy_router.suggestions.suggestion import EffectMethod
from policy_router.suggestions.traffic import Refusals, traffic
from tests.journal.make import DAY, NOON, answered, write
from tests.suggestions.make import HEAD, TASKS, calls, observed

if TYPE_CHECKING:
    from pathlib import Path


def first_calls(number: int, share: float | None = None) -> tuple[Outcome, ...]:
    """Calls of `one`, which fails every third time; every other one of `two` where it was drawn."""
    return tuple(
        Outcome(
            at=NOON, decision=f"d{n}", task="extract" if n % 5 else "chat",
            model="two" if share and n % 2 else "one", ok=bool(share and n % 2) or n % 3 > 0,
            cost=2_000_000 if share and n % 2 else 1_000_000, propensity=share,
        )
        for n in range(number)
    )  # fmt: skip


def test_requests_are_decided_again() -> None:
    seen = replace(observed(HEAD + TASKS), recent=first_calls(50))
    (task, *_) = seen.policy.tasks
    effect = measured_effect(seen, put_first(seen, task, "two"))
    assert effect is not None
    assert (effect.method, effect.requests, effect.moved) == (EffectMethod.REPLAY, 50, 0.8)
    assert (effect.cost, effect.reward) == (None, None)
    assert str(effect) == "replay over 50 logged requests: 80.0% ask another model first"


def test_rewards_are_estimated_where_propensities_are_logged() -> None:
    seen = replace(observed(HEAD + TASKS), recent=first_calls(2_000, 0.5))
    (task, *_) = seen.policy.tasks
    effect = measured_effect(seen, put_first(seen, task, "two"))
    assert effect is not None
    assert effect.method is EffectMethod.OFF_POLICY
    assert effect.cost == 800_000
    assert effect.reward is not None
    value, low, high = effect.reward
    assert low < value < high
    assert value == pytest.approx(0.8 + 0.2 * 2 / 3, abs=0.01)
    assert str(effect).startswith(
        "off-policy over 2,000 logged requests: 80.0% ask another model first, +$0.0008 per "
        "request, 93.3% good first answers in place of 83.3% (90 % interval 9"
    )


def test_no_effect_is_stated_without_edits_or_requests() -> None:
    seen = observed(HEAD + TASKS)
    (task, *_) = seen.policy.tasks
    assert measured_effect(seen, put_first(seen, task, "two")) is None
    assert measured_effect(replace(seen, recent=first_calls(5)), ()) is None
    unknown = (Outcome(at=NOON, decision="d", task="gone", model="one"),)
    assert measured_effect(replace(seen, recent=unknown), put_first(seen, task, "two")) is None


def test_every_suggestion_has_its_effect() -> None:
    counted = {**calls("one", 300, 90), **calls("two", 200, 2, role=Role.AFTER_REJECTION)}
    seen = replace(observed(HEAD + TASKS, counted), recent=first_calls(50))
    (proposed,) = all_suggestions(seen)
    assert proposed.kind == "demote-unreliable"
    assert proposed.measured is not None
    assert proposed.measured.moved == 0.8


def test_traffic_and_calls_are_read_from_the_journal(tmp_path: Path) -> None:
    address = JournalAddress.parse(f"sqlite:///{tmp_path}/journal.db")
    refused = {"role": Role.REFUSED, "model": "", "ok": False, "ending": RequestEnding.DENIED}
    rows = [answered(f"d{n}", at=NOON + n % 3 * DAY) for n in range(9)]
    rows += [answered(f"r{n}", at=NOON, failure="budget", **refused) for n in range(4)]
    rows.append(answered("r4", at=NOON + DAY, failure="budget", **refused))
    rows.append(answered("r5", at=NOON + 2 * DAY, failure="denied", **refused))
    rows.append(answered("j", at=NOON, model="judge", role=Role.JUDGE, ending=None))
    rows.append(answered("old", at=NOON - 9 * DAY))
    write(address, rows)
    with JournalReader(address) as reader:
        seen = traffic(reader, NOON - DAY)
        recent = recent_calls(reader, NOON - DAY)
    assert (seen.requests, seen.days) == (15, 3)
    assert seen.refusals == {"budget": Refusals(5, 2, 11), "denied": Refusals(1, 1, 4)}
    day = int(NOON // DAY)
    assert seen.calls == {"haiku": {day: 3, day + 1: 3, day + 2: 3}}
    assert (seen.busiest({"haiku", "none"}), seen.busiest({"none"})) == (3, 0)
    assert len(recent) == 9 <= MOST
