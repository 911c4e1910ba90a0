"""What every store does alike."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from policy_router.domain.limits import Charge, Metric
from policy_router.domain.periods import Period
from policy_router.domain.windows import MINUTE
from policy_router.ledger.arithmetic import MAX_AMOUNT
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.reader import EntryKind
from policy_router.ledger.store import (
    Ended,
    Ending,
    Granted,
    Hold,
    Refusal,
    Refused,
    Settlement,
    Stale,
    Unavailable,
)
from tests.ledger.stores import ABOUT, NOON, World

if TYPE_CHECKING:
    from tests.ledger.stores import Data

DAY = 86_400.0
MIDNIGHT = NOON + DAY / 2


def refused(answer: object) -> Refused:
    assert isinstance(answer, Refused), answer
    return answer


def granted(answer: object) -> Granted:
    assert isinstance(answer, Granted), answer
    return answer


# -- money --------------------------------------------------------------------------------------


def test_a_hold_counts_before_it_is_spent(w: World) -> None:
    granted(w.reserve("a", w.money(700)))
    answer = refused(w.reserve("b", w.money(400)))
    assert [(r.used, r.requested, r.cap, r.opens) for r in answer.refusals] == [
        (700, 400, 1000, MIDNIGHT)
    ]
    granted(w.reserve("c", w.money(300)))
    assert w.used(w.money(0)) == [1000]


def test_settling_gives_back_what_was_not_needed(w: World) -> None:
    w.reserve("a", w.money(700))
    assert w.settle("a", Settlement(cost=100, tokens_in=5, tokens_out=6)).ended is Ended.DONE
    bucket = w.bucket(w.money(0))
    assert bucket is not None
    assert (bucket.spent, bucket.held) == (100, 0)
    granted(w.reserve("b", w.money(900)))
    (row,) = w.rows()
    assert (row.id, row.kind, row.ts, row.about) == ("a", EntryKind.SETTLE, NOON, ABOUT)
    assert (row.cost, row.tokens_in, row.tokens_out, row.requests) == (100, 5, 6, 1)
    assert (row.estimated, row.keys) == (False, (w.money(0).counter.key,))


def test_what_costs_more_than_held_is_recorded_in_full(w: World) -> None:
    w.reserve("a", w.money(100))
    w.settle("a", Settlement(cost=5000))
    assert w.used(w.money(1)) == [5000]
    refused(w.reserve("b", w.money(1)))
    assert w.audit() == ()


def test_a_spent_budget_refuses_what_costs_nothing_too(w: World) -> None:
    granted(w.reserve("a", w.money(1000)))
    refused(w.reserve("b", w.money(0)))
    granted(w.reserve("c", w.money(0, refuses=False)))


def test_a_count_without_limit_never_refuses(w: World) -> None:
    granted(w.reserve("a", w.money(10**15, cap=None)))
    granted(w.reserve("b", w.money(10**15, cap=None)))
    assert w.used(w.money(0)) == [2 * 10**15]


def test_more_than_the_cap_never_opens(w: World) -> None:
    (refusal,) = refused(w.reserve("a", w.money(1001))).refusals
    assert refusal.opens is None


def test_an_edited_cap_keeps_what_was_counted(w: World) -> None:
    w.reserve("a", w.money(700))
    refused(w.reserve("b", w.money(100, cap=500)))
    granted(w.reserve("c", w.money(1300, cap=2000)))


def test_a_new_period_starts_from_nothing_and_old_holds_settle_into_the_old(w: World) -> None:
    old = w.money(600)
    w.reserve("a", old, lease=DAY)
    w.clock.now = MIDNIGHT + 1
    new = w.money(1000)
    granted(w.reserve("b", new))
    w.settle("a", Settlement(cost=600))
    before, after = w.bucket(old), w.bucket(new)
    assert before is not None
    assert after is not None
    assert (before.spent, before.held, after.spent, after.held) == (600, 0, 0, 1000)
    assert w.audit() == ()


def test_counters_of_another_period_are_stale(w: World) -> None:
    charge = w.money(600)
    w.clock.now = MIDNIGHT
    assert w.reserve("a", charge) == Stale(MIDNIGHT)
    assert w.bucket(charge) is None


def test_counters_of_a_period_to_come_are_stale(w: World) -> None:
    w.clock.now = MIDNIGHT
    charge = w.money(600)
    w.clock.now = NOON
    assert w.reserve("a", charge) == Stale(NOON)


def test_a_clock_set_back_refills_nothing(w: World) -> None:
    w.clock.now = MIDNIGHT + 60
    w.reserve("a", w.money(1000), w.requests(1))
    today, request = w.money(1), w.requests(1)
    w.clock.now = NOON  # yesterday again
    assert w.reserve("b", w.money(1)) == Stale(MIDNIGHT + 60)
    refused(w.reserve("c", today))
    refused(w.reserve("d", request))


# -- thresholds ----------------------------------------------------------------------------------


def test_each_threshold_is_reported_once_in_a_period(w: World) -> None:
    def spend(name: str, cost: int) -> list[tuple[float, int]]:
        charge = w.money(cost, warn_at=(0.8, 0.95))
        granted(w.reserve(name, charge))
        return [(c.share, c.spent) for c in w.settle(name, Settlement(cost=cost)).crossed]

    assert spend("a", 799) == []
    assert spend("b", 1) == [(0.8, 800)]
    assert spend("c", 100) == []
    assert spend("d", 60) == [(0.95, 960)]
    assert spend("e", 40) == []
    w.clock.now = MIDNIGHT
    assert spend("f", 1000) == [(0.8, 1000), (0.95, 1000)]


def test_the_thresholds_of_a_raised_limit_are_reported_again(w: World) -> None:
    def spend(name: str, cost: int, cap: int) -> list[tuple[float, int]]:
        charge = w.money(cost, cap, warn_at=(0.8, 0.95))
        granted(w.reserve(name, charge))
        return [(c.share, c.spent) for c in w.settle(name, Settlement(cost=cost)).crossed]

    assert spend("a", 820, 1000) == [(0.8, 820)]
    assert spend("b", 100, 2000) == []
    assert spend("c", 700, 2000) == [(0.8, 1620)]
    assert spend("d", 300, 2000) == [(0.95, 1920)]
    assert spend("e", 10, 2000) == []


def test_all_thresholds_at_one_amount_are_reported(w: World) -> None:
    charge = w.money(3, 3, warn_at=(0.8, 0.95))
    granted(w.reserve("a", charge))
    assert [c.share for c in w.settle("a", Settlement(cost=3)).crossed] == [0.8, 0.95]


def test_a_threshold_passed_by_an_expired_hold_is_reported_to_the_caller_that_finds_it(
    w: World,
) -> None:
    w.reserve("a", w.money(900, warn_at=(0.8,)), lease=10)
    w.clock.now += 11
    answer = refused(w.reserve("b", w.money(900)))
    assert [c.share for c in answer.crossed] == [0.8]


# -- rolling windows -----------------------------------------------------------------------------


def test_a_rolling_limit_holds_over_the_edge_of_a_minute(w: World) -> None:
    w.clock.now = NOON + 59
    for i in range(3):
        granted(w.reserve(f"a{i}", w.requests(3)))
    w.clock.now = NOON + 61
    (refusal,) = refused(w.reserve("b", w.requests(3))).refusals
    assert refusal.used == 3
    assert refusal.opens == NOON + 120
    w.clock.now = NOON + 119.9
    refused(w.reserve("c", w.requests(3)))
    w.clock.now = NOON + 120
    granted(w.reserve("d", w.requests(3)))


@pytest.mark.parametrize(("after", "slot"), [(0.0, 0), (0.9995, 0), (1.0, 1), (59.9999, 59)])
def test_a_slot_begins_with_its_second(w: World, after: float, slot: int) -> None:
    w.clock.now = NOON + after
    w.reserve("a", w.requests(1))
    (refusal,) = refused(w.reserve("b", w.requests(1))).refusals
    assert refusal.opens == NOON + slot + 61


def test_tokens_in_a_window_become_what_was_really_used(w: World) -> None:
    w.reserve("a", w.tokens(900, 1000))
    refused(w.reserve("b", w.tokens(200, 1000)))
    w.settle("a", Settlement(tokens_in=50, tokens_out=50))
    assert w.used(w.tokens(1, 1000)) == [100]
    granted(w.reserve("c", w.tokens(900, 1000)))


def test_a_request_stays_counted_when_it_failed_upstream(w: World) -> None:
    w.reserve("a", w.requests(1), w.tokens(100, 1000))
    w.settle("a", Settlement())
    assert w.used(w.requests(1), w.tokens(1, 1000)) == [1, 0]


def test_a_released_hold_was_never_there(w: World) -> None:
    charges = w.requests(1), w.tokens(100, 1000), w.money(5), w.seat(1)
    w.reserve("a", *charges)
    assert w.release("a").ended is Ended.DONE
    assert w.used(*charges) == [0, 0, 0, 0]
    assert w.rows() == []
    granted(w.reserve("b", *charges))


def test_the_slot_that_was_charged_is_corrected(w: World) -> None:
    w.reserve("a", w.tokens(500, 1000))
    w.clock.now += 30
    w.reserve("b", w.tokens(400, 1000))
    w.settle("a", Settlement(tokens_in=100))
    w.clock.now = NOON + 61
    assert w.used(w.tokens(1, 1000)) == [400]
    w.settle("b", Settlement(tokens_in=1))
    assert w.used(w.tokens(1, 1000)) == [1]


def test_a_correction_of_a_slot_that_left_the_window_changes_nothing(w: World) -> None:
    w.reserve("a", w.tokens(500, 1000), lease=DAY)
    w.clock.now += 3600
    w.reserve("b", w.tokens(10, 1000))
    w.settle("a", Settlement(tokens_in=9000))
    assert w.used(w.tokens(1, 1000)) == [10]


def test_editing_a_limit_keeps_what_was_counted(w: World) -> None:
    for i in range(3):
        w.reserve(f"a{i}", w.requests(3))
    refused(w.reserve("b", w.requests(2)))
    granted(w.reserve("c", w.requests(4)))


# -- seats ---------------------------------------------------------------------------------------


def test_seats_are_taken_and_freed(w: World) -> None:
    granted(w.reserve("a", w.seat(2)))
    granted(w.reserve("b", w.seat(2)))
    (refusal,) = refused(w.reserve("c", w.seat(2))).refusals
    assert (refusal.used, refusal.opens) == (2, None)
    w.settle("a", Settlement())
    granted(w.reserve("c", w.seat(2)))
    w.release("b")
    granted(w.reserve("d", w.seat(2)))


def test_a_dead_process_keeps_its_seat_no_longer_than_its_lease(w: World) -> None:
    w.reserve("a", w.seat(1), lease=30)
    w.clock.now += 29.9
    refused(w.reserve("b", w.seat(1)))
    w.clock.now = NOON + 30
    granted(w.reserve("b", w.seat(1)))


def test_a_seat_is_read_as_free_from_the_end_of_its_lease(w: World) -> None:
    w.reserve("a", w.seat(1), lease=30)
    w.reserve("b", w.seat(1, name="other"), lease=30)
    w.clock.now += 20
    w.renew("b", 30)
    w.clock.now = NOON + 29.9
    assert w.used(w.seat(1), w.seat(1, name="other")) == [1, 1]
    w.clock.now = NOON + 30
    assert w.used(w.seat(1), w.seat(1, name="other")) == [0, 1]
    w.clock.now = NOON + 50
    assert w.used(w.seat(1), w.seat(1, name="other")) == [0, 0]
    assert w.rows() == []  # reading sweeps nothing


# -- all or nothing ------------------------------------------------------------------------------


def test_a_refusal_leaves_no_trace(w: World) -> None:
    first = w.requests(10), w.tokens(10, 1000), w.money(10), w.seat(9)
    w.reserve("a", *first)
    before = w.used(*first)
    answer = w.reserve("b", *first[:3], w.seat(9), w.requests(0, name="closed"))
    assert [r.key for r in refused(answer).refusals] == [w.requests(0, name="closed").counter.key]
    assert w.used(*first) == before
    assert w.settle("b", Settlement(cost=1)).ended is Ended.UNKNOWN


def test_every_counter_without_room_is_named_in_order(w: World) -> None:
    w.reserve("a", w.requests(1), w.money(1000))
    answer = refused(w.reserve("b", w.requests(1), w.tokens(5, 100), w.money(1)))
    assert [r.key for r in answer.refusals] == [
        w.requests(1).counter.key,
        w.money(1).counter.key,
    ]


def test_counters_of_subjects_are_apart(w: World) -> None:
    granted(w.reserve("a", w.requests(1, subject="anna")))
    granted(w.reserve("b", w.requests(1, subject="bob|requests")))
    refused(w.reserve("c", w.requests(1, subject="anna")))


# -- once and only once --------------------------------------------------------------------------


def test_reserving_twice_is_reserving_once(w: World) -> None:
    first = granted(w.reserve("a", w.money(600)))
    assert granted(w.reserve("a", w.money(600))).expires == first.expires
    assert w.used(w.money(1)) == [600]
    w.settle("a", Settlement(cost=100))
    granted(w.reserve("a", w.money(600)))
    assert w.used(w.money(1)) == [100]


def test_settling_twice_is_settling_once(w: World) -> None:
    w.reserve("a", w.money(600))
    w.settle("a", Settlement(cost=100))
    assert w.settle("a", Settlement(cost=300)).ended is Ended.AGAIN
    assert w.release("a").ended is Ended.AGAIN
    assert w.used(w.money(1)) == [100]
    assert len(w.rows()) == 1


def test_what_was_released_cannot_be_settled(w: World) -> None:
    w.reserve("a", w.money(600))
    w.release("a")
    assert w.settle("a", Settlement(cost=100)).ended is Ended.AGAIN
    assert w.used(w.money(1)) == [0]


def test_a_hold_that_never_was_is_unknown(w: World) -> None:
    assert w.settle("x", Settlement(cost=1)).ended is Ended.UNKNOWN
    assert w.release("x").ended is Ended.UNKNOWN
    assert not w.renew("x", 10)
    assert w.rows() == []


# -- expiry --------------------------------------------------------------------------------------


def test_what_is_lost_is_charged_in_full(w: World) -> None:
    charges = w.money(600), w.tokens(70, 1000), w.requests(9), w.seat(1)
    w.reserve("a", *charges, lease=60)
    w.clock.now += 20
    w.reserve("b", w.money(1), lease=600)
    w.clock.now = NOON + 61
    w.reserve("c", w.money(1), lease=600)
    bucket = w.bucket(charges[0])
    assert bucket is not None
    assert (bucket.spent, bucket.held) == (600, 2)
    (row,) = w.rows()
    assert (row.kind, row.cost, row.tokens_in, row.requests, row.estimated) == (
        EntryKind.EXPIRE, 600, 70, 1, True,
    )  # fmt: skip
    assert w.audit() == ()


def test_a_late_settle_corrects_what_was_charged(w: World) -> None:
    w.reserve("a", w.money(600), lease=10)
    w.clock.now += 11
    assert w.settle("a", Settlement(cost=200, tokens_in=3)).ended is Ended.ADJUSTED
    assert w.used(w.money(1)) == [200]
    expired, adjusted = w.rows()
    assert (expired.kind, expired.cost) == (EntryKind.EXPIRE, 600)
    assert (adjusted.kind, adjusted.cost, adjusted.requests) == (EntryKind.ADJUST, -400, 0)
    assert w.settle("a", Settlement(cost=500)).ended is Ended.AGAIN
    assert w.audit() == ()


def test_a_late_release_takes_the_charge_back(w: World) -> None:
    quota = w.charge("limits", "free", Metric.REQUESTS, Period.DAY, 1, 50)
    w.reserve("a", w.money(600), quota, lease=10)
    w.clock.now += 11
    assert w.release("a").ended is Ended.ADJUSTED
    assert w.used(w.money(1), quota) == [0, 0]
    assert [(r.kind, r.requests) for r in w.rows()] == [
        (EntryKind.EXPIRE, 1),
        (EntryKind.ADJUST, -1),
    ]
    assert w.audit() == ()


def test_a_renewed_hold_lives_on(w: World) -> None:
    w.reserve("a", w.money(600), lease=10)
    w.clock.now += 9
    assert w.renew("a", 10)
    w.clock.now += 9
    w.reserve("b", w.money(1))
    assert w.rows() == []
    assert not w.rows()
    w.clock.now += 2
    assert not w.renew("a", 10)


def test_renewing_never_shortens(w: World) -> None:
    w.reserve("a", w.money(600), lease=100)
    assert w.renew("a", 1)
    w.clock.now += 50
    assert w.settle("a", Settlement(cost=1)).ended is Ended.DONE


def test_holds_expire_in_the_order_of_their_leases(w: World) -> None:
    w.reserve("a", w.money(1), lease=10)
    w.reserve("b", w.money(2), lease=20)
    w.renew("a", 30)
    w.clock.now += 60
    w.reserve("c", w.money(3))
    assert [row.id for row in w.rows()] == ["b", "a"]


@pytest.mark.parametrize("amount", [0, 7])
def test_a_hold_found_after_months_is_charged_and_can_be_corrected(w: World, amount: int) -> None:
    w.reserve("a", w.money(amount), w.seat(1), lease=10)
    w.clock.now += 100 * DAY
    granted(w.reserve("b", w.seat(1), lease=DAY))
    w.clock.now += DAY / 2
    assert w.settle("a", Settlement(cost=5)).ended is Ended.ADJUSTED
    assert [(row.kind, row.cost) for row in w.rows()] == [
        (EntryKind.EXPIRE, amount),
        (EntryKind.ADJUST, 5 - amount),
    ]
    assert w.audit() == ()


# -- moving on -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "left"), [(None, 0), (Settlement(cost=50), 50)], ids=["released", "settled"]
)
def test_a_hold_moves_in_one_step(w: World, ending: Settlement | None, left: int) -> None:
    w.reserve("a", w.money(1000), w.seat(1))
    granted(w.reserve("b", w.money(900), w.seat(1), after=Ending("a", ending)))
    assert w.used(w.money(1), w.seat(1)) == [900 + left, 1]


def test_what_ended_has_ended_though_the_next_is_refused(w: World) -> None:
    w.reserve("a", w.money(1000))
    refused(w.reserve("b", w.money(1000), after=Ending("a", Settlement(cost=50))))
    assert w.used(w.money(1)) == [50]


# -- counting right --------------------------------------------------------------------------------


def test_calendar_quotas_of_requests_and_tokens(w: World) -> None:
    quota = w.charge("limits", "free", Metric.REQUESTS, Period.DAY, 1, 2)
    tokens = w.charge("budgets", "tenant", Metric.TOKENS, Period.MONTH, 600, 1000)
    granted(w.reserve("a", quota, tokens))
    w.settle("a", Settlement(tokens_in=100, tokens_out=200))
    granted(w.reserve("b", quota, tokens))
    w.settle("b", Settlement())
    assert w.used(quota, tokens) == [2, 300]
    (refusal,) = refused(w.reserve("c", quota, tokens)).refusals
    assert (refusal.key, refusal.opens) == (quota.counter.key, MIDNIGHT)
    assert w.audit() == ()


def test_a_reading_contains_when_it_opens(w: World) -> None:
    w.reserve("a", w.requests(1), w.money(1000))
    assert w.opens(w.requests(1), w.money(1), w.requests(2)) == [NOON + 61, MIDNIGHT, None]


def test_many_at_once_never_exceed(w: World) -> None:
    charges = w.money(100), w.requests(7), w.seat(50)

    async def all_at_once() -> list[object]:
        holds = [Hold(f"h{i}", charges, 60, ABOUT) for i in range(40)]
        return list(await asyncio.gather(*(w.store.reserve(h) for h in holds)))

    answers = w.do(all_at_once())
    assert sum(isinstance(a, Granted) for a in answers) == 7
    assert w.used(*charges) == [700, 7, 7]


def test_large_sums_stay_exact(w: World) -> None:
    cap = 9_000_000 * 10**9
    big = replace(w.money(cap - 1), cap=cap)
    granted(w.reserve("a", big))
    granted(w.reserve("b", replace(big, amount=1)))
    refused(w.reserve("c", replace(big, amount=1)))
    w.settle("a", Settlement(cost=cap - 1))
    w.settle("b", Settlement(cost=1))
    assert w.used(big) == [cap]
    assert w.audit() == ()


@pytest.mark.parametrize("amount", [MAX_AMOUNT + 1, 2**63, 10**30])
def test_an_amount_beyond_counting_is_refused_by_any_limit(w: World, amount: int) -> None:
    for limit in (1000, MAX_AMOUNT, amount, 2 * amount):
        charge = w.money(amount, cap=limit)
        (refusal,) = refused(w.reserve("a", charge, w.requests(5))).refusals
        assert refusal == Refusal(charge.counter.key, min(limit, MAX_AMOUNT), 0, amount, None)
        assert w.opens(charge) == [None]
    assert w.used(w.requests(1)) == [0]
    granted(w.reserve("b", w.money(MAX_AMOUNT, cap=amount)))
    refused(w.reserve("c", w.money(1, cap=amount)))


@pytest.mark.parametrize("amount", [MAX_AMOUNT + 1, 2**63, 10**30])
def test_an_amount_beyond_counting_counts_as_the_most_where_nothing_refuses(
    w: World, amount: int
) -> None:
    money = w.money(amount, cap=5, refuses=False)
    charges = money, w.tokens(amount, None), w.requests(3)
    granted(w.reserve("a", *charges))
    assert w.used(*charges) == [MAX_AMOUNT, MAX_AMOUNT, 1]
    actual = Settlement(cost=amount, tokens_in=amount, tokens_out=amount)
    granted(w.reserve("b", *charges, after=Ending("a", actual)))
    assert w.settle("b", Settlement(tokens_in=7, tokens_out=amount)).ended is Ended.DONE
    assert [(r.cost, r.tokens_in, r.tokens_out) for r in w.rows()] == [
        (MAX_AMOUNT, MAX_AMOUNT, 0),
        (0, 7, MAX_AMOUNT - 7),
    ]
    assert w.used(*charges) == [MAX_AMOUNT, 2 * MAX_AMOUNT, 2]
    assert w.audit() == ()


def test_a_subject_may_be_any_text(w: World) -> None:
    for i, subject in enumerate(("", "a b", "ä€😀", "{x}", "a|b|c", "\n", "'; drop table")):
        charge: Charge = w.charge("limits", "each", Metric.REQUESTS, MINUTE, 1, 1, subject=subject)
        granted(w.reserve(f"r{i}", charge))
        assert w.used(charge) == [1]


# -- lost data -----------------------------------------------------------------------------------


def closed(answer: object) -> Unavailable:
    assert isinstance(answer, Unavailable), answer
    return answer


def lose(data: Data, how: str, copy: object) -> None:
    if how == "emptied":
        data.empty()
    else:
        data.put(copy)


@pytest.mark.parametrize("how", ["emptied", "older copy"])
def test_a_store_that_lost_data_keeps_budgets_closed_until_that_is_accepted(
    lasting: tuple[World, Data], how: str
) -> None:
    w, data = lasting
    granted(w.reserve("a", w.money(300)))
    copy = data.copy()
    other = w.newcomer()
    granted(other.reserve("b", w.money(600)))
    w.settle("a", Settlement(cost=300))
    lose(data, how, copy)
    for each in (w.settled_down(), other.settled_down(), w.newcomer()):
        answer = closed(each.reserve("c", w.money(1)))
        assert "lost data" in answer.detail
        assert "policy-router doctor --accept-loss" in answer.detail
        assert each.store.loss is not None
        granted(each.reserve("d", w.requests(1), w.seat(1), w.money(5, refuses=False)))
        assert each.release("d").ended in (Ended.DONE, Ended.AGAIN)
    assert w.store.loss.found == (None if how == "emptied" else 1)
    assert w.do(w.newcomer().store.accept_loss()) is not None
    for i, each in enumerate((w, other, w.newcomer())):
        granted(each.reserve(f"e{i}", w.money(1)))
        assert each.store.loss is None
    assert w.do(w.store.accept_loss()) is None
    assert w.audit() == ()


def test_data_that_is_lost_again_is_noticed_again(lasting: tuple[World, Data]) -> None:
    w, data = lasting
    for i in range(3):
        granted(w.reserve(f"a{i}", w.money(10)))
        copy = data.copy()
        granted(w.reserve(f"b{i}", w.money(10)))
        data.put(copy)
        w.settled_down()
        closed(w.reserve(f"c{i}", w.money(1)))
        w.do(w.store.accept_loss())
        granted(w.reserve(f"d{i}", w.money(1)))
    data.empty()
    w.settled_down()
    closed(w.reserve("e", w.money(1)))


def test_data_that_was_put_back_opens_the_budgets_again(lasting: tuple[World, Data]) -> None:
    w, data = lasting
    granted(w.reserve("a", w.money(300)))
    right = data.copy()
    data.empty()
    w.settled_down()
    closed(w.reserve("b", w.money(1)))
    data.put(right)
    w.settled_down()
    granted(w.reserve("c", w.money(1)))
    assert w.store.loss is None
    assert w.used(w.money(1)) == [301]


def test_later_processes_do_not_hide_a_loss(lasting: tuple[World, Data]) -> None:
    """The number of changes alone would catch up with what the first process had seen."""
    w, data = lasting
    granted(w.reserve("a", w.money(1)))
    copy = data.copy()
    granted(w.reserve("b", w.money(600)))
    data.put(copy)
    later = w.newcomer()
    for i in range(5):
        later.settled_down().reserve(f"c{i}", w.requests(99))
    w.settled_down()
    closed(w.reserve("d", w.money(1)))
    closed(later.reserve("e", w.money(1)))


def test_a_point_seen_early_is_found_after_many_branches(
    lasting: tuple[World, Data],
) -> None:
    w, _ = lasting
    granted(w.reserve("a", w.money(1)))
    idle = w.newcomer()
    idle.used(w.money(1))
    for i in range(20):
        granted(w.newcomer().reserve(f"b{i}", w.money(1)))
    assert idle.used(w.money(1)) == [21]
    granted(idle.reserve("c", w.money(1)))
    assert idle.store.loss is None


def test_a_reading_notices_a_loss(lasting: tuple[World, Data]) -> None:
    w, data = lasting
    granted(w.reserve("a", w.money(300)))
    data.empty()
    w.settled_down()
    assert w.used(w.money(1)) == [0]
    assert w.store.loss is not None


def test_an_attempt_that_the_store_does_not_know_is_reported_as_missed(w: World) -> None:
    unknown = Ending("x", Settlement(cost=1))
    assert granted(w.reserve("a", w.money(1000), after=unknown)).missed
    assert refused(w.reserve("b", w.money(1), after=unknown)).missed
    assert not granted(w.reserve("c", w.requests(1), after=Ending("a", None))).missed
    assert not granted(w.reserve("d", w.requests(2))).missed


def test_the_attempt_before_ends_though_budgets_are_closed(lasting: tuple[World, Data]) -> None:
    w, data = lasting
    granted(w.reserve("a", w.money(300)))
    copy = data.copy()
    granted(w.reserve("b", w.money(300)))
    data.put(copy)
    w.settled_down()
    assert not closed(w.reserve("c", w.money(1), after=Ending("a", Settlement(cost=7)))).missed
    assert closed(w.reserve("d", w.money(1), after=Ending("b", Settlement(cost=7)))).missed
    assert w.used(w.money(1)) == [7]


@pytest.mark.parametrize("how", ["settled", "fallback", "renewed"])
def test_what_was_under_way_at_a_loss_counts(lasting: tuple[World, Data], how: str) -> None:
    w, data = lasting
    guarded = DegradableStore(w.store, clock=w.clock)
    g = World(guarded, w.clock, w._runner)
    granted(g.reserve("a", w.money(300), w.requests(9), w.seat(1)))
    data.empty()
    w.settled_down()
    actual = Settlement(cost=200, tokens_in=3)
    if how == "settled":
        assert g.settle("a", actual).ended is Ended.DONE
    elif how == "fallback":
        closed(g.reserve("b", w.money(1), w.requests(9), after=Ending("a", actual)))
    else:
        assert g.renew("a", 30)
        assert w.used(w.money(1), w.requests(9), w.seat(1)) == [300, 1, 1]
        g.settle("a", actual)
    assert [(r.id, r.kind, r.cost) for r in w.rows()] == [("a", EntryKind.SETTLE, 200)]
    assert w.used(w.money(1), w.seat(1)) == [200, 0]
    assert g.settle("a", actual).ended is Ended.AGAIN
    assert guarded.status.restored == 1
    w.do(w.store.accept_loss())
    (refusal,) = refused(g.reserve("c", w.money(801))).refusals
    assert refusal.used == 200
    assert w.audit() == ()
