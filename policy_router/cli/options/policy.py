"""The policy that a command works with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn, TypeAlias

import typer

from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.output import inform
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.acceptance.user_code import Functions
    from policy_router.assurance.promises import Proof
    from policy_router.check.report import Report
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Diagnostic

Where: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--policy", "-p", metavar="PATH", help="A policy file, or a folder of them. [policies/]"
    ),
]
"""The option of every command that reads a policy."""
VARIABLE: Final = "POLICY_ROUTER_POLICY"
DEFAULT: Final = Path("policies")
STDIN: Final = Path("-")
"""The path that stands for standard input."""


def choose(given: Path | None) -> Path:
    """Return the path of the policy: the option, else the environment variable, else `policies/`.

    A path that was not given as an option is reported on standard error.
    """
    if given is not None:
        return given
    named = os.environ.get(VARIABLE)
    path = Path(named) if named else DEFAULT
    inform(printable(f"policy: {path} (from ${VARIABLE})" if named else f"policy: {path}"))
    return path


def compiled_policy(path: Path) -> Policy:
    """Return the policy at a path also where it breaks its own promises; end the command, with its
    errors, when it has others."""
    return proved_policy(path)[0]


def proved_policy(path: Path) -> tuple[Policy, tuple[Proof, ...]]:
    """Return the same policy, with what is known about its promises."""
    report = _report(path)
    policy = report.decidable
    if policy is None:
        _end(report, report.diagnostics, ExitCode.FINDINGS)
    return policy, report.proofs


def _report(path: Path) -> Report:
    from policy_router.check.report import inspect_path  # noqa: PLC0415  pydantic takes long to import

    return inspect_path(path)


def _end(report: Report, found: Iterable[Diagnostic], broken: ExitCode) -> NoReturn:
    """End the command with the errors among some findings."""
    from policy_router.diagnostics import Severity  # noqa: PLC0415  as above
    from policy_router.views.findings import as_lines  # noqa: PLC0415  as above

    for diagnostic in found:
        if diagnostic.severity is Severity.ERROR:
            inform(*as_lines(diagnostic, report.sources))
    raise typer.Exit(broken if report.sources else ExitCode.USAGE)


def open_policy(
    path: Path, functions: Functions | None = None, *, broken: ExitCode = ExitCode.FINDINGS
) -> Policy:
    """Return the policy at a path; end the command, with its errors, when it cannot be used.

    Args:
        path: The policy file, or a folder of them.
        functions: The functions that the policy may call. Without them, functions that it names
            are not checked and must not be called.
        broken: Exit code for a policy with errors.
    """
    report = _report(path)
    refused: tuple[Diagnostic, ...] = ()
    if report.policy is not None and functions is not None:
        from policy_router.acceptance.user_code import not_allowed  # noqa: PLC0415  as above

        refused = not_allowed(report.policy, functions)
    if report.policy is None or refused:
        _end(report, (*report.diagnostics, *refused), broken)
    return report.policy
