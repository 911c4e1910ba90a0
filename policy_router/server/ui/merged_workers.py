"""What all workers of a server say of reloads, changes and the health of models, as one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Self, get_args

from policy_router.events import Event
from policy_router.execution.health.health_report import HealthState, ModelHealth, worst
from policy_router.observe.moved_requests import MovedRequests
from policy_router.observe.recent import Change
from policy_router.views.html.reloads import SeenChange, WorkerReload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WITHIN: Final = 60.0
"""Seconds within which workers notice the same change."""
_KINDS: Final[Mapping[str, type[Any]]] = {kind.__name__: kind for kind in get_args(Change)}
_IDENTITY: Final = frozenset(each.name for each in fields(Event)) - {"revision"}


@dataclass(frozen=True, slots=True)
class WorkerChanges:
    """What one worker knows about reloads, and what changed for all requests.

    Attributes:
        reload: Which policy is active in it, and whether newer files are refused.
        changes: The latest changes that it noticed.
        moved: What reloads moved, by the revisions before and after.
    """

    reload: WorkerReload
    changes: tuple[Change, ...]
    moved: Mapping[tuple[str, str], MovedRequests]

    def to_json(self) -> dict[str, object]:
        """Return the same as what JSON can hold."""
        return {
            "reload": asdict(self.reload),
            "changes": [[type(each).__name__, asdict(each)] for each in self.changes],
            "moved": [[*pair, asdict(each)] for pair, each in self.moved.items()],
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Self:
        """Return what another worker sent by `to_json`."""
        reload = data["reload"]
        return cls(
            WorkerReload(**{**reload, "errors": tuple(reload["errors"])}),
            tuple(_KINDS[kind](**values) for kind, values in data["changes"]),
            {(old, new): MovedRequests(**each) for old, new, each in data["moved"]},
        )


def merged_changes(workers: Sequence[Sequence[Change]], most: int) -> tuple[SeenChange, ...]:
    """Return the changes of all workers, the newest first; what several noticed is one change.

    Args:
        workers: What each noticed.
        most: How many changes at most.
    """
    noticed = sorted(
        ((change, number) for number, changes in enumerate(workers) for change in changes),
        key=lambda each: each[0].time,
    )
    first: list[tuple[Change, set[int]]] = []
    latest: dict[object, int] = {}
    for change, number in noticed:
        fact = _fact(change)
        place = latest.get(fact)
        if place is not None:
            known, by = first[place]
            if number not in by and change.time - known.time < WITHIN:
                by.add(number)
                continue
        latest[fact] = len(first)
        first.append((change, {number}))
    return tuple(SeenChange(change, len(by)) for change, by in reversed(first[-most:]))


def merged_moves(
    workers: Sequence[Mapping[tuple[str, str], MovedRequests]],
) -> dict[tuple[str, str], MovedRequests]:
    """Return what reloads moved of the requests of all workers, by the revisions."""
    sums: dict[tuple[str, str], MovedRequests] = {}
    for moves in workers:
        for pair, each in moves.items():
            sums[pair] = sums[pair] + each if pair in sums else each
    return sums


@dataclass(frozen=True, slots=True)
class MergedHealth:
    """What all workers know about the health of models.

    Attributes:
        models: The worst that any of them knows about each model.
        seen_by: How many of them say so, by the name of the model.
        workers: How many there are.
    """

    models: tuple[ModelHealth, ...]
    seen_by: Mapping[str, int]
    workers: int

    @classmethod
    def of(cls, workers: Sequence[Sequence[ModelHealth]]) -> Self:
        """Return what workers know together, in the order of the first one."""
        known = {
            own.model: [each for health in workers for each in health if each.model == own.model]
            for own in workers[0]
        }
        models = tuple(worst(each) for each in known.values())
        seen_by = {m.model: sum(each.state is m.state for each in known[m.model]) for m in models}
        return cls(models, seen_by, len(workers))


def health_to_json(health: Sequence[ModelHealth]) -> list[dict[str, object]]:
    """Return the health of models as what JSON can hold."""
    return [asdict(each) for each in health]


def health_of_json(data: Sequence[Mapping[str, Any]]) -> tuple[ModelHealth, ...]:
    """Return what another worker sent by `health_to_json`."""
    return tuple(ModelHealth(**{**each, "state": HealthState(each["state"])}) for each in data)


def _fact(change: Change) -> object:
    values = asdict(change)
    return type(change), tuple((name, values[name]) for name in values if name not in _IDENTITY)
