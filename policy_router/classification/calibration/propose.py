"""Fits weights and bands to requests with known bands or outcomes, and measures the improvement.

The prompts are split into two halves by digest. Each half is evaluated with the settings fitted to
the other, so all figures come from held-out prompts. Prompts are counted and sampled together with
all their examples: repeating a prompt adds no evidence. A change is proposed only if its
improvement cannot be due to chance.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from policy_router.classification.calibration.examples import Example, distinct, evaluate
from policy_router.classification.calibration.fit import (
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policy_router.domain.complexity import Weights

FEWEST: Final = 50
"""Distinct prompts per half; with fewer, a difference cannot be distinguished from chance."""
EACH: Final = 10
"""Distinct prompts per half that a band needs for its start to be fitted."""


class Proposal(NamedTuple):
    """Proposed settings.

    Attributes:
        weights: Proposed weights; None when they are not clearly better than the current ones.
        starts: Proposed starts of the bands; None when they are not clearly better.
        figures: The measured advantages.
        unfitted: Indexes of the bands with too few labels.
    """

    weights: Weights | None
    starts: tuple[float, ...] | None
    figures: tuple[Figure, ...]
    unfitted: tuple[int, ...] = ()


class TooFewError(ValueError):
    """There are too few examples; the message says of what."""


def propose(examples: Sequence[Example], weights: Weights, starts: Sequence[float]) -> Proposal:
    """Propose weights and starts of bands. Takes some seconds per thousand examples.

    Args:
        examples: Either all with a band or all with outcomes.
        weights: The current weights.
        starts: The current starts of the bands, ascending. The first is never changed.

    Returns:
        What to change, and the measured advantages.

    Raises:
        TooFewError: A half has fewer than `FEWEST` distinct prompts, or fewer than two bands have
            `EACH` of them in each half.
    """
    halves = [[e for e in examples if e.half is half] for half in (False, True)]
    if min(map(distinct, halves)) < FEWEST:
        raise TooFewError(f"each half needs {FEWEST} distinct prompts")
    labelled = examples[0].band is not None
    named = [index for index in range(len(starts)) if not labelled or _is_named(index, halves)]
    if labelled and len(named) < 2:
        raise TooFewError(f"two bands or more need {EACH} distinct prompts in each half")
    order = agreement if labelled else recovered
    swapped = halves[::-1]

    now = [evaluate(half, weights, starts) for half in halves]
    fitted = [fit_weights(other, weights, order) for other in swapped]
    then = [evaluate(h, w, starts) for h, w in zip(halves, fitted, strict=True)]
    name = "right order of two" if labelled else "part of the gap recovered"
    figures = [compare(name, now, then, order)]
    better = figures[0].low > 0
    if not better:
        fitted = [weights, weights]

    cut = partial(fit_starts, named=named) if labelled else even_starts
    settings = [(w, cut(o, w, starts)) for w, o in zip(fitted, swapped, strict=True)]
    then = [evaluate(h, w, s) for h, (w, s) in zip(halves, settings, strict=True)]
    if labelled:
        near = partial(closeness, most=len(starts) - 1)
        figures.append(compare("closeness to the right band", now, then, near))
    else:
        figures.append(compare("outside the largest band", now, then, spread))
    final = fit_weights(examples, weights, order) if better else weights
    return Proposal(
        final if better else None,
        cut(examples, final, starts) if figures[1].low > 0 else None,
        tuple(figures),
        tuple(index for index in range(len(starts)) if index not in named),
    )


def _is_named(place: int, halves: Iterable[Iterable[Example]]) -> bool:
    """Whether a band has enough prompts in each half."""
    return all(distinct(e for e in half if e.band == place) >= EACH for half in halves)
