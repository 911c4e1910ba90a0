"""Knows callers by their keys, from a file that may change while the server runs."""

from __future__ import annotations

import hmac
import logging
import os
import stat
import threading
import time
from typing import TYPE_CHECKING, Final

from policy_router.base_errors import UsageError
from policy_router.resilience import forks
from policy_router.server.identity.access import bearer
from policy_router.server.identity.keys import KeyEntry, digest_of, read_keys
from policy_router.server.refusal import RefusedCallError
from policy_router.server.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import HTTPConnection

    from policy_router.server.identity.principal import Principal
    from policy_router.server.settings import ServerSettings

log = logging.getLogger(__name__)

_LOOK: Final = 1.0
"""Seconds between two looks at the file."""
_MINUTE: Final = 60.0
_LARGE: Final = 64 * 1024
"""Bytes of a file that takes so long to read that other calls should not wait for it."""
_LARGEST: Final = 16 * 1024 * 1024
_ADDRESSES: Final = 10_000
"""Addresses whose failures are counted; when there are more, counting starts again."""


class KeyRing:
    """The keys of a server.

    The file is checked at most once a second, when a call comes. If it cannot be read, the previous
    keys stay valid and the log says why.

    Args:
        path: The file of keys, as `policy-router keys` writes it.
        settings: How many unknown keys one address may send in a minute.
        clock: Seconds from any origin.

    Raises:
        UsageError: The file cannot be used.
    """

    def __init__(
        self,
        path: Path,
        *,
        settings: ServerSettings = SETTINGS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._most = settings.unknown_keys
        self._clock = clock
        self._lock = forks.lock()
        self._reader: threading.Thread | None = None
        self._failures: dict[str, int] = {}
        self._since = self._looked = clock()
        self._stamp: tuple[int, ...] | None = None
        self._complaint = ""
        self._entries: dict[str, KeyEntry] = {}
        try:
            self._load()
        except OSError as problem:
            raise UsageError(
                f"the keys in {path} cannot be read: {(problem.strerror or '').lower()}"
            ) from None
        except UsageError as problem:
            raise UsageError(f"the keys in {path} cannot be used: {problem}") from None

    def __len__(self) -> int:
        return len(self._entries)

    def __call__(self, connection: HTTPConnection) -> Principal:
        """Return who calls, by the key of the call.

        Raises:
            RefusedCallError: The call has no key or an unknown one.
        """
        self._look()
        key = bearer(connection)
        if key is None:
            raise _unauthorized(
                "no_key", "send a key of this server as a bearer token, or in `x-api-key`"
            )
        digest = digest_of(key)
        entry = self._entries.get(digest)
        if entry is None or not hmac.compare_digest(entry.digest, digest):
            raise self._unknown(connection.client.host if connection.client else "")
        return entry.principal

    def _unknown(self, address: str) -> RefusedCallError:
        """Return the refusal of an unknown key; good keys from the same address stay good, since
        many callers may share it."""
        now = self._clock()
        if now - self._since >= _MINUTE or len(self._failures) > _ADDRESSES:
            self._since = now
            self._failures.clear()
        self._failures[address] = self._failures.get(address, 0) + 1
        if self._failures[address] <= self._most:
            return _unauthorized("unknown_key", "the key is not one of this server")
        return RefusedCallError(
            429,
            "too_many_unknown_keys",
            "too many calls with unknown keys came from this address",
            headers={"retry-after": f"{_MINUTE:.0f}"},
        )

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked < _LOOK or not self._lock.acquire(blocking=False):
            return
        try:
            if self._reader is not None and self._reader.is_alive():
                return
            self._looked = now
            try:
                status = self._path.stat()
                changed, is_large = _stamp(status) != self._stamp, status.st_size > _LARGE
            except OSError:
                changed, is_large = True, False  # reading it says what is wrong
            if changed and is_large:  # calls go on in the meantime
                self._reader = threading.Thread(target=self._reload, name="keys", daemon=True)
                self._reader.start()
            elif changed:
                self._reload()
        finally:
            self._lock.release()

    def _reload(self) -> None:
        try:
            self._load()
            count = len(self._entries)
            log.info("%d %s in use", count, "key is" if count == 1 else "keys are")
        except OSError as problem:
            self._refuse((problem.strerror or "").lower())
        except UsageError as problem:
            self._refuse(str(problem))

    def _load(self) -> None:
        with open(self._path, "rb", opener=_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UsageError("it is not a file")
            if status.st_size > _LARGEST:
                raise UsageError(f"it is larger than {_LARGEST:,} bytes")
            content = file.read(_LARGEST)
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise UsageError("it is not UTF-8") from None
        entries = read_keys(text)
        self._entries = {entry.digest: entry for entry in entries}
        self._stamp, self._complaint = _stamp(status), ""

    def _refuse(self, why: str) -> None:
        if why == self._complaint:
            return  # it is in the log already
        self._complaint = why
        log.error("the keys in %s are not reloaded: %s; the previous ones apply", self._path, why)


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes with every change of a file."""
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def _unauthorized(code: str, message: str) -> RefusedCallError:
    return RefusedCallError(401, code, message, headers={"www-authenticate": "Bearer"})
