"""The `explain` command: every rule, every model and every reason behind a decision."""

import asyncio
from typing import Annotated

import typer

from policy_router.cli.counters import counted
from policy_router.cli.deciding import decided, exit_unless_allowed
from policy_router.cli.output import show, show_json
from policy_router.cli.policy import choose, open_policy
from policy_router.cli.request import RequestArguments, prepare_request, takes_request
from policy_router.cli.store_option import location_of
from policy_router.diagnostics import printable
from policy_router.suggest import help_line


@takes_request
def explain(
    arguments: RequestArguments,
    *,
    why_not: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Explain this model only.")
    ] = None,
) -> None:
    """Explain the routing decision for a request.

    Shows every rule with the value of each part of its condition, and every model with its reason.

    \b
    policy-router explain "Refactor this function" --task code
    policy-router explain --tag private --why-not sonnet

    Exit code 0: a model may answer, 4: the policy allows none, 2: the request is invalid.
    """
    from policy_router import explanation  # noqa: PLC0415  simpleeval is only needed here
    from policy_router.views import explanation as view  # noqa: PLC0415

    path = choose(arguments.policy)
    policy = open_policy(path)
    if why_not is not None and why_not not in policy.models_by_name:
        hint = help_line(why_not, policy.models_by_name)
        message = printable(f"no model is called `{why_not}`: {hint}")
        raise typer.BadParameter(message, param_hint="--why-not")
    prepared = prepare_request(policy, arguments)
    prepared = asyncio.run(
        counted(policy, prepared, location_of(arguments.state, policy.name, path))
    )
    decision = decided(policy, prepared)
    explained = explanation.explain(
        policy,
        decision,
        prepared.snapshot,
        prepared.classification,
        scored=prepared.is_estimated,
        characters=prepared.characters,
    )
    if arguments.json:
        show_json(view.as_json(explained, str(path), why_not))
    elif why_not is not None:
        show(view.why_not(explained, why_not))
    else:
        show(view.as_lines(explained, str(path)))
    exit_unless_allowed(decision)
