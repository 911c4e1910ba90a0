"""The thread that scans the policy files at intervals, and immediately after a file event."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from policy_router.live.folder import event_names
from policy_router.live.status import STOPPED

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.language.files import Listing
    from policy_router.live.watch import Hint

log = logging.getLogger(__name__)


class Follower:
    """Calls a step repeatedly in its own thread, at the intervals that the step returns.

    Args:
        step: Scans the files once and returns the seconds until the next scan.
        hint: The file events, which set `wake`; None without events.
        wake: Set when something may have changed.
        interval: Seconds until the next scan after a step that raised an exception.
        deaf: Seconds after a step during which events are ignored, so that a storm of them causes
            one scan per period.
    """

    def __init__(
        self,
        step: Callable[[], float],
        hint: Hint | None,
        wake: threading.Event,
        *,
        interval: float,
        deaf: float,
    ) -> None:
        self._step = step
        self._hint = hint
        self._wake = wake
        self._interval = interval
        self._deaf = deaf
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def started(self) -> bool:
        """Whether the thread was started, in this process or in the one it was forked from."""
        return self._thread is not None

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed.is_set()

    @property
    def backend(self) -> str:
        """How changes are noticed: the kind of file events, `poll`, or `stopped`."""
        if self._thread is not None and not self._thread.is_alive():
            return STOPPED
        return "poll" if self._hint is None else self._hint.backend

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: The system has no thread left.
        """
        self._thread = threading.Thread(target=self._run, name="policy-reload", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and wait for it, unless called from it."""
        self._closed.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def close_events(self) -> None:
        """Stop the file events."""
        if self._hint is not None:
            self._hint.close()

    def arm(self, listing: Listing) -> bool:
        """Subscribe to events about the listed files; return whether that is new."""
        if self._hint is None or self.closed:
            return False
        return self._hint.tend(listing.directories, event_names(listing))

    def was_hinted(self) -> bool:
        """Return whether an event has arrived since the last call."""
        hinted = self._wake.is_set()
        self._wake.clear()
        return hinted

    def after_fork_in_child(self) -> None:
        """Follow the files in this process: the thread and the events belong to the parent."""
        closed = self.closed
        self._wake, self._closed = threading.Event(), threading.Event()
        if closed:
            self._closed.set()
        if self._hint is not None:
            self._hint.abandon(self._wake)
        if self.started and not closed:
            try:
                self.start()
            except RuntimeError as problem:  # the status reports it, too
                log.error("the policy files are not followed in this process: %s", problem)  # noqa: TRY400  a trace adds nothing

    def _run(self) -> None:
        while not self.closed:
            try:
                pause = self._step()
            except Exception:  # this thread must never die
                log.exception("scanning the policy files failed; the active policy stays")
                pause = self._interval
            deaf = min(pause, self._deaf)
            if not self._closed.wait(deaf):
                self._wake.wait(pause - deaf)
