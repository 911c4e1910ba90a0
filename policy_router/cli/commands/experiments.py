"""The `experiments` command: what the experiments of a policy say so far."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.cli.options.policy import Where, choose, open_policy
from policy_router.cli.options.store import State, StoreLocation, location_of, opened
from policy_router.cli.output import fail, show, show_json
from policy_router.errors import StoreError
from policy_router.quoting import unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.experiments import Experiment
    from policy_router.experience.verdicts import ExperimentReport


def experiments(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show only this experiment.")
    ] = None,
    *,
    policy: Where = None,
    state: State = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the results of experiments so far.

    \b
    policy-router experiments
    policy-router experiments haiku-for-chat --state redis://localhost:6379

    For each arm it shows the requests, the difference from the control with its confidence
    interval, and whether to keep the arm, drop it or continue. The intervals are valid no matter
    how often you look. For a finished experiment it prints a patch that puts the winner into the
    policy; nothing is changed. Exit code 2: the state store cannot be used.
    """
    from policy_router.experience.adoption import adopt  # noqa: PLC0415  not needed for --help
    from policy_router.language.files import read_files  # noqa: PLC0415
    from policy_router.views import experiments as view  # noqa: PLC0415

    path = choose(policy)
    opened_policy = open_policy(path)
    known = {each.name: each for each in opened_policy.experiments}
    if name is not None and name not in known:
        fail(unknown("experiment", name, known))
    wanted = list(known.values()) if name is None else [known[name]]
    location = location_of(state, opened_policy.name, path)
    try:
        reports = asyncio.run(_read(wanted, location))
    except StoreError as error:
        fail(str(error))
    found, _ = read_files(path)
    files = () if found is None else found.files
    sources = {file.name: file.data.decode("utf-8", "replace") for file in files}
    adoptions = {
        report.experiment.name: adopt(
            report.experiment, None if report.winner is None else report.winner.arm, sources
        )
        for report in reports
        if report.over
    }
    if json:
        show_json(view.as_json(reports, adoptions))
    else:
        show(view.as_lines(reports, adoptions))


async def _read(
    experiments_: "Sequence[Experiment]", location: StoreLocation
) -> "list[ExperimentReport]":
    from policy_router.experience.followed import read_experiments  # noqa: PLC0415  not needed for --help

    async with opened(location) as store:
        return await read_experiments(experiments_, store, time.time())
