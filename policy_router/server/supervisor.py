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
from dataclasses import replace
from multiprocessing import connection
from typing import TYPE_CHECKING, Final

from policy_router.base_errors import PolicyRouterError, UsageError
from policy_router.observe.prometheus import SHARED_FOLDER, forget_process
from policy_router.server import serving
from policy_router.server.hangup import HANGUP, ends_with_terminal, is_heard

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
_LONGER: Final = 5.0
"""The same where that one could not start, such as with policy files that have an error by now."""
_STOPS: Final = (signal.SIGINT, signal.SIGTERM)


class Supervisor:
    """Keeps server processes running until it is stopped.

    A process that ends by itself is replaced; while the one in its place cannot start, the others
    serve on. A signal is handed on to every process, so the second one ends them at once. They
    count metrics in a folder that they share, so that a scrape of any of them shows all, and what
    an ended one has counted stays.

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
        self._leader: SpawnProcess | None = None
        self._replacements: set[SpawnProcess] = set()
        self._stopping = threading.Event()
        self._interrupted = False

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM.

        Raises:
            UsageError: A process could not start; it has said why.
            KeyboardInterrupt: The first signal was SIGINT.
        """
        useless = False
        with _shared_metrics(), _meeting_place() as folder, self._signals():
            self._plan = replace(self._plan, peers=folder)
            for _ in range(self._plan.workers):
                self._start()
            while self._processes:
                connection.wait([process.sentinel for process in self._processes])
                for ended in [each for each in self._processes if not each.is_alive()]:
                    self._processes.remove(ended)
                    forget_process(ended.pid)
                    useless |= self._replace_or_stop(ended)
        if useless:
            raise UsageError("the server cannot start: a worker exited immediately")
        if self._interrupted:
            raise KeyboardInterrupt

    def _replace_or_stop(self, ended: SpawnProcess) -> bool:
        """Replace a process that ended, or stop the server, which is returned: the first processes
        must all start, and while a later one cannot, another one must serve."""
        could_start = ended.exitcode != _CANNOT_START
        later = ended in self._replacements
        self._replacements.discard(ended)
        if not could_start and not (later and self._processes):
            self._stop()
            return True
        if not self._stopping.is_set():
            self._replace(ended, _PAUSE if could_start else _LONGER)
        return False

    def _start(self) -> None:
        leads = self._leader is None or not self._leader.is_alive()
        plan = replace(self._plan, leads=leads)
        process = self._context.Process(
            target=_work, args=(plan, self._listener, self._grace), name="policy-router-serve"
        )
        process.start()
        if leads:
            self._leader = process
        self._processes.append(process)
        if self._stopping.is_set():  # the signal came before it was in the list
            process.terminate()

    def _replace(self, ended: SpawnProcess, pause: float) -> None:
        log.warning("worker %s exited (%s); starting another", ended.pid, ended.exitcode)
        if not self._stopping.wait(pause):
            self._start()
            self._replacements.add(self._processes[-1])

    def _stop(self) -> None:
        self._stopping.set()
        self._listener.close()  # or the system would accept connections that no worker answers
        for process in self._processes:
            process.terminate()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Hand signals on while the block runs; SIGHUP, only if no terminal ended."""

        def hand_on(number: int, _: object) -> None:
            if not self._stopping.is_set():
                self._interrupted = number == signal.SIGINT
            self._stop()

        def hang_up(number: int, frame: object) -> None:
            if ends_with_terminal():
                hand_on(number, frame)
                return
            for process in self._processes:
                if process.pid is not None and process.is_alive():
                    os.kill(process.pid, number)

        before = {each: signal.signal(each, hand_on) for each in _STOPS}
        if HANGUP is not None and is_heard():
            before[HANGUP] = signal.signal(HANGUP, hang_up)
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


@contextmanager
def _meeting_place() -> Iterator[str]:
    """Make a folder where the processes ask one another; only their user can enter it."""
    with tempfile.TemporaryDirectory(prefix="policy-router-peers-") as folder:
        yield folder


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
    if HANGUP is not None and is_heard():
        signal.signal(HANGUP, lambda *_: None)  # until the server runs, which then reads the files
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
