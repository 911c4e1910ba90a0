"""Writes one JSON line a decision to a file, which is rotated by its size.

    with DecisionLog("decisions.jsonl") as log, Router.open(on_event=log) as router:
        ...

A line is written when its request has ended. It has what is needed to make the decision again, and
no text of prompts or answers; `policy_router.observe.records` makes and reads it.
"""

from __future__ import annotations

import atexit
import json
import logging
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from policy_router.base_errors import UsageError
from policy_router.events import ENDINGS, Answered
from policy_router.observe.records import record_of
from policy_router.observe.rotation import RotatedFile
from policy_router.resilience import forks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.events import Event, Exhausted

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))
_log: Final = logging.getLogger(__name__)

MAX_BYTES: Final = 100_000_000
"""The size in bytes from which a file is rotated, unless the program says otherwise."""
KEPT: Final = 5
"""How many older files are kept, unless the program says otherwise."""
GATHERING: Final = 0.05
"""Seconds for which lines are gathered before they are written: waking a thread for each would take
longer than many requests."""
WAITING: Final = 10_000
"""The most lines that wait to be written; beyond it, new ones are dropped and counted."""


class DecisionLog:
    """An observer of events that writes decisions to a file.

    A thread writes, so that a slow disk delays no request. Several processes may write to one file.

    Attributes:
        dropped: How many decisions could not be written, since the disk is too slow or full.
    """

    wants = ENDINGS.__contains__

    def __init__(
        self,
        path: Path | str,
        *,
        max_bytes: int = MAX_BYTES,
        keep: int = KEPT,
        waiting: int = WAITING,
    ) -> None:
        """Prepare a log; the file is opened when the first line is written.

        Args:
            path: The file, in a folder that exists. New lines are added at its end.
            max_bytes: The size in bytes from which the file is renamed to `PATH.1`, that one to
                `PATH.2`, and so on.
            keep: How many of these older files are kept.
            waiting: The most lines that wait to be written.

        Raises:
            UsageError: A number is not positive, or the folder does not exist.
        """
        if min(max_bytes, waiting) < 1 or keep < 0:
            raise UsageError("a decision log needs positive numbers of bytes, files and lines")
        path = Path(path)
        if not path.absolute().parent.is_dir():
            raise UsageError(f"the folder of the decision log does not exist: {path.parent}")
        self.dropped = 0
        self._file = RotatedFile(path, max_bytes, keep)
        self._most = waiting
        self._failing = False
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        self._waiting: deque[Answered | Exhausted] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None
        self._closed = False
        self._idle = True

    def __call__(self, event: Event) -> None:
        """Take the decision of a request that has ended; other events are ignored."""
        if type(event) not in ENDINGS:
            return
        with self._changed:
            if self._closed or len(self._waiting) >= self._most:
                self.dropped += 1
                return
            self._waiting.append(event)  # type: ignore[arg-type]  # one of the two
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._serve, name="policy-router-decision-log", daemon=True
                )
                self._thread.start()
                atexit.register(self.close)
            if self._idle:
                self._idle = False
                self._changed.notify()

    def close(self) -> None:
        """Write what waits and close the file; may be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()
            atexit.unregister(self.close)
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def after_fork_in_child(self) -> None:
        """Start again: what waits is written by the parent, whose thread does not run here."""
        self._begin()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._idle = True
                self._changed.wait_for(lambda: self._waiting or self._closed)
                self._idle = False
                self._changed.wait_for(lambda: self._closed, GATHERING)
                events = list(self._waiting)
                self._waiting.clear()
                if not events:
                    return
            self._write(events)

    def _write(self, events: Iterable[Answered | Exhausted]) -> None:
        lines = []
        for event in events:
            try:
                lines.append(_ENCODER.encode(_record(event)).encode() + b"\n")
            except (TypeError, ValueError):  # such as an integer of 5,000 digits
                self._drop(1, "a decision has values that JSON cannot hold")
        try:
            self._file.write(lines)
        except OSError as error:
            self._drop(len(lines), error.strerror or "it cannot be written")
        else:
            self._failing = False

    def _drop(self, lines: int, why: str) -> None:
        self.dropped += lines
        if not self._failing:
            self._failing = True
            _log.error("decisions are missing from the decision log: %s", why)


def _record(event: Answered | Exhausted) -> dict[str, object]:
    served_by = event.served_by if isinstance(event, Answered) else None
    return record_of(
        event.decision,
        time=event.time,
        attempts=event.attempts,
        served_by=served_by,
        refused=event.skipped,
    )
