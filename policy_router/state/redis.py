"""Counters in Redis or Valkey: for processes on several hosts.

Every verb is one script (`redis.lua`), one atomic step of the server. Connections belong to event
loops: each loop that asks gets its own. What is asked while an answer is awaited goes together
the next time, so that a busy process makes few, larger round trips.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections import deque
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as Unanswered

from policy_router.diagnostics import Severity
from policy_router.errors import AmountError, StoreError, UsageError
from policy_router.meter import Reading
from policy_router.state.counting import PER_MILLE, differences, refusal
from policy_router.state.findings import Finding
from policy_router.state.store import (
    About,
    Actual,
    Bucket,
    Crossing,
    Ended,
    Entry,
    Granted,
    Refused,
    Row,
    Settled,
    Stale,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from policy_router.meter import Charge
    from policy_router.state.store import Difference, Ending, Hold

PATIENCE: Final = 0.25
"""Seconds an answer is awaited; then it is asked for once more, on a new connection."""
UNHURRIED: Final = 10.0
"""The same for reports and audits, which read much."""
TOGETHER: Final = 32
"""Verbs that go in one round trip, at most."""
ROWS: Final = 100_000
"""Rows of the ledger that are kept; older ones live on in the counters' opening balances."""
PAGE: Final = 1000
"""Rows read at once."""
EXACT: Final = 2**53 - 1
"""The largest amount that the server's scripts count exactly, in nano-USD $9.007 million."""

SCRIPT: Final = resources.files(__package__).joinpath("redis.lua").read_text(encoding="utf-8")
SHA: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()

SKEW: Final = 1.0
"""Seconds that clocks may differ before it is worth a word."""
OLDEST: Final = (6, 2)
"""The oldest version that the tests ran on."""

_LOST: Final = (Disconnected, Unanswered, OSError)

ABOUT: Final = ("model", "task", "tenant", "user", "team", "key", "revision")


class _Link:
    """The way from one event loop to the server.

    patience: seconds an answer is awaited. picky: a server on which counters would not hold is a
    StoreError.
    """

    def __init__(self, url: str, place: str, patience: float, *, picky: bool = True) -> None:
        self._place = place
        self._patience = patience
        self._waiting: deque[tuple[Sequence[Any], asyncio.Future[Any]]] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._over = False
        # A client's own retries would do twice what a lost answer had done.
        self._client = Redis.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=patience,
            socket_connect_timeout=patience,
            redis_connect_func=self._greet if picky else None,
        )

    async def ask(self, *command: Any) -> Any:
        """The answer to one command, within twice the patience. Raises StoreError."""
        return await self._put(command)

    def post(self, *command: Any) -> None:
        """Send a command after those that were asked before, whatever comes of it."""
        if not self._over:
            self._put(command).add_done_callback(_ignore)

    async def aclose(self) -> None:
        """Close the connections, after what is on its way."""
        if self._pump is not None:
            await asyncio.wait([self._pump])
        await self._client.aclose()

    def _put(self, command: Sequence[Any]) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.append((command, future))
        if self._pump is None:
            self._pump = loop.create_task(self._run())
        return future

    async def _greet(self, connection: AbstractConnection) -> None:
        """Look at the server behind every new connection: it may be another one."""
        await connection.on_connect()
        await connection.send_command("INFO")
        wrong = faults(facts(await connection.read_response()))
        if wrong:
            await connection.disconnect(nowait=True)
            raise StoreError(f"the store at {self._place} {wrong[0].text}; {wrong[0].help}")

    async def _run(self) -> None:
        batch: list[tuple[Sequence[Any], asyncio.Future[Any]]] = []
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
                try:
                    answers = await self._deliver([command for command, _ in batch])
                except (StoreError, RedisError) as error:
                    batch.extend(self._waiting)  # who waited through this has waited enough
                    self._waiting.clear()
                    answers = [error] * len(batch)
                for (_, future), answer in zip(batch, answers, strict=True):
                    if future.done():
                        continue
                    if isinstance(answer, Exception):
                        future.set_exception(self._problem(answer))
                    else:
                        future.set_result(answer)
        except asyncio.CancelledError:
            self._over = True  # the loop ends
            raise
        finally:
            self._pump = None
            for _, future in (*batch, *self._waiting):
                future.cancel()
            self._waiting.clear()

    def _problem(self, error: Exception) -> StoreError:
        if isinstance(error, StoreError):
            return StoreError(str(error))
        return StoreError(f"the store at {self._place} refused: {error}")

    async def _deliver(self, commands: list[Sequence[Any]]) -> list[Any]:
        try:
            return await self._send(commands)
        except _LOST:
            pass  # once more, on a new connection
        try:
            return await self._send(commands)
        except _LOST as error:
            detail = str(error) or "timed out"
            raise StoreError(f"no answer from the store at {self._place}: {detail}") from error

    async def _send(self, commands: list[Sequence[Any]]) -> list[Any]:
        async with asyncio.timeout(self._patience * 1.1):  # connecting takes several steps
            answers = await self._pipe(commands)
            unknown = [i for i, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if unknown:
                await self._client.script_load(SCRIPT)
                again = await self._pipe([commands[i] for i in unknown])
                for i, answer in zip(unknown, again, strict=True):
                    answers[i] = answer
            return answers

    async def _pipe(self, commands: list[Sequence[Any]]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            return await pipe.execute(raise_on_error=False)


class RedisStore:
    """A Store and its Books on one Redis or Valkey server, for any number of processes.

    url: `redis://`, `rediss://` or `unix://`, as the redis package reads it. clock: Unix time for
    tests; by default the server's, which never goes back. prefix: what all keys begin with. keep:
    rows of the ledger to keep, at least; an audit needs them to be more than are written meanwhile.

    After a StoreError nobody knows whether `reserve` took its hold; it is released as soon as the
    server answers, and its id must not be used again. At first use the server is looked at: one
    that may drop keys, is a replica or a cluster is a StoreError.
    """

    def __init__(
        self,
        url: str,
        clock: Callable[[], float] | None = None,
        prefix: str = "policy-router",
        keep: int = ROWS,
    ) -> None:
        if "{" in prefix or "}" in prefix:
            raise UsageError(f"the prefix of the store's keys has a brace: {prefix}")
        self._place = _place(url)
        self._url = url
        self._clock = clock
        self._base = f"{{{prefix}}}"
        self._keep = keep
        self._links: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[float, _Link]]
        self._links = WeakKeyDictionary()
        self._lock = threading.Lock()

    # -- verbs -------------------------------------------------------------------------------

    async def read(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
        """See Store."""
        now, *found = await self._do("read", _bytes(_json([_charge(c) for c in charges])))
        return tuple(
            _reading(charge, int(used), _slots(slots), float(now))
            for charge, (used, slots) in zip(charges, found, strict=True)
        )

    async def reserve(self, hold: Hold, after: Ending | None = None) -> Granted | Refused | Stale:
        """See Store."""
        arguments: list[Any] = [_bytes(hold.id), repr(hold.lease), _body(hold)]
        if after is not None:
            arguments += [_bytes(after.id), _actual(after.actual)]
        try:
            answer = await self._do("reserve", *arguments)
        except (StoreError, asyncio.CancelledError):
            # It may have been taken for nobody. If this does not arrive either, its lease ends it.
            self._link(PATIENCE).post(*self._script("finish", _bytes(hold.id), _actual(None)))
            raise
        match answer:
            case [b"granted", expires, crossed]:
                return Granted(hold.id, float(expires), _crossings(crossed))
            case [b"refused", now, crossed, *places]:
                refusals = (
                    refusal(hold.charges[place], int(used), _slots(slots), float(now))
                    for place, used, slots in places
                )
                return Refused(tuple(refusals), _crossings(crossed))
            case _:
                return Stale(float(answer[1]))

    async def renew(self, hold_id: str, lease: float) -> bool:
        """See Store."""
        return bool(await self._do("renew", _bytes(hold_id), repr(lease)))

    async def settle(self, hold_id: str, actual: Actual) -> Settled:
        """See Store."""
        return await self._finish(hold_id, actual)

    async def release(self, hold_id: str) -> Settled:
        """See Store."""
        return await self._finish(hold_id, None)

    async def aclose(self) -> None:
        """See Store. Connections of other loops that still run are closed there."""
        here = asyncio.get_running_loop()
        with self._lock:
            links = [(loop, link) for loop, by in self._links.items() for link in by.values()]
            self._links.clear()
        for loop, link in links:
            if loop is here:
                await link.aclose()
            elif loop.is_running():
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(link.aclose(), loop))

    # -- books -------------------------------------------------------------------------------

    async def rows(self, since: float = 0.0) -> AsyncIterator[Row]:
        """See Books. Read page by page: rows written meanwhile come too."""
        start = f"{max(0, int(since * 1000))}-0"
        while True:
            page = await self._link(UNHURRIED).ask(
                "XRANGE", f"{self._base}:ledger", start, "+", "COUNT", PAGE
            )
            for name, fields in page:
                row = _row(name, fields)
                if row.ts >= since:
                    yield row
            if len(page) < PAGE:
                return
            start = _after(page[-1][0])

    async def buckets(self) -> tuple[Bucket, ...]:
        """See Books."""
        _, _, counts, _ = await self._do("snapshot", patience=UNHURRIED)
        found = (Bucket(_text(key), int(s), int(h)) for key, s, h, _ in counts)
        return tuple(sorted(found, key=lambda bucket: bucket.key))

    async def audit(self) -> tuple[Difference, ...]:
        """See Books. Rows never change, so most are read before the one step that counters and
        holds are copied in; only that step keeps the server busy."""
        rows = {row.seq: row async for row in self.rows()}
        last, oldest, counts, open_holds = await self._do("snapshot", patience=UNHURRIED)
        since = max((row.ts for row in rows.values()), default=0.0)
        rows |= {row.seq: row async for row in self.rows(since)}
        first = _seq(oldest) if oldest else int(last) + 1
        kept = [Bucket(_text(key), int(s) - int(o), int(h)) for key, s, h, o in counts]
        known = {bucket.key for bucket in kept}
        then = (
            replace(row, keys=tuple(key for key in row.keys if key in known))
            for seq, row in sorted(rows.items())
            if first <= seq <= int(last)
        )
        held = [(_text(key), int(amount)) for key, amount in open_holds]
        return tuple(differences(kept, then, held))

    async def findings(self) -> tuple[Finding, ...]:
        """What an operator should know of the server. Raises StoreError when it cannot be asked."""
        link = _Link(self._url, self._place, PATIENCE, picky=False)
        try:
            info = {name: str(value) for name, value in (await link.ask("INFO")).items()}
            seconds, micros = await link.ask("TIME")
            here = time.time()
            mark = await link.ask("HGET", f"{self._base}:meta", "now")
        finally:
            await link.aclose()
        there = seconds + micros / 1e6
        return describe(info, there - here, float(mark or 0) - there)

    # -- asking ------------------------------------------------------------------------------

    def _link(self, patience: float) -> _Link:
        loop = asyncio.get_running_loop()
        with self._lock:
            links = self._links.setdefault(loop, {})
            if patience not in links:
                links[patience] = _Link(self._url, self._place, patience)
            return links[patience]

    def _script(self, verb: str, *arguments: Any) -> tuple[Any, ...]:
        now = "" if self._clock is None else repr(self._clock())
        return ("EVALSHA", SHA, 1, self._base, verb, now, self._keep, *arguments)

    async def _do(self, verb: str, *arguments: Any, patience: float = PATIENCE) -> Any:
        return await self._link(patience).ask(*self._script(verb, *arguments))

    async def _finish(self, hold_id: str, actual: Actual | None) -> Settled:
        ended, crossed = await self._do("finish", _bytes(hold_id), _actual(actual))
        return Settled(Ended(_text(ended)), _crossings(crossed))


def _ignore(future: asyncio.Future[Any]) -> None:
    """Look at an error that concerns nobody, so that nobody is warned of it."""
    if not future.cancelled():
        future.exception()


# -- texts and values ----------------------------------------------------------------------------


def _place(url: str) -> str:
    """Where a server is, without the password that the URL may hold."""
    try:
        parts = parse_url(url)
    except ValueError as error:
        raise UsageError(f"the store's URL cannot be read: {error}") from error
    where = parts.get("path") or f"{parts.get('host', 'localhost')}:{parts.get('port', 6379)}"
    return f"{where} (database {parts.get('db', 0)})"


def _bytes(text: str) -> bytes:
    """Any text a request may hold, lone surrogates too."""
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _bounded(amount: int, what: str) -> int:
    if amount > EXACT:
        raise AmountError(f"{what} is {amount}; Redis counts exactly up to 2^53 - 1 = {EXACT}")
    return amount


def _charge(charge: Charge) -> list[Any]:
    counter, limit = charge.counter, charge.limit
    warn = []
    if limit is not None:
        _bounded(limit, f"the limit of `{counter.key}`")
    if limit:
        for share in charge.warn_at:
            mille = round(share * PER_MILLE)
            warn.append([repr(share), mille, -(-mille * limit // PER_MILLE), str(limit)])
    return [
        counter.key,
        counter.metric,
        _bounded(charge.amount, f"what is asked of `{counter.key}`"),
        limit if limit is not None and charge.refuses else -1,
        counter.width,
        counter.slots,
        counter.start,
        counter.end,
        warn,
    ]


def _body(hold: Hold) -> bytes:
    about = {name: text for name in ABOUT if (text := getattr(hold.about, name))}
    keys = [c.counter.key for c in hold.charges if c.counter.calendar]
    charges = [_charge(charge) for charge in hold.charges]
    return _bytes(_json([_json(about), _json(keys), charges]))


def _actual(actual: Actual | None) -> str:
    if actual is None:
        return ""
    numbers = actual.cost, actual.tokens_in, actual.tokens_out
    for number in numbers:
        _bounded(number, "what an attempt came to")
    return " ".join(map(str, (*numbers, int(actual.estimated))))


def _slots(flat: Sequence[bytes]) -> dict[int, int]:
    numbers = iter(map(int, flat))
    return dict(zip(numbers, numbers, strict=True))


def _reading(charge: Charge, used: int, slots: Mapping[int, int], now: float) -> Reading:
    if not charge.exceeds(used):
        return Reading(used)
    return Reading(used, refusal(charge, used, slots, now).opens)


def _crossings(found: Iterable[Sequence[bytes]]) -> tuple[Crossing, ...]:
    return tuple(
        Crossing(_text(key), float(share), int(spent), int(limit))
        for key, share, spent, limit in found
    )


def _seq(name: bytes) -> int:
    return int(name.partition(b"-")[2])


def _after(name: bytes) -> str:
    milliseconds, _, seq = name.partition(b"-")
    return f"{int(milliseconds)}-{int(seq) + 1}"


def _row(name: bytes, fields: Mapping[bytes, bytes]) -> Row:
    return Row(
        _seq(name),
        _text(fields[b"id"]),
        Entry(_text(fields[b"kind"])),
        float(fields[b"ts"]),
        About(**json.loads(_text(fields[b"about"]))),
        int(fields[b"cost"]),
        int(fields[b"in"]),
        int(fields[b"out"]),
        int(fields[b"requests"]),
        fields[b"estimated"] == b"1",
        tuple(json.loads(_text(fields[b"keys"]))),
    )


# -- what a server is ----------------------------------------------------------------------------


def facts(info: bytes) -> dict[str, str]:
    """What INFO says, by name."""
    lines = info.decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def faults(info: Mapping[str, str]) -> tuple[Finding, ...]:
    """Why counters would not hold on a server, from its INFO."""
    found = []
    if info.get("cluster_enabled") == "1":
        help_ = "use one server, with replicas where it has to survive a host"
        found.append(Finding("mode", Severity.ERROR, "is a cluster", help_))
    if info.get("role") != "master":
        found.append(Finding("role", Severity.ERROR, "is a replica", "use the server it follows"))
    policy = info.get("maxmemory_policy")
    if policy != "noeviction":
        text = f"drops what was counted when memory is full (`maxmemory-policy {policy}`)"
        help_ = "set `maxmemory-policy noeviction` in its configuration"
        found.append(Finding("maxmemory-policy", Severity.ERROR, text, help_))
    return tuple(found)


def describe(info: Mapping[str, str], skew: float, ahead: float) -> tuple[Finding, ...]:
    """What is to be said of a server, from its INFO.

    skew: seconds that its clock is ahead of ours. ahead: seconds that the ledger's time is ahead
    of its clock.
    """
    name, version = "Redis", info["redis_version"]
    if "valkey_version" in info:
        name, version = "Valkey", info["valkey_version"]
    found = [Finding("version", Severity.NOTE, f"{name} {version}"), *faults(info)]
    if _version(info["redis_version"]) < OLDEST:
        help_ = f"use Redis {'.'.join(map(str, OLDEST))} or later, or Valkey"
        found[0] = Finding("version", Severity.WARNING, f"{name} {version} is not tested", help_)
    if info.get("aof_enabled") != "1":
        text = "forgets what was counted since its last snapshot when it stops (`appendonly no`)"
        help_ = "set `appendonly yes`; at most the last second is lost then"
        found.append(Finding("appendonly", Severity.WARNING, text, help_))
    replicas = int(info.get("connected_slaves", 0))
    text = f"{replicas} connected; the last writes may be missing on one that takes over"
    found.append(Finding("replicas", Severity.NOTE, text if replicas else "none"))
    if abs(skew) > SKEW:
        text = f"its clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this host's"
        found.append(Finding("clock", Severity.WARNING, text, "synchronise both clocks"))
    if ahead > SKEW:
        text = f"the ledger's time stands still for {ahead:.0f} s: it was written by a faster clock"
        help_ = "windows and periods go on when the server's clock has caught up"
        found.append(Finding("time", Severity.WARNING, text, help_))
    return tuple(found)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
