"""A store in Redis or Valkey, for processes on several hosts.

Every verb is one script (`verbs.lua`), one atomic step of the server. Each event loop has its own
connection. Commands that are submitted while an answer is awaited are sent together, so that a busy
process makes few, large round trips.

Outdated data expires by itself: windows when they have passed, ended holds after a day, calendar
counters 62 days after their period. The ledger is a stream that keeps the newest entries; what
older ones spent is the opening balance of their counters, so that audits stay correct.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from policy_router.base_errors import UsageError
from policy_router.errors import StoreError
from policy_router.ledger.arithmetic import clamped, clamped_hold, differences
from policy_router.ledger.continuity import REMEDY, Loss, Mark, SeenState
from policy_router.ledger.diagnosis import describe_loss
from policy_router.ledger.health import MOST_HEALTHS
from policy_router.ledger.reader import Balance
from policy_router.ledger.redis import codec
from policy_router.ledger.redis.connection import (
    HEALTH,
    SESSIONS,
    SHA,
    TALLIES,
    LoopConnection,
    own_options,
    place_of,
)
from policy_router.ledger.redis.diagnosis import describe
from policy_router.ledger.sessions import MOST_SESSIONS
from policy_router.ledger.store import Ended, Settled
from policy_router.ledger.tallies import KEPT_DAYS, KNOWN_DAYS, DayTallies
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from policy_router.domain.limits import Charge, Reading
    from policy_router.ledger.diagnosis import Diagnosis
    from policy_router.ledger.reader import Difference, LedgerEntry
    from policy_router.ledger.sessions import SessionRecord
    from policy_router.ledger.store import (
        Ending,
        Granted,
        Hold,
        Refused,
        Settlement,
        Stale,
        Unavailable,
    )
    from policy_router.ledger.tallies import TallyBatch

PATIENCE: Final = 0.25
"""Seconds to wait for an answer, not counting those in which the event loop itself was busy. A verb
that waits for its turn behind another one fails within twice that."""
UNHURRIED: Final = 10.0
"""The same for reports and audits, which read a lot."""
ROWS: Final = 100_000
"""Entries of the ledger that are kept; older ones become the opening balances of counters."""
PAGE: Final = 1000
"""Entries that are read at once."""
_APART: Final = "\x1f"
"""Stands between the key of a tally and the name of what is counted."""


_INHERITED: Final[list[LoopConnection]] = []
"""What a forked child must neither use nor close."""


class RedisStore:
    """A store on one Redis or Valkey server, for any number of processes.

    After a StoreError it is unknown whether `reserve` took its hold: the hold is released if the
    server can be reached, and expires otherwise; its id must not be used again. The server is
    checked with every new connection and every minute after that: one that may drop keys, is a
    replica or a cluster raises StoreError. A forked process opens connections of its own.

    Args:
        url: `redis://`, `rediss://` or `unix://`, as the redis package reads it.
        clock: Unix time in seconds, for tests; by default the server's clock, and the store's time
            never goes back.
        prefix: What all keys begin with.
        keep: How many entries of the ledger are kept, at least. An audit needs more than are
            written while it runs.
        patience: Seconds to wait for an answer; `?patience=1` in the URL overrides it.

    Raises:
        UsageError: The URL or the prefix cannot be used.
    """

    def __init__(
        self,
        url: str,
        clock: Callable[[], float] | None = None,
        prefix: str = "policy-router",
        keep: int = ROWS,
        patience: float = PATIENCE,
    ) -> None:
        if "{" in prefix or "}" in prefix:
            raise UsageError(f"the prefix `{prefix}` contains a brace: choose one without")
        self._place = place_of(url)
        self._url, self._patience = own_options(url, patience)
        self._clock = clock
        self._base = f"{{{prefix}}}"
        self._keep = keep
        self._memory = SeenState()
        self._connections: dict[tuple[asyncio.AbstractEventLoop, float], LoopConnection] = {}
        self._lock = threading.Lock()
        forks.follow(self)

    def after_fork_in_child(self) -> None:
        """Start over: loops and connections are the parent's. They are kept, because closing them
        would remove the parent's sockets from its event loop."""
        _INHERITED.extend(self._connections.values())
        self._connections = {}
        self._lock = threading.Lock()

    # -- verbs -------------------------------------------------------------------------------

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
        """See Store."""
        charges = clamped(charges)
        return codec.readings(charges, await self._do("read", codec.charges_text(charges)))

    async def reserve(
        self, hold: Hold, after: Ending | None = None
    ) -> Granted | Refused | Stale | Unavailable:
        """See Store."""
        hold = clamped_hold(hold)
        arguments: list[Any] = [codec.encode(hold.id), repr(hold.lease), codec.hold_text(hold)]
        if after is not None:
            arguments += [codec.encode(after.id), codec.actual_text(after.actual)]
        try:
            answer = await self._do("reserve", *arguments)
        except (StoreError, asyncio.CancelledError):
            # It may have been taken. If this command does not arrive either, the hold expires.
            release = "finish", codec.encode(hold.id), codec.actual_text(None)
            self._connection(self._patience).post(*self._script(self._memory.mark, *release))
            raise
        return codec.reserved(hold, answer, self._closed())

    async def renew(self, hold_id: str, lease: float) -> bool | None:
        """See Store."""
        (renewed,) = await self._do("renew", codec.encode(hold_id), repr(lease))
        return None if renewed < 0 else bool(renewed)

    async def settle(self, hold_id: str, actual: Settlement) -> Settled:
        """See Store."""
        return await self._finish(hold_id, actual)

    async def release(self, hold_id: str) -> Settled:
        """See Store."""
        return await self._finish(hold_id, None)

    async def read_session(self, key: str) -> SessionRecord | None:
        """See SessionStore."""
        text = await self._connection(self._patience).ask("GET", f"{self._base}:session:{key}")
        return None if text is None else codec.session(text, self._now())

    async def write_session(self, key: str, record: SessionRecord, lasts: float) -> None:
        """See SessionStore."""
        now = self._now()
        await self._connection(self._patience).ask(
            "EVAL", SESSIONS, 1, self._base, key, repr(record.at), record.rank,
            codec.encode(record.text), repr(lasts), MOST_SESSIONS, "" if now is None else repr(now),
        )  # fmt: skip

    async def read_health(self) -> dict[str, str]:
        """See HealthStore."""
        found = [codec.decode(part) for part in await self._health()]
        return dict(zip(found[::2], found[1::2], strict=True))

    async def swap_health(
        self, key: str, before: str | None, after: str, lasts: float
    ) -> str | None:
        """See HealthStore."""
        known = "" if before is None else f"={before}"
        kept = codec.decode(
            await self._health(
                codec.encode(key), codec.encode(known), codec.encode(after), repr(lasts),
                MOST_HEALTHS,
            )
        )  # fmt: skip
        return kept[1:] if kept else None

    async def _health(self, *arguments: Any) -> Any:
        now = self._now()
        return await self._connection(self._patience).ask(
            "EVAL", HEALTH, 1, self._base, "" if now is None else repr(now), *arguments
        )

    async def add_tallies(self, batch: TallyBatch) -> None:
        """See TallyStore."""
        now = self._now()
        counts = [
            part
            for (day, key), row in batch.counts.items()
            for name, n in row.items()
            for part in (day, codec.encode(f"{key}{_APART}{name}"), n)
        ]
        await self._connection(UNHURRIED).ask(
            "EVAL", TALLIES, 1, self._base, "" if now is None else repr(now),
            codec.encode(batch.topic), codec.encode(batch.source), batch.number, KEPT_DAYS,
            KNOWN_DAYS, *counts,
        )  # fmt: skip

    async def read_tallies(self, topic: str, known: Mapping[int, int]) -> dict[int, DayTallies]:
        """See TallyStore. Read page by page: what is added meanwhile is read the next time."""
        connection, base = self._connection(UNHURRIED), f"{self._base}:tallies:{topic}"
        changed = {}
        for name, n in (await connection.ask("HGETALL", base)).items():
            day, version = int(name), int(n)
            if known.get(day) != version:
                rows = await self._tallies_of(connection, f"{base}:{day}")
                changed[day] = DayTallies(version, rows)
        return changed

    async def _tallies_of(self, connection: LoopConnection, key: str) -> dict[str, dict[str, int]]:
        rows: dict[str, dict[str, int]] = {}
        cursor = 0
        while True:
            next_cursor, page = await connection.ask("HSCAN", key, cursor, "COUNT", PAGE)
            for field, n in page.items():
                row, _, name = codec.decode(field).rpartition(_APART)
                rows.setdefault(row, {})[name] = int(n)
            cursor = int(next_cursor)
            if not cursor:
                return rows

    def _now(self) -> float | None:
        """The time of the clock that tests set; None where the server's counts."""
        return None if self._clock is None else self._clock()

    async def aclose(self) -> None:
        """See Store. Connections of other running loops are closed in those."""
        current_loop = asyncio.get_running_loop()
        with self._lock:
            connections = list(self._connections.items())
            self._connections.clear()
        for (loop, _), connection in connections:
            if loop is current_loop:
                await connection.aclose()
            elif loop.is_running():
                elsewhere = asyncio.run_coroutine_threadsafe(connection.aclose(), loop)
                # A loop that is busy closes it later.
                await asyncio.wait([asyncio.wrap_future(elsewhere)], timeout=2 * self._patience)

    # -- continuity --------------------------------------------------------------------------

    @property
    def loss(self) -> Loss | None:
        """See Continuous."""
        return self._memory.loss

    async def accept_loss(self) -> Loss | None:
        """See Continuous."""
        (lost,) = await self._do("accept")
        return codec.loss(lost)

    def _closed(self) -> str:
        loss = self._memory.loss
        return (
            "" if loss is None else f"the store at {self._place} lost data: {loss.text}; {REMEDY}"
        )

    # -- reports and audits ------------------------------------------------------------------

    async def rows(self, since: float = 0.0) -> AsyncIterator[LedgerEntry]:
        """See LedgerReader. Read page by page, so entries written in the meantime are included."""
        start = f"{max(0, int(since * 1000))}-0"
        while True:
            page = await self._connection(UNHURRIED).ask(
                "XRANGE", f"{self._base}:ledger", start, "+", "COUNT", PAGE
            )
            for name, fields in page:
                row = codec.row(name, fields)
                if row.ts >= since:
                    yield row
            if len(page) < PAGE:
                return
            start = codec.next_to(page[-1][0])

    async def balances(self) -> tuple[Balance, ...]:
        """See LedgerReader."""
        _, _, counts, _ = await self._snapshot()
        balances = [
            Balance(codec.counter_key(key), int(spent) - int(forgotten), int(held))
            for key, spent, held, _, _, forgotten in counts
        ]
        return tuple(sorted(balances, key=lambda balance: str(balance.key)))

    async def audit(self) -> tuple[Difference, ...]:
        """See LedgerReader. Entries never change, so most are read before the one step that copies
        counters and holds; only that step keeps the server busy."""
        rows = {row.seq: row async for row in self.rows()}
        last, oldest, counts, open_holds = await self._snapshot()
        since = max((row.ts for row in rows.values()), default=0.0)
        rows |= {row.seq: row async for row in self.rows(since)}
        first = codec.seq(oldest) if oldest else int(last) + 1
        kept = [
            Balance(codec.counter_key(key), int(spent) - int(opening), int(held))
            for key, spent, held, opening, *_ in counts
        ]
        # The count of a session that was no longer kept begins without its earlier entries.
        born = {codec.counter_key(key): int(seq) for key, _, _, _, seq, _ in counts}
        then = (
            replace(row, keys=tuple(k for k in row.keys if row.seq > born.get(k, row.seq)))
            for seq, row in sorted(rows.items())
            if first <= seq <= int(last)
        )
        held = [(codec.counter_key(key), int(amount)) for key, amount in open_holds]
        return tuple(differences(kept, then, held))

    async def diagnose(self) -> tuple[Diagnosis, ...]:
        """What an operator should know about the server. Raises StoreError."""
        connection = LoopConnection(self._url, self._place, self._patience, strict=False)
        try:
            info = {name: str(value) for name, value in (await connection.ask("INFO")).items()}
            seconds, micros = await connection.ask("TIME")
            local_time = time.time()
            mark, lost = await connection.ask("HMGET", f"{self._base}:meta", "now", "lost")
        finally:
            await connection.aclose()
        server_time = seconds + micros / 1e6
        diagnoses = describe(info, server_time - local_time, float(mark or 0) - server_time)
        return (*diagnoses, *describe_loss(codec.loss(lost)))

    # -- commands ------------------------------------------------------------------------------

    def _connection(self, patience: float) -> LoopConnection:
        key = asyncio.get_running_loop(), patience
        with self._lock:
            connection = self._connections.get(key)
            if connection is None:
                for old in [key for key in self._connections if key[0].is_closed()]:
                    del self._connections[old]
                connection = self._connections[key] = LoopConnection(
                    self._url, self._place, patience
                )
            return connection

    def _script(self, seen: Mark | None, verb: str, *arguments: Any) -> tuple[Any, ...]:
        now = "" if self._clock is None else repr(self._clock())
        join = "" if self._memory.joined else self._memory.branch
        header = codec.header(self._keep, seen, join)
        return ("EVALSHA", SHA, 1, self._base, verb, now, header, *arguments)

    async def _do(self, verb: str, *arguments: Any) -> Any:
        return await self._run(self._connection(self._patience), verb, *arguments)

    async def _snapshot(self) -> Any:
        return await self._run(self._connection(UNHURRIED), "snapshot")

    async def _run(self, connection: LoopConnection, verb: str, *arguments: Any) -> Any:
        """The answer of a script. It is compared with what this process had seen when the command
        was submitted, because other answers may arrive in between."""
        seen = self._memory.mark
        answer = await connection.ask(*self._script(seen, verb, *arguments))
        self._memory.record(*codec.state(answer.pop(), seen))
        return answer

    async def _finish(self, hold_id: str, actual: Settlement | None) -> Settled:
        ended, crossed = await self._do("finish", codec.encode(hold_id), codec.actual_text(actual))
        return Settled(Ended(codec.decode(ended)), codec.crossings(crossed))
