"""The `check` command: mistakes in policy files."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.manifest import checked_and_listed
from policy_router.cli.output import inform, show, show_json
from policy_router.cli.policy import choose
from policy_router.cli.version import version
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from policy_router.check.report import Report
    from policy_router.diagnostics import Diagnostic


class Format(StrEnum):
    """A format of the findings."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


def _format(text: str) -> Format:
    try:
        return Format(text)
    except ValueError:
        names = ", ".join(Format)
        message = printable(f"`{text}` is not a format; choose one of {names}")
        raise typer.BadParameter(message, param_hint="--format") from None


def check(
    *,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATHS", help="Policy files, or folders of them; each is one policy."
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", "-p", metavar="PATH", help="The policy to check when there are no PATHS."
        ),
    ] = None,
    format_: Annotated[
        Format,
        typer.Option(
            "--format", parser=_format, metavar="|".join(Format), help="Format of the findings."
        ),
    ] = Format.TEXT,
    json: Annotated[bool, typer.Option("--json", help="Same as --format json.")] = False,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="Report only these rules, besides errors; repeatable."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="Do not report these rules; repeatable."),
    ] = None,
    write_manifest: Annotated[
        bool,
        typer.Option(
            "--write-manifest",
            help="Write MANIFEST.sha256 into each policy folder without errors.",
        ),
    ] = False,
) -> None:
    """Find mistakes in policy files.

    \b
    policy-router check
    policy-router check policies/ other.yaml --format github
    policy-router check --ignore missing-context

    Errors cannot be ignored, because a policy with an error cannot be used.

    Exit code 0: no findings, 1: errors or warnings, 2: no policy files were found.
    """
    from policy_router.check.report import inspect_path  # noqa: PLC0415  pydantic takes long to import

    if paths and policy:
        raise typer.BadParameter(
            "cannot be combined with PATHS; use one of them", param_hint="--policy"
        )
    selected, ignored = _known(select, "--select"), _known(ignore, "--ignore")

    def wanted(finding: "Diagnostic") -> bool:
        return finding.rule not in ignored and (not selected or finding.rule in selected)

    places = dict.fromkeys(paths or [choose(policy)])
    look = checked_and_listed if write_manifest else inspect_path
    reports = {path: look(path, wanted=wanted) for path in places}
    _write(reports, Format.JSON if json else format_)
    if any(not report.sources for report in reports.values()):
        raise typer.Exit(ExitCode.USAGE)
    if any(report.findings for report in reports.values()):
        raise typer.Exit(ExitCode.FINDINGS)


def _write(reports: "dict[Path, Report]", format_: Format) -> None:
    from policy_router.check.manual import page  # noqa: PLC0415  with every rule behind it
    from policy_router.views import findings, github, sarif  # noqa: PLC0415  one of them is needed

    every = list(reports.values())
    match format_:
        case Format.TEXT:
            _write_text(every)
        case Format.JSON:
            show_json(findings.as_json(reports))
        case Format.GITHUB:
            show(github.as_commands(every))
        case Format.SARIF:
            show_json(sarif.as_sarif(every, version(), page))


def _write_text(reports: "list[Report]") -> None:
    from policy_router.views.findings import as_lines, summary  # noqa: PLC0415

    readable = [report for report in reports if report.sources]
    for report in reports:
        if not report.sources:
            inform(*(line for d in report.diagnostics for line in as_lines(d, report.sources)))
    if readable:
        lines = [
            line
            for report in readable
            for diagnostic in report.diagnostics
            for line in as_lines(diagnostic, report.sources)
        ]
        show([*lines, summary(readable)])


def _known(given: list[str] | None, option: str) -> frozenset[str]:
    """Return the rules that an option names, split at commas."""
    from policy_router.check import manual  # noqa: PLC0415
    from policy_router.suggest import help_line  # noqa: PLC0415

    names = [name.strip() for value in given or () for name in value.split(",")]
    known = manual.names()
    for name in names:
        if name not in known:
            message = printable(f"no rule is called `{name}`: {help_line(name, known)}")
            raise typer.BadParameter(message, param_hint=option)
    return frozenset(names)
