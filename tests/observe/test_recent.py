"""What is kept of the latest requests, and what a filter shows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policy_router.domain.outcome import RequestEnding
from policy_router.events import PolicyReloaded
from policy_router.observe.pulse import STEP, STEPS, Pulse, PulseStep
from policy_router.observe.recent import RecentActivity, RequestFilter
from tests.observe.made import ended, policy_of

if TYPE_CHECKING:
    from policy_router.events import Event

EVENTS: dict[str, Event] = {
    "answered": ended("a", task="code", user="ada", calls=[("big", None)]),
    "second": ended("b", team="core", calls=[("small", "timeout"), ("big", None)]),
    "rejected": ended("c", calls=[("big", "rejected")], rejected=True),
    "denied": ended("d", calls=[], answered=False, session="s-1"),
    "stopped": ended("e", calls=[("small", "bad_request")], answered=False, stopped=True),
    "failed": ended("f", calls=[("small", "timeout")], answered=False),
}


def recent(keep: int = 100) -> RecentActivity:
    activity = RecentActivity(lambda: policy_of("one"), keep=keep)
    for event in EVENTS.values():
        activity(event)
    return activity


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (RequestFilter(), "fedcba"),
        (RequestFilter(task="code"), "a"),
        (RequestFilter(model="big"), "cba"),
        (RequestFilter(who="ada"), "a"),
        (RequestFilter(who="core"), "b"),
        (RequestFilter(who="s-1"), "d"),
        (RequestFilter(rule="nobody"), ""),
        (RequestFilter(ending="denied"), "d"),
        (RequestFilter(ending="trouble"), "fedcb"),
        (RequestFilter(ending="trouble", model="big"), "cb"),
    ],
)
def test_a_filter_shows_what_meets_all_of_it(shown: RequestFilter, expected: str) -> None:
    newest = recent().newer(0, shown, 10)
    assert "".join(each.decision.id for each in newest.requests) == expected
    assert (newest.more, newest.last) == (0, 6)


def test_what_is_more_than_can_be_shown_is_counted() -> None:
    newest = recent().newer(1, RequestFilter(), 2)
    assert [each.decision.id for each in newest.requests] == ["f", "e"]
    assert (newest.more, newest.last) == (3, 6)


def test_what_is_no_longer_kept_is_counted() -> None:
    activity = recent(keep=2)
    newest = activity.newer(1, RequestFilter(), 9)
    assert [each.number for each in newest.requests] == [6, 5]
    assert newest.more == 3
    assert activity.find("a") is None
    assert activity.newer(0, RequestFilter(), 9).more == 0


def test_nothing_is_new_before_the_first_request() -> None:
    activity = RecentActivity(lambda: policy_of("one"))
    assert activity.last == 0
    assert activity.newer(0, RequestFilter(), 9).last == 0


def test_how_each_request_ended() -> None:
    activity = recent()
    endings = [activity.find(letter) for letter in "abcdef"]
    assert [each and each.ending for each in endings] == [
        RequestEnding.ANSWERED, RequestEnding.ANSWERED, RequestEnding.REJECTED,
        RequestEnding.DENIED, RequestEnding.STOPPED, RequestEnding.FAILED,
    ]  # fmt: skip
    second, denied = endings[1], endings[3]
    assert second is not None
    assert denied is not None
    assert (second.served_by, second.cost, second.seconds) == ("big", 6, 2.0)
    assert (denied.served_by, denied.cost, denied.seconds, denied.model) == (None, None, 0.0, None)


def test_the_hour_is_added_up() -> None:
    activity = recent()
    steps = activity.pulse.steps(1000.0)
    assert len(steps) == STEPS
    assert steps[-1] == PulseStep(
        requests=6, denied=1, answered=3, free=0, failovers=4, cost=18, seconds=6.0
    )


def test_an_hour_later_everything_is_forgotten_and_no_clock_goes_back() -> None:
    pulse = Pulse()
    pulse.add(10_000.0, PulseStep(requests=1))
    pulse.add(9_000.0, PulseStep(requests=1))  # counts where the clock was
    assert pulse.steps(10_000.0 + STEP)[-2].requests == 2
    assert not any(step.requests for step in pulse.steps(10_000.0 + STEP * STEPS))


def test_policies_are_kept_to_explain_what_they_decided() -> None:
    policies = [policy_of("one")]
    activity = RecentActivity(lambda: policies[-1])
    first = policies[0].revision
    policies.append(policy_of("two"))
    reloaded = PolicyReloaded("1", None, 1.0, policies[1].revision, first)
    activity(reloaded)
    assert activity.changes() == (reloaded,)
    assert activity.policy_of(first) is policies[0]
    assert activity.policy_of(policies[1].revision) is policies[1]
    assert activity.policy_of("unknown") is None
