"""One active policy, replaced while in use when the files on disk become another good one.

The digest of the bytes is what counts. A whole new policy is built beside the old one and one
reference is swapped; when anything is wrong with the new one the old one stays, and the status
says why until the files are good again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, Protocol, Self, TypeVar, get_args

from policy_router.base_errors import UsageError
from policy_router.diagnostics import Diagnostic, Severity, printable
from policy_router.errors import PolicyError
from policy_router.language.files import UNSTABLE, FileSet, Listing, list_files, read_files
from policy_router.live.settle import LONGEST, Observation, SettleState, Settling
from policy_router.live.watch import Hint, Observer, Watch, mount_points, watchdog_observer
from policy_router.live.writers import Writers, open_for_writing
from policy_router.resilience import forks
from policy_router.resilience.cancellation import Cancelled, Poll, never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from policy_router.language.files import ListedFile

log = logging.getLogger(__name__)

FULL_LOOK: Final = 8
"""Every so many ticks the bytes are read although nothing points to a change."""
LONGEST_START: Final = 10.0
"""Seconds that a start waits for files that are still being written."""
GLANCE: Final = 0.1
"""Seconds between two looks for newer bytes during a compilation."""


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
    """OK: the files on disk are the active policy. DEGRADED: they are not and cannot be used, or
    nothing in this process follows them any more."""

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
class ReloadStatus:
    """What is active, and what is wrong with what should be.

    loaded_at: Unix time at which the active revision became active. since: Unix time at which
    `state` began. attempted: digest of the files last acted upon; None when they could not be
    read. errors, sources: why they were refused, and the texts to draw that with; empty when ok.
    backend: `inotify` or the like, `poll`, `off`, or `stopped` when the thread that should follow
    the files does not run in this process. reloads: how often each result occurred.
    checked_at: Unix time of the last look at the files. lag: seconds since then. compiling_since:
    Unix time at which the compilation under way began; None when there is none.
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
    checked_at: float = 0.0
    lag: float = 0.0
    compiling_since: float | None = None


_Seen = str | tuple[Diagnostic, ...]
"""What a look at the files showed: their digest, or why there is none."""


class _Next(NamedTuple):
    """When to look again, in seconds, and whether that is to see if the files have settled."""

    pause: float
    unsettled: bool = False


@dataclass(frozen=True)
class _Ready(Generic[P]):
    """A compiled policy that lacks restrictions of the active one: it waits for a further look."""

    digest: str
    compiled: Compiled[P]


class Live(Generic[P]):
    """Holds the active policy and one thread that looks after it.

    path: a policy file or folder. compile: makes a policy of a file set; whatever it refuses or
    raises leaves the active policy in place. It is given a callable to poll, and should raise
    Cancelled once that returns true: the files have changed again. strict: as for `read_files`.
    interval: seconds between two looks. settle: two looks at least this far apart must show the
    same bytes. settle_loss: the same for bytes that lack something: a file became shorter or is
    gone, or `loses` says so of the old and the new policy. min_interval: seconds between two
    compilations that nobody asked for. on_activate: told (old, new) after a swap to another
    revision; what it raises is logged. clock: seconds that never go back. wall: Unix time. sleep:
    used by `load` and `reload_now` only. observer: where file events come from. writing: whether a
    program has a file open for writing; None when that is unknown.

    A forked child follows the files with a thread of its own.
    """

    def __init__(
        self,
        path: Path,
        compile: Callable[[FileSet, Poll], Compiled[P]],  # noqa: A002  the stage bears this name
        *,
        watch: Watch = "auto",
        strict: bool = False,
        interval: float = 1.0,
        settle: float = 0.1,
        settle_loss: float = 2.0,
        min_interval: float = 1.0,
        loses: Callable[[P, P], bool] = lambda _old, _new: False,
        on_activate: Callable[[Active[P], Active[P]], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
        observer: Callable[[], Observer] = watchdog_observer,
        writing: Callable[[str], bool | None] = open_for_writing,
    ) -> None:
        if watch not in get_args(Watch):
            raise UsageError(f"watch is one of {', '.join(get_args(Watch))}, not {watch!r}")
        if min(interval, settle) <= 0 or min(min_interval, settle_loss) < 0:
            raise UsageError(
                "interval and settle must be more than 0, settle_loss and min_interval not less"
            )
        self._path = path
        self._compile = compile
        self._watch: Watch = watch
        self._strict = strict
        self._interval = interval
        self._min_interval = min_interval
        self._loses = loses
        self._on_activate = on_activate
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self._writing = writing
        self._settling = Settling(settle, settle_loss)
        self._wake = threading.Event()
        self._closed = threading.Event()
        # Reentrant: `on_activate` may ask for a reload, and finds everything in order.
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._hint = Hint(self._wake, observer, Writers(clock)) if watch == "auto" else None
        self._active: Active[P] | None = None
        self._status: ReloadStatus | None = None
        self._listing: Listing | None = None
        self._notices: tuple[Diagnostic, ...] = ()
        self._attempted: _Seen | None = None
        self._sizes: Mapping[str, int] = {}
        self._ready: _Ready[P] | None = None
        self._compiled_at = float("-inf")
        self._compiling: float | None = None
        self._checked = (wall(), clock())
        self._ticks = 0
        forks.follow(self)

    @property
    def current(self) -> Active[P]:
        """The active policy. Take it once for a request and keep to it."""
        active = self._active
        if active is None:
            raise UsageError("no policy is loaded yet: call start() first")
        return active

    def status(self) -> ReloadStatus:
        """How things stand; consistent in itself, and never waits for a reload."""
        status = self._status
        if status is None:
            raise UsageError("no policy is loaded yet: call start() first")
        at, moment = self._checked
        status = replace(
            status,
            backend=self._backend(),
            checked_at=at,
            lag=max(0.0, self._clock() - moment),
            compiling_since=self._compiling,
        )
        if status.backend != _STOPPED:
            return status
        words = "the thread that follows the policy files does not run in this process"
        help_ = "restart the process; until then each call of `reload` looks once"
        found = Diagnostic("internal-error", Severity.ERROR, words, None, help_)
        return replace(status, state=State.DEGRADED, errors=(*status.errors, found))

    def load(self) -> Active[P]:
        """Makes the first policy active; raises PolicyError when there is none to be had. Files
        that are still being written are waited for."""
        with self._lock:
            if self._active is not None:
                raise UsageError("a policy is loaded already")
            listing, files, found = self._untouched()
            if files is None:
                raise PolicyError(found)
            compiled = self._compiled(files, never)
            if compiled.policy is None or _errors(compiled.diagnostics):
                raise PolicyError((*found, *compiled.diagnostics), compiled.sources)
            self._handled(listing, files.digest)
            self._checked = (self._wall(), self._clock())
            return self._activate(compiled.policy, compiled, files, found)

    def start(self) -> Self:
        """Loads unless that is done, then keeps the policy up to date until `close`."""
        with self._lock:
            if self._thread is not None or self._closed.is_set():
                raise UsageError("started already")
            if self._hint is not None:
                # Before anything is read: what is written from now on is known to be unfinished.
                listing = list_files(self._path)
                self._hint.tend(listing.directories, _names(listing))
            try:
                if self._active is None:
                    self.load()
            except BaseException:
                if self._hint is not None:
                    self._hint.close()
                raise
            if self._watch != "off":
                self._warn_of_mounts()
                self._follow()
        return self

    def _follow(self) -> None:
        self._thread = threading.Thread(target=self._run, name="policy-reload", daemon=True)
        self._thread.start()

    def after_fork_in_child(self) -> None:
        """Follow the files in this process as well. The thread is the parent's, and so are the
        watch and whatever the locks are held for."""
        following = self._thread is not None and not self._closed.is_set()
        closed = self._closed.is_set()
        self._lock = threading.RLock()
        self._wake, self._closed = threading.Event(), threading.Event()
        if closed:
            self._closed.set()
        if self._hint is not None:
            self._hint.abandon(self._wake)
        # A look that was under way in the parent ends there: here everything is looked at anew.
        self._settling.reset()
        self._listing = self._attempted = self._ready = self._compiling = None
        if following:
            try:
                self._follow()
            except RuntimeError as problem:  # no thread to be had: the status says so
                log.error("the policy files are not followed in this process: %s", problem)  # noqa: TRY400  a trace adds nothing

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

    def reload_now(self, *, force: bool = True) -> ReloadStatus:
        """Looks at once, waits until the files are settled, and acts. Never raises for a bad file.

        force: compile even what is active or was refused before. Two calls run one after another.
        """
        with self._lock:
            after = self._look(list_files(self._path), asked=True, force=force)
            while after.unsettled:
                self._sleep(after.pause)
                after = self._look(list_files(self._path), asked=True, force=force)
            self._checked = (self._wall(), self._clock())
            return self.status()

    def step(self) -> float:
        """One tick: looks whether something changed and acts on it. Seconds until the next tick."""
        with self._lock:
            hinted = self._wake.is_set()
            self._wake.clear()
            listing = list_files(self._path)
            hint = None if self._closed.is_set() else self._hint
            if hint is not None and hint.tend(listing.directories, _names(listing)):
                # What happened before the watch was armed caused no event.
                listing = list_files(self._path)
            self._ticks += 1
            due = (
                hinted
                or self._settling.waiting
                or listing != self._listing
                or not isinstance(self._attempted, str)
                or self._ticks % FULL_LOOK == 0
            )
            pause = self._look(listing).pause if due else self._interval
            self._checked = (self._wall(), self._clock())
            return pause

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
            deaf = min(pause, self._settling.settle)
            if not self._closed.wait(deaf):
                self._wake.wait(pause - deaf)

    def _untouched(self) -> tuple[Listing, FileSet | None, tuple[Diagnostic, ...]]:
        """The first files, when nobody has touched them for a moment."""
        end = self._clock() + LONGEST_START
        while True:
            listing = list_files(self._path)
            files, found = read_files(self._path, strict=self._strict)
            writing, certain = self._writers(listing)
            look = Observation(
                found if files is None else files.digest,
                torn=files is None and _is_torn(found),
                writing=writing,
                loss=files is None or not certain,
            )
            quiet = self._settling.settle_loss if look.loss else self._settling.settle
            if not (look.torn or writing or _changed_since(listing, self._wall() - quiet)):
                break
            answer = self._settling.look(self._clock(), look)
            if answer.verdict is SettleState.READY:
                break
            if self._clock() >= end:
                raise PolicyError((_unsettled(writing, LONGEST_START),))
            self._sleep(answer.pause)
        self._settling.reset()
        return listing, files, found

    def _look(self, listing: Listing, *, asked: bool = False, force: bool = False) -> _Next:
        """Reads the files and acts when they are new and settled.

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
            return _Next(self._interval)
        if seen == self.current.digest and not force:
            self._handled(listing, seen)
            self._refresh(seen, found)
            self._recover(self.current.digest)
            return _Next(self._interval)
        ready = self._ready
        if ready is not None and ready.digest != seen:
            ready = self._ready = None
        look = Observation(
            seen,
            torn=files is None and _is_torn(found),
            writing=self._writers(listing)[0],
            loss=ready is not None or self._lacks(listing, files),
        )
        early = self._compiled_at + self._min_interval
        not_before = float("-inf") if asked or ready is not None else early
        answer = self._settling.look(self._clock(), look, not_before)
        match answer.verdict:
            case SettleState.WAIT:
                return _Next(answer.pause, unsettled=True)
            case SettleState.CHANGING | SettleState.WRITING:
                self._give_up(look.writing)
                return _Next(min(self._interval, LONGEST))
        if files is None:
            self._handled(listing, seen)
            self._refuse(found, {}, None)
            return _Next(self._interval)
        return self._attempt(listing, files, found, look, asked=asked, force=force)

    def _writers(self, listing: Listing) -> tuple[tuple[str, ...], bool]:
        """The files that are open for writing, and whether that is certain of all of them."""
        names: list[str] = []
        certain = True
        for entry in _every(listing):
            if entry.trouble is not None:
                continue
            writing = self._writing(entry.real)
            if writing is None:
                certain = False
                writing = self._hint is not None and self._hint.writers.open(entry.real)
            if writing:
                names.append(entry.name)
        return tuple(names), certain

    def _lacks(self, listing: Listing, files: FileSet | None) -> bool:
        """Whether files became shorter or are gone, as happens halfway through a change."""
        if files is None:
            return True
        sizes = _sizes(files)
        if any(sizes.get(name, -1) < size for name, size in self._sizes.items()):
            return True
        before = self._listing
        return before is not None and before.manifest is not None and listing.manifest is None

    def _attempt(
        self,
        listing: Listing,
        files: FileSet,
        found: tuple[Diagnostic, ...],
        look: Observation,
        *,
        asked: bool,
        force: bool,
    ) -> _Next:
        """Compiles settled files, unless that is done, and swaps; or refuses them."""
        ready, self._ready = self._ready, None
        if ready is not None:
            compiled = ready.compiled
        else:
            self._compiled_at = self._clock()
            self._compiling = self._wall()
            try:
                compiled = self._compiled(files, self._superseded(listing, files.digest))
            except Cancelled:
                log.info("the policy files changed while they were compiled; beginning anew")
                self._settling.reset()
                if self._closed.is_set():
                    return _Next(self._interval)
                return self._look(list_files(self._path), asked=asked, force=force)
            finally:
                self._compiling = None
        policy = compiled.policy
        if policy is None or _errors(compiled.diagnostics):
            self._handled(listing, files.digest)
            self._refuse((*found, *compiled.diagnostics), compiled.sources, files.digest)
            return _Next(self._interval)
        if ready is None and self._loses(self.current.policy, policy):
            # Half a file is a policy without the rules of the other half: looked at once more.
            self._ready = _Ready(files.digest, compiled)
            answer = self._settling.look(self._clock(), replace(look, loss=True))
            return _Next(max(answer.pause, self._settling.settle), unsettled=True)
        self._handled(listing, files.digest)
        self._activate(policy, compiled, files, found)
        return _Next(self._interval)

    def _superseded(self, listing: Listing, digest: str) -> Poll:
        """Whether the files are others by now, or this is closed; looks only now and then."""
        known, glance, over = listing, self._clock() + GLANCE, False

        def superseded() -> bool:
            nonlocal known, glance, over
            if over or self._clock() < glance:
                return over
            glance = self._clock() + GLANCE
            latest = list_files(self._path)
            if latest != known:
                known = latest
                files, _ = read_files(self._path, strict=self._strict)
                over = files is None or files.digest != digest
            over = over or self._closed.is_set()
            return over

        return superseded

    def _compiled(self, files: FileSet, superseded: Poll) -> Compiled[P]:
        try:
            return self._compile(files, superseded)
        except PolicyError as problem:
            return Compiled(None, problem.diagnostics, problem.sources)
        except Cancelled:
            raise
        except Exception as problem:
            log.exception("compiling the policy failed")
            shown = printable(f"{type(problem).__name__}: {problem}")[:200]
            words = f"compiling the policy failed with `{shown}`"
            help_ = "this is a fault of the program; please report it with the policy"
            bug = Diagnostic("internal-error", Severity.ERROR, words, None, help_)
            return Compiled(None, (bug,))

    def _activate(
        self, policy: P, compiled: Compiled[P], files: FileSet, found: tuple[Diagnostic, ...]
    ) -> Active[P]:
        """Swaps. New bytes of the same revision replace the texts and nothing else is said."""
        old = self._active
        same = old is not None and old.revision == policy.revision
        now = self._wall()
        new = Active(
            policy=policy,
            revision=policy.revision,
            digest=files.digest,
            loaded_at=old.loaded_at if old is not None and same else now,
            sources=MappingProxyType(dict(compiled.sources)),
            diagnostics=(*found, *compiled.diagnostics),
        )
        self._active = new
        self._notices = found
        self._sizes = _sizes(files)
        self._publish(Result.UNCHANGED if same else Result.OK, attempted=files.digest)
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

    def _give_up(self, writing: tuple[str, ...]) -> None:
        """The files did not settle in time: says so once, and goes on looking."""
        self._attempted = self._ready = None
        found = (_unsettled(writing, LONGEST),)
        status = self._status
        if status is None or status.errors != found:
            self._publish(Result.UNSTABLE, attempted=None, errors=found)

    def _recover(self, digest: str) -> None:
        """The files are the active policy again; or this is a forked child's first look."""
        status = self._status
        if status is None or status.state is State.DEGRADED or status.digest != digest:
            log.info("the policy files are again the active policy %.7s", self.current.revision)
            self._publish(Result.UNCHANGED, attempted=digest)

    def _handled(self, listing: Listing, seen: _Seen) -> None:
        self._settling.reset()
        self._listing = listing
        self._attempted = seen
        self._ready = None

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
        self._status = ReloadStatus(
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
        status = self._status
        if status is not None:
            self._status = replace(status, reloads=_counted(status.reloads, result))

    def _backend(self) -> str:
        if self._watch == "off" or self._closed.is_set():
            return "off"
        if self._thread is not None and not self._thread.is_alive():
            return _STOPPED
        return "poll" if self._hint is None else self._hint.backend


_STOPPED: Final = "stopped"
_BAD: Final = frozenset({Result.INVALID, Result.UNSTABLE})


def _counted(before: Mapping[Result, int], result: Result) -> Mapping[Result, int]:
    counts = {each: before.get(each, 0) + (each is result) for each in Result}
    return MappingProxyType(counts)


def _errors(found: tuple[Diagnostic, ...]) -> list[Diagnostic]:
    return [each for each in found if each.severity is Severity.ERROR]


def _every(listing: Listing) -> Iterator[ListedFile]:
    yield from listing.entries
    if listing.manifest is not None:
        yield listing.manifest


def _names(listing: Listing) -> frozenset[str]:
    """The names that events about the files can bear."""
    every = list(_every(listing))
    real = (os.path.basename(entry.real) for entry in every)  # noqa: PTH119  as the disk has it
    return frozenset([*(entry.relative for entry in every), *real])


def _sizes(files: FileSet) -> Mapping[str, int]:
    return {file.name: len(file.data) for file in files.files}


def _changed_since(listing: Listing, moment: float) -> bool:
    """Whether a file changed after a Unix time. A change can keep the time of the content and does
    not keep the time of the change. A file of the future counts: clocks may differ."""
    return any(max(entry.stamp[-2:]) > moment * 1e9 for entry in _every(listing) if entry.stamp)


def _is_torn(found: tuple[Diagnostic, ...]) -> bool:
    return any(each.rule == UNSTABLE for each in found)


def _unsettled(writing: tuple[str, ...], seconds: float) -> Diagnostic:
    if writing:
        words = f"`{writing[0]}` has been open for writing for more than {seconds:g} seconds"
        help_ = "it is read as soon as the program that writes it closes it"
    else:
        words = f"the policy files kept changing for {seconds:g} seconds"
        help_ = "write them once; they are read again by themselves"
    return Diagnostic(UNSTABLE, Severity.ERROR, words, None, help_)
