"""Renders how the tests of policies ended: for terminals, programs, JUnit and GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from policy_router.diagnostics import Diagnostic, Severity, frame, printable
from policy_router.views.document import document
from policy_router.views.github import as_command
from policy_router.views.lines import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from policy_router.cases.expectations import Mismatch
    from policy_router.cases.run import PolicyTestResult, PolicyTestRun
    from policy_router.diagnostics import Span
    from policy_router.views.lines import Line


def as_lines(runs: Sequence[PolicyTestRun]) -> Iterator[Line]:
    """Yield every test that failed, with what was expected and what was decided, then a summary."""
    for run in runs:
        for result in run.results:
            if not result.passed:
                yield from _failure(result, run)
    results = [result for run in runs for result in run.results]
    failed = sum(not result.passed for result in results)
    passed = count(len(results) - failed, "test")
    if failed:
        yield [(f"{count(failed, 'test')} failed", "bold red"), (f", {passed} passed", "bold")]
    else:
        yield [(f"{passed} passed", "green")]


def _failure(result: PolicyTestResult, run: PolicyTestRun) -> Iterator[Line]:
    yield [("FAIL", "bold red"), (f" {printable(result.test.name)}", "bold")]
    if result.problem is not None:
        yield from _place(result.test.span, run)
        yield f"   it cannot be run: {printable(result.problem)}"
    for each in result.mismatches:
        yield from _place(each.span or result.test.span, run)
        yield f"   `{each.expectation}` expected  {printable(each.expected)}"
        yield f"   {'got':>{len(each.expectation) + 11}}  {printable(each.got)}"
        if each.why:
            yield f"   {'since':>{len(each.expectation) + 11}}  {printable(each.why)}"
    yield ""


def _place(span: Span | None, run: PolicyTestRun) -> Iterator[Line]:
    if span is not None:
        yield [(f"  --> {printable(str(span))}", "blue")]
        yield from frame(span, run.sources.get(span.file, ""))


def as_json(
    runs: Sequence[PolicyTestRun],
    coverage: Sequence[Mapping[str, object]] = (),
    mutation: Sequence[Mapping[str, object]] = (),
) -> dict[str, object]:
    """Return the results as a JSON document.

    Args:
        runs: The policies and how their tests ended.
        coverage: What the tests of each of them touch, as JSON; empty where it was not measured.
        mutation: Which changes of each of them its tests notice, likewise.
    """
    noticed: Sequence[Mapping[str, object] | None] = mutation or [None] * len(runs)
    touched: Sequence[Mapping[str, object] | None] = coverage or [None] * len(runs)
    results = [result for run in runs for result in run.results]
    failed = sum(not result.passed for result in results)
    return document(
        passed=len(results) - failed,
        failed=failed,
        policies=[
            {
                "path": printable(run.path),
                "name": run.policy.name,
                "revision": run.policy.revision,
                "tests": [_result(result) for result in run.results],
                "coverage": covered,
                "mutation": changed,
            }
            for run, covered, changed in zip(runs, touched, noticed, strict=True)
        ],
    )


def _result(result: PolicyTestResult) -> dict[str, object]:
    decision = result.decision
    return {
        "name": printable(result.test.name),
        "passed": result.passed,
        **_position(result.test.span),
        "problem": None if result.problem is None else printable(result.problem),
        "candidates": None if decision is None else [each.name for each in decision.candidates],
        "denied": None if decision is None else decision.denied,
        "mismatches": [_mismatch(each) for each in result.mismatches],
    }


def _mismatch(each: Mismatch) -> dict[str, object]:
    return {
        "expectation": each.expectation,
        "expected": printable(each.expected),
        "got": printable(each.got),
        "why": printable(each.why),
        **_position(each.span),
    }


def _position(span: Span | None) -> dict[str, object]:
    return {"file": span and span.file, "line": span and span.line, "col": span and span.col}


def as_junit(runs: Sequence[PolicyTestRun]) -> str:
    """Return the results as XML in JUnit's format, a suite for each policy."""
    root = ET.Element("testsuites", name="policy-router")
    for run in runs:
        failed = [each for each in run.results if each.mismatches]
        errors = [each for each in run.results if each.problem is not None]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=printable(run.path),
            tests=str(len(run.results)),
            failures=str(len(failed)),
            errors=str(len(errors)),
        )
        for result in run.results:
            _case(suite, result, run)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, result: PolicyTestResult, run: PolicyTestRun) -> None:
    span = result.test.span
    case = ET.SubElement(
        suite, "testcase", classname=run.policy.name, name=printable(result.test.name)
    )
    if span is not None:
        case.set("file", span.file)
        case.set("line", str(span.line))
    if result.problem is not None:
        ET.SubElement(case, "error", message=printable(result.problem))
    if result.mismatches:
        failures = [_mismatch_text(each) for each in result.mismatches]
        ET.SubElement(case, "failure", message=failures[0]).text = "\n".join(failures)


def as_commands(runs: Sequence[PolicyTestRun]) -> Iterator[str]:
    """Yield a workflow command for each expectation that is not met, which GitHub shows there."""
    for run in runs:
        for result in run.results:
            name = f"test `{result.test.name}`"
            if result.problem is not None:
                yield _command(f"{name} cannot be run: {result.problem}", result.test.span)
            for each in result.mismatches:
                yield _command(f"{name}, {_mismatch_text(each)}", each.span or result.test.span)


def _command(message: str, span: Span | None) -> str:
    return as_command(Diagnostic("failing-test", Severity.ERROR, message, span))


def _mismatch_text(each: Mismatch) -> str:
    place = "" if each.span is None else f"{each.span}: "
    why = f" ({each.why})" if each.why else ""
    text = f"{place}`{each.expectation}`: expected {each.expected}, got {each.got}{why}"
    return printable(text)
