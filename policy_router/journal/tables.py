"""The tables of the newest version, as queries name them. `migrations` makes them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, SmallInteger, Table, Text

from policy_router.journal.days import NAMES

METADATA: Final = MetaData()


def _columns(
    kind: type[Text | BigInteger | Float[float] | Integer], *names: str
) -> list[Column[object]]:
    return [Column(name, kind) for name in names]


OUTCOMES: Final = Table(
    "outcomes",
    METADATA,
    Column("id", BigInteger, primary_key=True),
    Column("at", Float, nullable=False),
    Column("latency_bucket", SmallInteger),
    *_columns(Text, "model", "role", "task", "band", "failure", "ending"),
    *_columns(BigInteger, "cost", "estimate", "tokens_in", "tokens_out", "tokens_cached"),
    *_columns(Float, "seconds", "first_token"),
    *_columns(Integer, "ok", "unsure", "served", "accepted", "rated"),
    *_columns(BigInteger, "rating"),
    *_columns(Text, "decision"),
    *_columns(Integer, "rank", "status"),
    *_columns(Text, "provider", "tier", "key_env", "form", "kind"),
    *_columns(Float, "score", "propensity"),
    *_columns(Text, "tenant", "user_id", "team", "key_id", "session", "client"),
    *_columns(Integer, "stream", "subagent", "housekeeping"),
    *_columns(BigInteger, "turn", "tool_errors"),
    *_columns(Text, "arms", "prompt", "revision", "rules", "passed", "rejected"),
    Column("first_token_bucket", SmallInteger),
    Column("next_model", Text),
    Column("fit_cost", BigInteger),
    *_columns(Text, "tags", "attributes"),
)
"""One row for each call, and for each request for which no model was called. Names that are lists
or mappings are JSON; a boolean is 0 or 1."""

DAY_KEY: Final = ("day", "model", "task", "band", "role")
"""What the sums of one row of a day are of; an absent task or band is the empty text."""
DAYS: Final = Table(
    "days",
    METADATA,
    Column("day", Integer, primary_key=True),
    *(Column(name, Text, primary_key=True) for name in DAY_KEY[1:]),
    *_columns(BigInteger, *NAMES),
)
"""Sums of each day in UTC, counted from 1970; kept for ever."""


def _histogram(name: str, key: tuple[str, ...]) -> Table:
    return Table(
        name,
        METADATA,
        *(Column(part, Integer if part == "day" else Text, primary_key=True) for part in key),
        Column("bucket", SmallInteger, primary_key=True),
        Column("calls", BigInteger),
    )


DAY_LATENCIES: Final = _histogram("day_latencies", DAY_KEY)
"""How many answers of a day took how long; see `durations`."""
DAY_FIRST_TOKENS: Final = _histogram("day_first_tokens", DAY_KEY)
"""How many streams of a day began after how long."""

FACET_KEY: Final = ("facet", "day", "value", "model", "role")
"""What the sums of one row of a facet are of; an absent value is the empty text."""
FACETS: Final = Table(
    "facets",
    METADATA,
    *(Column(part, Integer if part == "day" else Text, primary_key=True) for part in FACET_KEY),
    *_columns(BigInteger, *NAMES),
)
"""Sums of each day for each value of a facet, such as each user; see `facets`. They are deleted
with the rows that they are of."""
FACET_LATENCIES: Final = _histogram("facet_latencies", FACET_KEY)
"""How many answers of a row of `facets` took how long."""
FACET_FIRST_TOKENS: Final = _histogram("facet_first_tokens", FACET_KEY)
"""How many streams of a row of `facets` began after how long."""

PROGRESS: Final = Table("progress", METADATA, *_columns(BigInteger, "summed", "whole_from"))
"""One row: the id up to which rows are in `facets`, and the first day of which neither `facets` nor
`days` has rows that `outcomes` lacks."""

COOLDOWNS: Final = Table(
    "suspensions",
    METADATA,
    Column("id", Text, primary_key=True),
    *_columns(Float, "at", "seconds"),
    *_columns(Text, "scope", "name", "cause"),
)
"""Each time that calls of a model or a provider were suspended because it kept failing."""

FEEDBACK: Final = Table(
    "feedback",
    METADATA,
    Column("id", Text, primary_key=True),
    *_columns(Text, "decision", "source", "label"),
    *_columns(Float, "at", "score"),
)
"""Everything that was said about answers."""

RATINGS: Final = Table(
    "ratings",
    METADATA,
    Column("decision", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    *_columns(Float, "at"),
    *_columns(Text, "id"),
    *_columns(BigInteger, "rating"),
)
"""The latest value of each source, in millionths."""

BATCHES: Final = Table(
    "batches",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", Float, nullable=False),
)
"""Batches that were written lately, so that one whose commit went unheard is not written twice."""
