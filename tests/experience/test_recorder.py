"""What is counted of a request that has ended, and what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.decision.decide import decide
from policy_router.domain.attempt import Attempt
from policy_router.domain.learning import Learning, LearningMode
from policy_router.domain.outcome import Role
from policy_router.domain.request import Request
from policy_router.events import Answered, Event, Exhausted
from policy_router.experience import counts, rated_answers, recorder
from policy_router.experience.counts import OutcomeCounts, tenant_group
from policy_router.experience.nodes import Node, OutcomeKey
from policy_router.experience.recorder import DECLINED, FAILED, OutcomeRecorder
from policy_router.ledger.tallies import DAY
from policy_router.loading import load
from policy_router.providers.failures.failure import FailureKind

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision

POLICY = load(
    text="""\
version: 1
tiers: [light, heavy]
models:
  small: { model: openai/small, tier: light, price: free }
  large: { model: openai/large, tier: heavy, price: free }
  twin: { model: openai/large, tier: heavy, price: free }
tasks:
  form:
    keywords: [invoice]
    accept: { json: true, llm: { model: large, rubric: All is there. } }
  chat: {}
learning: { mode: shadow }
"""
)
NOON = 20_000 * DAY + DAY / 2.0
TODAY = 20_000


def decided(**facts: Any) -> Decision:
    return replace(decide(POLICY, Request(**facts)), id="d1")


def attempt(model: str = "small", failure: str | None = None, **more: Any) -> Attempt:
    called = POLICY.model(model).provider_model
    return Attempt(model, called, NOON, 2.0, failure, **more)


def end(*attempts: Attempt, served: str | None = "small", at: float = NOON, **facts: Any) -> Event:
    decision = decided(**facts)
    identity = ("e", decision.id, at, decision.revision)
    if served is None:
        return Exhausted(*identity, decision, attempts, stopped=False)
    return Answered(*identity, decision, attempts, served)


def counted(*events: Event, policy: Policy = POLICY) -> dict[OutcomeKey, dict[str, int]]:
    heard = OutcomeRecorder(lambda: policy)
    for event in events:
        heard(event)
    rows = heard.take()
    assert heard.take() == {}
    assert all(day == TODAY for day, _ in rows)
    return {key: row for (_, key), row in rows.items()}


def test_an_answer_is_counted_with_what_it_took() -> None:
    event = end(
        attempt(passed=("json",), first_token=0.5, tokens_in=7, tokens_out=40, cost_nano_usd=90),
        task="form", form="plain", kind="extraction", complexity=0.9,
    )  # fmt: skip
    ((key, row),) = counted(event).items()
    assert key == OutcomeKey(Node("form", "plain", "extraction", "expert"), "small")
    found = OutcomeCounts(row)
    assert (found.calls, found.answered, found.accepted, found.rejected) == (1, 1, 1, 0)
    assert (found.tokens_in, found.tokens_out, found.cost_nano_usd) == (7, 40, 90)
    latency, first = found.latency(), found.first_token()
    assert latency == pytest.approx(2.0, rel=0.05)
    assert first == pytest.approx(0.5, rel=0.05)


def test_what_comes_after_a_rejected_answer_is_apart() -> None:
    rejected = attempt(failure="rejected", rejected=("json",))
    rows = counted(end(rejected, attempt("large", passed=("json",)), served="large", task="form"))
    roles = {(key.model, key.role): OutcomeCounts(row) for key, row in rows.items()}
    assert set(roles) == {("small", Role.FIRST), ("large", Role.AFTER_REJECTION)}
    small = roles["small", Role.FIRST]
    assert (small.answered, small.rejected, small.flagged, small.failed) == (1, 1, 1, 0)


@pytest.mark.parametrize("kind", list(FailureKind))
def test_no_failure_is_bad_quality(kind: FailureKind) -> None:
    if kind is FailureKind.REJECTED:
        return
    event = end(attempt(failure=kind.value), attempt("large"), served="large", task="chat")
    small = {k.model: OutcomeCounts(r) for k, r in counted(event).items()}["small"]
    assert (small.calls, small.answered, small.verdicts, small.rejected) == (1, 0, 0, 0)
    assert (small.failed, small.declined) == (kind in FAILED, kind in DECLINED)
    assert not FAILED & DECLINED


@pytest.mark.parametrize(
    ("model", "passed", "rejected", "verdict"),
    [
        ("small", ("json", "llm"), (), counts.GOOD),
        ("small", ("json",), ("llm",), counts.BAD),
        ("small", ("json",), (), counts.ACCEPTED),
        ("small", ("llm",), ("json",), counts.FLAGGED),
        ("small", (), (), None),
        ("large", ("json", "llm"), (), counts.ACCEPTED),
        ("large", ("llm",), (), None),
        ("large", (), ("llm",), None),
        ("large", ("llm",), ("json",), counts.FLAGGED),
        ("twin", ("llm",), (), None),
    ],
)
def test_a_judge_says_nothing_of_its_own_model(
    model: str, passed: tuple[str, ...], rejected: tuple[str, ...], verdict: str | None
) -> None:
    failure = "rejected" if rejected else None
    event = end(attempt(model, failure, passed=passed, rejected=rejected), task="form")
    ((_, row),) = counted(event).items()
    verdicts = {counts.GOOD, counts.BAD, counts.ACCEPTED, counts.FLAGGED}
    assert {name for name in row if name in verdicts} == ({verdict} - {None})


def test_the_verdicts_of_a_conversation_count_once_a_day() -> None:
    good = attempt(passed=("json",))
    bad = attempt(failure="rejected", rejected=("json",))
    same = [end(one, task="form", session="s1", tenant="t") for one in (good, bad, good)]
    others = [end(good, task="form", session="s2", tenant="t"), end(bad, task="form")]
    ((_, row),) = counted(*same, *others).items()
    found = OutcomeCounts(row)
    assert (found.accepted, found.flagged, found.answered, found.rejected) == (2, 1, 5, 2)
    own = f"{counts.TENANT}{tenant_group('t')} {counts.ACCEPTED}"
    assert row[own] == 2
    heard = OutcomeRecorder(lambda: POLICY)
    for day in range(2):
        heard(end(good, task="form", session="s1", at=NOON + day * DAY))
    assert [row[counts.ACCEPTED] for row in heard.take().values()] == [1, 1]


def test_nothing_is_counted_where_the_policy_does_not_learn() -> None:
    off = replace(POLICY, learning=Learning(LearningMode.OFF))
    assert counted(end(attempt()), policy=off) == {}
    assert counted(end(served=None)) == {}


def test_feedback_counts_for_the_answer_and_once_for_each_source() -> None:
    heard = OutcomeRecorder(lambda: POLICY)
    heard(end(attempt("large"), attempt(), tenant="t", task="chat"))
    assert heard.add_feedback("d1", 0.2, "user", NOON)
    assert heard.add_feedback("d1", 1.0, "user", NOON)
    assert heard.add_feedback("d1", 0.5, "reviewer", NOON)
    assert not heard.add_feedback("d2", 0.5, "user", NOON)
    rows = {key.model: OutcomeCounts(row) for (_, key), row in heard.take().items()}
    quality = rows["small"].quality()
    assert quality is not None
    assert (quality.value, quality.samples) == (0.75, 2)
    assert rows["large"].quality() is None
    prefix = f"{counts.TENANT}{tenant_group('t')} "
    assert rows["small"].tally[prefix + counts.FEEDBACK_SUM] == 1500


def test_what_does_not_fit_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MOST_ROWS", 1)
    monkeypatch.setattr(rated_answers, "MOST_ANSWERS", 1)
    heard = OutcomeRecorder(lambda: POLICY)
    heard(end(attempt(), attempt("large")))
    heard(end(attempt()))
    assert heard.dropped == 1
    assert [row[counts.CALLS] for row in heard.take().values()] == [2]
    heard.after_fork_in_child()
    assert not heard.add_feedback("d1", 0.5, "user", NOON)
