"""File system events, used as hints to scan again soon.

The content of an event is ignored: editors rename, ConfigMaps swap links, network disks send
nothing. A lost, duplicate or misleading event therefore costs at most the time until the next poll.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol
from weakref import WeakSet

from policy_router.language.files import is_policy
from policy_router.language.manifest import MANIFEST
from policy_router.live.writers import Writers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from threading import Event

Watch = Literal["auto", "poll", "off"]
"""How changes are noticed: `auto` by events and polling, `poll` by polling alone, `off` only when a
reload is requested."""

log = logging.getLogger(__name__)

_READ_ONLY: Final = frozenset({"opened", "closed_no_write"})
_ENTRIES: Final = frozenset({"created", "moved", "deleted"})
"""Events that change what a name refers to, but not the content of a file."""
_PATIENCE: Final = 60
"""Calls of `tend` after a failure until the next attempt to watch."""
_JOIN: Final = 5.0
"""Seconds to wait for the thread of the watch to end."""
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")


class Alive(Protocol):
    """The part of a thread that is supervised."""

    def is_alive(self) -> bool: ...


class Observer(Protocol):
    """The part of a watchdog observer that is used."""

    @property
    def emitters(self) -> Iterable[Alive]: ...
    def schedule(self, event_handler: Any, path: str, *, recursive: bool = ...) -> object: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def is_alive(self) -> bool: ...
    def join(self, timeout: float | None = ...) -> None: ...


def watchdog_observer() -> Observer:
    """Return the observer that watchdog chooses for this system."""
    from watchdog.observers import Observer as Native  # noqa: PLC0415  most runs never watch

    return Native()


def mount_points() -> frozenset[str]:
    """Return all mount points, on Linux; nothing on other systems.

    A file that is itself a mount point (Kubernetes `subPath`, Docker's single-file mounts) shows
    the old inode forever.
    """
    try:
        table = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return frozenset()
    points = (line.split(b" ")[4] for line in table.splitlines())
    return frozenset(os.fsdecode(_OCTAL.sub(_unescaped, point)) for point in points)


def warn_of_mounts(files: Iterable[tuple[str, str]]) -> None:
    """Log each file that is itself a mount point. files: shown name and real path of each."""
    mounts = mount_points()
    for name, real in files:
        if real in mounts:
            log.warning(
                "`%s` is mounted as a single file, so its replacement is never seen; "
                "mount its folder instead",
                name,
            )


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 8)])


class Hint:
    """Sets `wake` whenever something may have changed in the watched folders.

    One thread calls `tend` and `close`; any thread may read `backend`.

    Args:
        wake: The event to set.
        observer: Creates the source of file events.
        writers: Records which files are open for writing, judging by events.

    Attributes:
        backend: The kind of events in use, such as `inotify`; `poll` while there are none.
        writers: The argument of that name.
    """

    def __init__(
        self,
        wake: Event,
        observer: Callable[[], Observer] = watchdog_observer,
        writers: Writers | None = None,
    ) -> None:
        self.backend = "poll"
        self.writers = Writers() if writers is None else writers
        self._wake = wake
        self._factory = observer
        self._observer: Observer | None = None
        self._armed: frozenset[tuple[str, int, int]] = frozenset()
        self._names: frozenset[str] = frozenset()
        self._pause = 0

    def tend(self, directories: Iterable[str], names: Iterable[str] = ()) -> bool:
        """Watch the folders, unless they are watched already.

        A watch follows the inode, and its thread can end unnoticed, so both are checked each time.

        Args:
            directories: Real paths of the folders.
            names: Names of files that matter although they do not look like policy files, such as
                the targets of links.

        Returns:
            Whether a watch was started or ended.
        """
        self._names = frozenset(names)
        wanted = frozenset(_identified(directories))
        if wanted == self._armed and self._sound():
            return False
        if wanted == self._armed and self._pause > 0:
            self._pause -= 1
            return False
        if self._observer is not None and wanted == self._armed:
            log.warning("file events stopped coming; watching again")
        self.close()
        self._armed = wanted
        if wanted:
            self._arm(wanted)
        return True

    def close(self) -> None:
        """End the threads of the watch; `tend` starts new ones."""
        observer, self._observer = self._observer, None
        self._forget()
        if observer is not None:
            observer.stop()
            if observer.is_alive():
                observer.join(_JOIN)

    def abandon(self, wake: Event) -> None:
        """Forget the watch in a forked child, without ending it: it belongs to the parent.

        Args:
            wake: The event that the next watch sets.
        """
        self._wake = wake
        self._observer = None
        self._pause = 0
        self._forget()

    def dispatch(self, event: Any) -> None:
        """Handle an event; watchdog calls this.

        Events about other files are ignored: a log file in the same folder is no reason to scan. So
        are read events, or each scan would cause the next.
        """
        event_type = event.event_type
        if event_type in _READ_ONLY:
            return
        named = (getattr(event, "src_path", ""), getattr(event, "dest_path", ""))
        paths = [os.fsdecode(path) for path in named if path]
        concerned = [path for path in paths if self._concerns(event_type, path)]
        if concerned:
            self.writers.note(event_type, *concerned)
        if concerned or not paths:  # an event without a known path may be about anything
            self._wake.set()

    def _concerns(self, event_type: str, path: str) -> bool:
        """Return whether an event about a path can have changed the policy."""
        if any(path == folder for folder, _, _ in self._armed):
            # A folder is modified by everything that happens in it, which has an event of its own.
            return event_type in _ENTRIES
        name = os.path.basename(path)  # noqa: PTH119  a name as the disk has it
        if is_policy(name) or name == MANIFEST or name in self._names:
            return True
        # Kubernetes mounts a folder of links through `..data`, which alone is replaced.
        return name.startswith("..") and event_type in _ENTRIES

    def _forget(self) -> None:
        self.backend = "poll"
        self._armed = frozenset()
        self.writers.clear()

    def _sound(self) -> bool:
        """Return whether events can still arrive, if any folder is watched."""
        if not self._armed:
            return True
        observer = self._observer
        return (
            observer is not None
            and observer.is_alive()
            and all(emitter.is_alive() for emitter in observer.emitters)
        )

    def _arm(self, wanted: frozenset[tuple[str, int, int]]) -> None:
        observer: Observer | None = None
        before = set(threading.enumerate())
        try:
            observer = self._factory()
            for path, _, _ in sorted(wanted):
                observer.schedule(self, path, recursive=False)
            _quiet.silence(set(threading.enumerate()) - before)
            observer.start()
        except (OSError, RuntimeError, ImportError) as problem:
            # No inotify instances or watches left, no thread left, no native library.
            log.warning("no file events (%s); polling instead", problem)
            self._pause = _PATIENCE
            if observer is not None:
                observer.stop()
            return
        _quiet.silence(set(threading.enumerate()) - before)
        self._observer = observer
        kind = type(observer).__module__.rpartition(".")[2]
        self.backend = "poll" if kind == "polling" else kind


class _Quiet(logging.Filter):
    """Drops what watchdog logs from the threads of `Hint`; other users of watchdog keep their logs.

    Its debug log has a line for every event, and if the log file is in a watched folder, each line
    would cause the next event. `Hint` itself logs everything relevant.
    """

    def __init__(self) -> None:
        super().__init__()
        self._threads: WeakSet[threading.Thread] = WeakSet()

    def silence(self, threads: Iterable[threading.Thread]) -> None:
        """Drop the logs of those threads that belong to watchdog."""
        self._threads.update(t for t in threads if type(t).__module__.startswith("watchdog."))
        for name, logger in list(logging.root.manager.loggerDict.items()):
            if isinstance(logger, logging.Logger) and name.split(".")[0] in _LOGGERS:
                logger.addFilter(self)  # has no effect the second time

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002  whose thread it is decides
        return threading.current_thread() not in self._threads


_LOGGERS: Final = frozenset({"watchdog", "fsevents"})
_quiet: Final = _Quiet()


def _identified(directories: Iterable[str]) -> Iterable[tuple[str, int, int]]:
    for path in directories:
        try:
            info = os.stat(path)  # noqa: PTH116  a real path, as listed
        except OSError:
            continue
        yield path, info.st_dev, info.st_ino
