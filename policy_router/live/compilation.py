"""One compilation of policy files: it never raises, and stops when the files change again."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Diagnostic, Severity, printable
from policy_router.errors import PolicyError
from policy_router.resilience.cancellation import Cancelled
from policy_router.resilience.garbage import CollectorPause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.assurance.promises import Proof
    from policy_router.decision.policy import Policy
    from policy_router.language.files import FileSet, Listing
    from policy_router.live.folder import PolicyFiles
    from policy_router.resilience.cancellation import Poll

log = logging.getLogger(__name__)

GLANCE: Final = 0.1
"""Seconds between two checks for newer content during a compilation."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """The result of compiling a set of files.

    Attributes:
        policy: The policy; None when the files cannot be used.
        diagnostics: Problems of the files. If there is an error among them, the policy is not used.
        sources: Text of each file, by name, for drawing the diagnostics.
        proofs: The verdicts on the promises of the policy.
    """

    policy: Policy | None
    diagnostics: tuple[Diagnostic, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    proofs: tuple[Proof, ...] = ()

    @property
    def usable(self) -> Policy | None:
        """The policy, unless there is an error."""
        return None if has_error(self.diagnostics) else self.policy


def has_error(diagnostics: tuple[Diagnostic, ...]) -> bool:
    """Return whether a diagnostic is an error."""
    return any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)


def compile_safely(
    compiler: Callable[[FileSet, Poll], Compiled], files: FileSet, cancelled: Poll
) -> Compiled:
    """Compile files; any exception of the compiler becomes a diagnostic.

    Args:
        compiler: Builds a policy from a set of files.
        files: The files to compile.
        cancelled: Polled by the compiler, which stops once it returns true.

    Raises:
        Cancelled: The compiler stopped because `cancelled` returned true.
    """
    try:
        with CollectorPause(cancelled) as polled:
            return compiler(files, polled)
    except PolicyError as problem:
        return Compiled(None, problem.diagnostics, problem.sources)
    except Cancelled:
        raise
    except Exception as problem:
        log.exception("compiling the policy failed")
        text = printable(f"{type(problem).__name__}: {problem}")[:200]
        bug = Diagnostic(
            "internal-error",
            Severity.ERROR,
            f"compiling the policy failed with `{text}`",
            None,
            "this is a bug in policy-router; please report it with the policy",
        )
        return Compiled(None, (bug,))


class Superseded:
    """Tells whether a compilation is out of date, checking the files only from time to time.

    Args:
        files: The files on disk.
        listing: The listing made before they were read for the compilation.
        digest: Digest of the content being compiled.
        clock: A monotonic clock, in seconds.
        closed: Returns whether the compilation is no longer needed.
    """

    def __init__(
        self,
        files: PolicyFiles,
        listing: Listing,
        digest: str,
        clock: Callable[[], float],
        closed: Callable[[], bool],
    ) -> None:
        self._files = files
        self._listing = listing
        self._digest = digest
        self._clock = clock
        self._closed = closed
        self._next_look = clock() + GLANCE
        self._over = False

    def __call__(self) -> bool:
        """Return whether the compilation should stop."""
        if self._over or self._clock() < self._next_look:
            return self._over
        self._next_look = self._clock() + GLANCE
        listing = self._files.list()
        if listing != self._listing:
            self._listing = listing
            files, _ = self._files.read()
            self._over = files is None or files.digest != self._digest
        self._over = self._over or self._closed()
        return self._over
