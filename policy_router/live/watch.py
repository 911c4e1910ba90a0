"""File system events as a hint to look again soon; never as a fact.

What an event says is ignored: editors rename, ConfigMaps swap links, network disks say nothing.
A lost, doubled or misleading event therefore costs at most the time until the next poll.
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
"""auto: events and polling. poll: polling alone. off: only when asked."""

log = logging.getLogger(__name__)

_READ_ONLY: Final = frozenset({"opened", "closed_no_write"})
_ENTRIES: Final = frozenset({"created", "moved", "deleted"})
"""Events that change what a name stands for, not what is in a file."""
_PATIENCE: Final = 60
_JOIN: Final = 5.0
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")


class Alive(Protocol):
    """A thread, as far as its supervision needs it."""

    def is_alive(self) -> bool: ...


class Observer(Protocol):
    """The part of watchdog's observer that is used here."""

    @property
    def emitters(self) -> Iterable[Alive]: ...
    def schedule(self, event_handler: Any, path: str, *, recursive: bool = ...) -> object: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def is_alive(self) -> bool: ...
    def join(self, timeout: float | None = ...) -> None: ...


def watchdog_observer() -> Observer:
    """watchdog's own choice for this system."""
    from watchdog.observers import Observer as Native  # noqa: PLC0415  late: most runs never watch

    return Native()


def mount_points() -> frozenset[str]:
    """Where something is mounted, on systems that tell (Linux); empty elsewhere.

    A file that is a mount point of its own (Kubernetes `subPath`, Docker's single-file mounts)
    shows the old inode for ever.
    """
    try:
        table = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return frozenset()
    points = (line.split(b" ")[4] for line in table.splitlines())
    return frozenset(os.fsdecode(_OCTAL.sub(_unescaped, point)) for point in points)


def warn_of_mounts(files: Iterable[tuple[str, str]]) -> None:
    """Log each file that is a mount point of its own. files: shown name and real path of each."""
    mounts = mount_points()
    for name, real in files:
        if real in mounts:
            log.warning(
                "`%s` is a mount of its own, so a new file in its place is never seen; "
                "mount its folder instead",
                name,
            )


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 8)])


class Hint:
    """Sets `wake` whenever something may have changed in the armed folders.

    One thread calls `tend` and `close`; `backend` may be read by any. backend: the kind of events
    in use, such as `inotify`, or `poll` while there are none. writers: the files that are open for
    writing, as far as the events tell.
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
        """Arms the folders unless they are armed already; True when something had to be done.

        A watch follows the inode, and its thread can end unnoticed: so both are compared each time.
        names: of files that matter although they do not look like policy files, as links lead to.
        """
        self._names = frozenset(names)
        wanted = frozenset(_identified(directories))
        if wanted == self._armed and self._sound():
            return False
        if wanted == self._armed and self._pause > 0:
            self._pause -= 1
            return False
        if self._observer is not None and wanted == self._armed:
            log.warning("file events stopped coming; watching anew")
        self.close()
        self._armed = wanted
        if wanted:
            self._arm(wanted)
        return True

    def close(self) -> None:
        """Ends the threads of the watch; `tend` would start new ones."""
        observer, self._observer = self._observer, None
        self._forget()
        if observer is not None:
            observer.stop()
            if observer.is_alive():
                observer.join(_JOIN)

    def abandon(self, wake: Event) -> None:
        """In a forked child: forgets the watch without touching it, as ending it would end the
        parent's, which it is. `tend` starts one of our own, which sets `wake`."""
        self._wake = wake
        self._observer = None
        self._pause = 0
        self._forget()

    def dispatch(self, event: Any) -> None:
        """Called by watchdog with each event. Events about other files are left out: a log file in
        the same folder must not be a reason to look. So are those of reading, or looking would be a
        reason to look again."""
        kind = event.event_type
        if kind in _READ_ONLY:
            return
        named = (getattr(event, "src_path", ""), getattr(event, "dest_path", ""))
        paths = [os.fsdecode(path) for path in named if path]
        concerned = [path for path in paths if self._concerns(kind, path)]
        if concerned:
            self.writers.note(kind, *concerned)
        if concerned or not paths:  # what cannot be attributed may be about anything
            self._wake.set()

    def _concerns(self, kind: str, path: str) -> bool:
        """Whether an event about a path can have changed the policy."""
        if any(path == folder for folder, _, _ in self._armed):
            # A folder counts as modified with everything that happens in it, and that has its own
            # event.
            return kind in _ENTRIES
        name = os.path.basename(path)  # noqa: PTH119  a name as the disk has it
        if is_policy(name) or name == MANIFEST or name in self._names:
            return True
        # Kubernetes mounts a folder of links through `..data`, which alone is replaced.
        return name.startswith("..") and kind in _ENTRIES

    def _forget(self) -> None:
        self.backend = "poll"
        self._armed = frozenset()
        self.writers.clear()

    def _sound(self) -> bool:
        """Whether events can still arrive; nothing armed has nothing to lose."""
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
            # No inotify instances or watches left, no thread to be had, no native library.
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
    """Drops what watchdog logs from our own threads; other users of watchdog keep their logs.

    Its debug log has a line for every event, and written to a file in a watched folder each line
    would be the next event. What matters of the rest, `Hint` notices and says itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self._threads: WeakSet[threading.Thread] = WeakSet()

    def silence(self, threads: Iterable[threading.Thread]) -> None:
        """Drop what these threads log, as far as they are watchdog's."""
        self._threads.update(t for t in threads if type(t).__module__.startswith("watchdog."))
        for name, logger in list(logging.root.manager.loggerDict.items()):
            if isinstance(logger, logging.Logger) and name.split(".")[0] in _LOGGERS:
                logger.addFilter(self)  # once, however often

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
