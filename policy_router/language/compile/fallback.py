"""The section `fallback`: how a request continues when a model fails."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.domain.fallback import (
    ON_ERROR,
    Cooldown,
    Degraded,
    Fallback,
    FaultClass,
    Probe,
)
from policy_router.language.compile.values import given
from policy_router.language.document.fallback import OnErrorShape

if TYPE_CHECKING:
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.fallback import (
        CooldownShape,
        DegradedShape,
        ProbeShape,
    )

_FIELDS: Final = {"for_": "duration"}
"""Fields of `cooldown` that have another name in the policy."""


def compile_fallback(resolver: Resolver) -> Fallback:
    """The policy's fallback, with the defaults for what it leaves out."""
    shape, default = resolver.draft.document.fallback, Fallback()
    if shape is None:
        return default
    written = {
        FaultClass(name): action
        for name, action in (shape.on_error or OnErrorShape()).model_dump().items()
        if action is not None
    }
    return Fallback(
        max_attempts=given(shape.max_attempts, default.max_attempts),
        deadline=given(shape.deadline, default.deadline),
        first_token_within=given(shape.first_token_within, default.first_token_within),
        stall=given(shape.stall, default.stall),
        patience=given(shape.patience, default.patience),
        on_stream_break=given(shape.on_stream_break, default.on_stream_break),
        step_down=given(shape.step_down, default.step_down),
        on_error={**ON_ERROR, **written},
        cooldown=_cooldown(shape.cooldown),
        degraded=_degraded(shape.degraded),
        probe=_probe(resolver, shape.probe),
    )


def _cooldown(shape: CooldownShape | None) -> Cooldown:
    if shape is None:
        return Cooldown()
    written = {_FIELDS.get(name, name): value for name, value in shape if value is not None}
    return replace(Cooldown(), **written)


def _degraded(shape: DegradedShape | None) -> Degraded | None:
    if shape is None:
        return None
    default = Degraded()
    return Degraded(
        success=shape.success,
        latency=shape.latency,
        over=given(shape.over, default.over),
        min_samples=given(shape.min_samples, default.min_samples),
        skipped=shape.then == "skip",
    )


def _probe(resolver: Resolver, shape: ProbeShape | None) -> Probe | None:
    if shape is None:
        return None
    return Probe(shape.every, resolver.select(shape.models, ("fallback", "probe", "models")))
