"""The `graph` command: what each task and each rule of a policy does to each model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.cli.options.policy import Where, choose, open_policy
from policy_router.cli.output import cause, fail, inform, show, show_json
from policy_router.diagnostics import printable
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from policy_router.views.graph import PolicyMatrix


def graph(
    *,
    policy: Where = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Write a drawing to this file.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page to this file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Draw what each task and rule does to each model.

    \b
    policy-router graph
    policy-router graph --svg policy.svg --html policy.html

    `1` is put first, `x` is excluded, `v` is below the required tier, `.` is not affected.
    """
    from policy_router.views import graph as view  # noqa: PLC0415  not needed for --help

    drawn = view.matrix(open_policy(choose(policy)))
    _write(svg, html, drawn)
    if json:
        show_json(view.as_json(drawn))
    elif svg is None and html is None:
        show(view.as_lines(drawn))


def _write(svg: Path | None, html: Path | None, drawn: "PolicyMatrix") -> None:
    from policy_router.views.html.graph import graph_page, graph_svg  # noqa: PLC0415  as above

    for file, render in ((svg, graph_svg), (html, graph_page)):
        if file is None:
            continue
        try:
            file.write_text(render(drawn), encoding="utf-8")
        except OSError as problem:
            fail(f"cannot write `{quoted(str(file))}`: {cause(problem)}")
        inform(f"wrote {printable(str(file))}")
