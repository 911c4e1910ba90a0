"""The `feedback` command: how good an answer was."""

import asyncio
from typing import Annotated

import typer

from policy_router.base_errors import PolicyRouterError
from policy_router.cli.options.journal import JournalOption, journal_of, named_journal
from policy_router.cli.options.policy import Where
from policy_router.cli.options.store import State, find_place
from policy_router.cli.output import fail, inform
from policy_router.diagnostics import printable


def feedback(
    decision: Annotated[str, typer.Argument(metavar="ID", help="The id of the decision.")],
    score: Annotated[
        float, typer.Argument(metavar="SCORE", help="From 0 (useless) to 1 (perfect).")
    ],
    *,
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="WORD", help="The reason, such as wrong_language."),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="The source: who or what judged the answer.")
    ] = "user",
    journal: JournalOption = None,
    policy: Where = None,
    state: State = None,
) -> None:
    """Record how good the answer to a request was.

    \b
    policy-router feedback 0661823b50a9e44498d91460633184f3 0.2 --label wrong_language
    policy-router feedback ID 1 --by reviewers --journal sqlite:////var/lib/router.journal.db

    The answer carries the id of its decision: in Python as `decision_id`, over HTTP in the header
    `x-policy-router-decision`. The latest score of each source counts.

    Exit code 2: the journal has no such decision, or cannot be reached.
    """
    from policy_router.domain.feedback import Feedback  # noqa: PLC0415  not needed for --help
    from policy_router.journal.journal import Journal  # noqa: PLC0415  as above

    address = named_journal(journal) or journal_of(journal, find_place(state, policy))
    if address is None:
        fail("there is no journal: give one with --journal")
    if address.file is not None and not address.file.exists():
        fail(
            printable(
                f"there is no journal at {address}: run `serve`, or give another one with --journal"
            )
        )
    try:
        with Journal(address) as keeper:
            asyncio.run(keeper.feedback(Feedback(decision, score, by, label)))
    except PolicyRouterError as error:
        fail(str(error))
    inform(printable(f"recorded: {score:g} for {decision} by {by}"))
