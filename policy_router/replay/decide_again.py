"""Decides one logged request again, and compares the result with the logged decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from policy_router.base_errors import UsageError
from policy_router.decision.decide import decide
from policy_router.observe.records import decided_values, read_record

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision
    from policy_router.domain.request import Request
    from policy_router.domain.snapshot import Snapshot
    from policy_router.replay.log import LogLine


class ReplayChange(StrEnum):
    """How a decision differs from the one that was logged.

    Attributes:
        SAME: No observable difference.
        ORDER: The same model goes first, but different ones follow it.
        FIRST: A different model goes first.
        REFUSED: No model may answer, but one could before.
        ALLOWED: A model may answer, but none could before.
        INVALID: The request is invalid for the policy.
    """

    SAME = "same"
    ORDER = "order"
    FIRST = "first"
    REFUSED = "refused"
    ALLOWED = "allowed"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """A logged decision.

    Attributes:
        id: Its id.
        place: The file and the line.
        revision: Revision of the policy that decided.
        request: The request.
        snapshot: The runtime state that it was based on.
        candidates: Names of the candidates, in order.
        denied: Why the request was denied; None where it was not.
        charged: What was charged for its calls, in nano-USD.
        values: The record of what was decided.
    """

    id: str
    place: str
    revision: str
    request: Request
    snapshot: Snapshot
    candidates: tuple[str, ...]
    denied: str | None
    charged: int
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class DecidedAgain:
    """A logged request, decided again.

    Attributes:
        logged: What was logged.
        decision: The new decision.
        change: How it differs in its consequences.
        differs_in: Fields of the record that differ, where the revision is the same.
    """

    logged: LoggedDecision
    decision: Decision
    change: ReplayChange
    differs_in: tuple[str, ...] = ()


def logged_decision(line: LogLine) -> LoggedDecision:
    """Return what a line says about a decision.

    Raises:
        UsageError: It is not a record of a decision.
    """
    record = line.record
    if record is None:
        raise UsageError(line.problem or "no record")
    request, snapshot = read_record(record)
    try:
        denied = record["denied"]
        return LoggedDecision(
            id=str(record["id"]),
            place=line.place,
            revision=str(record["revision"]),
            request=request,
            snapshot=snapshot,
            candidates=tuple(_names(record["candidates"])),
            denied=None if denied is None else str(denied),
            charged=_charged(record.get("attempts", ())),
            values=record,
        )
    except (KeyError, TypeError) as error:
        message = f"not a record of a decision: {type(error).__name__}: {error}"
        raise UsageError(message) from None


def decide_again(policy: Policy, logged: LoggedDecision) -> DecidedAgain:
    """Decide a logged request by a policy, with the logged runtime state."""
    decision = decide(policy, logged.request, logged.snapshot)
    differs: tuple[str, ...] = ()
    if logged.revision == policy.revision:
        differs = _differences(logged.values, decided_values(decision))
    return DecidedAgain(logged, decision, change_of(logged, decision), differs)


def change_of(logged: LoggedDecision, decision: Decision) -> ReplayChange:
    """How a decision differs in its consequences from one that was logged."""
    names = tuple(candidate.name for candidate in decision.candidates)
    if names == logged.candidates and (decision.denied is None) == (logged.denied is None):
        return ReplayChange.SAME
    if not names:
        if not logged.candidates:
            return ReplayChange.SAME
        return ReplayChange.INVALID if decision.invalid else ReplayChange.REFUSED
    if not logged.candidates:
        return ReplayChange.ALLOWED
    return ReplayChange.ORDER if names[0] == logged.candidates[0] else ReplayChange.FIRST


_SKIPPED: Final = "skipped"


def _differences(record: Mapping[str, object], values: Mapping[str, object]) -> tuple[str, ...]:
    """Fields of a record in which a decision differs."""
    differing = []
    for name, value in values.items():
        # A record of an older release lacks the fields that came later.
        if name not in record:
            continue
        logged, decided = record[name], value
        if name == _SKIPPED and isinstance(logged, list) and isinstance(decided, list):
            # Candidates without room in a limit come after the models that the decision leaves out.
            logged = logged[: len(decided)]
        if logged != decided and logged != json.loads(json.dumps(decided)):
            differing.append(name)
    return tuple(differing)


def _names(value: object) -> list[str]:
    if not isinstance(value, list):
        raise TypeError("expected a list of models")
    return [str(each) for each in value]


def _charged(attempts: object) -> int:
    costs = [
        attempt.get("cost_nano_usd")
        for attempt in (attempts if isinstance(attempts, list) else ())
        if isinstance(attempt, Mapping)
    ]
    return sum(cost for cost in costs if isinstance(cost, int))
