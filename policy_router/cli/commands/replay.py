"""The `replay` command: logged decisions, decided again."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.base_errors import UsageError
from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.options.policy import Where, choose, open_policy
from policy_router.cli.output import cause, fail, inform, progress, show, show_json

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.replay.log import LogLine
    from policy_router.replay.summary import ReplaySummary

_STEP = 1000


def replay(
    *,
    logs: Annotated[
        list[str], typer.Argument(metavar="LOG|-", help="Decision logs, or - for standard input.")
    ],
    policy: Where = None,
    old: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The policy that decided originally, for its prices. [the one of --policy]",
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=1000, help="The number of changed decisions to show."),
    ] = 20,
    fail_on_change: Annotated[
        bool, typer.Option("--fail-on-change", help="Exit with code 1 if any decision changes.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Decide logged requests again, with this or another policy.

    Uses the runtime state recorded in the log. With the policy that made them, the decisions must
    be the same. With another policy, it shows what would change: the requests affected, the
    estimated cost, and the quality where it is known. Rotated log files are read as well. No model
    is called.

    \b
    policy-router replay decisions.jsonl
    policy-router replay decisions.jsonl --policy new/ --old policies/ --json

    Exit code 0: every decision of this policy was reproduced, 1: one was not, or one changed with
    --fail-on-change, 2: there is no decision to replay.
    """
    from policy_router.replay.summary import ReplaySummary  # noqa: PLC0415  not needed for --help
    from policy_router.views import replay as view  # noqa: PLC0415  as above

    new = open_policy(choose(policy))
    before = new if old is None else open_policy(old)
    summary = ReplaySummary(limit)
    with progress("replaying ...") as step:
        _replay(_lines(logs), new, before, summary, step)
    if not summary.decisions:
        inform(*summary.unread)
        fail("there is no decision to replay")
    if json:
        show_json(view.as_json(summary, new))
    else:
        show(view.as_lines(summary, new))
    if summary.broken or (fail_on_change and summary.changed):
        raise typer.Exit(ExitCode.FINDINGS)


def _replay(
    lines: "Iterator[LogLine]",
    policy: "Policy",
    old: "Policy",
    summary: "ReplaySummary",
    step: Callable[[], None],
) -> None:
    from policy_router.replay.decide_again import decide_again, logged_decision  # noqa: PLC0415  as above

    for number, line in enumerate(lines):
        if number % _STEP == 0:
            step()
        try:
            logged = logged_decision(line)
        except UsageError as error:
            summary.add_unread(line.place, str(error))
            continue
        summary.add(decide_again(policy, logged), policy, old)


def _lines(logs: list[str]) -> "Iterator[LogLine]":
    """The lines of all logs; ends the command when one cannot be read."""
    from policy_router.replay.log import files_of, lines_of, read_log  # noqa: PLC0415  as above

    for log in logs:
        if log == "-":
            yield from lines_of("standard input", sys.stdin.buffer)
            continue
        try:
            yield from read_log(files_of(Path(log)))
        except (OSError, EOFError) as problem:
            fail(f"cannot read {log}: {cause(problem)}")
