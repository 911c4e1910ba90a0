"""Work that an event loop must not wait for, in a few threads that end by themselves.

Not a pool of the standard library: its threads are waited for at the end of the process, also those
that hang, and do not come along when a process is forked.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


class _Job:
    """A piece of work. began, ended: whether a thread has taken it up, and is done with it. left:
    nobody waits for it any more."""

    __slots__ = ("began", "ended", "future", "left", "work")

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()
        self.began = self.ended = self.left = False


class Threads:
    """At most so many threads, begun when there is work and ended when there is none. Further work
    waits for one of them. Usable from any thread and event loop."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._jobs: deque[_Job] = deque()
        self._running = 0
        self._stuck = 0

    @property
    def stuck(self) -> int:
        """Pieces of work that are still going on though nobody waits for them any more."""
        return self._stuck if self._process == os.getpid() else 0

    async def run(self, work: Callable[[], _T]) -> _T:
        """The result of the work. When the caller is cancelled, work that has
        begun goes on without it; work that has not is dropped."""
        if self._process != os.getpid():
            self._begin()  # forked: the threads are the parent's
        job = _Job(work)
        with self._lock:
            self._jobs.append(job)
            more = self._running < self._most
            self._running += more
        if more:
            self._start()
        try:
            found: _T = await asyncio.wrap_future(job.future)
        finally:
            with self._lock:
                if job.began and not job.ended:
                    job.left = True
                    self._stuck += 1
        return found

    def _start(self) -> None:
        try:
            threading.Thread(target=self._serve, name=self._name, daemon=True).start()
        except RuntimeError:  # the system gives no thread; one that is there may take the work up
            with self._lock:
                self._running -= 1

    def _serve(self) -> None:
        while True:
            with self._lock:
                job = self._jobs.popleft() if self._jobs else None
                if job is None:
                    self._running -= 1
                    return
                job.began = job.future.set_running_or_notify_cancel()
            if not job.began:
                continue
            result, error = None, None
            try:
                result = job.work()
            except BaseException as raised:  # noqa: BLE001  it is raised where the result is awaited
                error = raised
            with self._lock:
                job.ended = True
                self._stuck -= job.left
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)
