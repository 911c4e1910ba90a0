"""The `fmt` command: policy files in one layout."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.options.policy import STDIN, choose
from policy_router.cli.output import fail, inform, show, show_json, write
from policy_router.cli.policy_files import read_sources, write_sources
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from policy_router.views.layout import Formatted


def fmt(
    *,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATHS",
            help="Policy files, or folders of them; - formats standard input. [policies/]",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 if a file would change.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Change nothing; print what would change.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Format policy files: indentation, spaces and empty lines.

    \b
    policy-router fmt
    policy-router fmt --check policies/
    cat policy.yaml | policy-router fmt -

    Order, quotes, comments and line breaks stay, and the meaning never changes. Test files next to
    a policy (*.test.yaml) are formatted too. Changed files get \\n line endings.
    """
    if paths and STDIN in paths:
        if len(paths) > 1 or check or diff or json:
            raise typer.BadParameter(
                "`-` cannot be combined with options or other paths", param_hint="PATHS"
            )
        _pipe()
        return
    results = [each for path in paths or [choose(None)] for each in _format(path)]
    if not (check or diff):
        for path, (before, after) in _by_path(results).items():
            write_sources(path, before, after)
    from policy_router.views import layout as view  # noqa: PLC0415  not for --help

    if json:
        show_json(view.as_json(results, written=not (check or diff)))
    elif diff:
        show(view.diff_as_lines(results))
    else:
        show(view.as_lines(results, written=not check))
    inform(*view.problems_as_lines(results))
    if any(each.after is None for each in results):
        raise typer.Exit(ExitCode.USAGE)
    if (check or diff) and any(each.changed for each in results):
        raise typer.Exit(ExitCode.FINDINGS)


def _by_path(results: "list[Formatted]") -> "dict[Path, tuple[dict[str, str], dict[str, str]]]":
    """The texts before and after of all files that were read together."""
    every: dict[Path, tuple[dict[str, str], dict[str, str]]] = {}
    for each in results:
        before, after = every.setdefault(each.path, (dict(each.before), dict(each.before)))
        after[each.name] = before[each.name] if each.after is None else each.after
    return every


def _pipe() -> None:
    from policy_router.language.write.layout import CannotFormatError, formatted  # noqa: PLC0415  not for --help

    try:
        write(formatted("standard input", sys.stdin.buffer.read()), sys.stdout)
    except CannotFormatError as problem:
        fail(printable(str(problem)))


def _format(path: Path) -> "list[Formatted]":
    from policy_router.language.files import tests_beside  # noqa: PLC0415  not for --help
    from policy_router.language.write.layout import CannotFormatError, formatted  # noqa: PLC0415
    from policy_router.views.layout import Formatted  # noqa: PLC0415

    results = []
    for place in (path, *tests_beside(path)):
        before = read_sources(place)
        for name, text in before.items():
            try:
                after, problem = formatted(name, text.encode()), ""
            except CannotFormatError as refusal:
                after, problem = None, str(refusal)
            results.append(Formatted(place, before, name, after, problem))
    return results
