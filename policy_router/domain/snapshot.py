"""The runtime state at the time of a decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.beliefs import Beliefs
    from policy_router.domain.experience import Measured
    from policy_router.domain.experiments import Assignment
    from policy_router.domain.limits import CounterKey, Reading
    from policy_router.domain.sessions import SessionState


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The runtime state at one time, read before a decision.

    Attributes:
        now: Unix time in seconds; None when there is no clock, so that the facts `hour` and
            `weekday` are absent.
        cooling: Models in cooldown: the name of each, with the Unix time at which it ends.
        used: The values of the counters of limits and budgets, by `Limit.key(subject)`; None if a
            counter could not be read. A missing counter counts as unused.
        seed: The seed of the sort key `spread` for a request without a session: the id of the
            decision. None means that `spread` does not sort.
        session: The state of the request's session; None for a new one, and where the policy keeps
            no sessions.
        scores: The numbers returned by user-defined functions, by `module:function` and the name of
            a model; models are sorted by them, smaller first. Models without one come last; a
            missing function has no effect.
        last: Models that come after all others: the name of each, with the reason as text for
            people.
        arms: The arms of experiments that the request was drawn into, by `draw_arms`.
        measured: Measurements of models from past requests like this one, by name; a model without
            any is missing.
        beliefs: How good their answers to such requests are believed to be; None if unknown.
    """

    now: float | None = None
    cooling: Mapping[str, float] = field(default_factory=dict)
    used: Mapping[CounterKey, Reading | None] = field(default_factory=dict)
    seed: str | None = None
    session: SessionState | None = None
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    last: Mapping[str, str] = field(default_factory=dict)
    arms: tuple[Assignment, ...] = ()
    measured: Mapping[str, Measured] = field(default_factory=dict)
    beliefs: Beliefs | None = None
