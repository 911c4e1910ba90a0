"""The `evaluate` command: what another policy would have earned, from the journal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.base_errors import PolicyRouterError
from policy_router.cli.options.journal import JournalOption, journal_of, named_journal
from policy_router.cli.options.policy import Where, open_policy
from policy_router.cli.options.since import Since, beginning
from policy_router.cli.options.store import State, find_place
from policy_router.cli.output import fail, show, show_json
from policy_router.diagnostics import printable
from policy_router.views import evaluation as view

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.experience.other_policy import PolicyComparison
    from policy_router.journal.address import JournalAddress


def evaluate(
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The other policy: a file or folder.")],
    *,
    since: Since = "30d",
    journal: JournalOption = None,
    policy: Where = None,
    state: State = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Estimate how well another policy would have done.

    \b
    policy-router evaluate new/policies --since 30d
    policy-router evaluate policy.yaml --journal sqlite:////var/lib/router.journal.db --json

    The estimate comes from the journal. The reward of a request is the feedback on its answer, else
    whether the answer was accepted. Only calls that experiments chose at random can stand in for
    calls that were not made, so without experiments most of the result is unknown. The journal has
    only those tags and attributes of requests whose values the policy declares: conditions on
    others are false here. Exit code 2: the journal cannot be read.
    """
    from policy_router.experience.off_policy import estimate  # noqa: PLC0415  not needed for --help

    began = beginning(since)
    other = open_policy(new)
    address = named_journal(journal) or journal_of(journal, find_place(state, policy))
    if address is None:
        fail("there is no journal: give one with --journal")
    try:
        compared = _read(address, other, began)
    except PolicyRouterError as error:
        fail(printable(str(error)))
    estimated = estimate(compared.choices) if compared.choices else None
    if json:
        show_json(view.as_json(estimated, compared.left_out))
    else:
        show(view.as_lines(estimated, compared.left_out))


def _read(address: "JournalAddress", other: "Policy", since: float) -> "PolicyComparison":
    from policy_router.experience.other_policy import compare_policies  # noqa: PLC0415  not needed for --help
    from policy_router.journal.query import OutcomeFilter  # noqa: PLC0415
    from policy_router.journal.reader import JournalReader  # noqa: PLC0415

    with JournalReader(address) as reader:
        return compare_policies(reader.outcomes(OutcomeFilter(since=since)), other)
