"""The rows of a SQLite ledger that a batch of verbs touches: loaded, and saved again.

A batch costs a handful of statements, however many verbs it holds. They run as few and as large as
can be, because each lets go of Python's global lock and may have to wait to get it back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from heapq import heappush
from typing import TYPE_CHECKING, Any, Final

from policy_router.domain.limits import Charge, Counter, Metric
from policy_router.ledger.engine import (
    EXPIRED,
    OPEN,
    RELEASED,
    REMEMBERED,
    SETTLED,
    Count,
    Held,
    LedgerState,
)
from policy_router.ledger.sqlite.codec import LEDGER, decode, from_entry
from policy_router.ledger.store import Attribution, Hold

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

WIDEST: Final = 256
"""Rows or keys of one statement, at most."""

FEW: Final = 1000
"""Rows of a kind that are forgotten at once, at most."""

SEATS: Final = Metric.CONCURRENT
_HOLD: Final = "SELECT id, state, taken, expires FROM hold WHERE"


@dataclass(slots=True)
class LoadedState:
    """What was loaded. before: state and lease of the holds; oldest: slots of the rolling windows,
    as they were."""

    tables: LedgerState
    before: dict[str, tuple[str, float]] = field(default_factory=dict)
    oldest: dict[str, int] = field(default_factory=dict)


# -- loading -------------------------------------------------------------------------------------


def load(
    connection: sqlite3.Connection,
    ids: Iterable[str],
    charges: Iterable[Charge],
    now: float,
    known: Mapping[str, Hold],
) -> LoadedState:
    """The holds of the ids, those whose lease has run out, and the counters of all of them and of
    the charges. known: holds by id that need not be read and decoded."""
    page = LoadedState(LedgerState())
    tables = page.tables
    counters = {charge.counter.id: charge.counter for charge in charges}
    rows = connection.execute(f"{_HOLD} state = 'open' AND expires <= ?", (now,)).fetchall()
    wanted = dict.fromkeys(ids)
    live = "id IN ({}) AND (state = 'open' OR forget > ?)"
    rows += _find(connection, f"{_HOLD} {live}", [*wanted], now)
    others = [hold_id for hold_id, *_ in rows if hold_id not in known]
    bodies = _find(connection, "SELECT id, body FROM hold WHERE id IN ({})", others)
    decoded = {hold_id: decode(hold_id, body) for hold_id, body in bodies}
    for hold_id, state, taken, expires in rows:
        hold = known.get(hold_id) or decoded[hold_id]
        slots = {}
        for charge in hold.charges:
            counter = charge.counter
            counters[counter.id] = counter
            if counter.width:
                slots[counter.id] = counter.slot(taken)
        tables.holds[hold_id] = Held(hold, state, expires, slots)
        page.before[hold_id] = state, expires
        if state == OPEN:
            heappush(tables.leases, (expires, hold_id))
    _load_ended(connection, page, [each for each in wanted if each not in tables.holds], now)
    load_counters(connection, page, counters.values(), now)
    return page


def _load_ended(
    connection: sqlite3.Connection, page: LoadedState, ids: Sequence[str], now: float
) -> None:
    """Holds that ended within the last day. Those that were charged are rows of the ledger, which
    are kept for longer: every store forgets a hold at the same moment."""
    released = "SELECT id, expires FROM released WHERE id IN ({}) AND forget > ?"
    rows = _find(connection, released, ids, now)
    charged = (
        "SELECT id, expires FROM ledger WHERE id IN ({})"
        f" AND kind <> 'adjust' AND ts + {REMEMBERED} > ?"
    )
    rows += _find(connection, charged, ids, now)
    for hold_id, expires in rows:
        page.tables.holds[hold_id] = Held(Hold(hold_id, (), 0, Attribution()), SETTLED, expires, {})
        page.before[hold_id] = SETTLED, expires


def load_counters(
    connection: sqlite3.Connection, page: LoadedState, counters: Iterable[Counter], now: float
) -> None:
    """Adds counters, each once, to what is loaded; of seats those that live holds have."""
    calendar: list[str] = []
    rolling: list[str] = []
    seats: list[str] = []
    for counter in counters:
        kind = rolling if counter.width else calendar if counter.end else seats
        kind.append(counter.id)
    tables = page.tables
    buckets = "SELECT key, ends, spent, held, told FROM bucket WHERE key IN ({})"
    for key, *count in _find(connection, buckets, calendar):
        tables.counts[key] = Count(*count)
    # One row for each key: numbers as text, for every row is a turn at Python's global lock.
    slots = (
        "SELECT key, group_concat(slot || ' ' || n, ' ') FROM slot WHERE key IN ({}) GROUP BY key"
    )
    for key, text in _find(connection, slots, rolling):
        numbers = iter(map(int, text.split()))
        tables.rolling[key] = dict(zip(numbers, numbers, strict=True))
        page.oldest[key] = min(tables.rolling[key])
    seated = (
        "SELECT key, hold FROM seat WHERE key IN ({}) AND hold NOT IN"
        " (SELECT id FROM hold WHERE state = 'open' AND expires <= ?)"
    )
    for key, hold_id in _find(connection, seated, seats, now):
        tables.seats.setdefault(key, set()).add(hold_id)


# -- saving --------------------------------------------------------------------------------------


def save(
    connection: sqlite3.Connection, page: LoadedState, bodies: Mapping[int, str], now: float
) -> bool:
    """Writes what the verbs changed; whether they changed anything. bodies: new holds encoded, by
    the object's id()."""
    tables = page.tables
    changed = {
        hold_id: held
        for hold_id, held in tables.holds.items()
        if page.before.get(hold_id) != (held.state, held.expires)
    }
    if not changed:
        return False
    _save_holds(connection, page, changed, bodies, now)
    _save_counters(connection, page, changed.values())
    rows = [(*from_entry(row), tables.holds[row.id].expires) for row in tables.rows]
    _many(connection, f"INSERT INTO ledger ({LEDGER}, expires) VALUES {{}}", rows)
    connection.execute("UPDATE meta SET now = ?, version = version + 1", (now,))
    return True


def _save_holds(
    connection: sqlite3.Connection,
    page: LoadedState,
    changed: Mapping[str, Held],
    bodies: Mapping[int, str],
    now: float,
) -> None:
    new, gone, released = [], [], []
    sit: list[tuple[str, str]] = []
    stand: list[tuple[str, str]] = []
    for hold_id, held in changed.items():
        known = hold_id in page.before
        forget = None if held.state == OPEN else now + REMEMBERED
        if held.state not in (OPEN, EXPIRED):
            gone.append(hold_id)
        elif not known:
            new.append((hold_id, held.state, now, held.expires, forget, bodies[id(held.hold)]))
        else:
            connection.execute(
                "UPDATE hold SET state = ?, expires = ?, forget = ? WHERE id = ?",
                (held.state, held.expires, forget, hold_id),
            )
        if held.state == RELEASED:
            released.append((hold_id, held.expires, forget))
        seats = ((c.counter.id, hold_id) for c in held.hold.charges if c.counter.metric is SEATS)
        if held.state != OPEN:
            stand += seats
        elif not known:
            sit += seats
    _many(connection, "INSERT INTO hold (id, state, taken, expires, forget, body) VALUES {}", new)
    _find(connection, "DELETE FROM hold WHERE id IN ({})", gone)
    _many(connection, "INSERT OR REPLACE INTO released (id, expires, forget) VALUES {}", released)
    _many(connection, "INSERT INTO seat (key, hold) VALUES {}", sit)
    _many(connection, "DELETE FROM seat WHERE (key, hold) IN (VALUES {})", stand)


def _save_counters(
    connection: sqlite3.Connection, page: LoadedState, changed: Iterable[Held]
) -> None:
    tables = page.tables
    buckets: dict[str, tuple[object, ...]] = {}
    slots: dict[tuple[str, int], tuple[object, ...]] = {}
    for held in changed:
        for charge in held.hold.charges:
            counter, key = charge.counter, charge.counter.id
            if counter.end:
                if key not in buckets:
                    count = tables.counts[key]
                    buckets[key] = key, count.spent, count.held, count.notified, count.end
            elif counter.width:
                slot, window = held.slots[key], tables.rolling.get(key, {})
                if slot in window and (key, slot) not in slots:
                    ends = (slot + counter.slots + 1) * counter.width
                    slots[key, slot] = key, slot, window[slot], ends
    _many(
        connection,
        "INSERT INTO bucket (key, spent, held, told, ends) VALUES {} ON CONFLICT (key) DO UPDATE"
        " SET spent = excluded.spent, held = excluded.held, told = excluded.told",
        [*buckets.values()],
    )
    _many(
        connection,
        "INSERT INTO slot (key, slot, n, ends) VALUES {}"
        " ON CONFLICT (key, slot) DO UPDATE SET n = excluded.n",
        [*slots.values()],
    )
    for key, oldest in page.oldest.items():
        window = tables.rolling[key]
        if oldest not in window:
            gone = key, min(window)
            connection.execute("DELETE FROM slot WHERE key = ? AND slot < ?", gone)


def forget(connection: sqlite3.Connection, now: float, after: str) -> str:
    """Removes some of what nobody can ask for again: up to FEW holds of each kind, and slots that
    left their windows, beginning after a key. The key to go on after the next time."""
    for table, which in (("hold", "state = 'expired' AND "), ("released", "")):
        connection.execute(
            f"DELETE FROM {table} WHERE id IN"
            f" (SELECT id FROM {table} WHERE {which}forget <= ? LIMIT {FEW})",
            (now,),
        )
    row = connection.execute(
        f"SELECT key FROM slot WHERE key > ? ORDER BY key LIMIT 1 OFFSET {FEW}", (after,)
    ).fetchone()
    span, bounds = ("key > ? AND key <= ?", (after, *row)) if row else ("key > ?", (after,))
    connection.execute(f"DELETE FROM slot WHERE {span} AND ends <= ?", (*bounds, now))
    return row[0] if row else ""


# -- statements over many rows ---------------------------------------------------------------------


def _find(
    connection: sqlite3.Connection, statement: str, keys: Sequence[str], *more: object
) -> list[Any]:
    """Runs a statement for many keys; `{}` stands for their list."""
    found: list[Any] = []
    for start in range(0, len(keys), WIDEST):
        some = list(keys[start : start + WIDEST])
        width = 1 << (len(some) - 1).bit_length()  # few widths, so that statements are reused
        padding = some[-1:] * (width - len(some))
        text = _filled(statement, "?", width)
        found += connection.execute(text, (*some, *padding, *more)).fetchall()
    return found


def _many(connection: sqlite3.Connection, statement: str, rows: Sequence[Sequence[object]]) -> None:
    """Runs a statement for many rows; `{}` stands for their list."""
    start = 0
    while start < len(rows):
        width = min(1 << ((len(rows) - start).bit_length() - 1), WIDEST)
        some = rows[start : start + width]
        marks = "(" + ",".join("?" * len(some[0])) + ")"
        connection.execute(_filled(statement, marks, width), [v for row in some for v in row])
        start += width


@lru_cache(maxsize=512)
def _filled(statement: str, marks: str, width: int) -> str:
    return statement.format(",".join([marks] * width))
