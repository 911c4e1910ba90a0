"""The status of reloading: what is active, and what is wrong with newer files."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Diagnostic, Severity, headline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.live.active import Active

log = logging.getLogger(__name__)

STOPPED: Final = "stopped"
"""The backend if the thread that should follow the files is not running in this process."""


class ReloadState(StrEnum):
    """Whether the files on disk are in use.

    OK: the files on disk are the active policy.
    DEGRADED: they are not and cannot be used, or nothing in this process follows them.
    """

    OK = "ok"
    DEGRADED = "degraded"


class ReloadResult(StrEnum):
    """The outcome of processing changed files.

    OK: a new revision is active.
    UNCHANGED: the files have the same meaning as the active policy.
    INVALID: they cannot be used.
    UNSTABLE: they did not stop changing.
    """

    OK = "ok"
    UNCHANGED = "unchanged"
    INVALID = "invalid"
    UNSTABLE = "unstable"


_FAILURES: Final = frozenset({ReloadResult.INVALID, ReloadResult.UNSTABLE})


@dataclass(frozen=True, slots=True)
class ReloadStatus:
    """Which policy is active, and what is wrong with newer files.

    Attributes:
        state: Whether the files on disk are in use.
        revision: Revision of the active policy.
        digest: Digest of the files of the active policy.
        loaded_at: Unix time at which the active revision became active.
        since: Unix time at which `state` began.
        attempted: Digest of the files that were last processed; None when they could not be read.
        errors: Why those were rejected; empty when they are active.
        sources: Texts to draw `errors` with, by file name; empty when they are active.
        backend: How changes are noticed: `inotify` or a similar mechanism, `poll`, `off`, or
            `stopped` when the thread that should follow the files is not running in this process.
        reloads: How often each result occurred.
        checked_at: Unix time of the last scan of the files.
        lag: Seconds since then.
        compiling_since: Unix time at which the running compilation began; None without one.
    """

    state: ReloadState
    revision: str
    digest: str
    loaded_at: float
    since: float
    attempted: str | None
    errors: tuple[Diagnostic, ...]
    sources: Mapping[str, str]
    backend: str
    reloads: Mapping[ReloadResult, int]
    checked_at: float = 0.0
    lag: float = 0.0
    compiling_since: float | None = None


class StatusBoard:
    """Holds the status of reloading; any thread may read it while another writes.

    Args:
        clock: A monotonic clock, in seconds.
        wall: Returns Unix time.
    """

    def __init__(self, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self._clock = clock
        self._wall = wall
        self._checked = (wall(), clock())
        self.compiling_since: float | None = None
        self.published: ReloadStatus | None = None
        """The status as of the last result; None before the first."""

    def checked(self) -> None:
        """Record that the files were scanned now."""
        self._checked = (self._wall(), self._clock())

    def publish(
        self,
        active: Active,
        result: ReloadResult,
        *,
        attempted: str | None,
        errors: tuple[Diagnostic, ...] = (),
        sources: Mapping[str, str] | None = None,
    ) -> None:
        """Replace the whole status atomically.

        Args:
            active: The active policy, after the result.
            result: The outcome.
            attempted: Digest of those files; None when they could not be read.
            errors: Why they were rejected.
            sources: Texts to draw the errors with, by file name.
        """
        state = ReloadState.DEGRADED if result in _FAILURES else ReloadState.OK
        before = self.published
        if state is ReloadState.DEGRADED:
            _log_refusal(active, errors)
        self.published = ReloadStatus(
            state=state,
            revision=active.revision,
            digest=active.digest,
            loaded_at=active.loaded_at,
            since=self._wall() if before is None or before.state != state else before.since,
            attempted=attempted,
            errors=errors,
            sources=MappingProxyType(dict(sources or {})),
            backend="",
            reloads=_counted({} if before is None else before.reloads, result),
        )

    def count(self, result: ReloadResult) -> None:
        """Count a result that changes nothing else."""
        before = self.published
        if before is not None:
            self.published = replace(before, reloads=_counted(before.reloads, result))

    def report(self, backend: str) -> ReloadStatus | None:
        """Return the status as of now; None before the first result.

        Args:
            backend: How changes are noticed at the moment.
        """
        published = self.published
        if published is None:
            return None
        checked_at, moment = self._checked
        status = replace(
            published,
            backend=backend,
            checked_at=checked_at,
            lag=max(0.0, self._clock() - moment),
            compiling_since=self.compiling_since,
        )
        if backend != STOPPED:
            return status
        stopped = Diagnostic(
            "internal-error",
            Severity.ERROR,
            "the thread that follows the policy files does not run in this process",
            None,
            "restart the process; until then each call of `reload` looks once",
        )
        return replace(status, state=ReloadState.DEGRADED, errors=(*status.errors, stopped))


def _log_refusal(active: Active, errors: tuple[Diagnostic, ...]) -> None:
    reason = headline(errors) or "compiling gave no policy"
    log.warning("policy NOT reloaded: %s; still running %.7s", reason, active.revision)


def _counted(
    counts: Mapping[ReloadResult, int], result: ReloadResult
) -> Mapping[ReloadResult, int]:
    return MappingProxyType({each: counts.get(each, 0) + (each is result) for each in ReloadResult})
