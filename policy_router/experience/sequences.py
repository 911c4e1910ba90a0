"""Confidence sequences: intervals that are valid at any time, no matter how often they are checked.

An ordinary 95 % confidence interval is valid at a time that was chosen in advance. Checking it
every minute and stopping once it excludes zero is wrong far more often. The interval here is wider:
the probability that it is ever wrong during the whole experiment is at most the error. It is the
normal mixture of Robbins (1970), in the asymptotic form for means of Waudby-Smith and others
(2021), with the variance of the values estimated from them.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Final

_LARGEST: Final = 700.0
"""The largest power of e that is a number."""


def standard_errors(progress: float, error: float) -> float:
    """Return how many standard errors wide an interval is, to either side.

    Args:
        progress: How much is known, as a share of what was planned for; above 0. The interval is
            narrowest, in standard errors, near 1, and right whatever the plan was.
        error: The chance to be wrong at any moment, above 0 and below 1.
    """
    doubt = -2 * log(error)
    time = progress * (doubt + log(doubt + 1))  # which makes it narrowest at the plan
    return sqrt((1 + 1 / time) * (doubt + log(1 + time)))


def with_few_clusters(errors: float, degrees: float) -> float:
    """Return how many standard errors wide an interval is whose variance is hardly known itself.

    Few clusters may look alike by chance, and then seem to say much. So the quantile of the normal
    distribution is replaced by the one of Student's, in the approximation of Wallace (1959), which
    is a little wider.

    Args:
        errors: How many standard errors are enough where the variance is known.
        degrees: Degrees of freedom of the variance: at least 1.
    """
    scaled = errors * (8 * degrees + 3) / (8 * degrees + 1)
    return sqrt(degrees * (exp(min(scaled * scaled / degrees, _LARGEST)) - 1))
