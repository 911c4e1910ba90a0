"""What a server does on SIGHUP: it reloads the policy files, or ends with its terminal."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

HANGUP: Final = getattr(signal, "SIGHUP", None)
"""The signal; None where the system has none."""


def ends_with_terminal() -> bool:
    """Whether the process was started in a terminal, which sends SIGHUP when it is closed."""
    return sys.stdin is not None and sys.stdin.isatty()


def is_heard() -> bool:
    """Whether this process handles SIGHUP: under `nohup` it is ignored."""
    return (
        HANGUP is not None
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(HANGUP) is not signal.SIG_IGN
    )


@contextmanager
def reloading(reload: Callable[[], object]) -> Iterator[None]:
    """Reload on SIGHUP while the block runs in an event loop.

    Args:
        reload: Looks at the policy files; it is called in a thread.
    """
    if HANGUP is None or not is_heard():
        yield
        return
    loop = asyncio.get_running_loop()

    def hear() -> None:
        if ends_with_terminal():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            log.info("received SIGHUP: reloading the policy files")
            loop.run_in_executor(None, reload)

    loop.add_signal_handler(HANGUP, hear)
    try:
        yield
    finally:
        loop.remove_signal_handler(HANGUP)
