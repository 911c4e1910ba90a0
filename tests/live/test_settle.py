"""When bytes have settled: every transition, with times given by hand."""

from __future__ import annotations

import pytest

from policy_router.live.settle import LONGEST, Observation, SettleState, SettleStep, Settling

WAIT, READY = SettleState.WAIT, SettleState.READY


@pytest.fixture
def settling() -> Settling:
    return Settling(0.1, 1.0)


def verdicts(settling: Settling, *looks: tuple[float, Observation]) -> list[SettleState]:
    return [settling.observe(now, look).verdict for now, look in looks]


def test_the_same_bytes_twice(settling: Settling) -> None:
    assert not settling.waiting
    assert settling.observe(5.0, Observation("a")) == SettleStep(WAIT, 0.1)
    assert settling.waiting
    answer = settling.observe(5.05, Observation("a"))
    assert answer.verdict is WAIT
    assert answer.pause == pytest.approx(0.05)
    assert settling.observe(5.1, Observation("a")) == SettleStep(READY, 0.0)
    settling.reset()
    assert not settling.waiting


def test_other_bytes_start_again(settling: Settling) -> None:
    looks = [
        (0.0, Observation("a")),
        (0.1, Observation("b")),
        (0.15, Observation("b")),
        (0.21, Observation("b")),
    ]
    assert verdicts(settling, *looks) == [WAIT, WAIT, WAIT, READY]


def test_torn_bytes_start_again_even_if_they_look_the_same(settling: Settling) -> None:
    torn = Observation("a", torn=True)
    looks = [(0.0, torn), (0.2, torn), (0.25, Observation("a")), (0.35, Observation("a"))]
    assert verdicts(settling, *looks) == [WAIT, WAIT, WAIT, READY]


def test_bytes_that_lack_something_wait_longer(settling: Settling) -> None:
    lacking = Observation("a", loss=True)
    looks = [(0.0, lacking), (0.5, lacking), (0.99, lacking), (1.01, lacking)]
    assert verdicts(settling, *looks) == [WAIT, WAIT, WAIT, READY]


def test_a_loss_found_later_counts_from_when_the_bytes_came(settling: Settling) -> None:
    settling.observe(0.0, Observation("a"))
    assert settling.observe(0.1, Observation("a")).verdict is READY
    answer = settling.observe(0.1, Observation("a", loss=True))
    assert answer.verdict is WAIT
    assert answer.pause == pytest.approx(0.9)


def test_loss_never_settles_sooner() -> None:
    assert Settling(0.5, 0.1).settle_loss == 0.5


def test_a_writer_that_stands_still_is_waited_for(settling: Settling) -> None:
    half = Observation("half", writing=("p.yaml",))
    looks = [(0.0, half), (0.3, half), (1.5, half)]
    assert verdicts(settling, *looks) == [WAIT] * 3
    # Closed without a further write: the quiet time begins now.
    assert settling.observe(1.55, Observation("half")).verdict is WAIT
    assert settling.observe(1.6, Observation("half")).verdict is READY


def test_a_writer_that_stands_still_for_too_long_is_reported_and_still_waited_for(
    settling: Settling,
) -> None:
    half = Observation("half", writing=("p.yaml",))
    settling.observe(0.0, half)
    assert settling.observe(LONGEST, half).verdict is SettleState.WRITING
    assert settling.observe(3600.0, half).verdict is SettleState.WRITING
    assert settling.waiting
    assert settling.observe(3600.5, Observation("half")).verdict is READY


def test_unrest_without_end_is_reported_and_starts_again(settling: Settling) -> None:
    changing = [(n * 0.25, Observation(n)) for n in range(9)]
    assert verdicts(settling, *changing) == [WAIT] * 8 + [SettleState.CHANGING]
    assert not settling.waiting
    assert verdicts(settling, (2.1, Observation(9)), (2.2, Observation(9))) == [WAIT, READY]


def test_a_change_after_a_rest_is_no_unrest(settling: Settling) -> None:
    """What was held back for another reason is replaced, or its second half comes."""
    for held in (Observation("half", loss=True), Observation("half", writing=("p.yaml",))):
        settling.reset()
        assert verdicts(settling, (0.0, held), (0.5, held), (1.9, held))[:2] == [WAIT, WAIT]
        assert settling.observe(LONGEST + 1, Observation("whole")).verdict is WAIT
        assert settling.observe(LONGEST + 1.2, Observation("whole")).verdict is READY


def test_a_writer_with_pauses_is_reported_all_the_same(settling: Settling) -> None:
    looks = [
        (n * 0.5 + delay, Observation(n, writing=("p.yaml",)))
        for n in range(5)
        for delay in (0, 0.2)
    ]
    found = verdicts(settling, *looks)
    assert found[:-1] == [WAIT] * 9
    assert found[-1] is SettleState.WRITING


def test_settled_bytes_that_come_too_soon_wait_and_that_is_no_unrest(settling: Settling) -> None:
    settling.observe(0.0, Observation("a"))
    assert settling.observe(1.0, Observation("a"), not_before=1.5) == SettleStep(WAIT, 0.5)
    # Unrest is counted from then on, not from the first change.
    assert settling.observe(2.5, Observation("b"), not_before=2.6).verdict is WAIT
    assert settling.observe(2.7, Observation("b"), not_before=2.6).verdict is READY
