"""The `health` command: which models can be called, and which are in cooldown, and why."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.cli.options.policy import Where, choose, open_policy
from policy_router.cli.options.store import State, StoreLocation, location_of, opened
from policy_router.cli.output import fail, inform, show, show_json
from policy_router.diagnostics import printable
from policy_router.errors import StoreError
from policy_router.quoting import unknown
from policy_router.views import health as view

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.execution.health.health_report import ModelHealth


def health(
    *,
    policy: Where = None,
    state: State = None,
    lift: Annotated[
        str | None,
        typer.Option("--lift", metavar="MODEL", help="End the cooldown of this model."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which models can be called, and which are in cooldown.

    \b
    policy-router health
    policy-router health --lift haiku --state redis://localhost:6379

    A model is `open` after repeated failures, `probed` while one call tests whether it works again,
    `recovering` while its traffic ramps up, and `cooldown` until a time given by its provider.
    Processes that share the state store share this state, and notice within a second when a
    cooldown is lifted. Exit code 2: the state store cannot be used.
    """
    path = choose(policy)
    opened_policy = open_policy(path)
    if lift is not None and lift not in opened_policy.models_by_name:
        fail(unknown("model", lift, opened_policy.models_by_name))
    location = location_of(state, opened_policy.name, path)
    now = time.time()
    try:
        models, lifted = asyncio.run(_read(opened_policy, location, lift, now))
    except StoreError as error:
        fail(str(error))
    if lift is not None and not json:
        inform(
            _lift_result(lift, lifted=lifted, observed=opened_policy.fallback.degraded is not None)
        )
    if json:
        show_json(view.as_json(models, opened_policy.timezone, lift if lifted else None))
    else:
        show(view.as_lines(models, opened_policy.timezone, now))


def _lift_result(model: str, *, lifted: bool, observed: bool) -> str:
    """What was done, as text. Only the processes that call a model know whether it is degraded."""
    done = "lifted" if lifted else "nothing to lift"
    if observed:
        done += " in the store; every process that shares it observes the model afresh"
    return f"{printable(model)}: {done}"


async def _read(
    policy: "Policy", location: StoreLocation, lift: str | None, now: float
) -> "tuple[tuple[ModelHealth, ...], bool]":
    from policy_router.execution.health.cooldown import Cooldowns  # noqa: PLC0415  not needed for --help
    from policy_router.execution.health.health_report import health_of  # noqa: PLC0415
    from policy_router.execution.health.shared_health import SharedHealth  # noqa: PLC0415

    changes = lift is not None and not location.missing
    async with opened(location, create=changes) as store:
        shared = SharedHealth(store, lambda: now)
        await shared.exchange()
        cooldowns = Cooldowns(lambda: now, shared=shared)
        degraded = policy.fallback.degraded
        lifted = lift is not None and cooldowns.lift(policy.model(lift), degraded)
        if shared.board.has_unshared:
            await shared.exchange()
        known = shared.board.known()
        return tuple(health_of(model, known, now) for model in policy.models), lifted
