"""Sends alerts to the address in the policy, without delaying requests.

A thread sends one alert after the other as a POST with a body of JSON, whose `text` chat programs
show. What fails is tried again, later each time; redirects are not followed.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from policy_router.observe.alerts import KINDS, alert_of
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from urllib.parse import SplitResult

    from policy_router.decision.policy import Policy
    from policy_router.events import Event
    from policy_router.observe.alerts import Alert

WITHIN: Final = 10.0
"""Seconds that connecting may take, and each part of the answer."""
PAUSES: Final = (1.0, 5.0, 30.0, 120.0)
"""Seconds before each further try."""
WAITING: Final = 100
"""The most alerts that wait; beyond it, new ones are given up."""
CLOSING: Final = 2.0
"""Seconds that closing waits for what is being sent."""
_LATER: Final = frozenset({408, 425, 429})
"""Statuses of requests that may be accepted later, next to those of a failed server."""


class AlertSender:
    """An observer of events that sends alerts. Close it when the router is closed.

    Args:
        policy: Gives the active policy, which says where alerts go.
        on_end: Gets the kind of an alert, whether it was delivered, and why not.
        pauses: Seconds before each further try.
        environ: The environment variables, with the address.
        claim: Whether this process is to tell what others may have noticed as well; see
            `Alert.shared`.
    """

    wants = KINDS.__contains__

    def __init__(
        self,
        policy: Callable[[], Policy],
        on_end: Callable[[str, bool, str], None],
        *,
        pauses: tuple[float, ...] = PAUSES,
        environ: Mapping[str, str] = os.environ,
        claim: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._policy = policy
        self._on_end = on_end
        self._pauses = pauses
        self._environ = environ
        self._claim = claim
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        self._waiting: deque[tuple[Alert, Policy]] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Take the alert of an event, if the policy wants alerts and there is one."""
        if type(event) not in KINDS or (alert := alert_of(event)) is None:
            return
        policy = self._policy()
        if policy.alerts.webhook_env is None:
            return
        with self._changed:
            taken = len(self._waiting) < WAITING and not self._closing.is_set()
            if taken:
                self._waiting.append((alert, policy))
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._serve, name="policy-router-alerts", daemon=True
                    )
                    self._thread.start()
                self._changed.notify_all()
        if not taken:
            self._on_end(alert.kind, False, "too many alerts wait to be sent")

    def close(self) -> None:
        """Give up what cannot be sent within two seconds; may be called twice."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSING)

    def after_fork_in_child(self) -> None:
        """Start again: what waits is sent by the parent."""
        self._begin()

    # -- the thread --------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
                if not self._waiting:
                    return
                alert, policy = self._waiting.popleft()
            if alert.shared is not None and not self._claim(alert.shared):
                continue
            problem = self._deliver(alert, policy)
            self._on_end(alert.kind, problem is None, problem or "")

    def _deliver(self, alert: Alert, policy: Policy) -> str | None:
        """Send an alert, several times if need be. Returns why it was not taken."""
        variable = policy.alerts.webhook_env or ""
        address = _address(self._environ.get(variable, ""))
        if address is None:
            return f"the variable {variable} has no address that begins with http:// or https://"
        body = body_of(alert, policy)
        problem, again = _post(address, body)
        for pause in self._pauses:
            if problem is None or not again or self._closing.wait(pause):
                break
            problem, again = _post(address, body)
        return problem


def body_of(alert: Alert, policy: Policy) -> bytes:
    """The body of the request that sends an alert."""
    return json.dumps(
        {
            "text": f"policy-router, policy `{policy.name}`: {alert.text}",
            "kind": alert.kind,
            "policy": policy.name,
            "revision": policy.revision,
            "at": datetime.fromtimestamp(alert.at, UTC).isoformat(),
            "details": dict(alert.details),
        }
    ).encode()


def _address(text: str) -> SplitResult | None:
    """The parts of an address; None where it is none that can be called."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in _CONNECTIONS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


_CONNECTIONS: Final = {"http": HTTPConnection, "https": HTTPSConnection}


def _post(parts: SplitResult, body: bytes) -> tuple[str | None, bool]:
    """Send a body. Returns why it was not taken, and whether it may be later.

    The address appears in no text, as it often is a secret itself.
    """
    connection = _CONNECTIONS[parts.scheme](parts.hostname or "", parts.port, timeout=WITHIN)
    try:
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"the address cannot be reached: {type(error).__name__}", True
    except ValueError:
        return "the address contains invalid characters", False
    finally:
        connection.close()
    if 200 <= status < 300:
        return None, False
    return f"the address answered with status {status}", status >= 500 or status in _LATER
