"""The `models` command: the models of a policy, with what is declared and what was measured."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.cli.output import fail, show, show_json
from policy_router.cli.policy import Where, choose, open_policy
from policy_router.cli.store_option import State, StoreLocation, location_of, opened
from policy_router.errors import StoreError
from policy_router.quoting import unknown
from policy_router.views import models as view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.decision.policy import Policy
    from policy_router.experience.performance import Performance


def models(
    *,
    policy: Where = None,
    state: State = None,
    measured: Annotated[
        bool, typer.Option("--measured", help="Show what was measured of each, too.")
    ] = False,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="Only what was measured at this task."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models of a policy.

    \b
    policy-router models
    policy-router models --measured --task extract

    With `--measured`, each has the calls that were counted, and what they say: how many succeed and
    the mean quality, each with its 95 % interval, the median time of an answer, its mean length and
    its mean cost. Outcomes are counted while the policy's `learning` is on, and kept for 92 days.
    Exit code 2: the state store cannot be used.
    """
    path = choose(policy)
    opened_policy = open_policy(path)
    if task is not None and opened_policy.task(task) is None:
        fail(unknown("task", task, [each.name for each in opened_policy.tasks]))
    performances: Mapping[str, Performance] = {}
    if measured or task is not None:
        location = location_of(state, opened_policy.name, path)
        try:
            performances = asyncio.run(_measured(opened_policy, location, task))
        except StoreError as error:
            fail(str(error))
    if json:
        show_json(view.as_json(opened_policy, performances))
    else:
        show(view.as_lines(opened_policy, performances))


async def _measured(
    policy: "Policy", location: StoreLocation, task: str | None
) -> "Mapping[str, Performance]":
    from policy_router.experience.keeper import ExperienceKeeper  # noqa: PLC0415  not for --help
    from policy_router.experience.performance import performance_of  # noqa: PLC0415  as above
    from policy_router.experience.recorder import OutcomeRecorder  # noqa: PLC0415  as above

    async with opened(location) as store:
        recorder = OutcomeRecorder(lambda: policy)
        keeper = ExperienceKeeper(store, recorder, lambda: policy, clock=time.time)
        await keeper.exchange()
    counted, sources = keeper.counted(), policy.learning.quality
    return {m.name: performance_of(counted, m.name, task, sources) for m in policy.models}
