"""Policy files to a verdict: what the language finds, what lint finds, and the policy if sound.

Loading and reloading a policy run this same code, so a policy that passes `check` also loads.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from policy_router.check.concealed import conceal, conceal_sources
from policy_router.check.registry import LINT, TEXT_RULES
from policy_router.check.shortened import shorten, told
from policy_router.check.subject import Subject
from policy_router.check.suppressions import suppress, suppress_about_files
from policy_router.diagnostics import Diagnostic, Severity
from policy_router.language.files import read_files, readable_files
from policy_router.language.load import compile_files, in_order
from policy_router.resilience.cancellation import Poll, checkpoint, never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from policy_router.catalog.table import Catalog
    from policy_router.decision.policy import Policy
    from policy_router.language.files import PolicyFile


def _everything(_: Diagnostic) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in policy files. policy: None when one of the findings is an error.
    sources: file name -> text, for drawing: credentials are starred out.

    diagnostics: at most MOST_SHOWN and a note that counts the others, errors before what is less.
    omitted: how many of each kind are left out.
    """

    policy: Policy | None
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str] = field(default_factory=dict)
    omitted: Mapping[Severity, int] = field(default_factory=dict)

    @property
    def findings(self) -> tuple[Diagnostic, ...]:
        """Errors and warnings; notes are none."""
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
    """The verdict on files already read. today: UTC's, unless given. table: LiteLLM's own table of
    models, unless given. wanted: of warnings and notes, which to report.

    cancelled: polled between all steps, of which the longest take half a second; once it returns
    true, Cancelled is raised.
    complete: these are all files; else there are others that cannot be read, and no policy.
    """
    loaded = compile_files(files, table, cancelled, complete=complete)
    found = list(loaded.diagnostics)
    for look in TEXT_RULES.values():
        checkpoint(cancelled)
        found.extend(look(loaded.sources))
    if loaded.policy is not None and loaded.draft is not None:
        day = today or datetime.now(UTC).date()
        subject = Subject(loaded.draft, loaded.policy, loaded.sources, day, cancelled)
        for check in LINT.values():
            checkpoint(cancelled)
            subject.regions.cover.renew()
            found.extend(check(subject))
        found.extend(subject.questions.told())
    unasked = LINT if loaded.policy is None else ()
    every = in_order(suppress(found, loaded.sources, unasked))
    broken = any(d.severity is Severity.ERROR for d in every)
    kept, omitted = shorten([d for d in every if d.severity is Severity.ERROR or wanted(d)])
    shown = in_order(conceal(kept, loaded.sources))
    texts = conceal_sources(loaded.sources)
    return Report(None if broken else loaded.policy, (*shown, *told(omitted)), texts, omitted)


def inspect_path(
    path: Path,
    *,
    today: date | None = None,
    wanted: Callable[[Diagnostic], bool] = _everything,
    verify: bool = True,
) -> Report:
    """The verdict on a policy file, or on the folder of files that make one policy. wanted: as for
    `inspect`. verify: where the folder has a manifest, its files must match it."""
    files, problems = read_files(path, verify=verify)
    if files is None:
        # What is wrong with one file does not hide what is wrong with the others.
        readable, complete = readable_files(path)
        report = inspect(readable, today=today, wanted=wanted, complete=complete)
    else:
        report = inspect(files.files, today=today, wanted=wanted)
    kept = suppress_about_files(problems, report.sources)
    about_files = tuple(d for d in kept if d.severity is Severity.ERROR or wanted(d))
    policy = None if files is None else report.policy
    return replace(report, policy=policy, diagnostics=(*about_files, *report.diagnostics))
