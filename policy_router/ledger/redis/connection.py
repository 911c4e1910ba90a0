"""The connection of one event loop to the server, which sends commands together.

When a connection breaks, its commands are sent once more over a new one: repeating a command of the
ledger changes nothing.
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
"""The most commands of one round trip."""
SCRIPT: Final = resources.files(__package__).joinpath("verbs.lua").read_text(encoding="utf-8")
SESSIONS: Final = resources.files(__package__).joinpath("sessions.lua").read_text("utf-8")
"""The script that writes a session. It is short, and is sent with each write."""
HEALTH: Final = resources.files(__package__).joinpath("health.lua").read_text("utf-8")
"""The script that reads and writes the health of models, sent in the same way."""
TALLIES: Final = resources.files(__package__).joinpath("tallies.lua").read_text("utf-8")
"""The script that adds tallies, sent in the same way."""
SHA: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()

OPTIONS: Final = ("client_name", "db", "password", "username")
"""What the query of every URL may contain. Other options of the client - timeouts, how answers are
decoded - cannot be set."""
TLS: Final = (
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
    "ssl_password",
)
"""What it may contain in addition where the connection is encrypted."""

PATIENCE: Final = "patience"
"""An option of this package: how many seconds to wait for an answer."""
LOOK: Final = 60.0
"""Seconds after which a server that stays connected is checked again."""

_LATE: Final = (Unanswered, TimeoutError)
_LOST: Final = (Disconnected, OSError)


def own_options(url: str, patience: float) -> tuple[str, float]:
    """Separate the option of this package from a URL.

    Args:
        url: The URL of a server.
        patience: The default, in seconds.

    Returns:
        The URL without the option, and the patience.

    Raises:
        UsageError: The patience is not a number of seconds within the bounds.
    """
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
    """Where a server is, for people: without the password that its URL may contain.

    Raises:
        UsageError: It is not the URL of a server, or has unknown options.
    """
    try:
        parts = parse_url(url)
    except ValueError:  # its message may contain a part of the password
        raise UsageError(
            "the store's URL is not like `redis://host:port/0`, `rediss://host:port/0` or "
            "`unix:///path?db=0`; percent-encode the password"
        ) from None
    address = urlsplit(url)
    options = (*OPTIONS, *TLS) if address.scheme == "rediss" else OPTIONS
    options = (*options, PATIENCE)
    if any(name not in options for name in parse_qs(address.query)):
        # It does not say which one: the query may begin in the middle of a password.
        listed = ", ".join(f"`{name}`" for name in options)
        raise UsageError(f"the store's URL has an unknown option; the options are {listed}")
    where = parts.get("path") or f"{parts.get('host', 'localhost')}:{parts.get('port', 6379)}"
    return f"{where} (database {parts.get('db', 0)})"


class LoopConnection:
    """The connection of one event loop to the server.

    Args:
        url: The URL of the server, without the option of this package.
        place: Where it is, for messages.
        patience: Seconds to wait for an answer.
        strict: Whether to refuse a server that may lose counters, with a StoreError.
    """

    def __init__(self, url: str, place: str, patience: float, *, strict: bool = True) -> None:
        self._place = place
        self._patience = patience
        self._waiting: deque[tuple[Sequence[Any], asyncio.Future[Any]]] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._over = False
        self._strict = strict
        self._looked = 0.0  # when the server was checked last, in the loop's time
        # A retry of the client would repeat what was done when only the answer was lost.
        self._client = Redis.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            # Its timeouts do not know whether this loop itself was late.
            socket_timeout=None,
            socket_connect_timeout=None,
            redis_connect_func=self._greet if strict else None,
        )

    async def ask(self, *command: Any) -> Any:
        """Send a command.

        Returns:
            The answer, within little more than the patience.

        Raises:
            StoreError: There was no answer, or an error.
        """
        return await self._put(command)

    def post(self, *command: Any) -> None:
        """Send a command after those that were submitted before, without waiting for the answer."""
        if not self._over:
            self._put(command).add_done_callback(_ignore)

    async def aclose(self) -> None:
        """Close the connections, after the commands under way."""
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
        """Check the server behind every new connection: it may be another one."""
        await connection.on_connect()
        await connection.send_command("INFO")
        try:
            self._judge(facts(await connection.read_response()))
        except StoreError:
            await connection.disconnect(nowait=True)
            raise
        self._looked = asyncio.get_running_loop().time()

    async def _look(self, info: Any) -> None:
        """Check a server that stays connected; close connections to a bad one."""
        try:
            if isinstance(info, RedisError):
                raise info
            self._judge({name: str(value) for name, value in info.items()})
        except (RedisError, StoreError):
            await self._client.connection_pool.disconnect()
            raise

    def _judge(self, info: Mapping[str, str]) -> None:
        """Raise a StoreError when a server may lose counters, according to its INFO."""
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
                except Exception as error:  # noqa: BLE001  every caller must get an answer
                    batch.extend(self._waiting)  # these have waited long enough
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
        failed = StoreError(f"the store at {self._place} failed: {type(error).__name__}: {error}")
        failed.__cause__ = error
        return failed

    async def _deliver(self, commands: list[Sequence[Any]]) -> list[Any]:
        try:
            async with patiently(self._patience * 1.1):  # connecting takes several steps
                try:
                    return await self._send(commands)
                except _LATE:
                    raise  # sending again would only double the wait
                except _LOST:
                    return await self._send(commands)
        except (*_LATE, *_LOST) as error:
            detail = str(error) or "timed out"
            raise StoreError(f"no answer from the store at {self._place}: {detail}") from error

    async def _send(self, commands: list[Sequence[Any]]) -> list[Any]:
        loop = asyncio.get_running_loop()
        looks = self._strict and loop.time() >= self._looked + LOOK
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
    """Retrieve an error that does not matter, so that asyncio does not warn of it."""
    if not future.cancelled():
        future.exception()
