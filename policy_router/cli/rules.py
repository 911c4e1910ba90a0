"""`rules`: what `check` looks for, and the manual page of one of its rules."""

from typing import Annotated

import typer

from policy_router.views.terminal import Line, fail, show, show_json, table


def rules(
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show the page of this rule.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the rules of `check`, or show the manual page of one.

    \b
    policy-router rules
    policy-router rules dead-rule
    """
    from policy_router.check import manual  # noqa: PLC0415  with every rule behind it
    from policy_router.cli.render import SCHEMA_VERSION  # noqa: PLC0415
    from policy_router.suggest import help_line  # noqa: PLC0415

    if name is None:
        pairs = [(each, describe(each)[0]) for each in manual.names()]
        if json_:
            listed = [{"name": each, "summary": line} for each, line in pairs]
            show_json({"schema_version": SCHEMA_VERSION, "rules": listed})
        else:
            show(table(pairs))
        return
    page = manual.page(name)
    if page is None:
        fail(f"no rule is called `{name}`: {help_line(name, manual.names())}")
    if json_:
        fields = ("name", "summary", "text", "bad", "good")
        show_json({"schema_version": SCHEMA_VERSION, **{f: getattr(page, f) for f in fields}})
        return
    lines: list[Line] = [[(page.name, "bold")], page.summary]
    lines += ["", *page.text.strip().split("\n")] if page.text.strip() else []
    for head, text, style in (("Bad:", page.bad, "red"), ("Good:", page.good, "green")):
        if text.strip():
            code = [f"    {line}".rstrip() for line in text.strip().split("\n")]
            lines += ["", [(head, style)], *code]
    show(lines)


def describe(name: str) -> tuple[str, str]:
    """A rule's one line and its manual; both empty when it has no page."""
    from policy_router.check import manual  # noqa: PLC0415

    page = manual.page(name)
    return (page.summary, page.text) if page else ("", "")
