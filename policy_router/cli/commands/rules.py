"""The `rules` command: the rules of `check` and their manual pages."""

from typing import Annotated

import typer

from policy_router.cli.output import fail, show, show_json


def rules(
    *,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The rule to explain.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the check rules, or show the manual page of one.

    \b
    policy-router rules
    policy-router rules dead-rule
    """
    from policy_router.check import manual  # noqa: PLC0415  with every rule behind it
    from policy_router.suggest import help_line  # noqa: PLC0415  rarely needed
    from policy_router.views import rules as view  # noqa: PLC0415  as above

    if name is None:
        pages = [page for page in map(manual.page, manual.names()) if page is not None]
        if json_:
            show_json(view.list_as_json(pages))
        else:
            show(view.list_as_lines(pages))
        return
    page = manual.page(name)
    if page is None:
        fail(f"there is no rule `{name}`: {help_line(name, manual.names())}")
    if json_:
        show_json(view.as_json(page))
    else:
        show(view.as_lines(page))
