"""The `test` command: the tests of policies."""

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.cli.exit_codes import ExitCode
from policy_router.cli.generated_tests import write_generated
from policy_router.cli.options.policy import choose
from policy_router.cli.options.values import choice
from policy_router.cli.output import cause, fail, inform, progress, show, show_json
from policy_router.diagnostics import Severity, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.cases.coverage import Coverage
    from policy_router.cases.mutation import Mutation
    from policy_router.cases.run import PolicyTestRun
    from policy_router.diagnostics import Diagnostic

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)%")


class ResultFormat(StrEnum):
    """A format of the results."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def _share(text: str) -> float:
    found = _PERCENT.fullmatch(text)
    if found is None or float(found[1]) > 100:
        message = printable(f"`{text}` is not a percentage such as 80%")
        raise typer.BadParameter(message, param_hint="--threshold")
    return float(found[1]) / 100


def policy_tests(
    *,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATHS",
            help="Policy files or folders of them, each one policy; or files with tests.",
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", "-p", metavar="PATH", help="The policy under test, if PATHS are test files."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", "-k", metavar="TEXT", help="Run only tests whose names contain this."
        ),
    ] = None,
    format_: Annotated[
        ResultFormat,
        typer.Option(
            "--format",
            parser=choice(ResultFormat, "--format"),
            metavar="|".join(ResultFormat),
            help="Format of the results.",
        ),
    ] = ResultFormat.TEXT,
    json: Annotated[bool, typer.Option("--json", help="Same as --format json.")] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write JUnit XML to a file.")
    ] = None,
    coverage: Annotated[
        bool,
        typer.Option("--coverage", help="Show which rules, outcomes and models no test covers."),
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            parser=_share,
            metavar="PERCENT",
            help="Fail if coverage, or the share of noticed changes, is below this, such as 80%.",
        ),
    ] = None,
    mutate: Annotated[
        bool,
        typer.Option("--mutate", help="Show which small changes to the policy no test notices."),
    ] = False,
    generate: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Write tests of the current behaviour at the edges of each rule, and run none.",
        ),
    ] = None,
) -> None:
    """Run the tests of policies.

    Tests are in the section `tests` of a policy, and in files next to it: *.test.yaml in its
    folder, or POLICY.test.yaml next to POLICY.yaml. No model is called.

    \b
    policy-router test
    policy-router test policies/ -k private --junit results.xml
    policy-router test --coverage --threshold 80%
    policy-router test --mutate
    policy-router test policies/ --generate policies/edges.test.yaml

    Exit code 0: all tests pass, 1: a test fails, or coverage or mutation score is below the
    threshold, 2: there are no tests.
    """
    places = [(path, policy) for path in dict.fromkeys(paths or ())] or [(choose(policy), None)]
    if generate is not None:
        write_generated(places[0][0], generate)
        return
    runs = [_run(path, of, name) for path, of in places]
    if not any(run.results for run in runs):
        named = "" if name is None else f" whose names contain `{name}`"
        fail(f"there are no tests{named}")
    touched = [_covered(run) for run in runs] if coverage or (threshold and not mutate) else []
    noticed = [_mutated(run) for run in runs] if mutate else []
    _write(runs, touched, noticed, ResultFormat.JSON if json else format_)
    if junit is not None:
        _write_junit(junit, runs)
    shares = [*(each.share for each in touched), *(each.share for each in noticed)]
    low = threshold is not None and any(share < threshold for share in shares)
    if low or any(not result.passed for run in runs for result in run.results):
        raise typer.Exit(ExitCode.FINDINGS)


def _run(path: Path, policy: Path | None, name: str | None) -> "PolicyTestRun":
    """Run the tests at a path; end the command, with its errors, when the policy has some."""
    from policy_router.cases.run import PolicyTestRun, run_tests  # noqa: PLC0415  not for --help
    from policy_router.check.report import inspect_path  # noqa: PLC0415  as above
    from policy_router.language.files import is_tests, tests_beside  # noqa: PLC0415  as above

    alone = is_tests(path.name) and not path.is_dir()
    owner = _owner(path, policy) if alone else path
    files = (path,) if alone else tests_beside(path)
    report = inspect_path(owner, wanted=_nothing, tests=files)
    decided = report.decidable  # a request that breaks a promise is a test that fails
    if decided is None:
        _refuse(report.diagnostics, report.sources)
        raise typer.Exit(ExitCode.FINDINGS if report.sources else ExitCode.USAGE)
    tests = [
        test
        for test in decided.tests
        if (name is None or name.lower() in test.name.lower())
        and (not alone or (test.span is not None and is_tests(test.span.file)))
    ]
    results = tuple(run_tests(decided, tests))
    return PolicyTestRun(str(owner), decided, results, report.sources)


def _owner(path: Path, policy: Path | None) -> Path:
    """The policy that a file with tests belongs to: the one named, the file next to it that has its
    name, or its folder.
    """
    if policy is not None:
        return policy
    stem = path.name.rpartition(".test.")[0]
    candidates = (path.with_name(stem + suffix) for suffix in (".yaml", ".yml"))
    return next((each for each in candidates if each.exists()), path.parent)


def _nothing(_: "Diagnostic") -> bool:
    return False


def _refuse(diagnostics: "Sequence[Diagnostic]", sources: "Mapping[str, str]") -> None:
    from policy_router.views.findings import as_lines  # noqa: PLC0415  rarely needed

    for diagnostic in diagnostics:
        if diagnostic.severity is Severity.ERROR:
            inform(*as_lines(diagnostic, sources))


def _covered(run: "PolicyTestRun") -> "Coverage":
    from policy_router.cases.coverage import coverage  # noqa: PLC0415  not needed for --help

    return coverage(run.policy, run.results)


def _mutated(run: "PolicyTestRun") -> "Mutation":
    from policy_router.cases.mutants import mutants  # noqa: PLC0415  not needed for --help
    from policy_router.cases.mutation import Mutation, mutate  # noqa: PLC0415  as above

    total = sum(1 for _ in mutants(run.policy))
    with progress("changing the policy ...", total) as step:
        results = []
        for result in mutate(run.policy, [each.test for each in run.results]):
            results.append(result)
            step()
    return Mutation(tuple(results))


def _write(
    runs: "Sequence[PolicyTestRun]",
    touched: "Sequence[Coverage]",
    noticed: "Sequence[Mutation]",
    format_: ResultFormat,
) -> None:
    from policy_router.views import covered_items, mutation  # noqa: PLC0415  as above
    from policy_router.views import policy_tests as view  # noqa: PLC0415  not needed for --help

    match format_:
        case ResultFormat.TEXT:
            show(view.as_lines(runs))
            for run, each in zip(runs, touched, strict=bool(touched)):
                show(covered_items.as_lines(run.path, each))
            for run, found in zip(runs, noticed, strict=bool(noticed)):
                show(mutation.as_lines(run.path, run.policy, found))
        case ResultFormat.JSON:
            covered = [covered_items.as_json(each) for each in touched]
            changed = [
                mutation.as_json(run.policy, each) for run, each in zip(runs, noticed, strict=False)
            ]
            show_json(view.as_json(runs, covered, changed))
        case ResultFormat.GITHUB:
            show(view.as_commands(runs))


def _write_junit(path: Path, runs: "Sequence[PolicyTestRun]") -> None:
    from policy_router.views.policy_tests import as_junit  # noqa: PLC0415  rarely needed

    try:
        path.write_text(as_junit(runs), encoding="utf-8")
    except OSError as problem:
        fail(f"cannot write {path}: {cause(problem)}")
