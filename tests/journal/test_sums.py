"""Sums are the same wherever they are read from: rows, sums of days, sums of facets."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from policy_router.domain.durations import bucket_of
from policy_router.domain.feedback import Feedback
from policy_router.domain.outcome import Outcome, RequestEnding, Role
from policy_router.journal.address import JournalAddress
from policy_router.journal.database import JournalDatabase
from policy_router.journal.dimensions import FACET_NAMES, Grouping
from policy_router.journal.encoding import row_of
from policy_router.journal.engine import engine_of
from policy_router.journal.query import OutcomeFilter
from policy_router.journal.reader import JournalReader
from tests.journal.make import DAY, NOON, answered, write
from tests.journal.test_laws import OUTCOMES, SAID, serves_once

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def varied(drawn: tuple[Outcome, dict[str, Any]]) -> Outcome:
    outcome, fields = drawn
    return replace(outcome, **fields)


TEXTS = st.none() | st.sampled_from(["a", "größe", "it's"])
VARIED = st.tuples(
    OUTCOMES,
    st.fixed_dictionaries(
        {
            "at": st.floats(NOON - 2 * DAY, NOON + 2 * DAY)
            | st.sampled_from([NOON - DAY / 2, NOON + DAY / 2]),
            "user": TEXTS,
            "session": TEXTS,
            "status": st.sampled_from([None, 200, 503]),
            "rules": st.lists(st.sampled_from(["r1", "r2: 50%"]), unique=True).map(tuple),
            "arms": st.dictionaries(st.sampled_from(["e1", "e2"]), st.sampled_from(["x", "y"])),
        }
    ),
).map(varied)
GROUPINGS: Any = [
    [],
    *([name] for name in get_args(Grouping)),
    ["day", "model", "task", "band", "role"],
    *(["day", "model", "role", facet] for facet in FACET_NAMES),
    ["user", "session"],
]
SOME: Any = [[], ["hour"], ["status"], ["rule"], ["experiment"], ["day", "user"], ["user", "rule"],
             ["day", "model", "task", "band", "role"]]  # fmt: skip
FILTERS = st.sampled_from(
    [
        OutcomeFilter(),
        OutcomeFilter(models=["a"], roles=[Role.FIRST, Role.JUDGE]),
        OutcomeFilter(tasks=["a"]),
        OutcomeFilter(user="a"),
        OutcomeFilter(rule="r1"),
        OutcomeFilter(failures=["timeout", "empty"]),
        OutcomeFilter(experiment="e1"),
        OutcomeFilter(served=True),
    ]
)
MOMENTS = st.none() | st.sampled_from([NOON - DAY, NOON - DAY / 2, NOON, NOON + DAY / 2])


def values_of(outcome: Outcome, name: str) -> Sequence[Any]:
    """The values of a dimension, worked out plainly."""
    match name:
        case "day":
            return [int(outcome.at // 86_400)]
        case "hour":
            return [int(outcome.at // 3_600)]
        case "rule":
            return outcome.rules
        case "experiment":
            return [f"{experiment}: {arm}" for experiment, arm in outcome.arms.items()]
    value = getattr(outcome, name)
    return [(value.value if isinstance(value, Role | RequestEnding) else value) or None]


def recomputed(
    rows: Iterable[tuple[Outcome, tuple[int, int]]], by: Sequence[str]
) -> dict[Any, dict[str, Any]]:
    """The sums of outcomes with what they are rated, added up one by one."""
    groups: dict[Any, Any] = defaultdict(Counter)
    for outcome, rated in rows:
        keys: list[tuple[Any, ...]] = [()]
        for name in by:
            keys = [(*key, value) for key in keys for value in values_of(outcome, name)]
        called = outcome.role is not Role.REFUSED
        for key in keys:
            sums = groups[key]
            sums["calls"] += called
            sums["failed"] += called and not outcome.is_answer
            sums["unpriced"] += called and outcome.cost is None
            sums["free"] += outcome.is_answer and outcome.cost == 0
            sums["accepted"] += outcome.accepted is True
            sums["rejected"] += outcome.accepted is False
            sums["requests"] += outcome.ending is not None
            sums["denied"] += outcome.ending is RequestEnding.DENIED
            sums["stopped"] += outcome.ending is RequestEnding.STOPPED
            sums["exhausted"] += outcome.ending is RequestEnding.FAILED
            sums["first_tokens"] += outcome.first_token is not None
            for name in ("ok", "served", "unsure", "cost", "estimate"):
                sums[name] += getattr(outcome, name) or 0
            for name in ("tokens_in", "tokens_out", "tokens_cached"):
                sums[name] += getattr(outcome, name) or 0
            sums["poor"] += outcome.ending is RequestEnding.REJECTED
            if outcome.served:
                tokens, cost = (outcome.tokens_in, outcome.tokens_out), outcome.cost or 0
                sums["uncounted_cost"] += cost if None in tokens else 0
                if None not in tokens:
                    sums["compared"] += 1
                    sums["compared_cost"] += cost
                    sums["compared_in"] += tokens[0] or 0
                    sums["compared_out"] += tokens[1] or 0
                    sums["compared_cached"] += min(outcome.tokens_cached or 0, tokens[0] or 0)
                if outcome.fit_cost is not None:
                    sums["fitted"] += 1
                    sums["fit_cost"] += outcome.fit_cost
                    sums["fitted_cost"] += cost
            sums["rated"] += rated[0]
            sums["rating"] += rated[1]
            if outcome.is_answer:
                sums["latency", bucket_of(outcome.seconds)] += 1
            if outcome.first_token is not None:
                sums["first token", bucket_of(outcome.first_token)] += 1
    return {key: {name: n for name, n in sums.items() if n} for key, sums in groups.items()}


def as_counts(reader: JournalReader, by: Any, where: OutcomeFilter) -> dict[Any, dict[Any, int]]:
    """What the reader says, in the same shape."""
    found = {}
    for sums in reader.sums(by, where):
        counts: dict[Any, int] = {
            name: getattr(sums, name)
            for name in (
                "calls", "ok", "failed", "accepted", "rejected", "served", "requests", "denied",
                "stopped", "exhausted", "cost", "unsure", "estimate", "tokens_in", "tokens_out",
                "tokens_cached", "first_tokens", "rated", "rating", "free", "unpriced",
                "poor", "uncounted_cost", "compared", "compared_cost", "compared_in",
                "compared_out", "compared_cached", "fitted", "fit_cost", "fitted_cost",
            )
        }  # fmt: skip
        counts |= {("latency", bucket): n for bucket, n in sums.latencies.items()}
        counts |= {("first token", b): n for b, n in sums.first_token_latencies.items()}
        found[sums.by] = {name: n for name, n in counts.items() if n}
    return found


@settings(max_examples=25, deadline=None)
@given(
    outcomes=st.lists(VARIED, min_size=1, max_size=25),
    said=st.lists(SAID, max_size=8),
    by=st.sampled_from(GROUPINGS),
    where=FILTERS,
    since=MOMENTS,
    until=MOMENTS,
    forgotten=MOMENTS,
    data=st.data(),
)
def test_sums_are_those_of_the_rows(
    *,
    outcomes: list[Outcome],
    said: list[Feedback],
    by: Any,
    where: OutcomeFilter,
    since: float | None,
    until: float | None,
    forgotten: float | None,
    data: st.DataObject,
) -> None:
    """Whatever was summed, rated and deleted in which order."""
    outcomes, where = serves_once(outcomes), replace(where, since=since, until=until)
    steps: list[Any] = [
        *(replace(each, id=f"{number:03}") for number, each in enumerate(said)),
        *data.draw(st.lists(st.integers(1, 20), max_size=4)),
        *([] if forgotten is None else [forgotten]),
    ]
    with TemporaryDirectory() as folder:
        address = JournalAddress.parse(f"sqlite:///{Path(folder)}/journal.db")
        database = JournalDatabase(address)
        half = len(outcomes) // 2
        for batch, part in enumerate((outcomes[:half], outcomes[half:])):
            database.write(str(batch), [row_of(outcome) for outcome in part], NOON)
            for step in data.draw(st.permutations(steps)) if batch else steps[:2]:
                match step:
                    case Feedback():
                        database.rate(step)
                    case int():
                        database.sum_up(step)
                    case float():
                        database.forget(step, 1_000, NOON)
        database.close()
        with engine_of(address, writes=False).connect() as connection:
            order = "SELECT rated, rating FROM outcomes ORDER BY at, id"
            ratings = [(row.rated, row.rating) for row in connection.execute(text(order))]
        with JournalReader(address) as reader:
            rows = list(zip(reader.outcomes(), ratings, strict=True))
            kept = [row for row in rows if meets(row[0], where)]
            assert as_counts(reader, by, where) == recomputed(kept, by)


def meets(outcome: Outcome, where: OutcomeFilter) -> bool:
    """Whether an outcome meets a filter, worked out plainly."""
    return (
        (where.since is None or outcome.at >= where.since)
        and (where.until is None or outcome.at < where.until)
        and (where.models is None or outcome.model in where.models)
        and (where.roles is None or outcome.role in where.roles)
        and (where.tasks is None or outcome.task in where.tasks)
        and (where.failures is None or outcome.failure in where.failures)
        and (where.user is None or outcome.user == where.user)
        and (where.rule is None or where.rule in outcome.rules)
        and (where.experiment is None or where.experiment in outcome.arms)
        and (where.served is None or outcome.served == where.served)
    )


def test_it_is_the_same_in_every_database(address: JournalAddress) -> None:
    rows = [
        answered(
            f"d{n}", at=NOON + n * DAY / 8, user=("ada", None)[n % 2], status=(200, None)[n % 2],
            rules=("r1", "50% off")[: n % 3], arms={"e": "x"} if n % 2 else {}, first_token=0.25,
        )
        for n in range(24)
    ]  # fmt: skip
    write(address, rows)
    rated = Feedback("d1", 0.5, "ada", at=NOON, id="1")
    database = JournalDatabase(address)
    with JournalReader(address) as reader:
        for by in SOME:
            before = reader.sums(by)
            assert as_counts(reader, by, OutcomeFilter()) == recomputed(
                [(row, (0, 0)) for row in rows], by
            )
            assert sum(each.calls for each in before) or not by
        assert database.sum_up(10, at_least=25) == 24
        assert [database.sum_up(10) for _ in range(4)] == [14, 4, 0, 0]
        assert database.rate(rated)
        ratings = [(1, 500_000) if row.decision == "d1" else (0, 0) for row in rows]
        everything = list(zip(rows, ratings, strict=True))
        for by in SOME:
            assert as_counts(reader, by, OutcomeFilter()) == recomputed(everything, by)
        until = NOON + DAY
        early = [row for row in everything if row[0].at < until]
        where = OutcomeFilter(until=until)
        assert as_counts(reader, ["user"], where) == recomputed(early, ["user"])
        assert database.forget(until, 1_000, NOON) == 8
        late = [row for row in everything if row[0].at >= until]
        for by in SOME:
            assert as_counts(reader, by, OutcomeFilter()) == recomputed(late, by)
    database.close()


def test_the_first_groups(address: JournalAddress) -> None:
    rows = [answered(f"d{n}", user=f"user-{n % 4}" if n % 4 else None, cost=n) for n in range(10)]
    write(address, rows)
    with JournalReader(address) as reader:
        first = reader.sums(["user"], limit=2, order="cost")
        assert [(each.by, each.cost) for each in first] == [(("user-1",), 15), ((None,), 12)]
        assert [sum(each.latencies.values()) for each in first] == [3, 3]
        (most,) = reader.sums(["user"], OutcomeFilter(models=["haiku"]), limit=1, order="requests")
        assert (most.by, sum(most.latencies.values())) == ((None,), 3)


def test_the_last_row_that_was_deleted_gives_its_id_to_another(address: JournalAddress) -> None:
    database = JournalDatabase(address)
    database.write("1", [row_of(answered("d1"))], NOON)
    assert database.sum_up(10) == 0
    assert database.forget(NOON + DAY, 10, NOON) == 1
    database.write("2", [row_of(answered("d2", at=NOON + 2 * DAY, user="ada"))], NOON)
    database.close()
    with JournalReader(address) as reader:
        assert [(each.by, each.calls) for each in reader.sums(["user"])] == [(("ada",), 1)]
