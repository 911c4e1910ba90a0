from __future__ import annotations

from benchmarks.fuzz_policies import NAME, case, corpus, faults, run
from policy_router.check.report import Report, inspect
from policy_router.diagnostics import Diagnostic, Severity, Span
from policy_router.language.files import PolicyFile


def test_mutated_policies_end_in_a_report() -> None:
    outcome = run(range(300), seed=7)
    assert outcome.failed == {}
    assert sum(outcome.kinds.values()) == 300
    assert set(outcome.kinds) == {"refused", "sound"}


def test_a_case_is_always_the_same() -> None:
    seeds = corpus()
    assert [case(seeds, 1, n) for n in range(50)] == [case(seeds, 1, n) for n in range(50)]
    assert case(seeds, 1, 0) != case(seeds, 2, 0)


def test_a_place_outside_the_file_is_a_fault() -> None:
    def report(*spans: Span | None) -> Report:
        found = tuple(Diagnostic("r", Severity.ERROR, "m", span) for span in spans)
        return Report(None, found, {NAME: "ab\nc\n"})

    assert faults(report(Span(NAME, 1, 1, 1, 3), Span(NAME, 3, 1, 3, 2))) == []
    assert len(faults(report(None))) == 1
    assert len(faults(report(Span(NAME, 4, 1, 4, 2)))) == 1
    assert len(faults(report(Span(NAME, 1, 4, 1, 5)))) == 1
    assert len(faults(report(Span("other.yaml", 1, 1, 1, 2)))) == 1
    assert len(faults(inspect([PolicyFile(NAME, b"version: 1\n")]))) == 0
    assert faults(Report(None, (), {NAME: ""})) == ["the verdict and the errors differ"]
