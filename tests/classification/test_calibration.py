from __future__ import annotations

from dataclasses import astuple
from functools import partial
from hashlib import sha256
from itertools import count, pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_router.classification.calibration.examples import (
    Example,
    ScoredExamples,
    evaluate,
    scores_of,
)
from policy_router.classification.calibration.fit import (
    STEP,
    even_starts,
    fit_starts,
    fit_weights,
)
from policy_router.classification.calibration.measures import (
    Figure,
    agreement,
    closeness,
    compare,
    recovered,
    spread,
)
from policy_router.classification.calibration.propose import (
    EACH,
    FEWEST,
    TooFewError,
    propose,
)
from policy_router.domain.complexity import Weights

if TYPE_CHECKING:
    from collections.abc import Sequence

EVEN = Weights(0.2, 0.2, 0.2, 0.2, 0.2)
STARTS = (0.0, 0.3, 0.6)


NUMBERS = count()


def example(
    *values: float, band: int | None = None, gain: float = 0.0, half: bool = False
) -> Example:
    """A prompt of its own. Factors that are left out are nothing; the strong model is always
    right."""
    filled = (*values, *[0.0] * (5 - len(values)))
    return Example(filled, 0.0, 2 * next(NUMBERS) + half, band, 1 - gain, 1.0)


def noise(number: int) -> float:
    """A number 0..1 that has nothing to do with that of another number."""
    return int.from_bytes(sha256(str(number).encode()).digest()[:4], "big") / 2**32


def banded(many: int) -> list[Example]:
    """The second factor is the band, the first is noise."""
    return [example(noise(n), n % 3 / 2, band=n % 3, half=bool(n // 3 % 2)) for n in range(many)]


def test_weights_and_bands_follow_what_was_planted() -> None:
    examples = banded(300)
    proposal = propose(examples, EVEN, STARTS)
    assert proposal.weights is not None
    assert proposal.weights.context > proposal.weights.message
    assert sum(astuple(proposal.weights)) == pytest.approx(1)
    assert proposal.starts is not None
    order, near = proposal.figures
    assert order.now < order.then
    assert order.low > 0
    assert near.then > 0.9
    told = evaluate(examples, proposal.weights, proposal.starts)
    assert closeness(told, 2) > 0.9


def test_weights_follow_outcomes() -> None:
    examples = [
        example(noise(n), n % 5 / 4, gain=float(n % 5 > 2), half=bool(n // 5 % 2))
        for n in range(300)
    ]
    proposal = propose(examples, EVEN, STARTS)
    assert proposal.weights is not None
    assert proposal.weights.context > proposal.weights.message
    assert proposal.figures[0].then > proposal.figures[0].now


def test_nothing_is_proposed_that_chance_could_explain() -> None:
    examples = [
        example(noise(n), noise(n + 1000), band=int(noise(n + 2000) * 3), half=bool(n % 2))
        for n in range(200)
    ]
    proposal = propose(examples, EVEN, STARTS)
    assert proposal.weights is None
    assert proposal.figures[0].low <= 0


def test_too_few_in_one_half() -> None:
    few = [example(0.5, band=n % 2, half=n >= FEWEST - 1) for n in range(200)]
    with pytest.raises(TooFewError, match="each half needs 50 distinct prompts"):
        propose(few, EVEN, STARTS)


@pytest.mark.parametrize("rare", [0, 2 * EACH - 2])
def test_a_start_lies_between_two_bands(rare: int) -> None:
    """Labels of one band, and as good as none of another, tell nothing."""
    examples = [
        example(noise(n), band=2 if n < rare else 1, half=bool(n % 2)) for n in range(3 * FEWEST)
    ]
    with pytest.raises(TooFewError, match="two bands or more need 10 distinct prompts"):
        propose(examples, EVEN, STARTS)


def test_a_band_that_few_labels_name_is_not_fitted() -> None:
    """Nor is one that many lines name that are all of one prompt."""
    easy, hard = ([e for e in banded(300) if e.band == band] for band in (0, 2))
    assert propose(easy + hard, EVEN, STARTS).unfitted == (1,)
    middling = [example(0.0, 0.5, band=1)] * 50
    assert propose(easy + hard + middling, EVEN, STARTS).unfitted == (1,)
    assert propose(banded(300), EVEN, STARTS).unfitted == ()


def test_a_prompt_many_times_over_counts_once() -> None:
    with pytest.raises(TooFewError, match="each half needs 50 distinct prompts"):
        propose(banded(2 * FEWEST - 4) * 20, EVEN, STARTS)


def test_a_prompt_many_times_over_is_no_more_evidence() -> None:
    """The interval is as wide as without the copies, for they are drawn together."""
    other = Weights(0.4, 0.0, 0.2, 0.2, 0.2)

    def figure(examples: list[Example]) -> Figure:
        now, then = (evaluate(examples, weights, STARTS) for weights in (EVEN, other))
        return compare("order", [now], [then], agreement)

    assert figure(banded(60) * 20) == pytest.approx(figure(banded(60)))


def test_the_same_examples_give_the_same_proposal() -> None:
    assert propose(banded(200), EVEN, STARTS) == propose(banded(200), EVEN, STARTS)


def told(scores: Sequence[float], examples: Sequence[Example]) -> ScoredExamples:
    return ScoredExamples(examples, scores, [0] * len(scores))


@pytest.mark.parametrize(
    ("scores", "bands", "share"),
    [
        ((0.1, 0.5, 0.9), (0, 1, 2), 1.0),
        ((0.9, 0.5, 0.1), (0, 1, 2), 0.0),
        ((0.5, 0.5, 0.5), (0, 1, 2), 0.5),
        ((0.1, 0.9), (1, 1), 0.5),
        ((0.1, 0.5, 0.5), (0, 1, 0), 0.75),
    ],
)
def test_agreement(scores: Sequence[float], bands: Sequence[int], share: float) -> None:
    assert agreement(told(scores, [example(band=band) for band in bands])) == share


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=25))
def test_agreement_is_the_share_of_pairs_in_order(pairs: list[tuple[int, int]]) -> None:
    found = [(a[0] > b[0]) + (a[0] == b[0]) / 2 for a in pairs for b in pairs if a[1] > b[1]]
    whole = sum(found) / len(found) if found else 0.5
    scores = [float(score) for score, _ in pairs]
    assert agreement(told(scores, [example(band=b) for _, b in pairs])) == pytest.approx(whole)


@pytest.mark.parametrize(
    ("scores", "gains", "area"),
    [
        ((0.9, 0.1), (1.0, 0.0), 0.75),
        ((0.1, 0.9), (1.0, 0.0), 0.25),
        ((0.5, 0.5), (1.0, 0.0), 0.5),
        ((0.5, 0.9), (0.0, 0.0), 0.5),
    ],
)
def test_recovered(scores: Sequence[float], gains: Sequence[float], area: float) -> None:
    assert recovered(told(scores, [example(gain=gain) for gain in gains])) == pytest.approx(area)


def test_closeness_and_spread() -> None:
    examples = [example(band=band) for band in (0, 1, 2, 2)]
    assert closeness(ScoredExamples(examples, (), (0, 1, 2, 2)), 2) == 1
    assert closeness(ScoredExamples(examples, (), (2, 1, 0, 2)), 2) == 0.5
    assert spread(ScoredExamples(examples, (), (0, 1, 2, 2))) == 0.5
    assert spread(ScoredExamples(examples, (), (1, 1, 1, 1))) == 0


def test_starts_part_what_can_be_parted() -> None:
    examples = [example(v / 20, band=v // 4) for v in range(12)]
    starts = fit_starts(examples, EVEN, STARTS, range(3))
    assert closeness(evaluate(examples, EVEN, starts), 2) == 1


@pytest.mark.parametrize(
    ("labels", "starts"),
    [
        ({0: 0.0, 1: 0.6, 2: 0.8, 3: 1.0}, (0.0, 0.25, 0.379, 0.497)),
        ({0: 0.0, 1: 0.6, 3: 1.0}, (0.0, 0.25, 0.332, 0.497)),
        ({0: 0.0, 3: 0.6}, (0.0, 0.062, 0.125, 0.25)),
        ({0: 0.0, 1: 0.6}, (0.0, 0.25, 0.438, 0.813)),
        ({1: 0.0, 2: 0.6}, (0.0, 0.125, 0.25, 0.75)),
        ({1: 0.6, 2: 0.0}, (0.0, 0.2, 0.4, 0.8)),
        ({3: 0.6}, (0.0, 0.2, 0.4, 0.8)),
    ],
)
def test_a_start_that_no_label_tells_keeps_its_place_between_the_others(
    labels: dict[int, float], starts: Sequence[float]
) -> None:
    """labels: the value of the examples of each band; 0.6 scores 0.25, 1 scores 0.497."""
    examples = [example(value, band=band) for band, value in labels.items() for _ in range(9)]
    assert fit_starts(examples, EVEN, (0.0, 0.2, 0.4, 0.8), list(labels)) == starts


@pytest.mark.parametrize("band", [0, 1, 2])
def test_labels_of_one_band_move_no_start(band: int) -> None:
    examples = [example(v / 10, band=band) for v in range(10)]
    assert fit_starts(examples, EVEN, STARTS, range(3)) == STARTS


def test_even_starts_share_the_examples_out() -> None:
    examples = [example(v / 30) for v in range(30)]
    bands = evaluate(examples, EVEN, even_starts(examples, EVEN, STARTS)).bands
    assert [bands.count(place) for place in range(3)] == [10, 10, 10]


SHARES = st.floats(0, 1)


@given(
    st.lists(
        st.tuples(st.lists(SHARES, min_size=5, max_size=5), st.integers(0, 4)),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 5),
)
def test_starts_ascend_within_the_scale(made: list[tuple[list[float], int]], many: int) -> None:
    examples = [example(*values, band=min(band, many - 1)) for values, band in made]
    before = tuple(place / 10 for place in range(many))
    named = sorted({band for _, band in made if band < many})
    for fit in (partial(fit_starts, named=named), even_starts):
        starts = fit(examples, EVEN, before)
        assert starts[0] == 0
        assert len(starts) == many
        assert all(0 < b <= 1 for b in starts[1:])
        assert all(a < b for a, b in pairwise(starts))


@given(st.lists(SHARES, min_size=5, max_size=5), SHARES)
def test_scores_stay_within_the_scale(values: list[float], criticality: float) -> None:
    (score,) = scores_of([Example(tuple(values), criticality, prompt=0)], EVEN)
    assert 0 <= score <= 1


@given(st.lists(st.integers(0, 100), min_size=5, max_size=5).filter(any))
def test_fitted_weights_are_steps_of_a_whole(parts: list[int]) -> None:
    """Also when they began as no multiples of a step."""
    first = Weights(*(part / sum(parts) for part in parts))
    fitted = astuple(fit_weights(banded(12), first, agreement))
    assert sum(fitted) == pytest.approx(1)
    for weight in fitted:
        assert weight >= 0
        assert weight / STEP == pytest.approx(round(weight / STEP))
