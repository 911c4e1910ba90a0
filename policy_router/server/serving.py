"""Runs the server until it is stopped."""

from __future__ import annotations

import gc
import logging
import signal
import socket
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from policy_router.base_errors import UsageError
from policy_router.observe.logs import REQUEST_LOGGERS
from policy_router.server.identity.access import is_local_name
from policy_router.server.protocol import protocol
from policy_router.server.readiness import Readiness
from policy_router.server.settings import SETTINGS
from policy_router.server.worker import application_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from starlette.applications import Starlette

    from policy_router.server.plan import ServePlan
    from policy_router.server.settings import ServerSettings

GRACE: Final = 30
"""Seconds in which the requests under way may end when the server is stopped."""
_BACKLOG: Final = 2048
_GARBAGE: Final = 10_000
"""New objects after which those in circles are looked for; Python's default is some 700, as many as
a few requests make."""


def check_address(host: str, *, keys: bool) -> None:
    """Check that a server may listen at an address.

    Raises:
        UsageError: Other machines could reach it, and it has no keys.
    """
    if not keys and not is_local_name(host):
        raise UsageError(
            f"`{host}` can be reached from other machines, and without keys anyone there could "
            "spend your money: make a key with `policy-router keys add NAME --keys keys.json`, "
            "then serve with `--keys keys.json`; or listen at 127.0.0.1"
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; clients that connect now wait for the server.

    Args:
        host: The address or name to listen at.
        port: The port; 0 takes a free one.

    Raises:
        UsageError: That is not possible, such as when the port is taken.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as problem:
        raise UsageError(
            f"cannot listen at {host}:{port}: {(problem.strerror or str(problem)).lower()}"
        ) from None


def serve(plan: ServePlan, listener: socket.socket, *, grace: int = GRACE) -> None:
    """Serve in this process until SIGINT or SIGTERM.

    No new connection is taken then. Requests under way may end within the grace time; what has
    not ended is cancelled, and its hold settled. A second signal ends the server at once.

    Args:
        plan: What is served.
        listener: The socket that listens.
        grace: Seconds; see `GRACE`.

    Raises:
        PolicyRouterError: The server cannot start.
        KeyboardInterrupt: It was ended by SIGINT.
    """
    # What uvicorn leaves of a SIGTERM ends this process in the usual way, so that logs are written.
    before = signal.signal(signal.SIGTERM, _end)
    try:
        run(plan, listener, grace=grace)
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(*_: object) -> None:
    raise SystemExit(0)


def run(
    plan: ServePlan,
    listener: socket.socket,
    *,
    grace: int,
    deaf_to: frozenset[signal.Signals] = frozenset(),
) -> None:
    """Run one server with the signal handlers that are set.

    Args:
        plan: What is served.
        listener: The socket that listens.
        grace: Seconds; see `GRACE`.
        deaf_to: Signals that do not end it.
    """
    _set_up_logging(plan)
    readiness = Readiness()
    make = partial(application_of, plan, readiness)
    run_application(make, listener, grace=grace, deaf_to=deaf_to, readiness=readiness)


def _set_up_logging(plan: ServePlan) -> None:
    """Log what happens to the server to standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("policy_router").setLevel(logging.INFO)
    if plan.decision_log is not None:
        # Each request is in that file, with more than its two lines in this log would say.
        for logger in REQUEST_LOGGERS:
            logger.setLevel(logging.WARNING)


def run_application(
    make: Callable[[], Starlette],
    listener: socket.socket,
    *,
    grace: int,
    deaf_to: frozenset[signal.Signals] = frozenset(),
    readiness: Readiness | None = None,
) -> None:
    """Run one server of an application, which it makes first; see `run`."""
    config = uvicorn.Config(make, factory=True, **uvicorn_options(SETTINGS, grace))
    _Server(config, deaf_to, readiness or Readiness()).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends at the first signal when nothing is under way, and at the second one at once."""

    def __init__(
        self, config: uvicorn.Config, deaf_to: frozenset[signal.Signals], readiness: Readiness
    ) -> None:
        super().__init__(config)
        self._deaf_to = deaf_to
        self._readiness = readiness

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and look no more for garbage among what stays until the end."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end, or end."""
        if sig in self._deaf_to:
            return
        self._readiness.stopping = True
        second = self.should_exit
        super().handle_exit(sig, frame)
        if second:
            self.force_exit = True
            for connection in list(self.server_state.connections):
                connection.transport.abort()


def uvicorn_options(settings: ServerSettings, grace: int) -> dict[str, Any]:
    """Return how uvicorn is to run every server of this package.

    It believes no header of a proxy, since anyone can send those.
    """
    return {
        "http": protocol(settings),
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "h11_max_incomplete_event_size": settings.header_bytes,
        "timeout_graceful_shutdown": grace,
    }
