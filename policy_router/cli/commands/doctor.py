"""The `doctor` command: whether the policy, its models and the state store can be used."""

import asyncio
import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.options.policy import Where, choose
from policy_router.cli.options.store import State, location_of, named_location
from policy_router.cli.output import fail, progress, show, show_json
from policy_router.diagnostics import Severity
from policy_router.views import diagnoses as view

if TYPE_CHECKING:
    from policy_router.check.report import Report
    from policy_router.discovery.live import LiveExamination


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
        typer.Option("--fix", help="Set the ledger's time to this machine's clock, if it differs."),
    ] = False,
    live: Annotated[
        bool,
        typer.Option("--live", help="Ask the models' servers for their lists of models."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the policy, the state store and the environment.

    \b
    policy-router doctor
    policy-router doctor --live
    policy-router doctor --state redis://localhost:6379
    policy-router doctor --fix
    policy-router doctor --accept-loss

    Checks whether API keys are set, without reading them, and connects to model servers on this
    machine and its network. Changes nothing without --fix or --accept-loss.

    With --live, it sends the keys to their providers and asks each for its list of models, to check
    whether the key is accepted and the policy's models exist. No model is called, and nothing is
    charged. All servers are asked concurrently, each with a timeout of 10 seconds.

    If the store has lost data (it was emptied, or replaced by an older copy), all processes that
    use it keep capped budgets closed until --accept-loss. Compare the spending with your providers'
    bills first.

    Exit code 0: no problems, 1: problems were found, 2: the address of the store is invalid.
    """
    from policy_router.check.report import inspect_path  # noqa: PLC0415  pydantic takes long to import
    from policy_router.reports.health import examine  # noqa: PLC0415  not needed for --help

    path = choose(policy)
    report = inspect_path(path)
    location = named_location(state)
    if location is None and report.policy is not None:
        location = location_of(None, report.policy.name, path)
    try:
        servers = _servers(report) if live else None
        text, number = "asking the servers of the models", None if servers is None else len(servers)
        with progress(text, number) if number else nullcontext(lambda: None) as advance:
            examination = examine(
                report, path, location, os.environ,
                fix=fix, accept_loss=accept_loss, live=servers, on_answer=advance,
            )  # fmt: skip
            diagnoses = asyncio.run(examination)
    except UsageError as error:
        fail(str(error))
    if json:
        show_json(view.as_json(None if location is None else str(location), diagnoses))
    else:
        show(view.as_lines(diagnoses))
    if any(diagnosis.level is not Severity.NOTE for diagnosis in diagnoses):
        raise typer.Exit(ExitCode.FINDINGS)


def _servers(report: "Report") -> "LiveExamination":
    """Return what to ask the servers of the models."""
    from policy_router.discovery.live import LiveExamination  # noqa: PLC0415  not needed for --help

    return LiveExamination(() if report.policy is None else report.policy.models, os.environ)
