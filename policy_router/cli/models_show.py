"""The views of `models`: all models, one of them, or two side by side."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import typer

from policy_router.cli.options.policy import open_policy
from policy_router.cli.options.store import StoreLocation, location_of, opened
from policy_router.cli.output import fail, inform, show, show_json
from policy_router.errors import StoreError
from policy_router.quoting import unknown
from policy_router.units import PRICE
from policy_router.views import model_values as value_view
from policy_router.views import models as view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from policy_router.decision.policy import Policy
    from policy_router.discovery.origins import ModelValue
    from policy_router.domain.models import Model
    from policy_router.execution.health.health_report import ModelHealth
    from policy_router.experience.performance import Performance

_CALLED: Final = frozenset({"ok", "some_users", "degraded", "ramp"})
"""States of health in which a model is called."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filter of the models to show.

    Attributes:
        state: The state store, as the option names it.
        task: Only what was measured at this task; None for all.
        can: Abilities that a model must have, joined by commas.
        tier: The tier that it must be of.
        max_price: The most that its tokens may cost, as text.
        measured: Whether to show what was measured.
        free: Whether it must cost nothing.
    """

    state: str | None = None
    task: str | None = None
    can: str | None = None
    tier: str | None = None
    max_price: str | None = None
    measured: bool = False
    free: bool = False


def show_all(path: Path, wanted: Wanted, *, json: bool) -> None:
    """Show a table of the models that match the filter."""
    policy = open_policy(path)
    models = _chosen(policy, wanted)
    now = time.time()
    listed = _listed(policy, path, models, wanted, now)
    if json:
        show_json(view.as_json(listed))
    else:
        show(view.as_lines(listed))
        if not listed:
            inform(f"none of the {len(policy.models):,} models matches all of these filters")


def show_one(
    path: Path, name: str, wanted: Wanted, *, json: bool, actions: Sequence[str] = ()
) -> None:
    """Show each value of a model and where it comes from.

    Args:
        path: The policy.
        name: The name of the model.
        wanted: What is asked.
        json: Whether to print JSON.
        actions: Names of actions, one of which may have been mistyped as the name.
    """
    policy = open_policy(path)
    values = _values(policy, path, name, actions)
    (listed,) = _listed(
        policy, path, [policy.model(name)], replace(wanted, measured=True), time.time()
    )
    performance = listed.performance
    counted = performance if performance is not None and performance.calls else None
    if json:
        show_json(value_view.as_json(name, values, listed.state, counted))
    else:
        show(value_view.as_lines(name, values, listed.state, counted))


def compare(path: Path, names: Sequence[str], wanted: Wanted, *, json: bool) -> None:
    """Show two models side by side."""
    policy = open_policy(path)
    one, other = names
    values = _values(policy, path, one), _values(policy, path, other)
    listed = _listed(policy, path, [policy.model(name) for name in names], wanted, time.time())
    first, second = (each.performance for each in listed)
    both = None if first is None or second is None else (first, second)
    if json:
        show_json(value_view.comparison_as_json((one, other), values, both))
    else:
        show(value_view.comparison_as_lines((one, other), values, both))


def _values(
    policy: Policy, path: Path, name: str, actions: Sequence[str] = ()
) -> tuple[ModelValue, ...]:
    from policy_router.discovery.origins import values_of  # noqa: PLC0415  not needed for --help
    from policy_router.language.files import read_files  # noqa: PLC0415  as above
    from policy_router.language.load import compile_files  # noqa: PLC0415  as above

    if name not in policy.models_by_name:
        what = "model or action" if actions else "model"
        fail(unknown(what, name, [*policy.models_by_name, *actions]))
    files, _ = read_files(path)
    draft = compile_files(() if files is None else files.files).draft
    return () if draft is None else values_of(policy, draft, name)


# -- which ---------------------------------------------------------------------------------------


def _chosen(policy: Policy, wanted: Wanted) -> list[Model]:
    """The models of a policy that the options ask for."""
    if wanted.tier is not None and wanted.tier not in policy.tiers:
        fail(unknown("tier", wanted.tier, policy.tiers))
    most = _price(wanted.max_price)
    needs = _abilities(policy, wanted.can)
    return [
        model
        for model in policy.models
        if needs <= model.abilities
        and wanted.tier in (None, model.tier)
        and (model.free or not wanted.free)
        and (most is None or _costs_at_most(model, most))
    ]


def _price(text: str | None) -> int | None:
    if text is None:
        return None
    # A shell takes `$1` for a variable unless it is quoted, so the dollar sign may be left out.
    whole = f"${text.removeprefix('$')}" + ("" if "/" in text else "/M")
    try:
        return int(str(PRICE.parse(whole)))
    except ValueError as problem:
        message = f"{problem}: write one such as {PRICE.examples[0]}"
        raise typer.BadParameter(message, param_hint="--max-price") from None


def _costs_at_most(model: Model, most: int) -> bool:
    return model.free or (model.price is not None and model.price.highest_rate <= most)


def _abilities(policy: Policy, text: str | None) -> frozenset[str]:
    from policy_router.decision.abilities import ABILITIES  # noqa: PLC0415  not needed for --help

    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    known = dict.fromkeys([*ABILITIES, *policy.abilities])
    for word in words:
        if word not in known:
            fail(unknown("ability", word, known))
    return frozenset(words)


# -- what is known about each ----------------------------------------------------------------------


def _listed(
    policy: Policy, path: Path, models: Sequence[Model], wanted: Wanted, now: float
) -> list[view.ModelRow]:
    if wanted.task is not None and policy.task(wanted.task) is None:
        fail(unknown("task", wanted.task, [each.name for each in policy.tasks]))
    measured = wanted.measured or wanted.task is not None
    location = location_of(wanted.state, policy.name, path)
    performances: Mapping[str, Performance] = {}
    healths: Mapping[str, ModelHealth] = {}
    try:
        if measured or not location.missing:
            performances, healths = asyncio.run(
                _read(policy, location, wanted.task if measured else None, now)
            )
    except StoreError as error:
        if measured:
            fail(str(error))
        inform(f"cooldowns are unknown: {error}")
    return [
        view.ModelRow(
            model,
            _state(policy, model, healths.get(model.name), now),
            now,
            performances[model.name] if measured else None,
        )
        for model in models
    ]


def _state(policy: Policy, model: Model, health: ModelHealth | None, now: float) -> str:
    """Whether a model can be called now, as text."""
    from policy_router.discovery.availability import (  # noqa: PLC0415  not needed for --help
        missing_addresses,
        missing_keys,
    )
    from policy_router.views.times import spell_time  # noqa: PLC0415  as above

    if health is not None and health.state not in _CALLED:
        until = ""
        if health.until is not None and health.until > now:
            until = f" until {spell_time(health.until, now, policy.timezone)}"
        return f"{health.state.value}{until}"
    problems = [*missing_keys([model], os.environ), *missing_addresses([model], os.environ)]
    unset = [each.text.partition(":")[0] for each in problems if "cannot be called" in each.text]
    return unset[0] if unset else view.READY


async def _read(
    policy: Policy, location: StoreLocation, task: str | None, now: float
) -> tuple[Mapping[str, Performance], Mapping[str, ModelHealth]]:
    """What the state store says about each model: how it did, and whether it is called."""
    from policy_router.execution.health.health_report import health_of  # noqa: PLC0415  not for --help
    from policy_router.execution.health.shared_health import SharedHealth  # noqa: PLC0415  as above
    from policy_router.experience.keeper import ExperienceKeeper  # noqa: PLC0415  as above
    from policy_router.experience.performance import performance_of  # noqa: PLC0415  as above
    from policy_router.experience.recorder import OutcomeRecorder  # noqa: PLC0415  as above

    async with opened(location) as store:
        recorder = OutcomeRecorder(lambda: policy)
        keeper = ExperienceKeeper(store, recorder, lambda: policy, clock=time.time)
        await keeper.exchange()
        shared = SharedHealth(store, lambda: now)
        await shared.exchange()
        known = shared.board.known()
    counted, sources = keeper.counted(), policy.learning.quality
    return (
        {m.name: performance_of(counted, m.name, task, sources) for m in policy.models},
        {m.name: health_of(m, known, now) for m in policy.models},
    )
