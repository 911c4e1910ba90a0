"""The way from one event loop to the server, and what goes over it together.

Nothing is done twice behind the caller's back: when a connection breaks, what was asked is asked
once more on a new one, and every command of the ledger, done twice, is done once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from contextlib import suppress
from importlib import resources
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as Unanswered

from policy_router.base_errors import UsageError
from policy_router.errors import StoreError
from policy_router.ledger.patience import patiently, read_patience
from policy_router.ledger.redis.diagnosis import facts, faults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOGETHER: Final = 32
"""Commands that go in one round trip, at most."""
SCRIPT: Final = resources.files(__package__).joinpath("verbs.lua").read_text(encoding="utf-8")
SHA: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()

OPTIONS: Final = ("client_name", "db", "password", "username")
"""What may stand in the query of every URL. What else the client knows - timeouts, how answers are
read - is not for others to set."""
TLS: Final = (
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
    "ssl_password",
)
"""What may stand beside them where the connection is encrypted."""

PATIENCE: Final = "patience"
"""The option that is this package's own: seconds that an answer is awaited."""
LOOK: Final = 60.0
"""Seconds after which a server is looked at again that stays connected."""

_LATE: Final = (Unanswered, TimeoutError)
_LOST: Final = (Disconnected, OSError)


def own_options(url: str, patience: float) -> tuple[str, float]:
    """A URL as the client takes it, and the patience that it asks for, else the one given. Raises
    UsageError."""
    address, _, query = url.partition("?")
    others = []
    for option in query.split("&"):
        name, _, value = option.partition("=")
        if name == PATIENCE:
            patience = read_patience(value)
        elif option:
            others.append(option)
    return "?".join((address, "&".join(others))) if others else address, patience


def place_of(url: str) -> str:
    """Where a server is, without the password that the URL may hold. Raises UsageError."""
    try:
        parts = parse_url(url)
    except ValueError:  # its text may quote a part of the password
        raise UsageError(
            "the store's URL is none of `redis://host:port/0`, `rediss://host:port/0`, "
            "`unix:///path?db=0` (a password is percent-encoded)"
        ) from None
    address = urlsplit(url)
    known = (*OPTIONS, *TLS) if address.scheme == "rediss" else OPTIONS
    known = (*known, PATIENCE)
    if any(name not in known for name in parse_qs(address.query)):
        # Which one is not told: the query may begin in the middle of a password.
        listed = ", ".join(f"`{each}`" for each in known)
        raise UsageError(f"the store's URL has an option that is not known; it may have {listed}")
    where = parts.get("path") or f"{parts.get('host', 'localhost')}:{parts.get('port', 6379)}"
    return f"{where} (database {parts.get('db', 0)})"


class Link:
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
        self._picky = picky
        self._looked = 0.0  # when the server was looked at last, in the loop's time
        # A client's own retries would do twice what a lost answer had done.
        self._client = Redis.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            # Its own timeouts do not know whether it was this loop that was late.
            socket_timeout=None,
            socket_connect_timeout=None,
            redis_connect_func=self._greet if picky else None,
        )

    async def ask(self, *command: Any) -> Any:
        """The answer to one command, within little more than the patience. Raises StoreError."""
        return await self._put(command)

    def post(self, *command: Any) -> None:
        """Send a command after those that were asked before, whatever comes of it."""
        if not self._over:
            self._put(command).add_done_callback(_ignore)

    async def aclose(self) -> None:
        """Close the connections, after what is on its way."""
        if self._pump is not None:
            await asyncio.wait([self._pump])
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
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
        try:
            self._judge(facts(await connection.read_response()))
        except StoreError:
            await connection.disconnect(nowait=True)
            raise
        self._looked = asyncio.get_running_loop().time()

    async def _look(self, info: Any) -> None:
        """Look at a server that stays connected; on a bad one, begin anew with `_greet`."""
        try:
            if isinstance(info, RedisError):
                raise info
            self._judge({name: str(value) for name, value in info.items()})
        except (RedisError, StoreError):
            await self._client.connection_pool.disconnect()
            raise

    def _judge(self, info: Mapping[str, str]) -> None:
        """Raise a StoreError when counters would not hold on a server, by its INFO."""
        wrong = faults(info)
        if wrong:
            raise StoreError(f"the store at {self._place} {wrong[0].text}; {wrong[0].help}")

    async def _run(self) -> None:
        batch: list[tuple[Sequence[Any], asyncio.Future[Any]]] = []
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
                try:
                    answers = await self._deliver([command for command, _ in batch])
                except Exception as error:  # noqa: BLE001  every caller is to have an answer
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
        if isinstance(error, RedisError):
            return StoreError(f"the store at {self._place} refused: {error}")
        found = StoreError(f"the store at {self._place} failed: {type(error).__name__}: {error}")
        found.__cause__ = error
        return found

    async def _deliver(self, commands: list[Sequence[Any]]) -> list[Any]:
        try:
            async with patiently(self._patience * 1.1):  # connecting takes several steps
                try:
                    return await self._send(commands)
                except _LATE:
                    raise  # who does not answer once would only be waited for twice
                except _LOST:
                    return await self._send(commands)
        except (*_LATE, *_LOST) as error:
            detail = str(error) or "timed out"
            raise StoreError(f"no answer from the store at {self._place}: {detail}") from error

    async def _send(self, commands: list[Sequence[Any]]) -> list[Any]:
        loop = asyncio.get_running_loop()
        looks = self._picky and loop.time() >= self._looked + LOOK
        answers = await self._pipe([*commands, ("INFO",)] if looks else commands)
        if looks:
            await self._look(answers.pop())
            self._looked = loop.time()
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


def _ignore(future: asyncio.Future[Any]) -> None:
    """Look at an error that concerns nobody, so that nobody is warned of it."""
    if not future.cancelled():
        future.exception()
