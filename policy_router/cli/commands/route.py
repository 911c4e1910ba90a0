"""The `route` command: the models that may answer a request, in order."""

import asyncio

from policy_router.cli.counters import counted
from policy_router.cli.deciding import decided, exit_unless_allowed
from policy_router.cli.options.policy import choose, compiled_policy
from policy_router.cli.options.request import RequestArguments, prepare_request, takes_request
from policy_router.cli.options.store import location_of
from policy_router.cli.output import show, show_json
from policy_router.views import decision as view


@takes_request
def route(arguments: RequestArguments) -> None:
    """Show the models a request would try, in order.

    \b
    policy-router route "Refactor this function" --task code
    policy-router route --tokens 30k --tag private,batch --fact plan=free --fact hour=23
    git diff | policy-router route - --max-cost 0.01 --json

    Exit code 0: a model may answer, 4: the policy allows none, 2: the request is invalid.
    """
    path = choose(arguments.policy)
    policy = compiled_policy(path)
    prepared = prepare_request(policy, arguments)
    prepared = asyncio.run(
        counted(policy, prepared, location_of(arguments.state, policy.name, path))
    )
    decision = decided(policy, prepared, json=arguments.json)
    if arguments.json:
        show_json(view.as_json(decision, policy.timezone))
    else:
        show(view.as_lines(decision, policy.timezone))
    exit_unless_allowed(decision)
