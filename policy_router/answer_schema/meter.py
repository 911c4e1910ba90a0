"""Bounds the work of checking one answer."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS: Final = 400_000
"""Keywords of a schema that are evaluated for one answer; some seconds of work."""


class OutOfStepsError(Exception):
    """The work goes on for too long, or its outcome is no longer wanted."""


class Meter:
    """Counts the work of checking one answer.

    Attributes:
        fits: Whether a value fits the target of a reference, by the identities of the schema that
            contains the reference and of the value; None while that is being found out.
    """

    __slots__ = ("_left", "_stopped", "fits")

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._left = STEPS
        self._stopped = stopped
        self.fits: dict[tuple[int, int], bool | None] = {}

    def step(self) -> None:
        """Count one keyword, item or property.

        Raises:
            OutOfStepsError: The step is beyond the bound, or the outcome is no longer wanted.
        """
        self._left -= 1
        if self._left < 0 or self._stopped():
            raise OutOfStepsError


METER: Final[ContextVar[Meter]] = ContextVar("the work of the answer that is being checked")
