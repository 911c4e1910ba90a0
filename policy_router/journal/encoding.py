"""Outcomes as rows of the table `outcomes`, and rows as outcomes."""

from __future__ import annotations

import json
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.durations import bucket_of
from policy_router.domain.outcome import Outcome, RequestEnding, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

MILLIONTHS: Final = 1_000_000
"""Scores are added up as integers, so that sums are the same in any order."""
_LARGEST: Final = 2**63 - 1
_SAME: Final = (
    "at", "model", "task", "band", "failure", "cost", "estimate", "tokens_in", "tokens_out",
    "tokens_cached", "seconds", "first_token", "decision", "rank", "status", "provider", "tier",
    "key_env", "form", "kind", "score", "propensity", "tenant", "team", "session", "client",
    "turn", "tool_errors", "prompt", "revision",
)  # fmt: skip
"""Fields that are columns of the same name and value."""
_FLAGS: Final = ("ok", "unsure", "served", "stream", "subagent", "housekeeping")
_RENAMED: Final = {"user": "user_id", "key": "key_id"}
"""Words that have another meaning in SQL."""
_TEXTS: Final = (
    "model", "task", "band", "failure", "provider", "tier", "key_env", "form", "kind", "decision",
    "tenant", "team", "session", "client", "prompt", "revision", "user_id", "key_id",
)  # fmt: skip


_READ: Final = attrgetter(*_SAME, *_RENAMED, *_FLAGS)
_COLUMNS: Final = (*_SAME, *_RENAMED.values(), *_FLAGS)
_INTEGERS: Final = ("turn", "tool_errors", "tokens_in", "tokens_out", "cost", "estimate")


def row_of(outcome: Outcome) -> dict[str, object]:
    """The row of an outcome, without an id."""
    row: dict[str, object] = dict(zip(_COLUMNS, _READ(outcome), strict=True))
    for name in _FLAGS:
        row[name] = 1 if row[name] else 0
    accepted = outcome.accepted
    row["role"] = outcome.role.value
    row["ending"] = None if outcome.ending is None else outcome.ending.value
    row["accepted"] = None if accepted is None else int(accepted)
    row["arms"] = _json(dict(outcome.arms))
    row["rules"] = _json(outcome.rules)
    row["passed"] = _json(outcome.passed)
    row["rejected"] = _json(outcome.rejected)
    row["rated"] = row["rating"] = 0
    row["latency_bucket"] = bucket_of(outcome.seconds) if outcome.is_answer else None
    for name in _INTEGERS:
        value = row[name]
        if value is not None and value > _LARGEST:  # type: ignore[operator]  # an integer
            row[name] = _LARGEST
    for name in _TEXTS:  # PostgreSQL keeps no text with this character
        value = row[name]
        if value is not None and "\0" in value:  # type: ignore[operator]  # a text
            row[name] = str(value).replace("\0", "\\x00")
    return row


def outcome_of(row: Mapping[str, Any]) -> Outcome:
    """The outcome of a row."""
    values = {name: row[name] for name in _SAME}
    values |= {name: bool(row[name]) for name in _FLAGS}
    values |= {name: row[column] for name, column in _RENAMED.items()}
    rated = row["rated"]
    return Outcome(
        **values,
        role=Role(row["role"]),
        ending=None if row["ending"] is None else RequestEnding(row["ending"]),
        arms=MappingProxyType(json.loads(row["arms"]) if row["arms"] else {}),
        rules=_names(row["rules"]),
        passed=_names(row["passed"]),
        rejected=_names(row["rejected"]),
        feedback=row["rating"] / rated / MILLIONTHS if rated else None,
    )


def millionths(score: float) -> int:
    """A score from 0 to 1 as an integer."""
    return round(score * MILLIONTHS)


def _json(value: dict[str, str] | tuple[str, ...]) -> str | None:
    """A text of JSON; None for nothing."""
    return json.dumps(value, separators=(",", ":")) if value else None


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text else ()
