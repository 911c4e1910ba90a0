"""What is particular to the store in Redis: lost answers, dead servers, its clock, its keys."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("redis", reason="the redis package is not installed")

from redis import Redis
from redis.asyncio import Redis as Client
from redis.exceptions import RedisError

from policy_router.base_errors import UsageError
from policy_router.diagnostics import Severity
from policy_router.domain.limits import Metric
from policy_router.domain.periods import Period
from policy_router.errors import StoreError
from policy_router.ledger.arithmetic import MAX_AMOUNT
from policy_router.ledger.degraded import DegradableStore
from policy_router.ledger.reader import EntryKind
from policy_router.ledger.redis.connection import LOOK, OPTIONS, TLS, LoopConnection, place_of
from policy_router.ledger.redis.diagnosis import describe
from policy_router.ledger.redis.store import PAGE, RedisStore
from policy_router.ledger.store import Ended, Granted, Hold, Refused, Settlement, Unavailable
from tests.ledger import worker
from tests.ledger.servers import Server, Wire, collect_leftovers, shared
from tests.ledger.stores import ABOUT, NOON, PATIENT, Clock, World, fresh_prefix

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

DAY = 86_400.0


@pytest.fixture(autouse=True)
def leftovers() -> Iterator[None]:
    """What a test leaves unclosed harms no other."""
    yield
    collect_leftovers()


@contextmanager
def raw(url: str) -> Iterator[Any]:
    """A plain client."""
    make: Any = Redis.from_url  # untyped in some versions
    client = make(url)
    with client:
        yield client


class Place(World):
    """A store on a server, on the clock that tests set, and the server's own view of its keys."""

    def __init__(self, url: str, runner: asyncio.Runner, **options: Any) -> None:
        clock = Clock()
        self.url = url
        self.prefix = fresh_prefix()
        options = {"patience": PATIENT, **options}
        super().__init__(RedisStore(url, clock, self.prefix, **options), clock, runner)

    def another(self, **options: Any) -> RedisStore:
        known = {"clock": self.clock, "prefix": self.prefix, "patience": PATIENT}
        return RedisStore(**{"url": self.url, **known, **options})

    @contextmanager
    def raw(self) -> Iterator[Any]:
        with raw(self.url) as client:
            yield client

    def dump(self) -> dict[bytes, bytes | None]:
        """Everything the store holds."""
        with self.raw() as client:
            return {k: client.dump(k) for k in client.scan_iter(f"{{{self.prefix}}}*", count=1000)}

    def key(self, name: str) -> str:
        return f"{{{self.prefix}}}:{name}"


@contextmanager
def place(url: str, **options: Any) -> Iterator[Place]:
    with asyncio.Runner() as runner:
        opened = Place(url, runner, **options)
        try:
            yield opened
        finally:
            opened.do(opened.store.aclose())


@pytest.fixture
def w() -> Iterator[Place]:
    with place(shared().url) as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as started:
        yield started


# -- servers that do not answer ------------------------------------------------------------------

BRISK = 0.5
"""Patience with servers that will not answer."""

VERBS: dict[str, Callable[[RedisStore, Hold], Awaitable[Any]]] = {
    "read": lambda store, _: store.read(()),
    "reserve": lambda store, hold: store.reserve(hold),
    "renew": lambda store, hold: store.renew(hold.id, 60),
    "settle": lambda store, hold: store.settle(hold.id, Settlement()),
    "release": lambda store, hold: store.release(hold.id),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_frozen_server_is_an_error_and_not_a_wait(server: Server, verb: str) -> None:
    with place(server.url, patience=BRISK) as w:
        hold = Hold("a", (w.money(1),), 60, ABOUT)
        w.do(w.store.read(()))

        async def ask() -> None:
            async with asyncio.timeout(5):  # the client's own defaults wait for a minute
                with pytest.raises(StoreError, match="no answer from the store"):
                    await VERBS[verb](w.store, hold)

        server.freeze()
        w.do(ask())
        server.thaw()
        w.do(w.store.read(()))


def stall(seconds: float) -> None:
    """Hold up the event loop; time itself is the subject."""
    time.sleep(seconds)


def test_a_stall_of_the_event_loop_is_no_outage(w: Place) -> None:
    """The answer lay in the socket when the loop came back to it, after more than the patience."""
    store = w.another(patience=1.0)

    async def stalled() -> None:
        await store.read(())
        asked = asyncio.create_task(store.reserve(Hold("a", (w.money(600),), 60, ABOUT)))
        for _ in range(10):  # turns of the loop, until it waits for the answer
            await asyncio.sleep(0)
        stall(1.5)
        assert isinstance(await asked, Granted)
        await store.aclose()

    w.do(stalled())


def test_the_patience_stands_in_the_url(server: Server) -> None:
    store = RedisStore(f"{server.url}?patience=2&db=1")
    assert store._patience == 2.0

    async def ask() -> None:
        await store.read(())
        server.freeze()
        with pytest.raises(StoreError, match=r"no answer from the store at .* \(database 1\)"):
            await store.read(())
        server.thaw()
        await store.aclose()

    asyncio.run(ask())


def test_a_frozen_server_is_not_called_and_is_found_again(server: Server) -> None:
    with place(server.url, patience=BRISK) as w:
        ticks = Clock()
        guarded = DegradableStore(w.store, 1, w.clock, ticks)
        charges = w.money(1), w.requests(1)

        async def frozen() -> None:
            await guarded.reserve(Hold("before", (w.money(600),), 60, ABOUT))
            server.freeze()
            assert (
                await asyncio.gather(*(guarded.read(charges) for _ in range(3)))
                == [(None, None)] * 3
            )
            assert not guarded.status.up
            async with asyncio.timeout(BRISK):  # less than one verb waits for the server
                for i in range(100):
                    answer = await guarded.reserve(Hold(f"a{i}", charges, 60, ABOUT))
                    assert isinstance(answer, Unavailable)
                assert (await guarded.settle("before", Settlement(cost=5))).ended is Ended.DEFERRED
            assert guarded.status.owed == 1

        async def thawed() -> None:
            server.thaw()
            ticks.now += 1
            while guarded.status.owed or not guarded.status.up:
                await guarded.read(())
                await asyncio.sleep(0)
            answer = await guarded.reserve(Hold("after", charges, 60, ABOUT))
            assert isinstance(answer, Granted)
            assert not answer.local

        w.do(frozen())
        w.do(thawed())
        assert w.used(w.money(0)) == [6]


def test_an_address_without_a_server_is_an_error() -> None:
    with place("redis://:secret@127.0.0.1:1/3") as w:
        with pytest.raises(StoreError, match=r"no answer from the store at 127.0.0.1:1") as caught:
            w.reserve("a", w.money(1))
        assert "secret" not in str(caught.value)


def test_a_server_started_again_gets_its_scripts_again(server: Server) -> None:
    with place(server.url) as w:
        w.reserve("a", w.requests(1))
        server.kill()
        with pytest.raises(StoreError):
            w.reserve("b", w.requests(1))
        server.start()
        assert isinstance(w.reserve("b", w.requests(1)), Granted)
        assert isinstance(w.reserve("c", w.requests(1)), Refused)
        assert isinstance(w.reserve("d", w.money(1)), Unavailable)  # it kept nothing of "a"


def test_scripts_that_the_server_forgot_are_loaded_by_many_at_once(w: Place) -> None:
    w.do(w.store.read(()))
    with w.raw() as client:
        client.script_flush()

    async def many() -> list[Any]:
        holds = (Hold(f"h{i}", (w.money(100),), 60, ABOUT) for i in range(100))
        return list(await asyncio.gather(*map(w.store.reserve, holds)))

    assert sum(isinstance(a, Granted) for a in w.do(many())) == 10


def test_a_server_that_refuses_says_why(w: Place) -> None:
    with w.raw() as client:
        client.set(w.key("leases"), "not a sorted set")
    with pytest.raises(StoreError, match=r"refused: .*WRONGTYPE"):
        w.reserve("a", w.money(1))


def test_a_password_that_is_wrong_is_an_error(server: Server) -> None:
    with raw(server.url) as client:
        client.config_set("requirepass", "right")
    with place(f"unix://:wrong@{server.path}") as w:
        with pytest.raises(StoreError) as caught:
            w.do(w.store.read(()))
        assert "wrong@" not in str(caught.value)
    with place(f"unix://:right@{server.path}") as w:
        assert isinstance(w.reserve("a", w.money(1)), Granted)


def test_a_user_without_permission_is_an_error(server: Server) -> None:
    with raw(server.url) as client:
        client.acl_setuser("ann", enabled=True, nopass=True, keys=["*"], commands=["-info"])
    with place(f"unix://ann:any@{server.path}") as w, pytest.raises(StoreError, match=r"(?i)perm"):
        w.do(w.store.read(()))


# -- answers that are lost -----------------------------------------------------------------------


@pytest.mark.parametrize("lost", [1, 2])
def test_a_reserve_whose_answer_is_lost_is_done_once(w: Place, lost: int) -> None:
    async def reserve() -> None:
        async with Wire(shared()) as wire:
            store = w.another(url=wire.url)
            await store.read(())
            wire.word, wire.lose = b"reserve", lost
            hold = Hold("a", (w.money(600), w.seat(1)), 60, ABOUT)
            if lost == 1:
                assert isinstance(await store.reserve(hold), Granted)
            else:
                with pytest.raises(StoreError):
                    await store.reserve(hold)
            await store.aclose()

    w.do(reserve())
    assert w.used(w.money(0), w.seat(1)) == ([600, 1] if lost == 1 else [0, 0])


def test_a_settle_whose_answer_is_lost_is_done_once(w: Place) -> None:
    async def settle() -> None:
        async with Wire(shared()) as wire:
            store = w.another(url=wire.url)
            await store.reserve(Hold("a", (w.money(600),), 60, ABOUT))
            wire.word, wire.lose = b"finish", 1
            assert (await store.settle("a", Settlement(cost=7))).ended is Ended.AGAIN
            await store.aclose()

    w.do(settle())
    assert [r.cost for r in w.rows()] == [7]
    assert w.used(w.money(0)) == [7]


def test_a_hold_whose_caller_left_is_given_back(w: Place) -> None:
    async def leave() -> None:
        await w.store.read(())
        task = asyncio.create_task(w.store.reserve(Hold("a", (w.money(600),), 60, ABOUT)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await w.store.settle("a", Settlement(cost=1))).ended is Ended.AGAIN

    w.do(leave())
    assert w.used(w.money(0)) == [0]


def test_a_dead_process_leaves_holds_that_run_out(w: Place) -> None:
    code = f"""
import asyncio, signal
from policy_router.ledger.redis.store import RedisStore
from tests.ledger.stores import Clock, World

with asyncio.Runner() as runner:
    clock = Clock()

    async def start():
        return RedisStore({w.url!r}, clock, {w.prefix!r}, patience={PATIENT})

    world = World(runner.run(start()), clock, runner)
    world.reserve("a", world.money(600), world.seat(1), lease=30)
    print("taken", flush=True)
    signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"taken\n"
        child.kill()
    assert isinstance(w.reserve("b", w.seat(1)), Refused)
    w.clock.now += 30
    assert isinstance(w.reserve("b", w.seat(1)), Granted)
    assert [(r.id, r.kind, r.cost) for r in w.rows()] == [("a", EntryKind.EXPIRE, 600)]
    assert w.audit() == ()


# -- loops, threads, processes -------------------------------------------------------------------


def test_two_clients_share_what_they_count(w: Place) -> None:
    other = w.another()
    w.reserve("a", w.money(600))

    async def elsewhere() -> None:
        assert isinstance(await other.reserve(Hold("b", (w.money(600),), 60, ABOUT)), Refused)
        assert (await other.settle("a", Settlement(cost=1))).ended is Ended.DONE
        await other.aclose()

    w.do(elsewhere())
    assert w.settle("a", Settlement(cost=2)).ended is Ended.AGAIN


def test_every_loop_has_connections_of_its_own(w: Place) -> None:
    store = w.another()
    ready, done = threading.Event(), threading.Event()

    async def elsewhere() -> None:
        await store.reserve(Hold("a", (w.money(600),), 60, ABOUT))
        ready.set()
        await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(elsewhere(),))
    thread.start()
    ready.wait()

    async def here() -> None:
        assert isinstance(await store.reserve(Hold("b", (w.money(600),), 60, ABOUT)), Refused)
        await store.aclose()

    w.do(here())
    done.set()
    thread.join()


def test_a_child_has_connections_of_its_own_and_can_close_them(w: Place) -> None:
    with worker.start("fork_redis", w.url, w.prefix) as process:
        assert [worker.said(process) for _ in range(2)] == [
            "the child ended with 0",
            "the parent goes on",
        ]
    found = {row.id for row in w.rows()}
    assert found == {"before", "child", "parent"}
    assert w.audit() == ()


def test_closing_waits_for_no_loop_that_is_busy(w: Place) -> None:
    store = w.another()
    ready, done = threading.Event(), threading.Event()

    async def elsewhere() -> None:
        try:
            await store.read(())
        finally:
            ready.set()
        done.wait()  # without await: the loop is busy

    thread = threading.Thread(target=asyncio.run, args=(elsewhere(),))
    thread.start()
    ready.wait()
    store._patience = 0.05
    try:
        w.do(store.aclose())
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("last", ["caller", "connection"])
def test_a_loop_that_ends_leaves_no_caller_waiting(server: Server, last: str) -> None:
    store = RedisStore(server.url, patience=PATIENT)

    async def first() -> asyncio.Task[Any]:
        await store.read(())
        server.freeze()
        waiting = asyncio.create_task(store.reserve(Hold("a", (), 60, ABOUT)))
        for _ in range(50):  # turns of the loop, until it waits for an answer
            await asyncio.sleep(0)
        if last == "caller":
            pump = store._connection(PATIENT)._pump
            assert pump is not None
            pump.cancel()
            await asyncio.wait([waiting])
        return waiting

    waiting = asyncio.run(first())
    server.thaw()
    assert waiting.cancelled()

    async def second() -> None:
        await store.read(())
        await store.aclose()

    if last == "caller":
        asyncio.run(store.aclose())
    asyncio.run(second())


# -- servers on which counters would not hold ----------------------------------------------------


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--maxmemory-policy", "allkeys-lru"), "set `maxmemory-policy noeviction`"),
        (("--replicaof", "127.0.0.1 1"), "is a replica"),
    ],
    ids=["evicts", "replica"],
)
def test_a_server_that_would_lose_counters_is_refused(
    options: tuple[str, ...], problem: str
) -> None:
    with Server(*options) as server, place(server.url) as w:
        for _ in range(2):
            with pytest.raises(StoreError, match=problem):
                w.reserve("a", w.money(1))
        findings = w.do(w.store.diagnose())
        assert Severity.ERROR in [f.level for f in findings]


def test_a_cluster_is_refused() -> None:
    problem = pytest.raises(StoreError, match="is a cluster; use one server")
    with Server.of_a_cluster() as server, place(server.url) as w, problem:
        w.do(w.store.read(()))


def test_a_server_that_changed_is_checked_again(server: Server) -> None:
    with place(server.url) as w:
        w.reserve("a", w.money(1))
        with w.raw() as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
            client.client_kill_filter(_type="normal", skipme=True)
        with pytest.raises(StoreError, match="noeviction"):
            w.reserve("b", w.money(1))


def test_a_changed_server_is_checked_though_it_stays_connected() -> None:
    with Server() as server, place(server.url) as there:
        there.reserve("a", there.money(1))
        with there.raw() as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
        link = there.do(link_of(there))
        assert isinstance(there.reserve("b", there.money(1)), Granted)
        link._looked -= LOOK
        for _ in range(2):
            with pytest.raises(StoreError, match="noeviction"):
                there.reserve("c", there.money(1))
        with there.raw() as client:
            client.config_set("maxmemory-policy", "noeviction")
        assert isinstance(there.reserve("d", there.money(1)), Granted)
        link._looked -= LOOK
        assert isinstance(there.reserve("e", there.money(1)), Granted)
        with there.raw() as client:
            client.acl_setuser("default", commands=["-info"])
        link._looked -= LOOK
        with pytest.raises(StoreError, match=r"(?i)perm"):
            there.reserve("f", there.money(1))


async def link_of(w: Place) -> LoopConnection:
    """The way of this loop to the server."""
    found: LoopConnection = w.store._connection(PATIENT)
    return found


# -- findings ------------------------------------------------------------------------------------

WELL: dict[str, Any] = {
    "redis_version": "7.0.15",
    "role": "master",
    "maxmemory_policy": "noeviction",
    "aof_enabled": "1",
    "connected_slaves": "1",
}


@pytest.mark.parametrize(
    ("change", "skew", "ahead", "subject", "level", "text"),
    [
        ({}, 0, 0, "version", Severity.NOTE, "Redis 7.0.15"),
        ({"valkey_version": "9.1.2"}, 0, 0, "version", Severity.NOTE, "Valkey 9.1.2"),
        ({"redis_version": "5.0.7"}, 0, 0, "version", Severity.WARNING, "Redis 5.0.7 is not"),
        ({"cluster_enabled": "1"}, 0, 0, "mode", Severity.ERROR, "is a cluster"),
        ({"role": "slave"}, 0, 0, "role", Severity.ERROR, "is a replica"),
        ({"maxmemory_policy": "volatile-lru"}, 0, 0, "maxmemory-policy", Severity.ERROR, "drops"),
        ({"aof_enabled": "0"}, 0, 0, "appendonly", Severity.WARNING, "loses"),
        ({}, 0, 0, "replicas", Severity.NOTE, "1 connected"),
        ({"connected_slaves": "0"}, 0, 0, "replicas", Severity.NOTE, "none"),
        ({}, 2.5, 0, "clock", Severity.WARNING, "its clock is 2.5 s ahead of this host's"),
        ({}, -90, 0, "clock", Severity.WARNING, "its clock is 90.0 s behind this host's"),
        ({}, 0, 3600, "time", Severity.WARNING, "stands still for 3600 s"),
    ],
)
def test_the_diagnosis_of_a_server(  # noqa: PLR0917  a row of the table
    change: dict[str, Any], skew: float, ahead: float, subject: str, level: Severity, text: str
) -> None:
    found = {f.subject: f for f in describe({**WELL, **change}, skew, ahead)}
    assert found[subject].level is level
    assert text in found[subject].text
    assert bool(found[subject].help) is (level is not Severity.NOTE)


def test_a_good_server_has_notes_only() -> None:
    assert {f.level for f in describe(WELL, 0.2, 0)} == {Severity.NOTE}


def test_findings_of_a_real_server(w: Place) -> None:
    w.reserve("a", w.money(1))
    found = {f.subject: f.level for f in w.do(w.store.diagnose())}
    assert found["appendonly"] is Severity.WARNING
    assert Severity.ERROR not in found.values()


def test_findings_of_no_server_are_an_error() -> None:
    with place("redis://127.0.0.1:1") as w, pytest.raises(StoreError):
        w.do(w.store.diagnose())


# -- time ----------------------------------------------------------------------------------------


def test_a_server_with_a_slower_clock_refills_nothing(w: Place) -> None:
    w.clock.now = time.time() + 3600
    w.reserve("a", w.requests(1), w.seat(1), lease=60)
    slower = w.another(clock=None)

    async def after_failover() -> None:
        (reading,) = await slower.read((w.requests(1),))
        assert reading.used == 1
        assert isinstance(await slower.reserve(Hold("b", (w.requests(1),), 60, ABOUT)), Refused)
        answer = await slower.reserve(Hold("c", (), 60, ABOUT))
        assert isinstance(answer, Granted)
        assert answer.expires == w.clock.now + 60
        (finding,) = [f for f in await slower.diagnose() if f.subject == "time"]
        assert finding.level is Severity.WARNING
        await slower.aclose()

    w.do(after_failover())


def test_the_time_is_that_of_the_server(w: Place) -> None:
    store = w.another(clock=None)

    async def ask() -> None:
        before = time.time()
        answer = await store.reserve(Hold("a", (), 60, ABOUT))
        assert isinstance(answer, Granted)
        # one host and one clock, which is reported in microseconds
        assert before - 0.001 <= answer.expires - 60 <= time.time() + 0.001
        await store.aclose()

    w.do(ask())


# -- keys ----------------------------------------------------------------------------------------


def test_a_refusal_at_the_last_counter_changes_nothing(w: Place) -> None:
    charges = w.money(1), w.tokens(5, 10**6), w.requests(10**6), w.seat(10**6)
    last = w.money(600)
    w.reserve("a", w.money(500), *charges[1:])
    before = w.dump()

    async def refusals() -> None:
        for start in range(0, 5000, 500):
            holds = [
                Hold(f"b{i}", (*charges[1:], last), 60, ABOUT) for i in range(start, start + 500)
            ]
            for answer in await asyncio.gather(*map(w.store.reserve, holds)):
                assert isinstance(answer, Refused)
                assert [r.key for r in answer.refusals] == [last.counter.key]

    w.do(refusals())
    assert w.dump() == before


def test_what_is_over_expires(w: Place) -> None:
    quota = w.charge("limits", "free", Metric.REQUESTS, Period.MONTH, 1, 50)
    for name in ("open", "settled", "released", "expired"):
        lease = 10 if name == "expired" else 600
        w.reserve(name, w.money(1), quota, w.tokens(5, 100), w.requests(9), lease=lease)
    w.settle("settled", Settlement())
    w.release("released")
    w.clock.now += 11
    w.reserve("last", w.seat(1))
    with w.raw() as client:
        left = {
            key.decode().removeprefix(w.key("")): client.ttl(key)
            for key in client.scan_iter(w.key("*"))
        }
    lasting = {name for name, ttl in left.items() if ttl == -1}
    assert lasting == {
        "meta", "ledger", "leases", "counts", "hold:open", "hold:last",
        f"seats:{w.seat(1).counter.id}",
    }  # fmt: skip
    for name in ("settled", "released", "expired"):
        assert DAY - 60 <= left[f"hold:{name}"] <= DAY
    assert 50 <= left[f"window:{w.requests(9).counter.id}"] <= 62
    money = left[f"count:{w.money(1).counter.id}"]
    assert 62 * DAY + DAY / 2 - 60 <= money <= 62 * DAY + DAY / 2


def test_slots_that_left_their_window_are_dropped(w: Place) -> None:
    for i in range(200):
        w.reserve(f"a{i}", w.requests(10**6))
        w.clock.now += 1
    with w.raw() as client:
        assert client.hlen(w.key(f"window:{w.requests(1).counter.id}")) == 61


def test_a_hold_long_ended_is_forgotten(w: Place) -> None:
    w.reserve("a", w.money(600))
    w.settle("a", Settlement(cost=5))
    w.clock.now += DAY - 1
    assert w.settle("a", Settlement(cost=5)).ended is Ended.AGAIN
    w.clock.now += 1
    assert w.settle("a", Settlement(cost=5)).ended is Ended.UNKNOWN


def test_a_counter_long_over_is_forgotten(w: Place) -> None:
    w.reserve("a", w.money(600))
    w.settle("a", Settlement(cost=5))
    w.clock.now += 61 * DAY
    w.reserve("b", w.money(1))
    assert len(w.do(w.store.balances())) == 2
    w.clock.now += 2 * DAY
    w.reserve("c", w.money(1))
    assert len(w.do(w.store.balances())) == 2
    assert w.audit() == ()


def test_of_many_branches_the_oldest_are_dropped(w: Place) -> None:
    w.reserve("a", w.money(1))
    lineages = w.key("branches")
    with w.raw() as client:
        client.zadd(lineages, {f"x.{i}": 10**6 + i for i in range(1000)})
        w.do(begun(w))
        assert client.zcard(lineages) == 1000
        assert client.hget(w.key("meta"), "pruned") == b"1"
    assert isinstance(w.reserve("c", w.money(1)), Granted)
    assert w.store.loss is None


async def begun(w: Place) -> None:
    store = w.another()
    holds = (Hold(f"b{i}", (w.money(1),), 60, ABOUT) for i in range(40))
    for answer in await asyncio.gather(*map(store.reserve, holds)):
        assert isinstance(answer, Granted)
    await store.aclose()


def test_keys_of_one_store_are_in_one_slot(w: Place) -> None:
    w.reserve("{a}b", w.requests(5, subject="{x}y"), w.seat(2))
    assert {key.partition(b"}")[0] for key in w.dump()} == {b"{" + w.prefix.encode()}


def test_more_leases_than_one_step_charges_run_out_all_the_same(w: Place) -> None:
    async def take() -> None:
        holds = (Hold(f"h{i:03}", (w.money(1),), 10 + i / 1000, ABOUT) for i in range(600))
        await asyncio.gather(*map(w.store.reserve, holds))

    w.do(take())
    w.clock.now += 60
    assert w.settle("h599", Settlement(cost=0)).ended is Ended.ADJUSTED
    assert len(w.rows()) == 256 + 2
    assert not w.renew("h598", 60)
    w.reserve("a", w.requests(1))
    w.reserve("b", w.requests(2))
    assert len(w.rows()) == 600 + 1
    assert w.used(w.money(0)) == [599]
    assert w.audit() == ()


def test_a_deleted_hold_does_not_stop_others(w: Place) -> None:
    w.reserve("a", w.seat(1), w.money(5), lease=10)
    w.reserve("b", w.money(5), lease=10)
    with w.raw() as client:
        client.delete(w.key("hold:a"))
    assert [(d.field, d.counter, d.ledger) for d in w.audit()] == [("held", 10, 5)]
    w.clock.now += 10
    w.reserve("c", w.money(5))
    assert [r.id for r in w.rows()] == ["b"]


def test_a_counter_that_was_deleted_or_evicted_closes_the_budgets(w: Place) -> None:
    w.reserve("a", w.money(600))
    w.settle("a", Settlement(cost=600))
    with w.raw() as client:
        client.delete(w.key(f"count:{w.money(0).counter.id}"))
    answer = w.reserve("b", w.money(600))
    assert isinstance(answer, Unavailable)
    assert "counters that it lists are missing" in answer.detail
    assert isinstance(w.reserve("c", w.requests(9)), Granted)
    w.do(w.store.accept_loss())
    assert isinstance(w.reserve("d", w.money(600)), Granted)


def test_a_counter_that_is_no_longer_read_is_not_missed(w: Place) -> None:
    w.reserve("a", w.money(600))
    old = w.money(0)
    w.clock.now += 63 * DAY
    with w.raw() as client:
        client.delete(w.key(f"count:{old.counter.id}"))
    assert w.used(old) == [0]
    assert w.store.loss is None


# -- the ledger ----------------------------------------------------------------------------------


def spend(w: Place, count: int, start: int = 0) -> None:
    quota = w.charge("limits", "free", Metric.REQUESTS, Period.DAY, 1, None)
    tokens = w.charge("budgets", "tenant", Metric.TOKENS, Period.MONTH, 10, None)
    charges = w.money(5, cap=None), quota, tokens

    async def go() -> None:
        for i in range(start, start + count):
            await w.store.reserve(Hold(f"h{i}", charges, 60, ABOUT))
        ended = (w.store.settle(f"h{i}", Settlement(i, 1, 2)) for i in range(start, start + count))
        await asyncio.gather(*ended)

    w.do(go())


def test_old_rows_make_way_and_the_books_still_balance() -> None:
    with place(shared().url, keep=100) as w:
        spend(w, 163)
        assert len(w.rows()) == 163
        spend(w, 1, start=163)
        rows = w.rows()
        assert len(rows) == 100
        assert (rows[0].seq, rows[-1].seq) == (65, 164)
        assert w.used(w.money(0)) == [sum(range(164))]
        assert w.audit() == ()
        with w.raw() as client:
            client.hincrby(w.key(f"count:{w.money(0).counter.id}"), "spent", 3)
        (difference,) = w.audit()
        assert (difference.field, difference.counter - difference.ledger) == ("spent", 3)


def test_rows_of_deleted_counters_are_trimmed_too() -> None:
    with place(shared().url, keep=100) as w:
        spend(w, 100)
        w.clock.now += 100 * DAY
        with w.raw() as client:
            client.delete(*client.scan_iter(w.key("count:*")))
        spend(w, 64, start=100)
        assert len(w.rows()) == 100
        assert w.audit() == ()


def test_the_ledger_is_read_in_pages_from_a_time_on(w: Place) -> None:
    spend(w, PAGE)
    w.clock.now += 1.0005
    spend(w, 5, start=PAGE)
    assert [r.seq for r in w.rows()] == list(range(1, PAGE + 6))

    async def late(since: float) -> list[int]:
        return [row.seq async for row in w.store.rows(since)]

    assert w.do(late(NOON + 0.0001)) == list(range(PAGE + 1, PAGE + 6))
    assert w.do(late(w.clock.now + 0.0001)) == []


def test_an_audit_while_others_write_is_of_one_moment(w: Place) -> None:
    spend(w, 50)
    store = w.another(keep=20)  # so that rows make way while they are audited

    async def write() -> None:
        for i in range(80):
            await store.reserve(Hold(f"x{i}", (w.money(5, cap=None),), 60, ABOUT))
            await store.settle(f"x{i}", Settlement(cost=3))

    async def both() -> list[Any]:
        writing = asyncio.create_task(write())
        found = []
        while not writing.done():
            found.append(await w.store.audit())
        await store.aclose()
        return found

    audits = w.do(both())
    assert len(audits) > 1
    assert set(audits) == {()}


# -- amounts and texts ---------------------------------------------------------------------------


def test_the_largest_amounts_are_counted_exactly(w: Place) -> None:
    assert isinstance(w.reserve("a", w.money(MAX_AMOUNT - 1, cap=MAX_AMOUNT)), Granted)
    assert isinstance(w.reserve("b", w.money(1, cap=MAX_AMOUNT)), Granted)
    assert isinstance(w.reserve("c", w.money(1, cap=MAX_AMOUNT)), Refused)
    assert w.settle("a", Settlement(cost=MAX_AMOUNT)).ended is Ended.DONE
    bucket = w.bucket(w.money(0))
    assert bucket is not None
    assert (bucket.spent, bucket.held) == (MAX_AMOUNT, 1)


def test_thresholds_of_large_budgets_are_exact(w: Place) -> None:
    cap = MAX_AMOUNT - 1
    edge = -(-cap * 800 // 1000)
    charge = w.money(edge, cap=cap, warn_at=(0.8,))
    w.reserve("a", charge)
    assert w.settle("a", Settlement(cost=edge - 1)).crossed == ()
    w.reserve("b", replace(charge, amount=1))
    (crossed,) = w.settle("b", Settlement(cost=1)).crossed
    assert (crossed.spent, crossed.cap, crossed.share) == (edge, cap, 0.8)


def test_texts_that_no_encoding_knows(w: Place) -> None:
    odd = "\ud800 \x00 é"
    about = replace(ABOUT, user=odd, tenant=odd)
    charge = w.charge("budgets", "each", Metric.USD, Period.DAY, 5, 10, subject=odd)

    async def verbs() -> None:
        await w.store.reserve(Hold(odd, (charge,), 60, about))
        assert (await w.store.settle(odd, Settlement(cost=4))).ended is Ended.DONE

    w.do(verbs())
    (row,) = w.rows()
    assert (row.id, row.about, row.keys) == (odd, about, (charge.counter.key,))
    assert w.audit() == ()


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("http://localhost", "p"),
        ("redis://:secret/4@localhost", "p"),
        ("redis://localhost", "a{b}"),
        ("redis://:a?secret=b@localhost", "p"),
    ],
)
def test_what_cannot_be_opened_is_a_usage_error(url: str, prefix: str) -> None:
    with pytest.raises(UsageError) as caught:
        RedisStore(url, prefix=prefix)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost?foo=bar",
        "redis://localhost/0?decode_responses=true",
        "redis://localhost?db=1&socket_timeout=60",
        "redis://localhost?ssl_ca_certs=ca.pem",
        "unix:///run/redis.sock?protocol=3",
        "rediss://localhost?ssl_min_version=1",
    ],
)
def test_an_option_that_may_not_be_set_is_a_usage_error(url: str) -> None:
    with pytest.raises(
        UsageError, match="has an unknown option; the options are `client_name`, `db`"
    ) as got:
        RedisStore(url)
    assert ("`ssl_ca_certs`" in str(got.value)) == url.startswith("rediss")


@pytest.mark.parametrize("scheme", ["redis://h", "rediss://h", "unix:///run/s"])
def test_the_client_knows_every_option_that_may_be_set(scheme: str) -> None:
    tls = TLS if scheme.startswith("rediss") else ()
    url = f"{scheme}?" + "&".join(f"{name}=0" for name in (*OPTIONS, *tls))
    assert place_of(url).endswith("(database 0)")
    with suppress(RedisError):  # it looks at values only now
        pool: Any = Client.from_url(url).connection_pool
        pool.make_connection()


def test_an_unexpected_error_is_a_store_error_for_every_caller(
    w: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def odd(_connection: LoopConnection, _commands: object) -> list[Any]:
        await asyncio.sleep(0)
        raise LookupError("odd")

    async def at_once() -> list[object]:
        verbs = [w.store.read(()), w.store.release("a"), w.store.renew("a", 1)]
        return list(await asyncio.gather(*verbs, return_exceptions=True))

    with monkeypatch.context() as patched:
        patched.setattr(LoopConnection, "_send", odd)
        answers = w.do(at_once())
    assert [type(each) for each in answers] == [StoreError] * 3
    assert "failed: LookupError: odd" in str(answers[0])
    assert w.used(w.money(1)) == [0]
