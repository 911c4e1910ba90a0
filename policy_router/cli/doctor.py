"""The `doctor` command: whether the policy, its models and the state store can be used."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.output import fail, show, show_json
from policy_router.cli.policy import Where, choose
from policy_router.cli.store_option import (
    VARIABLE,
    State,
    StoreLocation,
    location_of,
    named_location,
    opened,
)
from policy_router.diagnostics import Severity
from policy_router.discovery.availability import missing_keys, silent_servers
from policy_router.errors import StoreError
from policy_router.views import diagnoses as view
from policy_router.views.lines import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.check.report import Report
    from policy_router.domain.models import Model
    from policy_router.ledger.diagnosis import Diagnosis


def doctor(
    *,
    policy: Where = None,
    state: State = None,
    accept_loss: Annotated[
        bool,
        typer.Option(
            "--accept-loss",
            help="Continue with the remaining data after a loss, and open budgets again.",
        ),
    ] = False,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Set the time of the ledger file to this machine's clock, if it differs."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the policy, the state store and the environment.

    \b
    policy-router doctor
    policy-router doctor --state redis://localhost:6379
    policy-router doctor --fix
    policy-router doctor --accept-loss

    Checks whether API keys are set, without reading them, and connects to model servers on this
    machine and its network. Changes nothing without --fix or --accept-loss.

    When the store lost data (it was emptied, or replaced by an older copy), all processes that use
    it keep budgets closed until --accept-loss. Compare the spending with your providers' bills
    first.

    Exit code 0: no problems, 1: problems were found, 2: the address of the store is invalid.
    """
    from policy_router.check.report import inspect_path  # noqa: PLC0415  pydantic takes long to import

    path = choose(policy)
    report = inspect_path(path)
    location = named_location(state)
    if location is None and report.policy is not None:
        location = location_of(None, report.policy.name, path)
    models = () if report.policy is None else report.policy.models
    diagnoses = [
        _of_policy(report, path),
        *missing_keys(models, os.environ),
        *asyncio.run(_of_the_rest(models, location, fix=fix, accepts=accept_loss)),
    ]
    if json:
        show_json(view.as_json(None if location is None else str(location), diagnoses))
    else:
        show(view.as_lines(diagnoses))
    if any(diagnosis.level is not Severity.NOTE for diagnosis in diagnoses):
        raise typer.Exit(ExitCode.FINDINGS)


def _of_policy(report: "Report", path: Path) -> "Diagnosis":
    from policy_router.ledger.diagnosis import Diagnosis  # noqa: PLC0415

    policy = report.policy
    if policy is None:
        errors = [d for d in report.diagnostics if d.severity is Severity.ERROR]
        if not report.sources:
            help_ = "name a policy with --policy, or write one with `policy-router init`"
            return Diagnosis("policy", Severity.ERROR, errors[0].message, help_)
        text = f"{count(len(errors), 'error')} in {path}, the first: {errors[0].message}"
        return Diagnosis("policy", Severity.ERROR, text, f"run `policy-router check {path}`")
    warnings = len(report.findings)
    limits = {(m.section, m.name) for m in policy.limits}
    text = f"{policy.name} @{policy.revision[:7]}: {count(len(policy.models), 'model')}"
    text += f", {count(len(limits), 'limit')} and budgets" if limits else ", no limits or budgets"
    if warnings:
        text += f"; {count(warnings, 'warning')}"
        return Diagnosis("policy", Severity.WARNING, text, f"run `policy-router check {path}`")
    return Diagnosis("policy", Severity.NOTE, text)


async def _of_the_rest(
    models: "Sequence[Model]", location: StoreLocation | None, *, fix: bool, accepts: bool
) -> "list[Diagnosis]":
    from policy_router.ledger.diagnosis import Diagnosis  # noqa: PLC0415

    silent = await silent_servers(models, os.environ)
    if location is None or not fix:
        return [*silent, *await _of_state(location, accepts=accepts)]
    before = await _of_state(location, accepts=accepts)
    if not any(finding.subject == "time" for finding in before):
        text = "the ledger's time agrees with this machine's clock: nothing was changed"
        return [*silent, *before, Diagnosis("fixed", Severity.NOTE, text)]
    return [*silent, *await _set_time(location), *await _of_state(location, accepts=False)]


async def _set_time(location: StoreLocation) -> "list[Diagnosis]":
    """Set the time of the ledger to the clock of this machine."""
    from policy_router.ledger.diagnosis import Diagnosis  # noqa: PLC0415
    from policy_router.ledger.repair import set_time  # noqa: PLC0415
    from policy_router.views.times import iso  # noqa: PLC0415

    try:
        done = await asyncio.to_thread(set_time, location.url)
    except (StoreError, UsageError) as error:
        return [Diagnosis("fixed", Severity.ERROR, str(error))]
    utc = ZoneInfo("UTC")
    text = f"the ledger's time was {iso(done.before, utc)} and is {iso(done.after, utc)} now"
    if done.before > done.after:
        text += "; amounts counted in future periods stay in those periods"
    return [Diagnosis("fixed", Severity.NOTE, text)]


async def _of_state(location: StoreLocation | None, *, accepts: bool) -> "list[Diagnosis]":
    from policy_router.ledger.diagnosis import Diagnosis  # noqa: PLC0415

    if location is None:
        text = "not checked: its address is unknown without a policy"
        return [Diagnosis("state", Severity.NOTE, text, f"name it with --state or ${VARIABLE}")]
    diagnoses = [Diagnosis("state", Severity.NOTE, str(location))]
    try:
        if accepts:
            diagnoses.append(await _accept(location))
        return [*diagnoses, *await _look(location)]
    except StoreError as error:
        return [*diagnoses, Diagnosis("store", Severity.ERROR, str(error))]


async def _accept(location: StoreLocation) -> "Diagnosis":
    """Accept the data loss of a store. Raises StoreError when the store cannot be used."""
    from policy_router.ledger.diagnosis import Diagnosis  # noqa: PLC0415
    from policy_router.ledger.store import Continuous  # noqa: PLC0415

    async with opened(location, create=not location.missing) as store:
        loss = await store.accept_loss() if isinstance(store, Continuous) else None
    if loss is None:
        return Diagnosis("accept-loss", Severity.NOTE, "no data was lost: nothing to accept")
    text = f"accepted: {loss.text}; budgets are open again in all processes"
    return Diagnosis("accept-loss", Severity.NOTE, text)


async def _look(location: StoreLocation) -> "tuple[Diagnosis, ...]":
    """Diagnose a store. Raises StoreError when it cannot be reached."""
    from policy_router.ledger.doctor import diagnose  # noqa: PLC0415

    try:
        return await diagnose(location.url)
    except UsageError as error:
        fail(str(error))
