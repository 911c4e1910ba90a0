"""The `diff` command: the effect of a policy change, over all possible requests."""

import json as json_text
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.base_errors import PolicyRouterError, UsageError
from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.git_revision import files_of, is_revision
from policy_router.cli.jsonl import read_lines
from policy_router.cli.live_policy import LOCAL, is_address, live_policy
from policy_router.cli.options.journal import named_journal
from policy_router.cli.options.policy import DEFAULT
from policy_router.cli.options.since import Since, beginning
from policy_router.cli.options.values import choice
from policy_router.cli.output import fail, inform, show, show_json, write
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.assurance.compare import PolicyDiff
    from policy_router.check.report import Report
    from policy_router.decision.policy import Policy
    from policy_router.domain.request import Request
    from policy_router.domain.snapshot import Snapshot


class DiffFormat(StrEnum):
    """A format of a comparison."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


class FailOn(StrEnum):
    """What ends the command with exit code 1."""

    WIDENS = "widens"
    COSTS_MORE = "costs-more"
    ANY = "any"


def diff(
    *,
    old: Annotated[
        str | None,
        typer.Argument(
            metavar="OLD",
            help="The old policy: a path, a git REVISION:PATH, or the URL of a running "
            "server. [HEAD:policies]",
        ),
    ] = None,
    new: Annotated[
        str | None, typer.Argument(metavar="NEW", help="The new policy, likewise. [policies]")
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="OLD is the active policy of http://127.0.0.1:4141; give at most NEW.",
        ),
    ] = False,
    key_env: Annotated[
        str | None,
        typer.Option(
            "--key-env",
            metavar="NAME",
            help="The variable with an administrator's key, for a server with keys.",
        ),
    ] = None,
    format_: Annotated[
        DiffFormat,
        typer.Option(
            "--format",
            parser=choice(DiffFormat, "--format"),
            metavar="|".join(DiffFormat),
            help="Format of the output.",
        ),
    ] = DiffFormat.TEXT,
    json: Annotated[bool, typer.Option("--json", help="Same as --format json.")] = False,
    traffic: Annotated[
        str | None,
        typer.Option(
            metavar="LOG|JOURNAL",
            help="Requests to decide again with both: a decision log (a file, or - for standard "
            "input), or a journal of outcomes (sqlite:///PATH, postgresql://HOST/NAME).",
        ),
    ] = None,
    since: Since = "30d",
    fail_on: Annotated[
        list[FailOn] | None,
        typer.Option(
            parser=choice(FailOn, "--fail-on"),
            metavar="|".join(FailOn),
            help="Exit with code 1 if a request reaches more models, if its first model costs "
            "more, or if anything differs, and also if that is undecided; repeatable.",
        ),
    ] = None,
) -> None:
    """Compare two policies over all possible requests.

    Proves that both allow the same models in the same order, or shows the regions of requests for
    which they differ, each with an example that both policies have decided.

    \b
    policy-router diff
    policy-router diff HEAD~1:policies policies --fail-on widens
    policy-router diff --live
    policy-router diff https://gateway.example.com policies --key-env GATEWAY_KEY
    policy-router diff old.yaml new.yaml --format markdown
    policy-router diff --traffic decisions.jsonl
    policy-router diff --traffic sqlite:////var/lib/router.journal.db --since 7d

    A journal has only those tags and attributes of a request whose values the policy declares, and
    no runtime state: budgets and cooldowns matter only with a decision log.

    Exit code 0: compared, 1: a --fail-on condition is met, or a policy has errors, 2: a policy
    cannot be read.
    """
    if live:
        if new is not None:
            fail("--live takes the place of OLD: give at most one policy, NEW")
        old, new = LOCAL, old
    from policy_router.assurance.compare import broken_promises, compare  # noqa: PLC0415  slow to import
    from policy_router.views import diff as view  # noqa: PLC0415  as above

    reports = tuple(_report(p, key_env) for p in (old or f"HEAD:{DEFAULT}", new or str(DEFAULT)))
    before, after = (report.decidable for report in reports)
    if before is None or after is None:
        raise typer.Exit(ExitCode.FINDINGS)
    compared = compare(before, after)
    broken = broken_promises(reports[0].proofs, reports[1].proofs)
    weighed = None
    if traffic is not None:
        from policy_router.reports.replayed_traffic import traffic_change  # noqa: PLC0415  rarely needed

        logged = _in_journal(traffic, since, before) if "://" in traffic else _logged(traffic)
        try:
            weighed = traffic_change(compared, logged)
        except PolicyRouterError as problem:
            fail(printable(str(problem)))
    match DiffFormat.JSON if json else format_:
        case DiffFormat.JSON:
            show_json(view.as_json(compared, broken, weighed))
        case DiffFormat.MARKDOWN:
            write(view.as_markdown(compared, broken, weighed), sys.stdout)
        case DiffFormat.TEXT:
            show(view.as_lines(compared, broken, weighed))
    if any(_fails(compared, kind) for kind in fail_on or ()) or (fail_on and broken):
        raise typer.Exit(ExitCode.FINDINGS)


def _fails(compared: "PolicyDiff", kind: FailOn) -> bool:
    match kind:
        case FailOn.WIDENS:
            return compared.may_widen
        case FailOn.COSTS_MORE:
            return compared.may_cost_more
        case FailOn.ANY:
            return not compared.equal


def _report(place: str, key_env: str | None) -> "Report":
    """Check a policy; end the command, with its errors, when it cannot be compared."""
    from policy_router.check.report import inspect, inspect_path  # noqa: PLC0415  pydantic is slow
    from policy_router.diagnostics import Severity  # noqa: PLC0415
    from policy_router.views.findings import as_lines  # noqa: PLC0415

    revision = None
    if is_address(place):
        served = live_policy(place, key_env)
        revision, report = served.revision, inspect(served.files)
    elif is_revision(place) and not Path(place).exists():
        report = inspect(files_of(place))
    else:
        report = inspect_path(Path(place))
    if report.decidable is None:
        for diagnostic in report.diagnostics:
            if diagnostic.severity is Severity.ERROR:
                inform(*as_lines(diagnostic, report.sources))
        raise typer.Exit(ExitCode.FINDINGS if report.sources else ExitCode.USAGE)
    if revision not in (None, report.decidable.revision):
        inform(
            "warning: the server compiled these files to another policy: it runs another version "
            "of policy-router, or has other prices; what they compile to here is compared"
        )
    return report


def _logged(file: str) -> "Iterator[tuple[Request, Snapshot]]":
    """The requests of a log of decisions; ends the command at a line that is none."""
    from policy_router.observe.records import read_record  # noqa: PLC0415  rarely needed

    for number, line in read_lines(file):
        try:
            yield read_record(json_text.loads(line))
        except (ValueError, UsageError, AttributeError) as problem:
            fail(f"line {number} of `{printable(file)}` is no record of a decision: {problem}")


def _in_journal(url: str, since: str, policy: "Policy") -> "Iterator[tuple[Request, Snapshot]]":
    """The requests that a journal has outcomes of, as far as they are known."""
    from policy_router.domain.outcome import Role  # noqa: PLC0415  rarely needed
    from policy_router.domain.snapshot import Snapshot  # noqa: PLC0415
    from policy_router.experience.other_policy import request_of  # noqa: PLC0415
    from policy_router.journal.query import OutcomeFilter  # noqa: PLC0415
    from policy_router.journal.reader import JournalReader  # noqa: PLC0415

    address, began = named_journal(url), beginning(since)
    if address is None:
        return
    with JournalReader(address) as reader:
        for outcome in reader.outcomes(OutcomeFilter(since=began)):
            if outcome.role is Role.FIRST:
                yield request_of(outcome, policy), Snapshot(now=outcome.at)
