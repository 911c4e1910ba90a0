"""The `explain` command: every rule, every model and every reason behind a decision."""

import asyncio
from typing import Annotated

import typer

from policy_router.cli.counters import counted
from policy_router.cli.deciding import decided, exit_unless_allowed
from policy_router.cli.options.policy import choose, compiled_policy
from policy_router.cli.options.request import RequestArguments, prepare_request, takes_request
from policy_router.cli.options.store import location_of
from policy_router.cli.output import show, show_json
from policy_router.diagnostics import printable
from policy_router.suggest import help_line


@takes_request
def explain(
    arguments: RequestArguments,
    *,
    why_not: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Explain this model only: why it is excluded, and the smallest change to the "
            "request or the rules that would allow it.",
        ),
    ] = None,
) -> None:
    """Explain the routing decision for a request.

    Shows every rule with the value of each part of its condition, and every model with the reason
    for its place.

    \b
    policy-router explain "Refactor this function" --task code
    policy-router explain --tag private --why-not sonnet

    Exit code 0: a model may answer, 4: the policy allows none, 2: the request is invalid.
    """
    from policy_router.router import explanation  # noqa: PLC0415  simpleeval is only needed here
    from policy_router.views import explanation as view  # noqa: PLC0415

    path = choose(arguments.policy)
    policy = compiled_policy(path)
    if why_not is not None and why_not not in policy.models_by_name:
        hint = help_line(why_not, policy.models_by_name)
        message = printable(f"the policy has no model `{why_not}`: {hint}")
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
    if why_not is not None:
        from policy_router.assurance.why_not import why_not as search  # noqa: PLC0415  rarely needed
        from policy_router.views import why_not as of_one  # noqa: PLC0415  as above

        zone = policy.timezone
        found = search(policy, decision.request, why_not, prepared.snapshot)
        if arguments.json:
            document = view.as_json(explained, str(path), why_not)
            show_json({**document, "why_not": of_one.as_json(found, zone)})
        else:
            show([*view.why_not(explained, why_not), *of_one.as_lines(found, zone)])
    elif arguments.json:
        show_json(view.as_json(explained, str(path)))
    else:
        show(view.as_lines(explained, str(path)))
    exit_unless_allowed(decision)
