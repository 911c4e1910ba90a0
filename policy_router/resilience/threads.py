"""A pool of a few threads that end by themselves, for work that would block an event loop.

It is not a pool of the standard library, because the process waits for the threads of those when it
ends, even if they hang, and they are missing in a forked process.
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
    """A piece of work.

    Attributes:
        work: What to call.
        future: Gets the result.
        began: Whether a thread has taken it.
        ended: It is done.
        abandoned: Its caller stopped waiting while it ran.
    """

    __slots__ = ("abandoned", "began", "ended", "future", "work")

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()
        self.began = self.ended = self.abandoned = False


class Threads:
    """A bounded number of threads, started when there is work and ended when there is none.

    Further work waits for one of them. Usable from any thread and event loop.

    Args:
        most: The largest number of threads.
        name: The name of the threads.
    """

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
        """The pieces of work that still run although their callers stopped waiting."""
        return self._stuck if self._process == os.getpid() else 0

    async def run(self, work: Callable[[], _T]) -> _T:
        """Run work in a thread.

        When the caller is cancelled, work that has begun goes on, and other work is dropped.

        Returns:
            The result of the work; its exceptions are raised here.
        """
        if self._process != os.getpid():
            self._begin()  # after a fork: the threads are the parent's
        job = _Job(work)
        with self._lock:
            self._jobs.append(job)
            more = self._running < self._most
            self._running += more
        if more:
            self._start()
        try:
            result: _T = await asyncio.wrap_future(job.future)
        finally:
            with self._lock:
                if job.began and not job.ended:
                    job.abandoned = True
                    self._stuck += 1
        return result

    def _start(self) -> None:
        try:
            threading.Thread(target=self._serve, name=self._name, daemon=True).start()
        except RuntimeError:  # no thread is available; a running one may take the work
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
                self._stuck -= job.abandoned
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)
