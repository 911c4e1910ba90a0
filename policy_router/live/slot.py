"""The reference to the active policy, and its replacement."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from policy_router.base_errors import UsageError
from policy_router.live.active import Active
from policy_router.live.status import ReloadResult, ReloadState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Diagnostic
    from policy_router.live.compilation import Compiled
    from policy_router.live.status import StatusBoard

log = logging.getLogger(__name__)


class PolicySlot:
    """Holds the active policy; any thread may read it while another replaces it.

    Args:
        board: Where each result is published.
        wall: Returns Unix time.
        on_reload: Called with the old and the new policy after a swap to another revision;
            exceptions are logged.
        on_refusal: Called with the active policy and the reasons when newer files are not used; it
            does not raise.
    """

    def __init__(
        self,
        board: StatusBoard,
        wall: Callable[[], float],
        on_reload: Callable[[Active, Active], None] | None,
        on_refusal: Callable[[Active, tuple[Diagnostic, ...]], None],
    ) -> None:
        self._board = board
        self._wall = wall
        self._on_reload = on_reload
        self._on_refusal = on_refusal
        self._active: Active | None = None
        self._file_problems: tuple[Diagnostic, ...] = ()

    @property
    def filled(self) -> bool:
        """Whether there is an active policy."""
        return self._active is not None

    @property
    def current(self) -> Active:
        """The active policy.

        Raises:
            UsageError: There is none yet.
        """
        active = self._active
        if active is None:
            raise UsageError("no policy is loaded yet: call start() first")
        return active

    def activate(
        self, policy: Policy, compiled: Compiled, digest: str, problems: tuple[Diagnostic, ...]
    ) -> Active:
        """Swap. Changed files with the same revision replace the texts, and `on_reload` is not
        called.

        Args:
            policy: The policy that becomes active.
            compiled: The result of the compilation.
            digest: Digest of the content of its files.
            problems: Warnings about these files.
        """
        old = self._active
        same = old is not None and old.revision == policy.revision
        new = Active(
            policy=policy,
            revision=policy.revision,
            digest=digest,
            loaded_at=old.loaded_at if old is not None and same else self._wall(),
            sources=MappingProxyType(dict(compiled.sources)),
            diagnostics=(*problems, *compiled.diagnostics),
            proofs=compiled.proofs,
        )
        self._active = new
        self._file_problems = problems
        result = ReloadResult.UNCHANGED if same else ReloadResult.OK
        self._board.publish(new, result, attempted=digest)
        if old is not None and not same:
            log.info("policy reloaded %.7s -> %.7s", old.revision, new.revision)
            self._notify(old, new)
        return new

    def _notify(self, old: Active, new: Active) -> None:
        if self._on_reload is None:
            return
        try:
            self._on_reload(old, new)
        except Exception:  # the caller's own code may raise anything; the policy is good
            log.exception("on_reload failed; the new policy stays active")

    def refresh(self, problems: tuple[Diagnostic, ...]) -> None:
        """Replace the warnings about the active files: permissions can change without the
        content."""
        active = self.current
        if problems != self._file_problems:
            about_policy = active.diagnostics[len(self._file_problems) :]
            self._active = replace(active, diagnostics=(*problems, *about_policy))
            self._file_problems = problems

    def restored(self) -> None:
        """Publish that the files are the active policy again.

        The first scan of a forked child also ends here, usually with nothing to publish.
        """
        active, status = self.current, self._board.published
        if status is None or status.state is ReloadState.DEGRADED or status.digest != active.digest:
            log.info("the policy files are the active policy %.7s again", active.revision)
            self._board.publish(active, ReloadResult.UNCHANGED, attempted=active.digest)

    def refuse(
        self,
        result: ReloadResult,
        errors: tuple[Diagnostic, ...],
        sources: Mapping[str, str] | None = None,
        digest: str | None = None,
    ) -> None:
        """Publish that newer files are not used; the active policy stays.

        Args:
            result: INVALID or UNSTABLE.
            errors: Why they are not used.
            sources: Texts to draw the errors with, by file name.
            digest: Digest of the files; None when they could not be read.
        """
        active = self.current
        self._board.publish(active, result, attempted=digest, errors=errors, sources=sources)
        self._on_refusal(active, errors)
