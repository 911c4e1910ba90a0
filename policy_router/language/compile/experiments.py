"""The section `experiments`: another order of models for a share of the traffic."""

from __future__ import annotations

from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

from policy_router.domain.experiments import Experiment, Measure, StopWhen

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.experiments import StopShape
    from policy_router.language.source import Path


def compile_experiments(resolver: Resolver) -> tuple[Experiment, ...]:
    """The policy's experiments in written order."""
    experiments = []
    for name, shape in (resolver.draft.document.experiments or {}).items():
        path: Path = ("experiments", name)
        experiments.append(
            Experiment(
                name=name,
                when=resolver.when(shape.when, (*path, "when")),
                share=shape.share,
                first=resolver.select(shape.first, (*path, "first")) or (),
                stick_to=shape.stick_to,
                measure=None if shape.measure is None else Measure(shape.measure),
                stop=_stop(shape.stop),
                until=_day(resolver, shape.until, (*path, "until")),
                span=resolver.places.key(path),
            )
        )
    return tuple(experiments)


def _stop(shape: StopShape | None) -> StopWhen | None:
    if shape is None:
        return None
    changes = {} if shape.guard is None else shape.guard.model_dump(exclude_none=True)
    guard = {Measure(name): change for name, change in changes.items()}
    return StopWhen(shape.confidence, shape.samples, MappingProxyType(guard))


def _day(resolver: Resolver, text: str | None, path: Path) -> date | None:
    """The day that a text of the form YYYY-MM-DD names; one that does not exist is reported."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        resolver.draft.error(
            "bad-value",
            f"`{text}` is not a day of the calendar",
            resolver.places.value(path),
            "write it like `2026-12-31`: year, month, day",
        )
        return None
