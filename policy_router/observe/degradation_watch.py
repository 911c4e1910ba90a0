"""Notices when a model begins to do worse than usual, and when it recovers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.events import Attempted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policy_router.domain.fallback import Degraded
    from policy_router.events import Event
    from policy_router.execution.health.degradation import Worse

EVERY: Final = 15.0
"""Seconds between two looks, at least: a look goes through the calls of all models."""


class DegradationWatch:
    """An observer of events that looks after a call has ended.

    Args:
        rule: Gives when the active policy counts a model as worse than usual; None never.
        worse: Gives the models that do worse than usual by a rule at a Unix time.
        clock: Gives Unix time.
        on_change: Gets the name of a model, whether it does worse, and why.
    """

    def __init__(
        self,
        rule: Callable[[], Degraded | None],
        worse: Callable[[Degraded, float], Mapping[str, Worse]],
        clock: Callable[[], float],
        on_change: Callable[[str, bool, str], None],
    ) -> None:
        self._rule = rule
        self._worse = worse
        self._clock = clock
        self._on_change = on_change
        self._known: frozenset[str] = frozenset()
        self._next = 0.0

    def wants(self, kind: type[Event]) -> bool:
        """Whether it looks after an event of a class: if its last look was long enough ago."""
        return kind is Attempted and self._clock() >= self._next

    def __call__(self, event: Event) -> None:
        """Look, if the last look was long enough ago."""
        if type(event) is not Attempted or (now := self._clock()) < self._next:
            return
        self._next = now + EVERY
        rule = self._rule()
        found = {} if rule is None else self._worse(rule, now)
        before, self._known = self._known, frozenset(found)
        for model in sorted(self._known - before):
            self._on_change(model, True, found[model].reason)
        for model in sorted(before - self._known):
            self._on_change(model, False, "")
