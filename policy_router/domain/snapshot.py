"""The state of the world at the moment of a decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.limits import CounterKey, Reading


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The world at one moment, read before a decision.

    now: Unix time in seconds, or None when the caller gives no clock (then `hour` and `weekday`
    are absent). cooling: model name -> Unix time until which it is left alone.
    used: what the policy's meters showed, by `Limit.key(subject)`; None where a counter could not
    be read. A meter that is not named counts as unused.
    """

    now: float | None = None
    cooling: Mapping[str, float] = field(default_factory=dict)
    used: Mapping[CounterKey, Reading | None] = field(default_factory=dict)
