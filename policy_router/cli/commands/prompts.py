"""The `prompts` command: which model gets which prompt of a policy, and when."""

from typing import Annotated

import typer

from policy_router.cli.options.policy import Where, choose, open_policy
from policy_router.cli.output import fail, show, show_json


def prompts(
    *,
    policy: Where = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="NAME", help="Only this model.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which model gets which prompt, and when.

    A model gets the first prompt of its list whose condition holds.

    \b
    policy-router prompts
    policy-router prompts --model qwen-7b --json
    """
    from policy_router.suggest import help_line  # noqa: PLC0415  rarely needed
    from policy_router.views import prompts as view  # noqa: PLC0415  not needed for --help

    opened = open_policy(choose(policy))
    names = [each.name for each in opened.models]
    if model is not None and model not in names:
        fail(f"the policy has no model `{model}`: {help_line(model, names)}")
    shown = names if model is None else [model]
    if json_:
        show_json(view.as_json(opened, shown))
    else:
        show(view.as_lines(opened, shown))
