"""The figures of a report are those that plain SQL over the rows gives, to the nano-dollar."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from policy_router.journal.address import JournalAddress
from policy_router.journal.database import JournalDatabase
from policy_router.journal.encoding import row_of
from policy_router.journal.engine import engine_of
from policy_router.journal.reader import JournalReader
from policy_router.journal.tables import METADATA
from policy_router.loading import load
from policy_router.reports.report import GROUPINGS, Figures, Percentiles, TrafficReport
from policy_router.reports.traffic import ReportQuery, read_report
from tests.journal.conftest import address, postgres  # noqa: F401  fixtures
from tests.journal.make import DAY, NOON
from tests.journal.test_laws import OUTCOMES, serves_once

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from policy_router.domain.outcome import Outcome
    from tests.journal.servers import PostgresServer

POLICY = load(
    text="""
version: 1
timezone: Europe/Berlin
tiers: [light, heavy]
models:
  small: { model: ollama_chat/small, tier: light, price: free, gpu_memory: 20GB }
  heavy: { model: openai/heavy, tier: heavy, gpu_memory: 80GB,
           price: { input: $1.234567891/M, output: $9.87/M, cached: $0.1/M } }
  odd: { model: openai/odd-one, tier: heavy }
reports:
  baselines: { always-heavy: heavy, always-odd: odd, fair: cheapest_that_fits, local: small }
  gpu: { memory: 80GB, price: $2.50/hour }
"""
)
MODELS = ("small", "heavy", "odd", "gone")
TOKENS = st.none() | st.integers(min_value=0, max_value=10**6)
WORDS = st.none() | st.sampled_from(["a", "größe", "it's"])
ROWS = st.tuples(
    OUTCOMES,
    st.fixed_dictionaries(
        {
            "model": st.sampled_from(MODELS),
            "next_model": st.none() | st.sampled_from(MODELS),
            "tokens_in": TOKENS,
            "tokens_out": TOKENS,
            "tokens_cached": TOKENS,
            "seconds": st.floats(min_value=0.001, max_value=1_000),
            "first_token": st.none() | st.floats(min_value=0.001, max_value=100),
            **dict.fromkeys(
                ("provider", "tier", "tenant", "user", "team", "key", "session"), WORDS
            ),
            "rules": st.lists(st.sampled_from(["r1", "r2: 50%"]), unique=True).map(tuple),
            "arms": st.dictionaries(st.sampled_from(["e1", "e2"]), st.sampled_from(["x", "y"])),
        }
    ),
).map(lambda pair: replace(pair[0], **pair[1]))  # type: ignore[arg-type]  # of its fields
JOURNALS = st.lists(ROWS, min_size=1, max_size=25).map(serves_once)
COLUMNS = {"user": "user_id", "key": "key_id"}
SUMMER = 7_200
"""Seconds that Berlin is ahead of UTC on all days of these tests."""
LISTS = {
    "sqlite": {
        "rule": ("rule.value", "JOIN json_each(o.rules) AS rule"),
        "experiment": ("arm.key || ': ' || arm.value", "JOIN json_each(o.arms) AS arm"),
    },
    "postgresql": {
        "rule": ("value", "CROSS JOIN jsonb_array_elements_text(CAST(o.rules AS JSONB)) AS value"),
        "experiment": (
            "arm.key || ': ' || arm.value",
            "CROSS JOIN jsonb_each_text(CAST(o.arms AS JSONB)) AS arm",
        ),
    },
}
PLAIN = """
SELECT {key} AS value,
    COUNT(ending) AS requests,
    SUM(CASE WHEN ending = 'answered' THEN 1 ELSE 0 END) AS answered,
    SUM(CASE WHEN ending = 'rejected' THEN 1 ELSE 0 END) AS rejected,
    SUM(CASE WHEN ending = 'denied' THEN 1 ELSE 0 END) AS denied,
    SUM(CASE WHEN ending = 'stopped' THEN 1 ELSE 0 END) AS stopped,
    SUM(CASE WHEN ending = 'failed' THEN 1 ELSE 0 END) AS failed,
    SUM(CASE WHEN role <> 'refused' THEN 1 ELSE 0 END) AS calls,
    SUM(CASE WHEN role <> 'refused' AND latency_bucket IS NULL THEN 1 ELSE 0 END) AS failed_calls,
    SUM(CASE WHEN accepted = 0 THEN 1 ELSE 0 END) AS rejected_answers,
    SUM(CASE WHEN role = 'after_rejection' THEN 1 ELSE 0 END) AS escalations,
    COALESCE(SUM(cost), 0) AS cost,
    SUM(unsure) AS unsure,
    COALESCE(SUM(tokens_in), 0) AS tokens_in,
    COALESCE(SUM(tokens_out), 0) AS tokens_out,
    COALESCE(SUM(tokens_cached), 0) AS tokens_cached,
    SUM(served) AS answers,
    SUM(CASE WHEN served = 1 AND model = 'small' THEN 1 ELSE 0 END) AS free_answers,
    SUM(CASE WHEN served = 1 AND model = 'odd' THEN 1 ELSE 0 END) AS unpriced_answers
FROM outcomes AS o {join} WHERE at >= :since AND at < :until GROUP BY 1
"""
COUNTED = "served = 1 AND tokens_in IS NOT NULL AND tokens_out IS NOT NULL AND model <> 'odd'"
CACHED = "CASE WHEN tokens_cached < tokens_in THEN tokens_cached ELSE tokens_in END"
SAVED = f"""
SELECT
    (SUM(CASE WHEN {COUNTED} THEN tokens_in * 1234567891 + tokens_out * 9870000000
        - COALESCE({CACHED}, 0) * 1134567891 * (CASE WHEN tokens_cached IS NULL THEN 0 ELSE 1 END)
        ELSE 0 END) + 999999) / 1000000 AS heavy,
    SUM(CASE WHEN {COUNTED} THEN 1 ELSE 0 END) AS compared,
    SUM(CASE WHEN model = 'odd' THEN 0 WHEN served = 1 AND NOT ({COUNTED}) THEN 0
        ELSE COALESCE(cost, 0) END) AS spent,
    COALESCE(SUM(CASE WHEN served = 1 AND model <> 'odd' THEN fit_cost END), 0) AS fair,
    SUM(CASE WHEN served = 1 AND model <> 'odd' AND fit_cost IS NOT NULL THEN 1 ELSE 0 END)
        AS fitted,
    SUM(CASE WHEN model = 'odd' OR (served = 1 AND fit_cost IS NULL) THEN 0
        ELSE COALESCE(cost, 0) END) AS fair_spent,
    COALESCE(SUM(served), 0) AS answers
FROM outcomes WHERE at >= :since AND at < :until
"""  # noqa: S608  only constants


def plain(connection: Connection, by: str | None, since: float, until: float) -> dict[Any, Any]:
    """The sums of each group in plain SQL."""
    dialect = connection.dialect.name
    key, join = "NULL", ""
    if by in ("day", "hour"):
        seconds = 86_400 if by == "day" else 3_600
        floor = "FLOOR" if dialect == "postgresql" else "CAST"
        value = f"(at + {SUMMER}) / {seconds}"
        key = f"FLOOR({value})" if floor == "FLOOR" else f"CAST({value} AS INTEGER)"
    elif by in ("rule", "experiment"):
        key, join = LISTS[dialect][by]
    elif by is not None:
        key = f"NULLIF(o.{COLUMNS.get(by, by)}, '')"
    query = text(PLAIN.format(key=key, join=join))
    rows = connection.execute(query, {"since": since, "until": until}).mappings()
    return {row["value"]: {n: int(v) for n, v in row.items() if n != "value"} for row in rows}


def counts(figures: Figures) -> dict[str, int]:
    """The figures that plain SQL gives too."""
    names = (
        "requests", "answered", "rejected", "denied", "stopped", "failed", "calls", "failed_calls",
        "rejected_answers", "escalations", "cost", "unsure", "tokens_in", "tokens_out",
        "tokens_cached", "answers", "free_answers", "unpriced_answers",
    )  # fmt: skip
    return {name: getattr(figures, name) for name in names}


def moment_of(label: str) -> int:
    """The number of a local day or hour, as plain SQL has it."""
    from datetime import UTC, datetime

    day = datetime.fromisoformat(label).replace(tzinfo=UTC)
    return int(day.timestamp()) // (86_400 if len(label) == 10 else 3_600)


def percentiles(values: Iterable[float]) -> Percentiles:
    """By their definition."""
    ordered = sorted(values)
    if not ordered:
        return Percentiles()
    ranks = (max(1, ceil(len(ordered) * share)) for share in (0.5, 0.95, 0.99))
    return Percentiles(*(ordered[rank - 1] for rank in ranks))


def check(where: JournalAddress, rows: Sequence[Outcome], query: ReportQuery) -> None:
    """Compare a report with plain SQL and with the rows."""
    by, since, until = query.by, query.since, query.until
    with JournalReader(where) as reader:
        report = read_report(reader, POLICY, query)
    with engine_of(where, writes=False).connect() as connection:
        totals = plain(connection, None, since, until)
        groups = plain(connection, by, since, until) if by else {}
        saved = dict(
            connection.execute(text(SAVED), {"since": since, "until": until}).mappings().one()
        )
    inside = [row for row in rows if since <= row.at < until]
    assert report.begins == min((row.at for row in inside), default=None)
    if not inside:
        assert (report.total, report.groups) == (empty(report), ())
        return
    assert counts(report.total) == totals[None]
    nothing = dict.fromkeys(counts(Figures()), 0)
    found = {
        each.key if by not in ("day", "hour") else moment_of(str(each.key)): counts(each)
        for each in report.groups
    }
    if by in ("day", "hour"):
        assert {key: each for key, each in found.items() if each != nothing} == groups
    else:
        check_top(report, groups, query, inside)
    against = {each.baseline: each for each in report.total.savings}
    answers = int(saved["answers"])
    heavy, odd, fair, local = (
        against[name] for name in ("always-heavy", "always-odd", "fair", "local")
    )
    assert (heavy.cost, heavy.spent) == (int(saved["heavy"]), int(saved["spent"]))
    assert (heavy.compared, heavy.unknown) == (saved["compared"], answers - saved["compared"])
    assert (fair.cost, fair.spent) == (int(saved["fair"]), int(saved["fair_spent"]))
    assert (fair.compared, fair.unknown) == (saved["fitted"], answers - saved["fitted"])
    assert (odd.cost, odd.saved, odd.compared, odd.unknown) == (None, None, 0, answers)
    assert (local.cost, local.fair, fair.fair) == (0, False, True)
    for shown, exact in (
        (report.total.latency, percentiles(row.seconds for row in inside if row.is_answer)),
        (
            report.total.first_token,
            percentiles(row.first_token for row in inside if row.first_token is not None),
        ),
    ):
        for name in ("p50", "p95", "p99"):
            value = getattr(exact, name)
            near = value if value is None else pytest.approx(value, rel=0.0225)
            assert getattr(shown, name) == near
    assert sum(each.answers for each in report.tiers) == report.total.answers
    flows = [row for row in inside if row.failure is not None and row.is_attempt]
    assert sum(each.times for each in report.failures) == len(flows)
    for flow in report.failures:
        assert flow.times == sum(
            (row.model, row.next_model, row.failure) == (flow.source, flow.target, flow.failure)
            for row in flows
        )
    assert sum(each.requests for each in report.denials) == sum(
        row.failure is not None for row in inside if row.role == "refused"
    )


def check_top(
    report: TrafficReport, groups: dict[Any, Any], query: ReportQuery, rows: Sequence[Outcome]
) -> None:
    """The groups with the highest cost are shown, and the others come to what is left."""
    ranked = sorted(
        groups,
        key=lambda key: (
            *(-groups[key][name] for name in ("cost", "requests", "calls")),
            key or "",
        ),
    )
    shown, others = ranked[: query.top], ranked[query.top :]
    assert [each.key for each in report.groups] == shown
    assert [counts(each) for each in report.groups] == [groups[key] for key in shown]
    assert report.omitted == len(others)
    if not others:
        assert report.others is None
        return
    assert report.others is not None
    assert counts(report.others) == {
        name: sum(groups[key][name] for key in others) for name in counts(report.others)
    }
    if query.by in ("rule", "experiment"):
        return
    left = [row for row in rows if (getattr(row, str(query.by)) or None) in others]
    exact = percentiles(row.seconds for row in left if row.is_answer)
    assert report.others.latency.p95 == (exact.p95 and pytest.approx(exact.p95, rel=0.0225))
    whole = counts(report.total)
    for name, number in whole.items():  # nothing is lost and nothing counts twice
        parts = sum(getattr(each, name) for each in (*report.groups, report.others))
        assert parts == number
    for place, saving in enumerate(report.total.savings):
        each_saving = [each.savings[place] for each in (*report.groups, report.others)]
        assert sum(each.spent for each in each_saving) == saving.spent
        assert sum(each.compared for each in each_saving) == saving.compared


def empty(report: TrafficReport) -> Figures:
    """The figures of nothing: baselines that cost nothing, or whose price is unknown."""
    return Figures(savings=report.total.savings)


MOMENTS = st.sampled_from([NOON - 2 * DAY, NOON - DAY / 2, NOON, NOON + 0.5])
ENDS = st.sampled_from([NOON + 1, NOON + DAY / 3, NOON + 2 * DAY])
QUERIES = st.builds(
    ReportQuery,
    since=MOMENTS,
    until=ENDS,
    by=st.sampled_from((None, *GROUPINGS)),
    top=st.integers(1, 4),
)


@settings(max_examples=20, deadline=None, phases=[Phase.generate])
@given(rows=JOURNALS, query=QUERIES, summed=st.integers(0, 30))
def test_a_report_is_what_plain_sql_gives(
    rows: list[Outcome], query: ReportQuery, summed: int
) -> None:
    with TemporaryDirectory() as folder:
        where = JournalAddress.parse(f"sqlite:///{Path(folder)}/journal.db")
        database = JournalDatabase(where)
        database.write("1", [row_of(row) for row in rows], NOON)
        database.sum_up(summed)
        database.close()
        check(where, rows, query)


def test_it_is_the_same_in_postgresql(postgres: PostgresServer) -> None:  # noqa: F811  a fixture
    where = JournalAddress.parse(postgres.new_database())

    @settings(max_examples=6, deadline=None, phases=[Phase.generate])
    @given(rows=JOURNALS, query=QUERIES, summed=st.integers(0, 30))
    def law(rows: list[Outcome], query: ReportQuery, summed: int) -> None:
        database = JournalDatabase(where)
        database.prepare()
        engine = engine_of(where, writes=True)
        with engine.begin() as connection:
            for name in METADATA.tables:
                if name != "progress":
                    connection.execute(text(f"DELETE FROM {name}"))  # noqa: S608  a constant
            connection.execute(text("UPDATE progress SET summed = 0, whole_from = 0"))
            connection.execute(text("ALTER SEQUENCE outcomes_id_seq RESTART"))
        engine.dispose()
        database.write("1", [row_of(row) for row in rows], NOON)
        database.sum_up(summed)
        database.close()
        check(where, rows, query)

    law()
