"""The latest answers of the sources, and since when each model has been known.

One JSON file, written by a rename. What cannot be read is as if it were not there: everything in it
can be asked for again.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from policy_router.discovery.query_sources import SourceListing
from policy_router.discovery.served import ServedModel
from policy_router.domain.prices import Price

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.discovery.query_sources import SourcePlace

VERSION: Final = 1
KEPT_DAYS: Final = 62
"""Days for which changes are kept, for a report of the month."""
_DAY: Final = 86_400.0
_MOST: Final = 2_000
"""Changes of one place that are kept."""


def cache_file(environ: Mapping[str, str]) -> Path:
    """Return where the cache is, by the environment variables.

    For a user without a home it is where nothing can be written.
    """
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        try:
            base = Path.home() / ".cache"
        except RuntimeError:
            base = Path(os.devnull)
    return base / "policy-router" / "discovery.json"


@dataclass(slots=True)
class _Remembered:
    """The latest answer of one place, and the models known there.

    Attributes:
        at: Unix time of the last look.
        first: Unix time of the first one.
        models: Its models at the last look.
        seen: The name of each model -> Unix time at which it was listed first.
        history: What changed there, the oldest first.
    """

    at: float
    first: float
    models: list[dict[str, Any]] = field(default_factory=list)
    seen: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """That a place gives no list.

    Attributes:
        since: Unix time since when.
        at: Unix time at which it was asked last.
        times: How often in a row.
        problem: Why.
    """

    since: float
    at: float
    times: int
    problem: str


class DiscoveryCache:
    """The cache, as it is in memory until `save`.

    Attributes:
        reported: For each server that watches the sources, by the path of its policy: the
            differences that it has reported, each with the key of its place.
    """

    def __init__(self, path: Path) -> None:
        """Read a cache; a file that is missing or broken is an empty one."""
        self._path = path
        self._places: dict[str, _Remembered] = {}
        self._failures: dict[str, KnownFailure] = {}
        self.reported: dict[str, dict[str, str]] = {}
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored["version"] == VERSION:
                places = {key: _remembered(row) for key, row in stored["places"].items()}
                failures = {key: _failure(row) for key, row in stored.get("failures", {}).items()}
                self._places, self._failures = places, failures
                self.reported = {
                    key: _texts(row) for key, row in stored.get("reported", {}).items()
                }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass

    def listing(self, place: SourcePlace, now: float, oldest: float) -> SourceListing | None:
        """The last answer of a place; None where it is older than a number of seconds."""
        known = self._places.get(place.key)
        if known is None or not 0 <= now - known.at <= oldest:
            return None
        try:
            return SourceListing(place, known.at, tuple(map(_read, known.models)))
        except (KeyError, TypeError, ValueError):
            return None

    def remember(self, listing: SourceListing) -> None:
        """Keep what a place answered, and what differs from its answer before."""
        key, now = listing.place.key, listing.at
        if listing.problem:
            before = self._failures.get(key)
            since, times = (now, 1) if before is None else (before.since, before.times + 1)
            self._failures[key] = KnownFailure(since, now, times, listing.problem)
            return
        self._failures.pop(key, None)
        known = self._places.get(key)
        if known is None:
            known = self._places[key] = _Remembered(now, now)
            known.seen = dict.fromkeys((each.name for each in listing.models), now)
        else:
            known.history += _differences(known.models, listing.models, now)
            known.history = [
                each for each in known.history[-_MOST:] if now - each["at"] <= KEPT_DAYS * _DAY
            ]
            for each in listing.models:
                known.seen.setdefault(each.name, now)
        known.at, known.models = now, list(map(_write, listing.models))

    def failure(self, place: SourcePlace) -> KnownFailure | None:
        """That a place gave no list when it was asked last; None where it gave one."""
        return self._failures.get(place.key)

    def recent_names(self, place: SourcePlace, since: float) -> frozenset[str]:
        """The models that appeared at a place after a time, and not with the first look."""
        known = self._places.get(place.key)
        if known is None:
            return frozenset()
        return frozenset(n for n, at in known.seen.items() if at > known.first and at >= since)

    def is_first_look(self, place: SourcePlace) -> bool:
        """Whether a place was looked at once only, so that nothing is known to be new there."""
        known = self._places.get(place.key)
        return known is None or known.at == known.first

    def history(self, place: SourcePlace, since: float) -> list[Mapping[str, Any]]:
        """What changed at a place since a time: `at`, `name`, `what`, `before` and `after`."""
        known = self._places.get(place.key)
        return [] if known is None else [each for each in known.history if each["at"] >= since]

    def save(self) -> None:
        """Write the file. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        stored = {
            "version": VERSION,
            "places": {k: asdict(v) for k, v in self._places.items()},
            "failures": {k: asdict(v) for k, v in self._failures.items()},
            "reported": self.reported,
        }
        try:
            fresh.write_text(json.dumps(stored), encoding="utf-8")
            fresh.replace(self._path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise


def _remembered(row: Mapping[str, Any]) -> _Remembered:
    """Read what is known about one place.

    Raises:
        TypeError: A part of it is something else.
        KeyError: A part of it is missing.
        AttributeError: A part of it is no object.
    """
    place = _Remembered(**row)
    changes = [[each[name] for name in _CHANGE] for each in place.history]
    times = (place.at, place.first, *place.seen.values(), *(each[0] for each in changes))
    names = (each["name"] for each in place.models)
    if not all(isinstance(each, int | float) for each in times):
        raise TypeError("a time is no number")
    if not all(isinstance(each, str) for each in names):
        raise TypeError("a name is no text")
    return place


def _failure(row: Mapping[str, Any]) -> KnownFailure:
    """Read that a place gives no list. Raises what `_remembered` does."""
    failure = KnownFailure(**row)
    numbers = (failure.since, failure.at, failure.times)
    if not all(isinstance(each, int | float) for each in numbers):
        raise TypeError("a time is no number")
    if not isinstance(failure.problem, str):
        raise TypeError("a problem is no text")
    return failure


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    """Read texts by texts. Raises what `_remembered` does."""
    if not all(isinstance(each, str) for each in row.values()):
        raise TypeError("a value is no text")
    return dict(row)


_CHANGE: Final = ("at", "name", "what", "before", "after")


def _write(model: ServedModel) -> dict[str, Any]:
    row = {name: getattr(model, name) for name in ServedModel.__slots__}
    row["abilities"] = None if model.abilities is None else sorted(model.abilities)
    row["last_day"] = None if model.last_day is None else model.last_day.isoformat()
    price = model.price
    row["price"] = (
        None
        if price is None
        else [price.input, price.output, price.cached, price.written, price.fee]
    )
    return {name: value for name, value in row.items() if value not in (None, False)}


def _read(row: Mapping[str, Any]) -> ServedModel:
    values = dict(row)
    if "abilities" in values:
        values["abilities"] = frozenset(values["abilities"])
    if "last_day" in values:
        values["last_day"] = date.fromisoformat(values["last_day"])
    if "price" in values:
        tokens_in, tokens_out, cached, written, fee = values["price"]
        values["price"] = Price(tokens_in, tokens_out, cached=cached, written=written, fee=fee)
    return ServedModel(**values)


_COMPARED: Final = ("price", "free", "context", "last_day")


def _differences(
    before: list[dict[str, Any]], after: tuple[ServedModel, ...], now: float
) -> list[dict[str, Any]]:
    """What changed between two answers of a place."""
    old = {row.get("name"): row for row in before}
    new = {each.name: _write(each) for each in after}
    changed = [
        {"at": now, "name": name, "what": "new", "before": None, "after": None}
        for name in new
        if name not in old
    ]
    changed += [
        {"at": now, "name": name, "what": "gone", "before": None, "after": None}
        for name in old
        if name not in new
    ]
    changed += [
        {"at": now, "name": name, "what": field_, "before": old[name].get(field_),
         "after": row.get(field_)}
        for name, row in new.items()
        if name in old
        for field_ in _COMPARED
        if old[name].get(field_) != row.get(field_)
    ]  # fmt: skip
    return changed
