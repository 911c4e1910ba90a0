"""Which of several answers stands in when none passes."""

from __future__ import annotations

import pytest

from policy_router.acceptance.best import FallbackAnswers, is_whole
from policy_router.acceptance.checks import PASSED, Verdict
from policy_router.domain.findings import Finding
from policy_router.providers.failures.failure import Failure, FailureKind
from tests.execution.make import candidate

NO = Finding("json", "no", "task `t`")
NEVER = Finding("json", "no", "task `t`", fatal=True)
EMPTY = Failure(FailureKind.EMPTY)


@pytest.mark.parametrize(
    ("kept", "best"),
    [
        ([], None),
        ([(0, 1)], 0),
        ([(0, 1), (1, 1)], 1),
        ([(0, 2), (1, 1)], 0),
        ([(1, 1), (0, 1)], 0),
        ([(1, 1), (1, 1)], 1),
        ([(0, 0), (2, 1), (1, 1)], 1),
    ],
)
def test_most_checks_then_the_strongest_tier_then_the_latest(
    kept: list[tuple[int, int]], best: int | None
) -> None:
    """kept: (tier, checks passed) of each answer, in order."""
    spares: FallbackAnswers[int] = FallbackAnswers()
    for number, (rank, passed) in enumerate(kept):
        spares.keep(
            candidate(f"m{number}", rank=rank).model, Verdict((NO,), (), ("json",) * passed), number
        )
    spare = spares.best()
    assert (spare.answer if spare else None) == best
    assert spare is None or spare.served_by == f"m{best}"


def test_an_answer_the_policy_wants_an_error_for_does_not_stand_in() -> None:
    spares: FallbackAnswers[str] = FallbackAnswers()
    spares.keep(candidate("a").model, Verdict((NO, NEVER), (), ("json",) * 5), "a")
    assert spares.best() is None
    spares.keep(candidate("b").model, Verdict((NO,), (), ("json",)), "b")
    spare = spares.best()
    assert spare is not None
    assert spare.answer == "b"


def test_after_an_empty_answer_another_model_is_called_once() -> None:
    spares: FallbackAnswers[str] = FallbackAnswers()
    assert spares.judged(PASSED, None, more=True) is None
    assert spares.judged(PASSED, EMPTY, more=False) is None
    assert spares.judged(PASSED, EMPTY, more=True) is EMPTY
    assert spares.judged(PASSED, EMPTY, more=True) is None


def test_a_rejected_answer_is_never_taken() -> None:
    verdict = Verdict((NO,))
    failure = FallbackAnswers[str]().judged(verdict, EMPTY, more=False)
    assert failure == verdict.failure


@pytest.mark.parametrize("kind", FailureKind)
def test_complete_answers(kind: FailureKind) -> None:
    assert is_whole(Failure(kind)) is (kind in {FailureKind.EMPTY, FailureKind.REJECTED})
    assert is_whole(None)
