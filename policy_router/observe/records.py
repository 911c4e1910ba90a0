"""Writes decisions as JSON records, and reads back the inputs of a decision.

With the policy of its revision, `decide` makes the same decision again of what is read back. A
record contains neither text of a prompt nor an API key: it names a key by the identifier that its
counters are kept under. So only a condition on the text of the key itself may decide otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from math import isfinite
from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.base_errors import UsageError
from policy_router.domain.attempt import Attempt
from policy_router.domain.beliefs import Belief, Beliefs, ModelBelief, Rival
from policy_router.domain.experience import Measured, Measurement
from policy_router.domain.experiments import Assignment
from policy_router.domain.identity import key_id
from policy_router.domain.limits import CounterKey, Reading
from policy_router.domain.request import Request
from policy_router.domain.sessions import CachedPrompt, SessionState
from policy_router.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from policy_router.domain.decision import Decision, Skip

VERSION: Final = 1
"""Version of the format; a reader refuses any other."""

Record: TypeAlias = Mapping[str, object]
"""A record as JSON has it."""


def record_of(
    decision: Decision,
    *,
    time: float,
    attempts: Sequence[Attempt] = (),
    served_by: str | None = None,
    refused: Sequence[Skip] = (),
) -> dict[str, object]:
    """Return the record of a decision and of what became of it.

    Args:
        decision: The decision, with the snapshot that it was made on.
        time: Unix time of the outcome.
        attempts: Every call, in order.
        served_by: Name of the model whose answer was returned; None when there was none.
        refused: Candidates without room in a limit or budget when their turn came.

    Returns:
        JSON values only: amounts of money are integers of nano-USD or decimals as text, times are
        Unix times in seconds.
    """
    return {
        "version": VERSION,
        "id": decision.id,
        "time": time,
        "revision": decision.revision,
        "request": _request_values(decision.request),
        "snapshot": _snapshot_values(decision.snapshot or Snapshot()),
        **decided_values(decision, refused),
        "attempts": [_attempt_values(attempt) for attempt in attempts],
        "served_by": served_by,
    }


def decided_values(decision: Decision, refused: Sequence[Skip] = ()) -> dict[str, object]:
    """Return the part of a record that says what was decided.

    Args:
        decision: The decision.
        refused: Candidates without room in a limit or budget when their turn came.
    """
    skips = (*decision.skipped, *refused)
    return {
        "task": decision.task,
        "complexity": decision.complexity,
        "score": _plain(decision.score),
        "denied": decision.denied,
        "rules": list(decision.rules),
        "arms": [arm.as_dict() for arm in decision.arms],
        "learned": None if decision.learned is None else decision.learned.as_dict(),
        "candidates": [candidate.name for candidate in decision.candidates],
        "prompts": {c.name: c.prompt for c in decision.candidates if c.prompt is not None},
        "skipped": [{"model": skip.model, "reason": skip.reason.value} for skip in skips],
    }


def read_record(record: Record) -> tuple[Request, Snapshot]:
    """Return the request of a record, and the snapshot that it was decided on.

    Raises:
        UsageError: It is not a record of this version.
    """
    if record.get("version") != VERSION:
        raise UsageError(f"the record has version {record.get('version')!r}, not {VERSION}")
    try:
        return _request(_mapping(record["request"])), _snapshot(_mapping(record["snapshot"]))
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise UsageError(f"not a record of a decision: {type(error).__name__}: {error}") from None


_FIELDS: Final = tuple(each.name for each in fields(Request))
_read_fields: Final = attrgetter(*_FIELDS)
_UNSET: Final = tuple(zip(_FIELDS, _read_fields(Request()), strict=True))
_SETS: Final = ("needs", "tags", "detected", "avoid")


def _request_values(request: Request) -> dict[str, object]:
    """The fields of a request that are set."""
    values = {
        name: _plain(value)
        for (name, unset), value in zip(_UNSET, _read_fields(request), strict=True)
        if value is not unset and value != unset
    }
    if request.key is not None:
        values["key"] = key_id(request.key)
    return values


def _request(record: Record) -> Request:
    values = {name: _value(value) for name, value in record.items()}
    for name in _SETS:
        values[name] = frozenset(_texts(values.get(name, ())))
    if values.get("only") is not None:
        values["only"] = frozenset(_texts(values["only"]))
    if values.get("prefer") is not None:
        values["prefer"] = tuple(_texts(values["prefer"]))
    return Request(**values)  # type: ignore[arg-type]  # a request checks the types of its fields


def _snapshot_values(snapshot: Snapshot) -> dict[str, object]:
    return {
        "now": _plain(snapshot.now),
        "cooling": {model: _plain(until) for model, until in snapshot.cooling.items()},
        "used": {
            str(key): None if reading is None else [reading.used, _plain(reading.opens)]
            for key, reading in snapshot.used.items()
        },
        "seed": snapshot.seed,
        "session": None if snapshot.session is None else _session_values(snapshot.session),
        "scores": {
            function: {model: _plain(score) for model, score in scores.items()}
            for function, scores in snapshot.scores.items()
        },
        "last": dict(snapshot.last),
        "arms": [arm.as_dict() for arm in snapshot.arms],
        "measured": {
            model: _measured_values(measured) for model, measured in snapshot.measured.items()
        },
        "beliefs": None if snapshot.beliefs is None else _beliefs_values(snapshot.beliefs),
    }


def _snapshot(record: Record) -> Snapshot:
    session = record["session"]
    return Snapshot(
        now=_optional_number(record["now"]),
        cooling={model: _number(until) for model, until in _mapping(record["cooling"]).items()},
        used={
            CounterKey.parse(key): None if reading is None else _reading(reading)
            for key, reading in _mapping(record["used"]).items()
        },
        seed=_optional_text(record["seed"]),
        session=None if session is None else _session(_mapping(session)),
        scores={
            function: {model: _number(score) for model, score in _mapping(scores).items()}
            for function, scores in _mapping(record["scores"]).items()
        },
        last={model: _text(why) for model, why in _mapping(record.get("last", {})).items()},
        arms=tuple(_assignment(_mapping(arm)) for arm in _items(record.get("arms", ()))),
        measured={
            model: _measured(_mapping(values))
            for model, values in _mapping(record.get("measured", {})).items()
        },
        beliefs=_beliefs(record.get("beliefs")),
    )


def _assignment(record: Record) -> Assignment:
    return Assignment(
        experiment=_text(record["experiment"]),
        arm=_text(record["arm"]),
        propensity=_number(record["propensity"]),
        by=_optional_text(record["by"]),
    )


def _reading(value: object) -> Reading:
    used, opens = _items(value)
    return Reading(_integer(used), _optional_number(opens))


def _session_values(state: SessionState) -> dict[str, object]:
    return {
        "model": state.model,
        "rank": state.rank,
        "reason": state.reason,
        "updated": _plain(state.updated),
        "failed": state.failed,
        "tool_errors": state.tool_errors,
        "cached": [[each.model, each.tokens, _plain(each.until)] for each in state.cached],
    }


def _session(record: Record) -> SessionState:
    cached = []
    for each in _items(record["cached"]):
        model, tokens, until = _items(each)
        cached.append(CachedPrompt(_text(model), _integer(tokens), _number(until)))
    return SessionState(
        model=_text(record["model"]),
        rank=_integer(record["rank"]),
        reason=_text(record["reason"]),
        updated=_number(record["updated"]),
        failed=record["failed"] is True,
        tool_errors=_integer(record["tool_errors"]),
        cached=tuple(cached),
    )


_MEASURED: Final = tuple(each.name for each in fields(Measured))


def _measured_values(measured: Measured) -> dict[str, object]:
    """What was measured of a model: for each value that there is, it and its samples."""
    found = ((name, getattr(measured, name)) for name in _MEASURED)
    return {name: [_plain(one.value), one.samples] for name, one in found if one is not None}


def _measured(record: Record) -> Measured:
    read = {}
    for name, each in record.items():
        value, samples = _items(each)
        read[name] = Measurement(_number(value), _integer(samples))
    return Measured(**read)


def _beliefs_values(beliefs: Beliefs) -> dict[str, object]:
    """The beliefs about models: for each node and model a row of numbers."""
    return {
        "revision": beliefs.revision,
        "nodes": [
            {model: _rival_values(rival) for model, rival in node.items()} for node in beliefs.nodes
        ],
    }


def _rival_values(rival: Rival) -> list[object]:
    first, after = rival.belief.first, rival.belief.after
    return [
        first.mean, first.variance, first.verdicts, after.mean, after.variance, after.verdicts,
        rival.tier, rival.known, rival.truthful, rival.alarmed,
    ]  # fmt: skip


def _beliefs(value: object) -> Beliefs | None:
    if value is None:
        return None
    record = _mapping(value)
    return Beliefs(
        _text(record["revision"]),
        tuple(
            {model: _rival(_items(row)) for model, row in _mapping(node).items()}
            for node in _items(record["nodes"])
        ),
    )


def _rival(row: Sequence[object]) -> Rival:
    mean, variance, verdicts, mean_after, variance_after, verdicts_after, tier, *flags = row
    first = Belief(_number(mean), _number(variance), _integer(verdicts))
    after = Belief(_number(mean_after), _number(variance_after), _integer(verdicts_after))
    known, truthful, alarmed = (flag is True for flag in flags)
    return Rival(ModelBelief(first, after), _integer(tier), known, truthful, alarmed)


def _attempt_values(attempt: Attempt) -> dict[str, object]:
    """What was measured of a call; its detail, which may quote a provider, is left out."""
    values = zip(_OF_ATTEMPT, _read_attempt(attempt), strict=True)
    return {name: _plain(value) for name, value in values}


_OF_ATTEMPT: Final = tuple(each.name for each in fields(Attempt) if each.name != "detail")
_read_attempt: Final = attrgetter(*_OF_ATTEMPT)


# -- values that JSON does not have ------------------------------------------------------------


_AS_IS: Final = frozenset({NoneType, bool, int, str})


def _plain(value: object) -> object:
    """A value as JSON has it; `_value` is its inverse but for sets and tuples, which are lists."""
    if type(value) in _AS_IS:
        return value
    match value:
        case float() if not isfinite(value):
            return {"float": repr(value)}
        case Decimal():
            return {"decimal": str(value)}
        case frozenset() | set():
            return sorted(value)
        case tuple():
            return [str(each) for each in value]
        case Mapping():
            return {name: _plain(each) for name, each in value.items()}
        case _:
            return value


def _value(value: object) -> object:
    match value:
        case {"float": str(text), **more} if not more:
            return float(text)
        case {"decimal": str(text), **more} if not more:
            return Decimal(text)
        case Mapping():
            return {name: _value(each) for name, each in value.items()}
        case _:
            return value


def _mapping(value: object) -> Record:
    if not isinstance(value, Mapping):
        raise TypeError("expected an object")
    return value


def _items(value: object) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise TypeError("expected a list")
    return value


def _texts(value: object) -> list[str]:
    return [_text(each) for each in _items(value)]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a string")
    return value


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("expected an integer")
    return value


def _number(value: object) -> float:
    number = _value(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise TypeError("expected a number")
    return number


def _optional_number(value: object) -> float | None:
    return None if value is None else _number(value)
