"""Looks up the measurements and beliefs for a kind of request, once for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.experience.believed import BeliefTable
from policy_router.experience.nodes import node_of
from policy_router.experience.table import MeasuredTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.beliefs import Beliefs
    from policy_router.domain.experience import Measured
    from policy_router.domain.situation import Situation

MOST_KINDS: Final = 10_000
"""Maximum number of cached kinds of requests."""


class KnownValues:
    """Measured values and beliefs. Immutable; later outcomes create a new object.

    Args:
        table: The measured values.
        beliefs: The beliefs.
    """

    def __init__(
        self, table: MeasuredTable | None = None, beliefs: BeliefTable | None = None
    ) -> None:
        self._table = MeasuredTable() if table is None else table
        self._beliefs = BeliefTable() if beliefs is None else beliefs
        self._at: dict[tuple[str | None, ...], tuple[Mapping[str, Measured], Beliefs | None]] = {}

    def at(self, situation: Situation) -> tuple[Mapping[str, Measured], Beliefs | None]:
        """What was measured, and what is believed, at requests like one."""
        request, task, band = situation.request, situation.task, situation.band
        kind = (
            None if task is None else task.name,
            request.form,
            request.kind,
            None if band is None else band.name,
        )
        known = self._at.get(kind)
        if known is None:
            node = node_of(situation)
            known = self._table.at(node), self._beliefs.at(node)
            if len(self._at) < MOST_KINDS:
                self._at[kind] = known
        return known
