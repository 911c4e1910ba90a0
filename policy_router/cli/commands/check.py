"""The `check` command: mistakes in policy files."""

import sys
import time
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.idle_rules import remove_idle_rules
from policy_router.cli.manifest import checked_and_listed
from policy_router.cli.options.policy import STDIN, choose
from policy_router.cli.options.values import choice
from policy_router.cli.output import fail, inform, show, show_json
from policy_router.cli.version import version
from policy_router.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policy_router.check.report import Report
    from policy_router.diagnostics import Diagnostic

_LOOK_EVERY: Final = 0.3
"""Seconds between two checks for changed files."""


class Format(StrEnum):
    """A format of the findings."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


def check(
    *,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATHS",
            help="Policy files, or folders of them, each one policy; - for standard input.",
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
            "--format",
            parser=choice(Format, "--format"),
            metavar="|".join(Format),
            help="Format of the findings.",
        ),
    ] = Format.TEXT,
    json: Annotated[bool, typer.Option("--json", help="Same as --format json.")] = False,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="Report only these rules, and errors; repeatable."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="Do not report these rules; repeatable."),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Check again whenever a file changes, until Ctrl-C."),
    ] = False,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Remove the rules that are proved to change no decision."),
    ] = False,
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
    policy-router check --watch
    policy-router check --fix
    cat policy.yaml | policy-router check -

    Errors cannot be ignored, because a policy with an error cannot be used.

    Exit code 0: no findings, 1: errors or warnings, 2: no policy files were found.
    """
    if paths and policy:
        raise typer.BadParameter(
            "cannot be combined with PATHS; use one of them", param_hint="--policy"
        )
    selected, ignored = _known(select, "--select"), _known(ignore, "--ignore")

    def wanted(finding: "Diagnostic") -> bool:
        return finding.rule not in ignored and (not selected or finding.rule in selected)

    places = tuple(dict.fromkeys(paths or [choose(policy)]))
    if STDIN in places and (watch or fix or write_manifest):
        raise typer.BadParameter("standard input is not a file of a folder", param_hint="PATHS")
    if fix:
        for path in places:
            remove_idle_rules(path)
    if watch:
        _watch(places, wanted, Format.JSON if json else format_)
    reports = _reports(places, wanted, write_manifest=write_manifest)
    _write(reports, Format.JSON if json else format_)
    if any(not report.sources for report in reports.values()):
        raise typer.Exit(ExitCode.USAGE)
    if any(report.findings for report in reports.values()):
        raise typer.Exit(ExitCode.FINDINGS)


def _reports(
    places: "Sequence[Path]", wanted: "Callable[[Diagnostic], bool]", *, write_manifest: bool
) -> "dict[Path, Report]":
    """Check each policy; `places` are paths, of which - is standard input."""
    from policy_router.check.report import inspect, inspect_path  # noqa: PLC0415  pydantic takes long to import
    from policy_router.language.files import PolicyFile, tests_beside  # noqa: PLC0415

    def report(path: Path) -> "Report":
        if path == STDIN:
            return inspect([PolicyFile("standard input", sys.stdin.buffer.read())], wanted=wanted)
        if write_manifest:
            return checked_and_listed(path, wanted=wanted)
        return inspect_path(path, wanted=wanted, tests=tests_beside(path))

    return {path: report(path) for path in places}


def _watch(
    places: "Sequence[Path]", wanted: "Callable[[Diagnostic], bool]", format_: Format
) -> NoReturn:
    """Check policies now and after each change of their files; Ctrl-C ends the command."""
    from policy_router.language.files import list_files, tests_beside  # noqa: PLC0415  not for --help

    missing = [path for path in places if not path.exists()]
    if missing:
        fail(printable(f"there is nothing to watch at {missing[0]}"))
    seen: object = None
    while True:
        now = [list_files(each) for path in places for each in (path, *tests_beside(path))]
        if now != seen:
            if seen is not None:
                inform("", f"-- {datetime.now().astimezone():%H:%M:%S}")
            _write(_reports(places, wanted, write_manifest=False), format_)
            sys.stdout.flush()
            seen = now
            inform("waiting for changes; Ctrl-C ends")
        time.sleep(_LOOK_EVERY)


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
