"""Runs several server processes that share one listening socket and one state store."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager
from multiprocessing import connection
from typing import TYPE_CHECKING, Final

from policy_router.base_errors import PolicyRouterError, UsageError
from policy_router.observe.prometheus import SHARED_FOLDER, forget_process
from policy_router.server import serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from multiprocessing.context import SpawnProcess

    from policy_router.server.plan import ServePlan

log = logging.getLogger(__name__)

_CANNOT_START: Final = 3
"""The exit code of a process that another one in its place would end with too."""
_PAUSE: Final = 1.0
"""Seconds before another process is started in the place of one that ended."""
_STOPS: Final = (signal.SIGINT, signal.SIGTERM)


class Supervisor:
    """Keeps server processes running until it is told to stop.

    A process that ends by itself is replaced. A signal is handed on to every process, so the second
    one ends them at once. They count metrics in a folder that they share, so that a scrape of any
    of them shows all, and what an ended one has counted stays.

    Args:
        plan: What is served, and by how many processes.
        listener: The socket that listens.
        grace: Seconds in which requests under way may end; see `serving.GRACE`.
    """

    def __init__(
        self, plan: ServePlan, listener: socket.socket, *, grace: int = serving.GRACE
    ) -> None:
        self._plan = plan
        self._listener = listener
        self._grace = grace
        # A forked process would have copies of locks and threads in whatever state they are in.
        self._context = multiprocessing.get_context("spawn")
        self._processes: list[SpawnProcess] = []
        self._stopping = threading.Event()
        self._interrupted = False

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM.

        Raises:
            UsageError: A process could not start; it has said why.
            KeyboardInterrupt: The first signal was SIGINT.
        """
        useless = False
        with _shared_metrics(), self._signals():
            for _ in range(self._plan.workers):
                self._start()
            while self._processes:
                connection.wait([process.sentinel for process in self._processes])
                for ended in [each for each in self._processes if not each.is_alive()]:
                    self._processes.remove(ended)
                    forget_process(ended.pid)
                    if ended.exitcode == _CANNOT_START:
                        useless = True
                        self._stop()
                    elif not self._stopping.is_set():
                        self._replace(ended)
        if useless:
            raise UsageError("the server cannot start: a process of it ended at once")
        if self._interrupted:
            raise KeyboardInterrupt

    def _start(self) -> None:
        process = self._context.Process(
            target=_work, args=(self._plan, self._listener, self._grace), name="policy-router-serve"
        )
        process.start()
        self._processes.append(process)
        if self._stopping.is_set():  # the signal came before it was in the list
            process.terminate()

    def _replace(self, ended: SpawnProcess) -> None:
        log.warning("server process %s ended (%s); another starts", ended.pid, ended.exitcode)
        if not self._stopping.wait(_PAUSE):
            self._start()

    def _stop(self) -> None:
        self._stopping.set()
        self._listener.close()  # or the system would accept connections that no worker answers
        for process in self._processes:
            process.terminate()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Hand signals on while the block runs."""

        def hand_on(number: int, _: object) -> None:
            if not self._stopping.is_set():
                self._interrupted = number == signal.SIGINT
            self._stop()

        before = {each: signal.signal(each, hand_on) for each in _STOPS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """Let the processes that are started in the block count in a folder for them alone."""
    before = os.environ.get(SHARED_FOLDER)
    with tempfile.TemporaryDirectory(prefix="policy-router-metrics-") as folder:
        os.environ[SHARED_FOLDER] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[SHARED_FOLDER]
            else:
                os.environ[SHARED_FOLDER] = before


def _work(plan: ServePlan, listener: socket.socket, grace: int) -> None:
    """Serve in a process of the supervisor, which alone hears Ctrl-C, and end with it."""
    # A signal that comes before the server runs ends the process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="policy-router-parent", daemon=True).start()
    try:
        serving.run(plan, listener, grace=grace, deaf_to=frozenset({signal.SIGINT}))
    except PolicyRouterError as problem:
        log.error("the server cannot start: %s", problem)  # noqa: TRY400  a trace adds nothing
        sys.exit(_CANNOT_START)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
