"""Removes rules that are proved to change no decision: `check --fix`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.base_errors import UsageError
from policy_router.cli.output import inform
from policy_router.cli.policy_files import read_sources, write_sources
from policy_router.diagnostics import headline, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from policy_router.diagnostics import Span
    from policy_router.language.files import PolicyFile
    from policy_router.language.write.editable import EditablePolicy

_RULE: Final = "rule-without-effect"
"""The finding that is backed by a proof. A rule whose condition no request can meet is left to
people: it was meant to do something."""


def remove_idle_rules(path: Path) -> None:
    """Remove rules from the files of a policy, one after another.

    The policy is checked again after each removal: of two rules that do the same thing, each is
    idle only as long as the other one is there.

    Args:
        path: The policy. Nothing is written if none of its rules is idle.
    """
    from policy_router.language.files import read_tests, tests_beside  # noqa: PLC0415  not for --help
    from policy_router.language.write.editable import EditablePolicy  # noqa: PLC0415  as above

    before = read_sources(path)
    try:
        policy = EditablePolicy(before)
    except UsageError as problem:
        inform(printable(f"nothing was fixed: {problem}"))
        return
    tests, _ = read_tests(tests_beside(path))
    left: set[str] = set()
    while idle := _first(policy, left):
        place, message = idle
        try:
            policy = _without(policy, place, tests)
        except UsageError as problem:
            left.add(message)
            inform(printable(f"{place} was not fixed: {problem}"))
        else:
            inform(printable(f"removed: {message}"))
    if policy.after != before:
        write_sources(path, before, policy.after)


def _without(policy: EditablePolicy, place: Span, tests: Sequence[PolicyFile]) -> EditablePolicy:
    """The policy without a rule.

    Args:
        policy: The policy.
        place: Where the rule is written.
        tests: Files with tests next to the policy, which may name the rule.

    Raises:
        UsageError: The rule cannot be removed, or something else names it, such as a test.
    """
    from policy_router.language.files import PolicyFile  # noqa: PLC0415  not for --help
    from policy_router.language.load import compile_files  # noqa: PLC0415  as above

    shorter = type(policy)(policy.after)
    shorter.remove_rule(place)
    files = [PolicyFile(name, text.encode()) for name, text in shorter.after.items()]
    loaded = compile_files([*files, *tests])
    if loaded.policy is None:
        raise UsageError(f"without the rule, {headline(loaded.diagnostics)}")
    return shorter


def _first(policy: EditablePolicy, left: set[str]) -> tuple[Span, str] | None:
    """Where the first idle rule is that is not left alone, and why it is idle."""
    from policy_router.check.report import inspect  # noqa: PLC0415  pydantic takes long to import
    from policy_router.language.files import PolicyFile  # noqa: PLC0415  as above

    report = inspect([PolicyFile(name, text.encode()) for name, text in policy.after.items()])
    if report.policy is None:
        return None
    for each in report.diagnostics:
        if each.rule == _RULE and each.span is not None and each.message not in left:
            return each.span, each.message
    return None
