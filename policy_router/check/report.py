"""Checks policy files: errors of the language, findings of lint, and the policy if it is valid.

Loading and reloading a policy run this same code, so a policy that passes `check` also loads.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from policy_router.check.conceal import conceal, conceal_sources
from policy_router.check.registry import LINT, TEXT_RULES
from policy_router.check.shorten import omitted_note, shorten
from policy_router.check.subject import Subject
from policy_router.check.suppressions import suppress, suppress_about_files
from policy_router.diagnostics import Diagnostic, Severity
from policy_router.language.files import read_files, read_tests, readable_files
from policy_router.language.load import compile_files, in_order
from policy_router.resilience.cancellation import Poll, checkpoint, never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from policy_router.assurance.promises import Proof
    from policy_router.catalog.table import Catalog
    from policy_router.decision.policy import Policy
    from policy_router.language.files import PolicyFile


def _everything(_: Diagnostic) -> bool:
    return True


_ABOUT_DECISIONS: Final = frozenset({"broken-promise", "contradicting-rules", "dead-rule"})


@dataclass(frozen=True, slots=True)
class Report:
    """The result of checking policy files.

    Attributes:
        policy: The policy; None when one of the findings is an error.
        diagnostics: At most `MOST_SHOWN` findings and a note that counts the others.
        sources: File name -> text for display, with credentials masked.
        omitted: How many findings of each severity are left out.
        compiled: The policy, whatever is found in it; None where it cannot be compiled.
        proofs: What is known about its promises.
    """

    policy: Policy | None
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str] = field(default_factory=dict)
    omitted: Mapping[Severity, int] = field(default_factory=dict)
    compiled: Policy | None = None
    proofs: tuple[Proof, ...] = ()

    @property
    def decidable(self) -> Policy | None:
        """The policy also where its only errors are about what it decides: requests can be decided
        by it to see why, and none may be served."""
        errors = {d.rule for d in self.diagnostics if d.severity is Severity.ERROR}
        return self.compiled if errors <= _ABOUT_DECISIONS else self.policy

    @property
    def findings(self) -> tuple[Diagnostic, ...]:
        """Errors and warnings, without notes."""
        return tuple(d for d in self.diagnostics if d.severity is not Severity.NOTE)


def inspect(
    files: Iterable[PolicyFile],
    *,
    today: date | None = None,
    table: Catalog | None = None,
    wanted: Callable[[Diagnostic], bool] = _everything,
    cancelled: Poll = never,
    complete: bool = True,
) -> Report:
    """Check policy files that are already read.

    Args:
        files: The files.
        today: The date that dates in the policy are compared with; default: today in UTC.
        table: The table of models; default: LiteLLM's own.
        wanted: Which warnings and notes to report.
        cancelled: Polled between all steps, the longest of which take half a second.
        complete: Whether these are all files. If not, there is no policy.

    Returns:
        The findings, and the policy when none of them is an error.

    Raises:
        Cancelled: `cancelled` returned True.
    """
    loaded = compile_files(files, table, cancelled, complete=complete)
    findings = list(loaded.diagnostics)
    proofs: tuple[Proof, ...] = ()
    for look in TEXT_RULES.values():
        checkpoint(cancelled)
        findings.extend(look(loaded.sources))
    if loaded.policy is not None and loaded.draft is not None:
        day = today or datetime.now(UTC).date()
        subject = Subject(loaded.draft, loaded.policy, loaded.sources, day, cancelled)
        for check in LINT.values():
            checkpoint(cancelled)
            subject.regions.cover.renew()
            findings.extend(check(subject))
        findings.extend(subject.questions.as_note())
        proofs = subject.proofs
    unasked = LINT if loaded.policy is None else ()
    every = in_order(suppress(findings, loaded.sources, unasked))
    broken = any(d.severity is Severity.ERROR for d in every)
    kept, omitted = shorten([d for d in every if d.severity is Severity.ERROR or wanted(d)])
    shown = in_order(conceal(kept, loaded.sources))
    texts = conceal_sources(loaded.sources)
    return Report(
        None if broken else loaded.policy,
        (*shown, *omitted_note(omitted)),
        texts,
        omitted,
        loaded.policy,
        proofs,
    )


def inspect_path(
    path: Path,
    *,
    today: date | None = None,
    wanted: Callable[[Diagnostic], bool] = _everything,
    verify: bool = True,
    tests: Sequence[Path] = (),
) -> Report:
    """Check a policy file, or the folder of files that make one policy.

    Args:
        path: The file or folder.
        today: As for `inspect`.
        wanted: As for `inspect`.
        verify: Whether the files must match the manifest of the folder, if it has one.
        tests: Files with tests of the policy, which are part of it for this check.

    Returns:
        The findings, and the policy when none of them is an error.
    """
    files, problems = read_files(path, verify=verify)
    more, about_tests = read_tests(tests)
    problems += about_tests
    if files is None:
        # A problem in one file does not hide those in the others.
        readable, complete = readable_files(path)
        every = (*readable, *more)
        report = inspect(every, today=today, wanted=wanted, complete=complete)
    else:
        report = inspect((*files.files, *more), today=today, wanted=wanted)
    kept = suppress_about_files(problems, report.sources)
    about_files = tuple(d for d in kept if d.severity is Severity.ERROR or wanted(d))
    whole = files is not None and all(p.severity is not Severity.ERROR for p in problems)
    return replace(
        report,
        policy=report.policy if whole else None,
        compiled=report.compiled if whole else None,
        diagnostics=(*about_files, *report.diagnostics),
    )
