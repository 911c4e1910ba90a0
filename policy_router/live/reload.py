"""The active policy, replaced while in use when the files change to another valid one.

Files are compared by a digest of their content. A whole new policy is built while the old one is in
use, and one reference is swapped. If the new one has an error, the old one stays, and the status
says why until the files are fixed.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, Self, get_args

from policy_router.base_errors import UsageError
from policy_router.errors import PolicyError
from policy_router.live.compilation import Superseded, compile_safely
from policy_router.live.folder import PolicyFiles, unsettled
from policy_router.live.follower import Follower
from policy_router.live.machine import ReloadAction, ReloadMachine
from policy_router.live.settings import ReloadTiming, Surroundings
from policy_router.live.settle import LONGEST, SettleState
from policy_router.live.slot import PolicySlot
from policy_router.live.status import ReloadResult, ReloadStatus, StatusBoard
from policy_router.live.watch import Hint, Watch, warn_of_mounts
from policy_router.live.writers import Writers
from policy_router.resilience import forks
from policy_router.resilience.cancellation import Cancelled, Poll, never

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Diagnostic
    from policy_router.language.files import FileSet
    from policy_router.live.active import Active
    from policy_router.live.compilation import Compiled
    from policy_router.live.folder import Scan
    from policy_router.live.settle import Observation

log = logging.getLogger(__name__)

FULL_SCAN: Final = 8
"""At every eighth scan the content is read even if nothing indicates a change."""
LONGEST_START: Final = 10.0
"""Seconds that startup waits for files that are still being written."""


class _Next(NamedTuple):
    """The seconds until the next scan, and whether that scan checks if the files have settled."""

    pause: float
    unsettled: bool = False


class _Pending(NamedTuple):
    """A compiled policy that lacks restrictions of the active one, so it waits for another scan."""

    digest: str
    compiled: Compiled


class Live:
    """Holds the active policy and the thread that keeps it up to date.

    A forked child follows the files with its own thread.

    Args:
        path: A policy file, or a folder of them.
        compile: Builds a policy from a set of files. If it fails or raises, the active policy stays
            in place. It gets a function to poll, and should raise Cancelled once that returns true:
            the files have changed again.
        watch: Whether changes are noticed by file events and polling, by polling, or only when
            `reload_now` is called.
        strict: Whether warnings about who could have written a file are errors.
        timing: How often files are scanned, and how long they must have been stable.
        loses: Returns whether the second policy lacks restrictions that the first one has.
        on_reload: Called with the old and the new policy after a swap to another revision;
            exceptions are logged.
        on_refusal: Called with the active policy and the reasons when newer files are not used; it
            does not raise.
        surroundings: The clocks and probes of the system.

    Raises:
        UsageError: `watch` is none of its values.
    """

    def __init__(
        self,
        path: Path,
        compile: Callable[[FileSet, Poll], Compiled],  # noqa: A002  the name of the step
        *,
        watch: Watch = "auto",
        strict: bool = False,
        timing: ReloadTiming | None = None,
        loses: Callable[[Policy, Policy], bool] = lambda _old, _new: False,
        on_reload: Callable[[Active, Active], None] | None = None,
        on_refusal: Callable[[Active, tuple[Diagnostic, ...]], None] = lambda _active, _why: None,
        surroundings: Surroundings | None = None,
    ) -> None:
        if watch not in get_args(Watch):
            raise UsageError(f"watch is one of {', '.join(get_args(Watch))}, not {watch!r}")
        timing, system = timing or ReloadTiming(), surroundings or Surroundings()
        self._compile = compile
        self._watch: Watch = watch
        self._timing = timing
        self._loses = loses
        self._system = system
        wake = threading.Event()
        hint = Hint(wake, system.observer, Writers(system.clock)) if watch == "auto" else None
        self._files = PolicyFiles(path, strict=strict, writing=system.writing, hint=hint)
        self._machine = ReloadMachine(
            interval=timing.interval,
            settle=timing.settle,
            settle_loss=timing.settle_loss,
            min_interval=timing.min_interval,
        )
        self._follower = Follower(
            self.step, hint, wake, interval=timing.interval, deaf=timing.settle
        )
        self._board = StatusBoard(system.clock, system.wall)
        # Reentrant: `on_reload` may call `reload_now`, and sees a consistent state.
        self._lock = threading.RLock()
        self._slot = PolicySlot(self._board, system.wall, on_reload, on_refusal)
        self._pending: _Pending | None = None
        self._ticks = 0
        forks.follow(self)

    @property
    def current(self) -> Active:
        """The active policy. Take it once for a request and keep to it.

        Raises:
            UsageError: No policy is loaded yet.
        """
        return self._slot.current

    def status(self) -> ReloadStatus:
        """Return a consistent status. Never waits for a reload.

        Raises:
            UsageError: No policy is loaded yet.
        """
        off = self._watch == "off" or self._follower.closed
        status = self._board.report("off" if off else self._follower.backend)
        if status is None:
            raise UsageError("no policy is loaded yet: call start() first")
        return status

    def load(self) -> Active:
        """Activate the first policy. Waits for files that are still being written.

        Raises:
            PolicyError: The files cannot be used.
            UsageError: A policy is loaded already.
        """
        with self._lock:
            if self._slot.filled:
                raise UsageError("a policy is loaded already")
            scan = self._first_scan()
            if scan.files is None:
                raise PolicyError(scan.problems)
            compiled = compile_safely(self._compile, scan.files, never)
            policy = compiled.usable
            if policy is None:
                raise PolicyError((*scan.problems, *compiled.diagnostics), compiled.sources)
            self._handled(scan)
            self._board.checked()
            self._files.in_use(scan.files)
            return self._slot.activate(policy, compiled, scan.files.digest, scan.problems)

    def start(self) -> Self:
        """Load a policy unless that is done, then keep it up to date until `close`.

        Raises:
            PolicyError: The files cannot be used.
            UsageError: It was started already.
        """
        with self._lock:
            if self._follower.started or self._follower.closed:
                raise UsageError("started already")
            # Before anything is read: writes from now on are noticed.
            self._follower.arm(self._files.list())
            try:
                if not self._slot.filled:
                    self.load()
            except BaseException:
                self._follower.close_events()
                raise
            if self._watch != "off":
                warn_of_mounts((entry.name, entry.real) for entry in self._files.list().entries)
                self._follower.start()
        return self

    def close(self) -> None:
        """End the thread and the file events; the active policy stays usable.

        May be called twice, but not by `on_reload`, which runs in the middle of a reload.
        """
        self._follower.close()
        with self._lock:
            self._follower.close_events()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def after_fork_in_child(self) -> None:
        """Follow the files in this process as well; a scan that the parent has started ends in the
        parent."""
        self._lock = threading.RLock()
        self._machine.reset()
        self._files.known = self._pending = self._board.compiling_since = None
        self._follower.after_fork_in_child()

    def reload_now(self, *, force: bool = True) -> ReloadStatus:
        """Scan the files immediately, wait until they have settled, and act.

        Never raises for a bad file. Two calls run one after another.

        Args:
            force: Whether to compile files even if they are active or were rejected before.

        Returns:
            The resulting status.
        """
        with self._lock:
            after = self._scan(requested=True, force=force)
            while after.unsettled:
                self._system.sleep(after.pause)
                after = self._scan(requested=True, force=force)
            self._board.checked()
            return self.status()

    def step(self) -> float:
        """Check once whether something changed, and act on it.

        Returns:
            The seconds until the next scan.
        """
        with self._lock:
            hinted = self._follower.was_hinted()
            listing = self._files.list()
            if self._follower.arm(listing):
                # Changes before the events were armed caused none.
                listing = self._files.list()
            self._ticks += 1
            due = (
                hinted
                or self._machine.settling.waiting
                or listing != self._files.known
                or not isinstance(self._machine.attempted, str)
                or self._ticks % FULL_SCAN == 0
            )
            pause = self._act(self._files.scan(listing)).pause if due else self._timing.interval
            self._board.checked()
            return pause

    def _first_scan(self) -> Scan:
        """Return the first scan of files that no program has touched for a moment."""
        settling, clock = self._machine.settling, self._system.clock
        end = clock() + LONGEST_START
        while True:
            scan = self._files.scan(self._files.list())
            writing, certain = self._files.being_written(scan.listing)
            observation = scan.observation(writing, loss=scan.files is None or not certain)
            quiet = settling.settle_loss if observation.loss else settling.settle
            recent = scan.changed_since(self._system.wall() - quiet)
            if not (observation.torn or writing or recent):
                break
            settled = settling.observe(clock(), observation)
            if settled.verdict is SettleState.READY:
                break
            if clock() >= end:
                raise PolicyError((unsettled(writing, LONGEST_START),))
            self._system.sleep(settled.pause)
        settling.reset()
        return scan

    def _scan(self, *, requested: bool = False, force: bool = False) -> _Next:
        return self._act(self._files.scan(self._files.list()), requested=requested, force=force)

    def _act(self, scan: Scan, *, requested: bool = False, force: bool = False) -> _Next:
        """Execute the state machine's decision about a scan.

        Args:
            scan: The scan.
            requested: Whether a caller requested the scan.
            force: Whether to compile files even if they are active or were rejected before.
        """
        known = None if force else self._machine.known(scan.seen, self._slot.current.digest)
        if known is not None:
            self._nothing_new(scan, known, requested=requested)
            return _Next(self._timing.interval)
        if self._pending is not None and self._pending.digest != scan.seen:
            self._pending = None
        pending = self._pending is not None
        writing, _ = self._files.being_written(scan.listing)
        observation = scan.observation(writing, loss=pending or self._files.lacks_something(scan))
        step = self._machine.observe(self._system.clock(), observation, urgent=requested or pending)
        match step.action:
            case ReloadAction.WAIT:
                return _Next(step.pause, unsettled=True)
            case ReloadAction.GIVE_UP:
                self._give_up(writing)
                return _Next(step.pause)
        if scan.files is None:
            self._handled(scan)
            self._slot.refuse(ReloadResult.INVALID, scan.problems)
            return _Next(step.pause)
        return self._compile_and_swap(
            scan, scan.files, observation, requested=requested, force=force
        )

    def _nothing_new(self, scan: Scan, action: ReloadAction, *, requested: bool) -> None:
        """Record a scan of files that are active, or that were rejected before."""
        active = self._slot.current.digest == scan.seen
        changed = requested or scan.listing != self._files.known
        self._handled(scan)
        if active:
            self._slot.refresh(scan.problems)
        if action is ReloadAction.RESTORE:
            self._slot.restored()
        elif changed and active:
            self._board.count(ReloadResult.UNCHANGED)

    def _compile_and_swap(
        self,
        scan: Scan,
        files: FileSet,
        observation: Observation,
        *,
        requested: bool,
        force: bool,
    ) -> _Next:
        """Compile settled files, unless that is done, and swap; or reject them."""
        pending, self._pending = self._pending, None
        if pending is not None:
            compiled = pending.compiled
        else:
            fresh = self._compiled(scan, files)
            if fresh is None:
                log.info("the policy files changed while they were compiled; starting over")
                self._machine.settling.reset()
                if self._follower.closed:
                    return _Next(self._timing.interval)
                return self._scan(requested=requested, force=force)
            compiled = fresh
        policy = compiled.usable
        if policy is None:
            self._handled(scan)
            self._slot.refuse(
                ReloadResult.INVALID,
                (*scan.problems, *compiled.diagnostics),
                compiled.sources,
                files.digest,
            )
        elif pending is None and self._loses(self._slot.current.policy, policy):
            # Half a file is a policy without the rules of the other half: scan again.
            self._pending = _Pending(files.digest, compiled)
            settling = self._machine.settling
            settled = settling.observe(self._system.clock(), replace(observation, loss=True))
            return _Next(max(settled.pause, settling.settle), unsettled=True)
        else:
            self._handled(scan)
            self._files.in_use(files)
            self._slot.activate(policy, compiled, files.digest, scan.problems)
        return _Next(self._timing.interval)

    def _compiled(self, scan: Scan, files: FileSet) -> Compiled | None:
        """Compile files; None when they changed in the meantime."""
        system = self._system
        self._machine.compiling(system.clock())
        self._board.compiling_since = system.wall()
        superseded = Superseded(
            self._files, scan.listing, files.digest, system.clock, lambda: self._follower.closed
        )
        try:
            return compile_safely(self._compile, files, superseded)
        except Cancelled:
            return None
        finally:
            self._board.compiling_since = None

    def _give_up(self, writing: tuple[str, ...]) -> None:
        """Report once that the files did not settle in time."""
        self._pending = None
        errors = (unsettled(writing, LONGEST),)
        status = self._board.published
        if status is None or status.errors != errors:
            self._slot.refuse(ReloadResult.UNSTABLE, errors)

    def _handled(self, scan: Scan) -> None:
        self._machine.handled(scan.seen)
        self._files.known = scan.listing
        self._pending = None
