"""The numbers of the last hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.observe.pulse import STEP
from policy_router.views.html.charts import sparkline
from policy_router.views.html.figures import KeyFigure, figures
from policy_router.views.html.spend import spell_money

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policy_router.execution.health.health_report import ModelHealth
    from policy_router.observe.pulse import PulseStep
    from policy_router.views.html.markup import Markup

_MINUTE: Final = 60 // STEP
_POOR: Final = 0.95


def pulse(steps: Sequence[PulseStep], health: Sequence[ModelHealth]) -> Markup:
    """Return the numbers of the last minute and of the last hour.

    Args:
        steps: The sums of the hour, the oldest first.
        health: Whether each model is called.
    """
    minute, hour = _Sums(steps[-_MINUTE:]), _Sums(steps)
    sick = [each for each in health if each.state.value != "ok"]
    tried = hour.requests - hour.denied
    answered = hour.answered / tried if tried else None
    free = hour.free / hour.answered if hour.answered else None
    mean = hour.seconds / tried if tried else None
    tone = "" if answered is None else "good" if answered >= _POOR else "bad"
    rate = minute.requests / 60

    minutes = [_Sums(steps[place : place + _MINUTE]) for place in range(0, len(steps), _MINUTE)]

    def drawn(value: Callable[[_Sums], float], label: str) -> Markup:
        return sparkline([value(each) for each in minutes], f"{label}, by minute in the last hour")

    return figures(
        [
            KeyFigure(
                "requests a second",
                f"{rate:.1f}" if rate < 100 else f"{rate:,.0f}",
                f"{hour.requests:,} in the last hour",
                drawing=drawn(lambda step: step.requests, "requests"),
            ),
            KeyFigure(
                "answered",
                "-" if answered is None else f"{answered:.1%}",
                f"{tried - hour.answered:,} were not; {hour.denied:,} denied",
                tone,
                drawn(
                    lambda step: step.requests - step.denied - step.answered,
                    "requests without an answer",
                ),
            ),
            KeyFigure(
                "mean time",
                "-" if mean is None else f"{mean:.2f} s",
                "until the whole answer",
                drawing=drawn(
                    lambda step: step.seconds / step.requests if step.requests else 0.0, "seconds"
                ),
            ),
            KeyFigure(
                "failed calls",
                f"{hour.failovers:,}",
                "that the next model made good, or not",
                drawing=drawn(lambda step: step.failovers, "failed calls"),
            ),
            KeyFigure(
                "free answers",
                "-" if free is None else f"{free:.0%}",
                f"{hour.free:,} of {hour.answered:,}",
                drawing=drawn(lambda step: step.free, "free answers"),
            ),
            KeyFigure(
                "spent",
                spell_money(hour.cost),
                "in the last hour",
                drawing=drawn(lambda step: step.cost, "spent"),
            ),
            KeyFigure(
                "models",
                f"{len(health) - len(sick)} of {len(health)}",
                ", ".join(each.model for each in sick[:3]) or "all are called",
                "warn" if sick else "good",
            ),
        ]
    )


class _Sums:
    """The sums of several steps."""

    def __init__(self, steps: Sequence[PulseStep]) -> None:
        self.requests = self.denied = self.answered = self.free = self.failovers = self.cost = 0
        self.seconds = 0.0
        for step in steps:
            if step.requests:
                self.requests += step.requests
                self.denied += step.denied
                self.answered += step.answered
                self.free += step.free
                self.failovers += step.failovers
                self.cost += step.cost
                self.seconds += step.seconds
