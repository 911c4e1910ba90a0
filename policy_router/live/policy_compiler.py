"""Compiles the files that a router follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.acceptance.user_code import Functions, not_allowed
from policy_router.check.report import inspect
from policy_router.live.compilation import Compiled
from policy_router.resilience.cancellation import Poll, never

if TYPE_CHECKING:
    from policy_router.language.files import FileSet


def compile_policy(
    files: FileSet, cancelled: Poll = never, functions: Functions | None = None
) -> Compiled:
    """Compile policy files, with the functions that the policy may call.

    Args:
        files: The content of the files.
        cancelled: Polled between steps; once it returns true, Cancelled is raised.
        functions: The functions that the policy may call. Default: none.

    Returns:
        The policy, unless the files have an error or call a function that is not allowed.
    """
    report = inspect(files.files, cancelled=cancelled)
    refused = () if report.policy is None else not_allowed(report.policy, functions or Functions())
    policy = None if refused else report.policy
    return Compiled(policy, (*report.diagnostics, *refused), report.sources, report.proofs)
