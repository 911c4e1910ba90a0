"""Which policy a command is about, and that policy, or the end of the command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.output import inform
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from policy_router.acceptance.user_code import Functions
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Diagnostic

Where: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--policy", "-p", metavar="PATH", help="A policy file, or a folder of them. [policies/]"
    ),
]
"""The option of every command that is about a policy."""
VARIABLE: Final = "POLICY_ROUTER_POLICY"
DEFAULT: Final = Path("policies")


def choose(given: Path | None) -> Path:
    """The path given, else the environment's, else `policies/`; one not given is said."""
    if given is not None:
        return given
    named = os.environ.get(VARIABLE)
    path = Path(named) if named else DEFAULT
    inform(printable(f"policy: {path} (from ${VARIABLE})" if named else f"policy: {path}"))
    return path


def open_policy(
    path: Path, functions: Functions | None = None, *, broken: ExitCode = ExitCode.FINDINGS
) -> Policy:
    """The policy at a path. One that cannot be used is drawn on stderr and ends the command: with
    `broken` for mistakes in it, with 2 when there is nothing to read. functions: the ones that the
    policy may call; without them nothing of it is called."""
    from policy_router.check.report import inspect_path  # noqa: PLC0415  pydantic is dear to import
    from policy_router.diagnostics import Severity  # noqa: PLC0415
    from policy_router.views.findings import as_lines  # noqa: PLC0415

    report = inspect_path(path)
    refused: tuple[Diagnostic, ...] = ()
    if report.policy is not None and functions is not None:
        from policy_router.acceptance.user_code import not_allowed  # noqa: PLC0415  as above

        refused = not_allowed(report.policy, functions)
    if report.policy is not None and not refused:
        return report.policy
    for diagnostic in (*report.diagnostics, *refused):
        if diagnostic.severity is Severity.ERROR:
            inform(*as_lines(diagnostic, report.sources))
    raise typer.Exit(broken if report.sources else ExitCode.USAGE)
