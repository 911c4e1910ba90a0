"""The rows of a SQLite ledger that a batch of verbs touches: how they are loaded and saved.

A batch takes a handful of statements, however many verbs it contains (see `statements`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappush
from typing import TYPE_CHECKING, Final

from policy_router.domain.limits import Charge, Counter, Metric
from policy_router.ledger.engine import (
    EXPIRED,
    OPEN,
    RELEASED,
    REMEMBERED,
    SETTLED,
    CalendarCount,
    HoldRecord,
    LedgerState,
)
from policy_router.ledger.sqlite.codec import LEDGER, decode, from_entry
from policy_router.ledger.sqlite.health import forget_health
from policy_router.ledger.sqlite.sessions import forget_sessions
from policy_router.ledger.sqlite.statements import FEW, find, many
from policy_router.ledger.sqlite.tallies import forget_tallies
from policy_router.ledger.store import Attribution, Hold

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

_HOLD: Final = "SELECT id, state, taken, expires FROM hold WHERE"


@dataclass(slots=True)
class LoadedState:
    """What was loaded.

    Attributes:
        ledger: The state that verbs change.
        before: By hold id, state and expiry as they were loaded.
        oldest: By counter id, the oldest slot of each rolling window as it was loaded.
    """

    ledger: LedgerState
    before: dict[str, tuple[str, float]] = field(default_factory=dict)
    oldest: dict[str, int] = field(default_factory=dict)


# -- loading -------------------------------------------------------------------------------------


def load(
    connection: sqlite3.Connection,
    ids: Iterable[str],
    charges: Iterable[Charge],
    now: float,
    cached: Mapping[str, Hold],
) -> LoadedState:
    """Load holds, and the counters that they and the charges touch.

    Args:
        connection: A connection in a transaction.
        ids: The ids of the holds that are needed; those whose leases ran out are loaded in
            addition.
        charges: The charges of new holds.
        now: Unix time of the ledger.
        cached: Holds by id that need not be read and decoded.
    """
    loaded = LoadedState(LedgerState())
    ledger = loaded.ledger
    counters = {charge.counter.id: charge.counter for charge in charges}
    rows = connection.execute(f"{_HOLD} state = 'open' AND expires <= ?", (now,)).fetchall()
    wanted = dict.fromkeys(ids)
    live = "id IN ({}) AND (state = 'open' OR forget > ?)"
    rows += find(connection, f"{_HOLD} {live}", [*wanted], now)
    others = [hold_id for hold_id, *_ in rows if hold_id not in cached]
    bodies = find(connection, "SELECT id, body FROM hold WHERE id IN ({})", others)
    decoded = {hold_id: decode(hold_id, body) for hold_id, body in bodies}
    for hold_id, state, taken, expires in rows:
        hold = cached.get(hold_id) or decoded[hold_id]
        slots = {}
        for charge in hold.charges:
            counter = charge.counter
            counters[counter.id] = counter
            if counter.width:
                slots[counter.id] = counter.slot(taken)
        ledger.holds[hold_id] = HoldRecord(hold, state, expires, slots)
        loaded.before[hold_id] = state, expires
        if state == OPEN:
            heappush(ledger.leases, (expires, hold_id))
    _load_ended(connection, loaded, [i for i in wanted if i not in ledger.holds], now)
    load_counters(connection, loaded, counters.values(), now)
    return loaded


def _load_ended(
    connection: sqlite3.Connection, loaded: LoadedState, ids: Sequence[str], now: float
) -> None:
    """Load holds that ended within the last day. Those that were charged are in the ledger, which
    keeps them for longer; but every store forgets a hold at the same moment."""
    released = "SELECT id, expires FROM released WHERE id IN ({}) AND forget > ?"
    rows = find(connection, released, ids, now)
    charged = (
        "SELECT id, expires FROM ledger WHERE id IN ({})"
        f" AND kind <> 'adjust' AND ts + {REMEMBERED} > ?"
    )
    rows += find(connection, charged, ids, now)
    for hold_id, expires in rows:
        loaded.ledger.holds[hold_id] = HoldRecord(
            Hold(hold_id, (), 0, Attribution()), SETTLED, expires, {}
        )
        loaded.before[hold_id] = SETTLED, expires


def load_counters(
    connection: sqlite3.Connection, loaded: LoadedState, counters: Iterable[Counter], now: float
) -> None:
    """Load counters, each once. For concurrency, holds whose leases ran out do not count.

    Args:
        connection: A connection in a transaction.
        loaded: Gets the counters.
        counters: The counters to load.
        now: Unix time of the ledger.
    """
    calendar: list[str] = []
    rolling: list[str] = []
    concurrent: list[str] = []
    for counter in counters:
        ids = rolling if counter.width else calendar if counter.end else concurrent
        ids.append(counter.id)
    ledger = loaded.ledger
    balances = "SELECT key, ends, spent, held, told, forgotten FROM bucket WHERE key IN ({})"
    for key, *count in find(connection, balances, calendar):
        ledger.counts[key] = CalendarCount(*count)
    # One row for each key, with the numbers as text: every row takes Python's global lock once.
    slots = (
        "SELECT key, group_concat(slot || ' ' || n, ' ') FROM slot WHERE key IN ({}) GROUP BY key"
    )
    for key, text in find(connection, slots, rolling):
        numbers = iter(map(int, text.split()))
        ledger.rolling[key] = dict(zip(numbers, numbers, strict=True))
        loaded.oldest[key] = min(ledger.rolling[key])
    under_way = (
        "SELECT key, hold FROM seat WHERE key IN ({}) AND hold NOT IN"
        " (SELECT id FROM hold WHERE state = 'open' AND expires <= ?)"
    )
    for key, hold_id in find(connection, under_way, concurrent, now):
        ledger.concurrent.setdefault(key, set()).add(hold_id)


# -- saving --------------------------------------------------------------------------------------


def save(
    connection: sqlite3.Connection, loaded: LoadedState, bodies: Mapping[int, str], now: float
) -> bool:
    """Write what the verbs changed.

    Args:
        connection: A connection in a transaction.
        loaded: The state after the verbs.
        bodies: The texts of new holds, by the id() of the hold.
        now: Unix time of the ledger.

    Returns:
        Whether anything changed.
    """
    ledger = loaded.ledger
    changed = {
        hold_id: held
        for hold_id, held in ledger.holds.items()
        if loaded.before.get(hold_id) != (held.state, held.expires)
    }
    if not changed:
        return False
    _save_holds(connection, loaded, changed, bodies, now)
    _save_counters(connection, loaded, changed.values())
    rows = [(*from_entry(row), ledger.holds[row.id].expires) for row in ledger.rows]
    many(connection, f"INSERT INTO ledger ({LEDGER}, expires) VALUES {{}}", rows)
    connection.execute("UPDATE meta SET now = ?, version = version + 1", (now,))
    return True


def _save_holds(
    connection: sqlite3.Connection,
    loaded: LoadedState,
    changed: Mapping[str, HoldRecord],
    bodies: Mapping[int, str],
    now: float,
) -> None:
    new, ended_ids, released = [], [], []
    begun: list[tuple[str, str]] = []
    ended: list[tuple[str, str]] = []
    for hold_id, held in changed.items():
        stored = hold_id in loaded.before
        forget = None if held.state == OPEN else now + REMEMBERED
        if held.state not in (OPEN, EXPIRED):
            ended_ids.append(hold_id)
        elif not stored:
            new.append((hold_id, held.state, now, held.expires, forget, bodies[id(held.hold)]))
        else:
            connection.execute(
                "UPDATE hold SET state = ?, expires = ?, forget = ? WHERE id = ?",
                (held.state, held.expires, forget, hold_id),
            )
        if held.state == RELEASED:
            released.append((hold_id, held.expires, forget))
        charges = [c.counter for c in held.hold.charges]
        concurrent = ((c.id, hold_id) for c in charges if c.metric is Metric.CONCURRENT)
        if held.state != OPEN:
            ended += concurrent
        elif not stored:
            begun += concurrent
    many(connection, "INSERT INTO hold (id, state, taken, expires, forget, body) VALUES {}", new)
    find(connection, "DELETE FROM hold WHERE id IN ({})", ended_ids)
    many(connection, "INSERT OR REPLACE INTO released (id, expires, forget) VALUES {}", released)
    many(connection, "INSERT INTO seat (key, hold) VALUES {}", begun)
    many(connection, "DELETE FROM seat WHERE (key, hold) IN (VALUES {})", ended)


def _save_counters(
    connection: sqlite3.Connection, loaded: LoadedState, changed: Iterable[HoldRecord]
) -> None:
    ledger = loaded.ledger
    balances: dict[str, tuple[object, ...]] = {}
    slots: dict[tuple[str, int], tuple[object, ...]] = {}
    for held in changed:
        for charge in held.hold.charges:
            counter, key = charge.counter, charge.counter.id
            if counter.end:
                if key not in balances:
                    count = ledger.counts[key]
                    balances[key] = (
                        key, count.spent, count.held, count.notified, count.end, count.forgotten,
                    )  # fmt: skip
            elif counter.width:
                slot, window = held.slots[key], ledger.rolling.get(key, {})
                if slot in window and (key, slot) not in slots:
                    ends = (slot + counter.slots + 1) * counter.width
                    slots[key, slot] = key, slot, window[slot], ends
    many(
        connection,
        "INSERT INTO bucket (key, spent, held, told, ends, forgotten) VALUES {}"
        " ON CONFLICT (key) DO UPDATE SET spent = excluded.spent, held = excluded.held,"
        " told = excluded.told, ends = excluded.ends, forgotten = excluded.forgotten",
        [*balances.values()],
    )
    many(
        connection,
        "INSERT INTO slot (key, slot, n, ends) VALUES {}"
        " ON CONFLICT (key, slot) DO UPDATE SET n = excluded.n",
        [*slots.values()],
    )
    for key, oldest in loaded.oldest.items():
        window = ledger.rolling[key]
        if oldest not in window:
            outdated = key, min(window)
            connection.execute("DELETE FROM slot WHERE key = ? AND slot < ?", outdated)


def forget(connection: sqlite3.Connection, now: float, after: str) -> str:
    """Delete some rows that can no longer matter: up to FEW holds of each table, and slots that
    left their windows.

    Args:
        connection: A connection in a transaction.
        now: Unix time of the ledger.
        after: Slots are looked at after this key.

    Returns:
        The key after which to go on the next time.
    """
    for table, which in (("hold", "state = 'expired' AND "), ("released", "")):
        connection.execute(
            f"DELETE FROM {table} WHERE id IN"
            f" (SELECT id FROM {table} WHERE {which}forget <= ? LIMIT {FEW})",
            (now,),
        )
    forget_sessions(connection, now)
    forget_health(connection, now)
    forget_tallies(connection, now)
    row = connection.execute(
        f"SELECT key FROM slot WHERE key > ? ORDER BY key LIMIT 1 OFFSET {FEW}", (after,)
    ).fetchone()
    span, bounds = ("key > ? AND key <= ?", (after, *row)) if row else ("key > ?", (after,))
    connection.execute(f"DELETE FROM slot WHERE {span} AND ends <= ?", (*bounds, now))
    return row[0] if row else ""
