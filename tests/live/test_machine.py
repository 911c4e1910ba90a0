"""What is done about each look: cases without files, threads and clocks."""

from __future__ import annotations

import pytest

from policy_router.live.machine import ReloadAction, ReloadMachine
from policy_router.live.settle import LONGEST, Observation

ACTIVE, NEW, OTHER = "digest of a", "digest of b", "digest of c"


def machine(min_interval: float = 0.0) -> ReloadMachine:
    """After the first policy was loaded."""
    made = ReloadMachine(interval=5.0, settle=0.1, settle_loss=2.0, min_interval=min_interval)
    made.handled(ACTIVE)
    return made


@pytest.mark.parametrize(
    ("seen", "expected"),
    [(ACTIVE, ReloadAction.NOTHING), (NEW, None)],
)
def test_files_that_were_acted_upon_are_not_new(seen: str, expected: ReloadAction | None) -> None:
    assert machine().known(seen, ACTIVE) is expected


def test_the_active_files_are_restored_after_refused_ones() -> None:
    made = machine()
    made.handled(NEW)
    assert made.known(NEW, ACTIVE) is ReloadAction.NOTHING
    assert made.known(ACTIVE, ACTIVE) is ReloadAction.RESTORE


def test_new_files_are_acted_upon_once_they_have_settled() -> None:
    made = machine()
    step = made.observe(10.0, Observation(NEW))
    assert step.action is ReloadAction.WAIT
    assert step.pause == pytest.approx(0.1)
    assert made.observe(10.05, Observation(OTHER)).action is ReloadAction.WAIT
    assert made.observe(10.1, Observation(OTHER)).action is ReloadAction.WAIT
    assert made.observe(10.2, Observation(OTHER)) == (ReloadAction.ACT, 5.0)


def test_files_that_lack_something_settle_longer() -> None:
    made = machine()
    assert made.observe(10.0, Observation(NEW, loss=True)).action is ReloadAction.WAIT
    assert made.observe(11.9, Observation(NEW, loss=True)).action is ReloadAction.WAIT
    assert made.observe(12.1, Observation(NEW, loss=True)).action is ReloadAction.ACT


def test_a_second_compilation_waits_unless_it_is_urgent() -> None:
    made = machine(min_interval=60.0)
    made.compiling(0.0)
    made.observe(10.0, Observation(NEW))
    waiting = made.observe(11.0, Observation(NEW))
    assert (waiting.action, waiting.pause) == (ReloadAction.WAIT, 49.0)
    assert made.observe(11.0, Observation(NEW), urgent=True).action is ReloadAction.ACT


def test_files_that_never_settle_are_given_up_and_looked_at_again() -> None:
    made = machine()
    now, actions = 10.0, []
    while now < 10.0 + LONGEST + 0.1:
        actions.append(made.observe(now, Observation(f"digest {now}")))
        now += 0.05
    assert (ReloadAction.GIVE_UP, LONGEST) in actions
    assert made.attempted is None


def test_after_a_reset_everything_is_new() -> None:
    made = machine()
    made.reset()
    assert made.known(NEW, ACTIVE) is None
    assert made.known(ACTIVE, ACTIVE) is ReloadAction.RESTORE
