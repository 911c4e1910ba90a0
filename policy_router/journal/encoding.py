"""Converts outcomes to rows of the table `outcomes`, and back."""

from __future__ import annotations

import json
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from policy_router.domain.durations import bucket_of
from policy_router.domain.outcome import Outcome, RequestEnding, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.events import BreakerChanged

MILLIONTHS: Final = 1_000_000
"""Scores are added up as integers, so that sums are the same in any order."""
_LARGEST: Final = 2**63 - 1
_TEXTS: Final = {
    name: name
    for name in (
        "model", "task", "band", "failure", "decision", "provider", "tier", "key_env", "form",
        "kind", "tenant", "team", "session", "client", "prompt", "revision", "next_model",
    )
} | {"user": "user_id", "key": "key_id"}  # fmt: skip
"""Fields that are texts, and their columns: two words have another meaning in SQL."""
_INTEGERS: Final = (
    "turn", "tool_errors", "tokens_in", "tokens_out", "tokens_cached", "cost", "estimate",
    "fit_cost",
)  # fmt: skip
"""Fields that may be larger than a database can keep."""
_NUMBERS: Final = ("at", "seconds", "first_token", "rank", "status", "score", "propensity")
_FLAGS: Final = ("ok", "unsure", "served", "stream", "subagent", "housekeeping")
COLUMNS: Final = (
    *_TEXTS.values(), *_INTEGERS, *_NUMBERS, *_FLAGS, "role", "ending", "accepted", "rated",
    "rating", "arms", "tags", "attributes", "rules", "passed", "rejected", "latency_bucket",
    "first_token_bucket",
)  # fmt: skip
"""The columns of a row, in its order."""

OutcomeRow: TypeAlias = tuple[object, ...]
"""The values of `COLUMNS`."""

_texts_of: Final = attrgetter(*_TEXTS)
_integers_of: Final = attrgetter(*_INTEGERS)
_numbers_of: Final = attrgetter(*_NUMBERS)
_flags_of: Final = attrgetter(*_FLAGS)


def row_of(outcome: Outcome) -> OutcomeRow:
    """The row of an outcome, without an id.

    What its checks say of an answer that was served is its first feedback.
    """
    texts = _texts_of(outcome)
    if "\0" in "".join(filter(None, texts)):  # PostgreSQL keeps no text with this character
        texts = tuple(text and text.replace("\0", "\\x00") for text in texts)
    integers = _integers_of(outcome)
    if max(filter(None, integers), default=0) > _LARGEST:
        integers = tuple(number and min(number, _LARGEST) for number in integers)
    accepted, started = outcome.accepted, outcome.first_token
    rated = outcome.served and accepted is not None
    return (
        *texts,
        *integers,
        *_numbers_of(outcome),
        *[1 if flag else 0 for flag in _flags_of(outcome)],
        outcome.role.value,
        None if outcome.ending is None else outcome.ending.value,
        None if accepted is None else int(accepted),
        int(rated),
        MILLIONTHS if rated and accepted else 0,
        _json(outcome.arms),
        _json(outcome.tags),
        _json(outcome.attributes),
        _json(outcome.rules),
        _json(outcome.passed),
        _json(outcome.rejected),
        bucket_of(outcome.seconds) if outcome.is_answer else None,
        None if started is None else bucket_of(started),
    )


def cooldown_row(event: BreakerChanged) -> dict[str, object]:
    """The row of a cooldown that begins."""
    return {
        "id": event.id,
        "at": event.time,
        "seconds": max(0.0, event.until - event.time),
        "scope": event.scope,
        "name": event.name,
        "cause": event.cause,
    }


def outcome_of(row: Mapping[str, Any]) -> Outcome:
    """The outcome of a row."""
    values = {name: row[column] for name, column in _TEXTS.items()}
    values |= {name: row[name] for name in (*_INTEGERS, *_NUMBERS)}
    values |= {name: bool(row[name]) for name in _FLAGS}
    rated = row["rated"]
    return Outcome(
        **values,
        role=Role(row["role"]),
        ending=None if row["ending"] is None else RequestEnding(row["ending"]),
        arms=MappingProxyType(json.loads(row["arms"]) if row["arms"] else {}),
        tags=_names(row["tags"]),
        attributes=MappingProxyType(json.loads(row["attributes"]) if row["attributes"] else {}),
        rules=_names(row["rules"]),
        passed=_names(row["passed"]),
        rejected=_names(row["rejected"]),
        feedback=row["rating"] / rated / MILLIONTHS if rated else None,
    )


def millionths(score: float) -> int:
    """A score from 0 to 1 as an integer."""
    return round(score * MILLIONTHS)


def _json(value: Mapping[str, object] | tuple[str, ...]) -> str | None:
    """A text of JSON; None for nothing."""
    if not value:
        return None
    plain = value if isinstance(value, tuple) else dict(value)
    return json.dumps(plain, separators=(",", ":"))


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text else ()
