"""A decision for a command, or the end of the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.output import fail, show_json
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from policy_router.cli.options.request import PreparedRequest
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision


def decided(policy: Policy, prepared: PreparedRequest, *, json: bool = False) -> Decision:
    """Decide a request; end the command when the request is invalid.

    Args:
        policy: The policy that decides.
        prepared: The request with its snapshot.
        json: Whether an invalid request is shown on standard output as well, as JSON.
    """
    from policy_router.decision.decide import decide  # noqa: PLC0415  not needed for --help

    decision = decide(policy, prepared.request, prepared.snapshot)
    if decision.invalid:
        if json:
            from policy_router.views.decision import as_json  # noqa: PLC0415  rarely needed

            show_json(as_json(decision, policy.timezone))
        fail(printable(str(decision.denied)))
    return decision


def exit_unless_allowed(decision: Decision) -> None:
    """End the command with its exit code when no model may answer."""
    if not decision.candidates:
        raise typer.Exit(ExitCode.DENIED)
