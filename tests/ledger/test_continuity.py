"""Whether the history of a ledger contains what somebody saw of it."""

from __future__ import annotations

import pytest

from policy_router.diagnostics import Severity
from policy_router.ledger.continuity import Loss, Mark, SeenState, contains
from policy_router.ledger.diagnosis import describe_loss

NOW = Mark("L", "c", 30)
SUCCEEDED = {"a": 10, "b": 20}


@pytest.mark.parametrize(
    ("seen", "there"),
    [
        (Mark("L", "c", 30), True),
        (Mark("L", "c", 25), True),
        (Mark("L", "c", 31), False),
        (Mark("L", "b", 20), True),
        (Mark("L", "b", 21), False),
        (Mark("L", "a", 3), True),
        (Mark("L", "unknown", 25), False),
        (Mark("L", "", 30), True),
        (Mark("L", "", 31), False),
        (Mark("M", "c", 1), False),
        (Mark("accepted", "x", 99), True),
    ],
    ids=str,
)
def test_what_is_there(seen: Mark, there: bool) -> None:
    assert contains(NOW, seen, SUCCEEDED.get, -1, lambda name: name == "accepted") is there


@pytest.mark.parametrize(("version", "there"), [(5, True), (6, False)])
def test_what_was_before_the_oldest_branch_that_is_kept_counts_as_there(
    version: int, there: bool
) -> None:
    seen = Mark("L", "dropped", version)
    assert contains(NOW, seen, SUCCEEDED.get, 5, lambda _: False) is there


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (Loss(1.5, 7, 3), "it went back from change 7 to change 3"),
        (
            Loss(1.5, 7, None),
            "its 7 changes are missing: it was emptied, or another ledger is there",
        ),
        (Loss(1.5, None, None), "counters that it lists are missing: they were deleted or evicted"),
    ],
)
def test_a_loss_as_text_and_as_it_is_stored(loss: Loss, words: str) -> None:
    assert loss.text == words
    assert Loss.restored(loss.stored()) == loss
    (finding,) = describe_loss(loss)
    assert (finding.level, finding.text) == (
        Severity.ERROR,
        f"lost data, and budgets are closed: {words} (noticed 1970-01-01 00:00:01 UTC)",
    )
    assert "--accept-loss" in finding.help


def test_no_loss_is_no_finding() -> None:
    assert describe_loss(None) == ()


def test_the_latest_point_is_remembered() -> None:
    memory = SeenState()
    memory.record(None, None)
    assert memory.mark is None
    memory.record(Mark("L", "b", 5), None)
    memory.record(Mark("L", "a", 4), None)  # an answer that came late
    assert memory.mark == Mark("L", "b", 5)
    memory.record(Mark("L", memory.branch, 6), None)
    assert memory.mark == Mark("L", memory.branch, 6)
    assert memory.joined
    memory.record(Mark("L", "b", 7), None)
    assert memory.joined


def test_what_was_there_is_remembered_while_it_is_lost() -> None:
    memory = SeenState(Mark("L", "a", 5))
    loss = Loss(0.0, 5, 3)
    memory.record(Mark("L", "a", 3), loss)
    memory.record(None, loss)
    assert (memory.mark, memory.loss) == (Mark("L", "a", 5), loss)
    memory.record(Mark("M", "b", 4), None)
    assert (memory.mark, memory.loss) == (Mark("M", "b", 4), None)
