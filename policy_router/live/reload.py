"""One active policy, replaced while in use when the files on disk become another good one.

The digest of the bytes is what counts. A whole new policy is built beside the old one and one
reference is swapped; when anything is wrong with the new one the old one stays, and the status
says why until the files are good again.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Generic, Protocol, Self, TypeVar, get_args

from policy_router.diagnostics import Diagnostic, Severity, printable
from policy_router.errors import PolicyError, UsageError
from policy_router.language.files import UNSTABLE, FileSet, Listing, list_files, read_files
from policy_router.live.watch import Hint, Observer, Watch, mount_points, watchdog_observer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)

LONGEST_SETTLE: Final = 2.0
FULL_LOOK: Final = 8
"""Every so many ticks the bytes are read although nothing points to a change."""


class Revised(Protocol):
    """All that is asked of a policy here: `revision` tells what it means, whatever its layout."""

    @property
    def revision(self) -> str: ...


P = TypeVar("P", bound=Revised)


# The generic ones have no slots: in Python 3.11 a frozen, slotted, generic dataclass cannot be
# made through its subscript, as in `Compiled[Policy](...)`.
@dataclass(frozen=True)
class Compiled(Generic[P]):
    """What a compiler made of a file set. policy: None when it cannot be used; it is not used
    either when a diagnostic is an error. sources: file name -> text, for drawing diagnostics."""

    policy: P | None
    diagnostics: tuple[Diagnostic, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Active(Generic[P]):
    """The policy in use, with the texts it was made from, so that its line numbers are true.

    digest: of the bytes. loaded_at: Unix time at which this revision became active.
    diagnostics: warnings and notes about it.
    """

    policy: P
    revision: str
    digest: str
    loaded_at: float
    sources: Mapping[str, str]
    diagnostics: tuple[Diagnostic, ...]


class State(StrEnum):
    """OK: the files on disk are the active policy. DEGRADED: they are not, and cannot be used."""

    OK = "ok"
    DEGRADED = "degraded"


class Result(StrEnum):
    """How a look at changed files ended. OK: a new revision is active. UNCHANGED: it means what
    the active one means. INVALID: refused. UNSTABLE: the files did not stop changing."""

    OK = "ok"
    UNCHANGED = "unchanged"
    INVALID = "invalid"
    UNSTABLE = "unstable"


@dataclass(frozen=True, slots=True)
class Status:
    """What is active, and what is wrong with what should be.

    loaded_at: Unix time at which the active revision became active. since: Unix time at which
    `state` began. attempted: digest of the files last acted upon; None when they could not be
    read. errors, sources: why they were refused, and the texts to draw that with; empty when ok.
    backend: `inotify` or the like, `poll`, or `off`. reloads: how often each result occurred.
    """

    state: State
    revision: str
    digest: str
    loaded_at: float
    since: float
    attempted: str | None
    errors: tuple[Diagnostic, ...]
    sources: Mapping[str, str]
    backend: str
    reloads: Mapping[Result, int]


_Seen = str | tuple[Diagnostic, ...]
"""What a look at the files showed: their digest, or why there is none."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """Something new was seen, first at `at`; the files have been unsettled since `began`."""

    seen: _Seen
    at: float
    began: float


class Live(Generic[P]):
    """Holds the active policy and one thread that looks after it.

    path: a policy file or folder. compile: makes a policy of a file set; whatever it refuses or
    raises leaves the active policy in place. strict: as for `read_files`. interval: seconds
    between two looks. settle: two looks at least this far apart must show the same bytes.
    min_interval: seconds between two compilations that nobody asked for.
    on_activate: told (old, new) after a swap to another revision; what it raises is logged.
    clock: seconds that never go back. wall: Unix time. sleep: used by `reload_now` only.
    observer: where file events come from.

    A thread does not survive a fork: start after forking, once in each process.
    """

    def __init__(
        self,
        path: Path,
        compile: Callable[[FileSet], Compiled[P]],  # noqa: A002  the stage bears this name
        *,
        watch: Watch = "auto",
        strict: bool = False,
        interval: float = 1.0,
        settle: float = 0.1,
        min_interval: float = 1.0,
        on_activate: Callable[[Active[P], Active[P]], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
        observer: Callable[[], Observer] = watchdog_observer,
    ) -> None:
        if watch not in get_args(Watch):
            raise UsageError(f"watch is one of {', '.join(get_args(Watch))}, not {watch!r}")
        if min(interval, settle) <= 0 or min_interval < 0:
            raise UsageError("interval and settle must be more than 0, min_interval not less")
        self._path = path
        self._compile = compile
        self._watch: Watch = watch
        self._strict = strict
        self._interval = interval
        self._settle = settle
        self._min_interval = min_interval
        self._on_activate = on_activate
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self._wake = threading.Event()
        self._closed = threading.Event()
        # Reentrant: `on_activate` may ask for a reload, and finds everything in order.
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._hint = Hint(self._wake, observer) if watch == "auto" else None
        self._active: Active[P] | None = None
        self._status: Status | None = None
        self._listing: Listing | None = None
        self._notices: tuple[Diagnostic, ...] = ()
        self._attempted: _Seen | None = None
        self._pending: _Pending | None = None
        self._compiled_at = float("-inf")
        self._ticks = 0

    @property
    def current(self) -> Active[P]:
        """The active policy. Take it once for a request and keep to it."""
        active = self._active
        if active is None:
            raise UsageError("no policy is loaded yet: call start() first")
        return active

    def status(self) -> Status:
        """How things stand; consistent in itself, and never waits for a reload."""
        status = self._status
        if status is None:
            raise UsageError("no policy is loaded yet: call start() first")
        return replace(status, backend=self._backend())

    def load(self) -> Active[P]:
        """Makes the first policy active; raises PolicyError when there is none to be had."""
        with self._lock:
            if self._active is not None:
                raise UsageError("a policy is loaded already")
            listing = list_files(self._path)
            files, found = read_files(self._path, strict=self._strict)
            if files is None:
                raise PolicyError(found)
            compiled = self._compiled(files)
            if compiled.policy is None or _errors(compiled.diagnostics):
                raise PolicyError((*found, *compiled.diagnostics), compiled.sources)
            self._handled(listing, files.digest)
            return self._activate(compiled.policy, compiled, files.digest, found)

    def start(self) -> Self:
        """Loads unless that is done, then keeps the policy up to date until `close`."""
        with self._lock:
            if self._thread is not None or self._closed.is_set():
                raise UsageError("started already")
            if self._active is None:
                self.load()
            if self._hint is not None:
                self._hint.tend(list_files(self._path).directories)
            if self._watch != "off":
                self._warn_of_mounts()
                self._thread = threading.Thread(target=self._run, name="policy-reload", daemon=True)
                self._thread.start()
        return self

    def close(self) -> None:
        """Ends the thread and the watch; the active policy stays usable. May be called twice,
        but not by `on_activate`, which runs in the middle of a reload."""
        self._closed.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        with self._lock:
            if self._hint is not None:
                self._hint.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def reload_now(self, *, force: bool = True) -> Status:
        """Looks at once, waits until the files are settled, and acts. Never raises for a bad file.

        force: compile even what is active or was refused before. Two calls run one after another.
        """
        with self._lock:
            pause = self._look(list_files(self._path), asked=True, force=force)
            while self._pending is not None:
                self._sleep(pause)
                pause = self._look(list_files(self._path), asked=True, force=force)
            return self.status()

    def step(self) -> float:
        """One tick: looks whether something changed and acts on it. Seconds until the next tick."""
        with self._lock:
            hinted = self._wake.is_set()
            self._wake.clear()
            listing = list_files(self._path)
            hint = None if self._closed.is_set() else self._hint
            if hint is not None and hint.tend(listing.directories):
                # What happened before the watch was armed caused no event.
                listing = list_files(self._path)
            self._ticks += 1
            due = (
                hinted
                or self._pending is not None
                or listing != self._listing
                or not isinstance(self._attempted, str)
                or self._ticks % FULL_LOOK == 0
            )
            return self._look(listing) if due else self._interval

    def _warn_of_mounts(self) -> None:
        mounts = mount_points()
        for entry in list_files(self._path).entries:
            if entry.real in mounts:
                words = "`%s` is mounted by itself, so a new file in its place is never seen; %s"
                log.warning(words, entry.name, "mount its folder instead")

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                pause = self.step()
            except Exception:  # this thread must follow the files whatever happens; it is told
                log.exception("looking at the policy files failed; the active policy stays")
                pause = self._interval
            # Hints are not listened to at first: a storm of them costs one look per `settle`.
            deaf = pause if self._pending is not None else min(pause, self._settle)
            if not self._closed.wait(deaf):
                self._wake.wait(pause - deaf)

    def _look(self, listing: Listing, *, asked: bool = False, force: bool = False) -> float:
        """Reads the files and acts when they are new and settled. Seconds until the next look.

        `listing` was taken before reading: what changes meanwhile is seen as a change next time.
        """
        files, found = read_files(self._path, strict=self._strict)
        seen: _Seen = found if files is None else files.digest
        changed = listing != self._listing or asked
        if seen == self._attempted and not force:
            self._handled(listing, seen)
            self._refresh(seen, found)
            if changed and seen == self.current.digest:
                self._count(Result.UNCHANGED)
            return self._interval
        if seen == self.current.digest and not force:
            self._handled(listing, seen)
            self._refresh(seen, found)
            self._recover(self.current.digest)
            return self._interval
        pause = self._unsettled(seen, asked=asked)
        if pause is not None:
            return pause
        self._handled(listing, seen)
        if files is None:
            self._refuse(found, {}, None)
        else:
            self._attempt(files, found)
        return self._interval

    def _unsettled(self, seen: _Seen, *, asked: bool) -> float | None:
        """Seconds to wait before `seen` may be acted on; None when it may be now."""
        now = self._clock()
        pending = self._pending
        torn = isinstance(seen, tuple) and any(each.rule == UNSTABLE for each in seen)
        if pending is None or seen != pending.seen or torn:
            began = now if pending is None else pending.began
            if now - began < LONGEST_SETTLE:
                self._pending = _Pending(seen, now, began)
                return self._settle
            self._give_up()
            return self._interval
        # Compared as the moments they end in: a difference can round to a wait of nothing.
        settled = pending.at + self._settle
        if now < settled:
            return settled - now
        allowed = self._compiled_at + self._min_interval
        if now < allowed and not asked:
            # Settled, only too soon after the last one: what comes until then is not unrest.
            self._pending = replace(pending, began=now)
            return allowed - now
        return None

    def _attempt(self, files: FileSet, found: tuple[Diagnostic, ...]) -> None:
        self._compiled_at = self._clock()
        compiled = self._compiled(files)
        if compiled.policy is None or _errors(compiled.diagnostics):
            self._refuse((*found, *compiled.diagnostics), compiled.sources, files.digest)
        else:
            self._activate(compiled.policy, compiled, files.digest, found)

    def _compiled(self, files: FileSet) -> Compiled[P]:
        try:
            return self._compile(files)
        except PolicyError as problem:
            return Compiled(None, problem.diagnostics, problem.sources)
        except Exception as problem:
            log.exception("compiling the policy failed")
            shown = printable(f"{type(problem).__name__}: {problem}")[:200]
            words = f"compiling the policy failed with `{shown}`"
            help_ = "this is a fault of the program; please report it with the policy"
            bug = Diagnostic("internal-error", Severity.ERROR, words, None, help_)
            return Compiled(None, (bug,))

    def _activate(
        self, policy: P, compiled: Compiled[P], digest: str, found: tuple[Diagnostic, ...]
    ) -> Active[P]:
        """Swaps. New bytes of the same revision replace the texts and nothing else is said."""
        old = self._active
        same = old is not None and old.revision == policy.revision
        now = self._wall()
        new = Active(
            policy=policy,
            revision=policy.revision,
            digest=digest,
            loaded_at=old.loaded_at if old is not None and same else now,
            sources=MappingProxyType(dict(compiled.sources)),
            diagnostics=(*found, *compiled.diagnostics),
        )
        self._active = new
        self._notices = found
        self._publish(Result.UNCHANGED if same else Result.OK, attempted=digest)
        if old is not None and not same:
            log.info("policy reloaded %.7s -> %.7s", old.revision, new.revision)
            self._tell(old, new)
        return new

    def _tell(self, old: Active[P], new: Active[P]) -> None:
        if self._on_activate is None:
            return
        try:
            self._on_activate(old, new)
        except Exception:  # a caller's own code may raise anything; the policy is good all the same
            log.exception("on_activate failed; the new policy stays active")

    def _refuse(
        self, found: tuple[Diagnostic, ...], sources: Mapping[str, str], digest: str | None
    ) -> None:
        self._publish(Result.INVALID, attempted=digest, errors=found, sources=sources)

    def _give_up(self) -> None:
        """The files did not settle: says so, and begins anew at the next tick."""
        self._pending = None
        self._attempted = None
        words = f"the policy files kept changing for {LONGEST_SETTLE:g} seconds"
        help_ = "write them once; they are read again by themselves"
        found = (Diagnostic(UNSTABLE, Severity.ERROR, words, None, help_),)
        self._publish(Result.UNSTABLE, attempted=None, errors=found)

    def _recover(self, digest: str) -> None:
        log.info("the policy files are again the active policy %.7s", self.current.revision)
        self._publish(Result.UNCHANGED, attempted=digest)

    def _handled(self, listing: Listing, seen: _Seen) -> None:
        self._pending = None
        self._listing = listing
        self._attempted = seen

    def _refresh(self, seen: _Seen, found: tuple[Diagnostic, ...]) -> None:
        """Keeps what is said about the active files true: a permission can change, bytes do not."""
        active = self.current
        if seen == active.digest and found != self._notices:
            about_policy = active.diagnostics[len(self._notices) :]
            self._active = replace(active, diagnostics=(*found, *about_policy))
            self._notices = found

    def _publish(
        self,
        result: Result,
        *,
        attempted: str | None,
        errors: tuple[Diagnostic, ...] = (),
        sources: Mapping[str, str] | None = None,
    ) -> None:
        """Replaces the status as a whole, so that no reader sees half of two."""
        active = self.current
        state = State.DEGRADED if result in _BAD else State.OK
        before = self._status
        if state is State.DEGRADED:
            first = next(iter(_errors(errors)), None)
            where = f"{first.span} " if first is not None and first.span is not None else ""
            said = first.message if first is not None else "no policy came of it"
            revision = active.revision
            log.warning("policy NOT reloaded: %s%s; still running %.7s", where, said, revision)
        self._status = Status(
            state=state,
            revision=active.revision,
            digest=active.digest,
            loaded_at=active.loaded_at,
            since=self._wall() if before is None or before.state != state else before.since,
            attempted=attempted,
            errors=errors,
            sources=MappingProxyType(dict(sources or {})),
            backend=self._backend(),
            reloads=_counted({} if before is None else before.reloads, result),
        )

    def _count(self, result: Result) -> None:
        status = self.status()
        self._status = replace(status, reloads=_counted(status.reloads, result))

    def _backend(self) -> str:
        if self._watch == "off":
            return "off"
        return "poll" if self._hint is None else self._hint.backend


_BAD: Final = frozenset({Result.INVALID, Result.UNSTABLE})


def _counted(before: Mapping[Result, int], result: Result) -> Mapping[Result, int]:
    counts = {each: before.get(each, 0) + (each is result) for each in Result}
    return MappingProxyType(counts)


def _errors(found: tuple[Diagnostic, ...]) -> list[Diagnostic]:
    return [each for each in found if each.severity is Severity.ERROR]
