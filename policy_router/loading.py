"""Loads a policy from files or from a string."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, overload

from policy_router.base_errors import UsageError
from policy_router.check.report import inspect, inspect_path
from policy_router.errors import PolicyError
from policy_router.language.files import PolicyFile

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy

TEXT_NAME: Final = "<text>"
"""The file name in diagnostics of a policy given as text."""


@overload
def load(path: Path | str) -> Policy: ...
@overload
def load(*, text: str) -> Policy: ...
def load(path: Path | str | None = None, *, text: str | None = None) -> Policy:
    """Load a policy.

    Args:
        path: A policy file, or a folder of files that together form one policy.
        text: The policy itself, as YAML, in place of `path`.

    Returns:
        The compiled policy. It never changes and holds no open file.

    Raises:
        PolicyError: The policy has an error. Its `diagnostics` list every finding with its
            location; warnings and notes alone do not raise.
        UsageError: Both `path` and `text` are given, or neither.
    """
    if (path is None) == (text is None):
        raise UsageError("load() takes either a path or `text=`")
    if text is not None:
        report = inspect([PolicyFile(TEXT_NAME, text.encode("utf-8", "surrogatepass"))])
    else:
        report = inspect_path(Path(path or ""))
    if report.policy is None:
        raise PolicyError(report.diagnostics, report.sources)
    return report.policy
