"""What every journal does, in a file and in PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from policy_router.base_errors import UsageError
from policy_router.domain.feedback import Feedback
from policy_router.domain.outcome import Outcome, RequestEnding, Role
from policy_router.journal.database import JournalDatabase
from policy_router.journal.query import OutcomeFilter
from policy_router.journal.reader import JournalReader
from tests.journal.make import DAY, NOON, answered, read, write

if TYPE_CHECKING:
    from policy_router.journal.address import JournalAddress

FULL = Outcome(
    at=NOON + 0.25,
    decision="d-full",
    role=Role.AFTER_REJECTION,
    rank=3,
    model="größe",
    provider="openai",
    tier="heavy",
    key_env="OPENAI_API_KEY",
    task="extract",
    band="hard",
    score=0.75,
    form="code",
    kind="coding",
    stream=True,
    tenant="acme",
    user="ada",
    team="core",
    key="sha256:0123456789abcdef",
    session="s1",
    client="codex",
    subagent=True,
    housekeeping=True,
    turn=7,
    tool_errors=2,
    tags=("a b", "private"),
    attributes=MappingProxyType({"plan": "pro", "seats": 3, "internal": True}),
    arms=MappingProxyType({"cheap first": "a", 'with "quotes"': "b"}),
    propensity=0.05,
    prompt="terse",
    revision="f" * 64,
    rules=("private", "50% off", "a,b"),
    ok=False,
    failure="rejected",
    status=200,
    seconds=1.5,
    first_token=0.25,
    tokens_in=1_000,
    tokens_out=2_000,
    tokens_cached=500,
    cost=9_007_199_254_740_993,
    unsure=True,
    estimate=77,
    passed=("json",),
    rejected=("llm",),
    served=False,
    ending=RequestEnding.FAILED,
)


def rate(address: JournalAddress, *given: Feedback, tenants: Any = None) -> list[bool]:
    database = JournalDatabase(address)
    try:
        return [database.rate(each, tenants) for each in given]
    finally:
        database.close()


def test_an_outcome_is_read_as_it_was_written(address: JournalAddress) -> None:
    plain = Outcome(at=NOON, decision="d-plain", role=Role.REFUSED, rank=0, failure="budget")
    write(address, [FULL, plain])
    assert read(address) == [plain, FULL]


def test_a_journal_that_nothing_was_written_to_is_empty(address: JournalAddress) -> None:
    JournalDatabase(address).prepare()
    with JournalReader(address) as reader:
        assert list(reader.outcomes()) == []
        assert reader.count() == 0
        assert reader.sums() == reader.days() == []
        assert reader.feedback("d1") == []


def test_a_batch_is_written_once(address: JournalAddress) -> None:
    for _ in range(2):
        write(address, [answered()], batch="same")
    with JournalReader(address) as reader:
        assert reader.count() == 1
        assert [sums.calls for sums in reader.days()] == [1]


def test_rows_can_be_read_in_pages_and_from_the_end(address: JournalAddress) -> None:
    write(address, [answered(f"d{number}", at=NOON + number) for number in range(2_500)])
    with JournalReader(address) as reader:
        assert [o.decision for o in reader.outcomes()] == [f"d{n}" for n in range(2_500)]
        latest = next(iter(reader.outcomes(newest_first=True)))
        assert latest.decision == "d2499"


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (OutcomeFilter(), "abcd"),
        (OutcomeFilter(since=NOON + 1), "bcd"),
        (OutcomeFilter(until=NOON + 1), "a"),
        (OutcomeFilter(decision="a"), "a"),
        (OutcomeFilter(models=["haiku", "none"]), "acd"),
        (OutcomeFilter(models=[]), ""),
        (OutcomeFilter(tasks=["chat"], roles=["judge"]), "b"),
        (OutcomeFilter(roles=[Role.JUDGE]), "b"),
        (OutcomeFilter(bands=["hard"]), "c"),
        (OutcomeFilter(failures=["timeout"]), "d"),
        (OutcomeFilter(endings=["failed"]), "d"),
        (OutcomeFilter(revision="r2"), "b"),
        (OutcomeFilter(tenant="acme", user="u", team="t", session="s", client="c"), "c"),
        (OutcomeFilter(key="secret"), "c"),
        (OutcomeFilter(rule="50% off"), "c"),
        (OutcomeFilter(rule="50_ off"), ""),
        (OutcomeFilter(rule="50%"), ""),
        (OutcomeFilter(experiment="e1"), "c"),
        (OutcomeFilter(experiment="arm"), ""),
        (OutcomeFilter(served=False), "d"),
        (OutcomeFilter(checked=True), "c"),
        (OutcomeFilter(checked=False), "abd"),
        (OutcomeFilter(rated=True), "c"),
        (OutcomeFilter(rated=False), "abd"),
    ],
)
def test_filters(address: JournalAddress, where: OutcomeFilter, found: str) -> None:
    rows = [
        answered("a"),
        answered("b", at=NOON + 1, model="opus", task="chat", role=Role.JUDGE, revision="r2"),
        answered(
            "c", at=NOON + 2, band="hard", tenant="acme", user="u", team="t", session="s",
            client="c", key="sha256:2bb80d537b1da3e3", rules=("private", "50% off"),
            arms={"e1": "arm"}, passed=("json",),
        ),
        answered("d", at=NOON + 3, failure="timeout", ok=False, served=False,
                 ending=RequestEnding.FAILED),
    ]  # fmt: skip
    write(address, rows)
    with JournalReader(address) as reader:
        assert "".join(outcome.decision for outcome in reader.outcomes(where)) == found
        assert reader.count(where) == len(found)


def test_sums_of_rows_and_of_days_say_the_same(address: JournalAddress) -> None:
    write(
        address,
        [
            answered("a", rules=("r1", "r2"), estimate=5, tokens_cached=50, first_token=0.125),
            answered("b", rules=("r1",), passed=("json",), unsure=True),
            answered("c", at=NOON + DAY, rejected=("json",), ok=False, failure="rejected"),
            answered("d", at=NOON + DAY, failure="timeout", ok=False, served=False,
                     cost=None, ending=RequestEnding.FAILED, seconds=60.0),
            answered("e", task=None, model="opus", role=Role.JUDGE, served=False, ending=None),
            Outcome(at=NOON, decision="f", role=Role.REFUSED, ok=False, failure="budget",
                    ending=RequestEnding.DENIED),
        ],
    )  # fmt: skip
    with JournalReader(address) as reader:
        for by in ([], ["model"], ["day"], ["role", "model"]):
            sums, days = reader.sums(by), reader.days(by)  # type: ignore[arg-type]
            assert [replace(s, by=()) for s in sums] == [replace(s, by=()) for s in days]
        (every,) = reader.sums([])
        haiku, *_ = reader.sums(["model"])
        by_rule = {sums.by: sums.calls for sums in reader.sums(["rule"])}
        by_task = {sums.by for sums in reader.sums(["task", "role"])}
    assert (every.calls, every.requests, every.denied, every.exhausted) == (5, 5, 1, 1)
    assert (haiku.by, haiku.calls, haiku.ok, haiku.failed) == (("haiku",), 4, 2, 1)
    assert (haiku.accepted, haiku.rejected, haiku.served, haiku.unsure) == (1, 1, 3, 1)
    assert haiku.cost == 3 * 1_000_000_001
    assert (haiku.tokens_in, haiku.tokens_cached, haiku.estimate) == (400, 50, 5)
    assert (haiku.first_tokens, haiku.first_token_seconds) == (1, 0.125)
    assert haiku.percentile(0.5) == pytest.approx(0.5, rel=0.022)
    assert (haiku.success, haiku.feedback) == (0.5, 0.5)
    assert by_rule == {("r1",): 2, ("r2",): 1}
    assert (None, "judge") in by_task


def test_what_cannot_be_grouped_by_is_reported(address: JournalAddress) -> None:
    JournalDatabase(address).prepare()
    with JournalReader(address) as reader:
        with pytest.raises(UsageError, match=r"grouped by `seconds`.*`?model"):
            reader.sums(["seconds"])  # type: ignore[list-item]
        with pytest.raises(UsageError, match="grouped by `user`"):
            reader.days(["user"])  # type: ignore[list-item]


def test_days_can_be_chosen(address: JournalAddress) -> None:
    write(address, [answered(f"d{n}", at=NOON + n * DAY) for n in range(4)])
    with JournalReader(address) as reader:
        days = reader.days(["day"], since=NOON + DAY, until=NOON + 2 * DAY)
        assert sorted(sums.by for sums in days) == [(20_001,), (20_002,)]


# -- feedback --------------------------------------------------------------------------------


def test_the_latest_value_of_each_source_counts(address: JournalAddress) -> None:
    write(address, [answered(failure="timeout", ok=False, served=False, ending=None),
                    answered(rank=2, at=NOON + 1)])  # fmt: skip
    said = [
        Feedback("d1", 0.0, "ada", "wrong", at=NOON + 10, id="2"),
        Feedback("d1", 1.0, "ada", at=NOON + 5, id="1"),
        Feedback("d1", 0.5, "bob", at=NOON + 7, id="3"),
    ]
    assert rate(address, *said) == [True, True, True]
    first, second = read(address)
    assert (first.feedback, second.feedback) == (None, 0.25)
    with JournalReader(address) as reader:
        assert reader.feedback("d1") == sorted(said, key=lambda each: each.at)
        assert [s.feedback for s in reader.days([])] == [0.25]
        assert [s.feedback for s in reader.sums([])] == [0.25]


def test_a_verdict_of_the_checks_is_feedback(address: JournalAddress) -> None:
    write(address, [
        answered("good", passed=("json",)),
        answered("bad", rejected=("json",), ok=False, failure="rejected"),
        answered("other", rejected=("json",), ok=False, failure="rejected", served=False),
    ])  # fmt: skip
    rate(address, Feedback("bad", 0.5, "ada", at=NOON, id="1"))
    assert [outcome.feedback for outcome in read(address)] == [1.0, 0.25, None]
    with JournalReader(address) as reader:
        assert [(f.source, f.score) for f in reader.feedback("good")] == [("check", 1.0)]


def test_feedback_needs_a_request_that_has_ended(address: JournalAddress) -> None:
    write(address, [answered("open", ending=None), answered("theirs", tenant="them")])
    unknown = [Feedback("never", 1.0, id="1"), Feedback("open", 1.0, id="2")]
    assert rate(address, *unknown) == [False, False]
    theirs = Feedback("theirs", 1.0, id="3")
    assert rate(address, theirs, tenants=["us", None]) == [False]
    assert rate(address, theirs, tenants=["them"]) == [True]
    with JournalReader(address) as reader:
        assert reader.feedback("open") == []


def test_feedback_on_a_request_without_an_answer_is_kept(address: JournalAddress) -> None:
    write(address, [answered(served=False, ending=RequestEnding.FAILED)])
    assert rate(address, Feedback("d1", 0.0, id="1")) == [True]
    assert [outcome.feedback for outcome in read(address)] == [None]
    with JournalReader(address) as reader:
        assert len(reader.feedback("d1")) == 1


# -- deletion --------------------------------------------------------------------------------


def test_old_rows_are_deleted_and_the_sums_of_days_stay(address: JournalAddress) -> None:
    write(address, [answered(f"d{n}", at=NOON + n * DAY, passed=("json",)) for n in range(6)])
    with JournalReader(address) as reader:
        before = reader.days(["day"])
        database = JournalDatabase(address)
        deleted = [database.forget(NOON + 4 * DAY - 1, 3, NOON) for _ in range(3)]
        database.close()
        assert deleted == [3, 1, 0]
        assert [outcome.decision for outcome in reader.outcomes()] == ["d4", "d5"]
        assert reader.feedback("d0") == []
        assert len(reader.feedback("d5")) == 1
        assert reader.days(["day"]) == before


def test_a_name_with_a_null_character_is_kept(address: JournalAddress) -> None:
    write(address, [answered(user="a\0b", turn=2**70)])
    (outcome,) = read(address)
    assert (outcome.user, outcome.turn) == ("a\\x00b", 2**63 - 1)
