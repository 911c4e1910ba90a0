"""The section `experiments`: what is done otherwise for a share of the traffic."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.domain.experiments import CONTROL, Arm, Experiment, Measure, StopWhen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.experiments import ArmShape, ExperimentShape, StopShape
    from policy_router.language.source import Path

_OF_AN_ARM: Final = ("share", "first", "prompt", "effort")
"""What an experiment without `arms` says about its only arm."""


def compile_experiments(resolver: Resolver) -> tuple[Experiment, ...]:
    """The policy's experiments in written order."""
    experiments = []
    for name, shape in (resolver.draft.document.experiments or {}).items():
        path: Path = ("experiments", name)
        until = _day(resolver, shape.until, (*path, "until"))
        experiments.append(
            Experiment(
                name=name,
                when=resolver.when(shape.when, (*path, "when")),
                arms=tuple(_arms(resolver, name, shape, path)),
                stick_to=shape.stick_to,
                measure=None if shape.measure is None else Measure(shape.measure),
                stop=_stop(shape.stop),
                until=until,
                ends=None if until is None else _end_of(until, resolver.timezone),
                span=resolver.places.key(path),
            )
        )
    return tuple(experiments)


def _arms(resolver: Resolver, name: str, shape: ExperimentShape, path: Path) -> Iterator[Arm]:
    """The arms of an experiment: those that it names, or the only one, which has its name."""
    draft, places = resolver.draft, resolver.places
    if shape.arms is None:
        yield _arm(resolver, name, shape, path)
        return
    for field in _OF_AN_ARM:
        if getattr(shape, field) is not None:
            draft.error(
                "bad-value",
                f"`{field}` next to `arms` belongs to no arm of `{name}`",
                places.key((*path, field)),
                "move it into one of the arms",
            )
    for each, arm in shape.arms.items():
        arm_path = (*path, "arms", each)
        if each == CONTROL:
            draft.error(
                "reserved-name",
                f"`{CONTROL}` is the name for the requests in no arm",
                places.key(arm_path),
                "rename the arm; what is left of 100% is the control automatically",
            )
        yield _arm(resolver, each, arm, arm_path)
    total = sum(arm.share or 0 for arm in shape.arms.values())
    if total > 1 + _ROUNDING:
        draft.error(
            "bad-value",
            f"the arms of `{name}` get {total:.4g} times the traffic together",
            places.key((*path, "arms")),
            "lower their shares to less than 100% in total; the rest is the control",
        )


_ROUNDING: Final = 1e-9
"""Shares are decimals, whose sum may be a little off."""


def _arm(resolver: Resolver, name: str, shape: ArmShape | ExperimentShape, path: Path) -> Arm:
    if shape.prompt is not None:
        span = resolver.places.value((*path, "prompt"))
        resolver.known(shape.prompt, resolver.draft.names.prompts, "prompt", span)
    return Arm(
        name=name,
        share=shape.share or 0.0,
        first=resolver.select(shape.first, (*path, "first")) or (),
        prompt=shape.prompt,
        effort=shape.effort,
        span=resolver.places.key(path),
    )


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
            f"`{text}` is not a valid date",
            resolver.places.value(path),
            "write it like `2026-12-31`: year, month, day",
        )
        return None


def _end_of(day: date, zone: ZoneInfo) -> float | None:
    """Unix time of the end of a day; None for the last day of the calendar."""
    if day == date.max:
        return None
    after = day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=zone).timestamp()
