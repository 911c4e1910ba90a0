"""Laws of the journal that hold for any outcomes in any order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from policy_router.domain.feedback import Feedback
from policy_router.domain.outcome import Outcome, RequestEnding, Role
from policy_router.journal.address import JournalAddress
from policy_router.journal.database import JournalDatabase
from policy_router.journal.encoding import row_of
from policy_router.journal.reader import JournalReader
from tests.journal.make import DAY, NOON

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = st.sampled_from(["a", "b", "größe"])
COUNTS = st.none() | st.integers(min_value=0, max_value=10**12)
SOME_CHECKS = st.lists(st.sampled_from(["json", "llm"]), max_size=2, unique=True).map(tuple)
OUTCOMES = st.builds(
    Outcome,
    at=st.floats(min_value=NOON - DAY, max_value=NOON + DAY),
    decision=st.sampled_from([f"d{number}" for number in range(8)]),
    role=st.sampled_from(Role),
    model=NAMES,
    task=st.none() | NAMES,
    band=st.none() | NAMES,
    ok=st.booleans(),
    failure=st.none() | st.sampled_from(["rejected", "empty", "timeout"]),
    seconds=st.floats(min_value=0, max_value=1_000),
    first_token=st.none() | st.floats(min_value=0, max_value=100),
    tokens_in=COUNTS,
    tokens_out=COUNTS,
    tokens_cached=COUNTS,
    cost=COUNTS,
    unsure=st.booleans(),
    estimate=COUNTS,
    fit_cost=COUNTS,
    next_model=st.none() | NAMES,
    passed=SOME_CHECKS,
    rejected=SOME_CHECKS,
    ending=st.none() | st.sampled_from(RequestEnding),
)
SAID = st.builds(
    Feedback,
    decision=st.sampled_from([f"d{number}" for number in range(8)]),
    score=st.floats(min_value=0, max_value=1),
    source=st.sampled_from(["ada", "bob"]),
    at=st.sampled_from([NOON + number for number in range(4)]),
)


def serves_once(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """At most one answer of a decision is served."""
    served: set[str] = set()
    result = []
    for outcome in outcomes:
        takes = outcome.is_answer and outcome.decision not in served
        if takes:
            served.add(outcome.decision)
        result.append(replace(outcome, served=takes))
    return result


@settings(max_examples=40, deadline=None)
@given(st.lists(OUTCOMES, min_size=1, max_size=30), st.lists(SAID, max_size=12), st.data())
def test_sums_of_days_are_the_sums_of_rows(
    outcomes: list[Outcome], said: list[Feedback], data: st.DataObject
) -> None:
    """However they are split into batches, and whatever is said of them in whatever order."""
    outcomes = serves_once(outcomes)
    said = [replace(each, id=f"{number:03}") for number, each in enumerate(said)]
    cut = data.draw(st.integers(min_value=0, max_value=len(outcomes)))
    with TemporaryDirectory() as folder:
        address = JournalAddress.parse(f"sqlite:///{Path(folder)}/journal.db")
        database = JournalDatabase(address)
        known = {}
        for batch, part in (("1", outcomes[:cut]), ("2", outcomes[cut:])):
            if part:
                database.write(batch, [row_of(outcome) for outcome in part], NOON)
        for each in data.draw(st.permutations(said)):
            known[each.id] = database.rate(each)
        database.close()
        with JournalReader(address) as reader:
            for by in ([], ["model"], ["day", "role"]):
                rows = reader.sums(by)  # type: ignore[arg-type]
                days = reader.days(by)  # type: ignore[arg-type]
                for one, other in zip(rows, days, strict=True):
                    assert one.by == other.by
                    assert replace(one, seconds=0, first_token_seconds=0) == replace(
                        other, seconds=0, first_token_seconds=0
                    )
                    assert abs(one.seconds - other.seconds) < 1e-3
            (total,) = reader.sums([])
            assert total.cost == sum(outcome.cost or 0 for outcome in outcomes)
            for outcome in reader.outcomes():
                if outcome.served:
                    assert outcome.feedback == latest_of_each_source(outcome, said, known)


def latest_of_each_source(
    outcome: Outcome, said: list[Feedback], known: dict[str, bool]
) -> float | None:
    """Worked out plainly: the order of arrival plays no part."""
    latest: dict[str, Feedback] = {}
    for each in sorted(said, key=lambda each: (each.at, each.id)):
        if each.decision == outcome.decision and known[each.id]:
            latest[each.source] = each
    scores = [round(each.score * 1_000_000) for each in latest.values()]
    if outcome.accepted is not None:
        scores.append(1_000_000 * outcome.accepted)
    return sum(scores) / len(scores) / 1_000_000 if scores else None
