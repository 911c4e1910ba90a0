"""What an outcome says of itself."""

from __future__ import annotations

import pytest

from policy_router.domain.outcome import ATTEMPTS, Outcome, Role


@pytest.mark.parametrize(
    ("passed", "rejected", "feedback", "accepted", "quality"),
    [
        ((), (), None, None, None),
        (("json",), (), None, True, 1.0),
        (("json",), ("llm",), None, False, 0.0),
        ((), ("json",), 0.75, False, 0.75),
        ((), (), 0.0, None, 0.0),
    ],
)
def test_quality_is_what_people_say_and_otherwise_what_checks_say(
    passed: tuple[str, ...],
    rejected: tuple[str, ...],
    feedback: float | None,
    accepted: bool | None,
    quality: float | None,
) -> None:
    outcome = Outcome(at=0.0, decision="d", passed=passed, rejected=rejected, feedback=feedback)
    assert (outcome.accepted, outcome.quality) == (accepted, quality)


@pytest.mark.parametrize("role", Role)
def test_only_calls_for_the_answer_are_attempts(role: Role) -> None:
    assert Outcome(at=0.0, decision="d", role=role).is_attempt is (role in ATTEMPTS)
    assert len(ATTEMPTS) == 3


@pytest.mark.parametrize(
    ("role", "failure", "answered"),
    [
        (Role.FIRST, None, True),
        (Role.JUDGE, "rejected", True),
        (Role.FIRST, "empty", True),
        (Role.FIRST, "timeout", False),
        (Role.REFUSED, "budget", False),
        (Role.REFUSED, None, False),
    ],
)
def test_an_answer_may_be_rejected(role: Role, failure: str | None, answered: bool) -> None:
    outcome = Outcome(at=0.0, decision="d", role=role, failure=failure, ok=failure is None)
    assert outcome.is_answer is answered
