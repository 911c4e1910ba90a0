"""What all workers say of reloads, changes and the health of models, as one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from policy_router.events import DegradationChanged, PolicyReloaded, ReloadRefused, Warned
from policy_router.execution.health.health_report import HealthState, ModelHealth
from policy_router.observe.moved_requests import MovedRequests
from policy_router.server.ui.merged_workers import (
    WITHIN,
    MergedHealth,
    WorkerChanges,
    health_of_json,
    health_to_json,
    merged_changes,
    merged_moves,
)
from policy_router.views.html.reloads import WorkerReload

if TYPE_CHECKING:
    from policy_router.observe.recent import Change


def reloaded(at: float, revision: str = "b") -> PolicyReloaded:
    return PolicyReloaded(f"id-{at}", None, at, revision, "a")


def test_what_several_workers_notice_is_one_change() -> None:
    budget = Warned("w", None, 5.0, None, "team", "-", "usd", 0.8, 8, 10, "month")
    one: list[Change] = [reloaded(1.0), budget, ReloadRefused("r", None, 9.0, "b", "no", 1)]
    two: list[Change] = [
        reloaded(1.5),
        ReloadRefused("s", None, 9.5, "b", "no", 1),
        reloaded(20.0, "c"),
    ]
    found = merged_changes([one, two], 10)
    assert [(type(each.change).__name__, each.change.time, each.workers) for each in found] == [
        ("PolicyReloaded", 20.0, 1),
        ("ReloadRefused", 9.0, 2),
        ("Warned", 5.0, 1),
        ("PolicyReloaded", 1.0, 2),
    ]
    assert [each.change.time for each in merged_changes([one, two], 2)] == [20.0, 9.0]


def test_what_happens_again_is_another_change() -> None:
    again = [reloaded(1.0), reloaded(10.0)]
    found = merged_changes([again, again], 10)
    assert [(each.change.time, each.workers) for each in found] == [(10.0, 2), (1.0, 2)]
    late = merged_changes([[reloaded(1.0)], [reloaded(1.0 + WITHIN)]], 10)
    assert [each.workers for each in late] == [1, 1]


def test_what_a_worker_sends_is_what_another_gets() -> None:
    moved = {("a", "b"): MovedRequests(10, 2, 100, 50)}
    reload = WorkerReload("b", 1.0, refused=True, errors=("error: no", "error: never"))
    worse = DegradationChanged("d", None, 2.0, "b", "big", worse=True, detail="slow")
    sent = WorkerChanges(reload, (worse, reloaded(1.0)), moved)
    assert WorkerChanges.of_json(json.loads(json.dumps(sent.to_json()))) == sent
    health = (ModelHealth("big", HealthState.OPEN, 9.0, "model", "timeout", 2), ModelHealth("m"))
    assert health_of_json(json.loads(json.dumps(health_to_json(health)))) == health


def test_what_reloads_moved_adds_up() -> None:
    pair, other = ("a", "b"), ("b", "c")
    one = {pair: MovedRequests(10, 2, 100, 50)}
    two = {pair: MovedRequests(5, 1, 10, 20), other: MovedRequests(1, 0, 0, 0)}
    assert merged_moves([one, two]) == {
        pair: MovedRequests(15, 3, 110, 70),
        other: MovedRequests(1, 0, 0, 0),
    }


def test_the_worst_that_any_worker_knows_of_a_model() -> None:
    big = ModelHealth("big", HealthState.DEGRADED, None, "model", "slow")
    opened = ModelHealth("small", HealthState.OPEN, 9.0, "model", "timeout")
    merged = MergedHealth.of(
        [
            (ModelHealth("small"), ModelHealth("big"), ModelHealth("new")),
            (opened, big, ModelHealth("gone")),
        ]
    )
    assert merged.models == (opened, big, ModelHealth("new"))
    assert (merged.seen_by, merged.workers) == ({"small": 1, "big": 1, "new": 1}, 2)
