"""Counts of outcomes: integers that can be added in any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from zlib import crc32

from policy_router.domain.durations import percentile
from policy_router.experience.intervals import wilson
from policy_router.experience.rated_answers import SCORE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from policy_router.experience.intervals import IntervalEstimate

CALLS: Final = "calls"
ANSWERED: Final = "answered"
REJECTED: Final = "rejected"
FAILED: Final = "failed"
DECLINED: Final = "declined"
ACCEPTED: Final = "accepted"
FLAGGED: Final = "flagged"
GOOD: Final = "good"
BAD: Final = "bad"
CHECKED: Final = "checked"
FEEDBACK: Final = "feedback"
FEEDBACK_SUM: Final = "feedback_sum"
TOKENS_IN: Final = "tokens_in"
TOKENS_OUT: Final = "tokens_out"
METERED: Final = "metered"
COST: Final = "cost"
CHARGED: Final = "charged"
LATENCY: Final = "latency "
"""Begins the names of the buckets of the time of whole answers."""
FIRST_TOKEN: Final = "first "  # noqa: S105  no password
"""Begins those of the time until the first token."""
TENANT: Final = "tenant "
"""Begins the names of what a group of tenants says: `tenant <group> <name>`."""
GROUPS: Final = 16
"""Groups of tenants that are distinguished; a tenant is in one of them by its hash."""
FEWEST: Final = 5
"""Groups from which on the weight of each is bounded: fewer cannot all have a fifth or less."""
MOST_WEIGHT: Final = 0.2
"""The maximum share of the weight of all verdicts for one group."""


def tenant_group(tenant: str) -> int:
    """The number of the group that a tenant is in."""
    return crc32(tenant.encode("utf-8", "surrogatepass")) % GROUPS


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """Counts of outcomes by their names.

    Attributes:
        tally: Name -> count.
    """

    tally: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def merge(self, other: OutcomeCounts) -> OutcomeCounts:
        """The counts of both together."""
        return total((self, other))

    # -- calls ---------------------------------------------------------------------------------

    @property
    def calls(self) -> int:
        """Calls, however they ended."""
        return self._of(CALLS)

    @property
    def answered(self) -> int:
        """Calls that gave a whole answer, also where checks rejected it."""
        return self._of(ANSWERED)

    @property
    def rejected(self) -> int:
        """Answers that a check or a judge rejected."""
        return self._of(REJECTED)

    @property
    def failed(self) -> int:
        """Calls with transport failures: timeouts, server errors, rate limits."""
        return self._of(FAILED)

    @property
    def declined(self) -> int:
        """Calls that the model declined because of the request, such as its length."""
        return self._of(DECLINED)

    @property
    def cost_nano_usd(self) -> int:
        """What was charged for them, in nano-USD."""
        return self._of(COST)

    @property
    def tokens_in(self) -> int:
        """Input tokens of the answers whose tokens are known."""
        return self._of(TOKENS_IN)

    @property
    def tokens_out(self) -> int:
        """Output tokens of these."""
        return self._of(TOKENS_OUT)

    # -- verdicts, of which a conversation has one a day -----------------------------------------

    @property
    def accepted(self) -> int:
        """Answers that passed every check, without a judge."""
        return self._of(ACCEPTED)

    @property
    def flagged(self) -> int:
        """Answers that a check rejected."""
        return self._of(FLAGGED)

    @property
    def good(self) -> int:
        """Answers that a judge accepted."""
        return self._of(GOOD)

    @property
    def bad(self) -> int:
        """Answers that a judge rejected."""
        return self._of(BAD)

    @property
    def verdicts(self) -> int:
        """Verdicts of checks and judges."""
        return self.accepted + self.flagged + self.good + self.bad

    @property
    def checked(self) -> int:
        """Answers with a verdict, also where the conversation had one before."""
        return self._of(CHECKED)

    @property
    def feedback_sum(self) -> int:
        """The sum of these scores, in thousandths of the best one."""
        return self._of(FEEDBACK_SUM)

    @property
    def feedback(self) -> int:
        """Scores that people gave."""
        return self._of(FEEDBACK)

    # -- what follows from them ------------------------------------------------------------------

    def success(self) -> IntervalEstimate | None:
        """The share of calls that gave an answer which no check rejected; None without calls.

        Calls that were declined for what the request is count for nothing.
        """
        return wilson(self.answered - self.rejected, self.answered + self.failed)

    def acceptance(self) -> IntervalEstimate | None:
        """The share of verdicts that accept; None without any."""
        return self._weighted(("verdicts",))

    def quality(self, sources: Iterable[str] = ()) -> IntervalEstimate | None:
        """The mean of verdicts and scores, 0..1; None without any.

        Args:
            sources: `accept` for verdicts, `feedback` for scores; both when empty.
        """
        named = frozenset(sources) or {"accept", "feedback"}
        parts = {"accept": "verdicts", "feedback": "feedback"}
        return self._weighted(tuple(part for name, part in parts.items() if name in named))

    def latency(self, share: float = 0.5) -> float | None:
        """A percentile of the time of answers, in seconds; None without answers."""
        return percentile(self._buckets(LATENCY), share)

    def first_token(self, share: float = 0.5) -> float | None:
        """The same for the time until the first token, where answers were streamed."""
        return percentile(self._buckets(FIRST_TOKEN), share)

    def output(self) -> float | None:
        """Mean output tokens of an answer; None where they are not known."""
        metered = self._of(METERED)
        return self.tokens_out / metered if metered else None

    @property
    def metered(self) -> int:
        """Answers whose tokens are known."""
        return self._of(METERED)

    @property
    def timed(self) -> int:
        """Answers whose time is known."""
        return sum(self._buckets(LATENCY).values())

    def mean_cost(self) -> float | None:
        """Mean charge of a call in nano-USD; None where nothing was charged for any."""
        charged = self._of(CHARGED)
        return self.cost_nano_usd / charged if charged else None

    # -- details -----------------------------------------------------------------------------------

    def _of(self, name: str) -> int:
        return self.tally.get(name, 0)

    def _buckets(self, prefix: str) -> dict[int, int]:
        start = len(prefix)
        return {
            int(name[start:]): n for name, n in self.tally.items() if name.startswith(prefix) and n
        }

    def _sums(self, parts: tuple[str, ...], prefix: str = "") -> tuple[int, int]:
        """How many scores there are, and their sum in thousandths."""
        number = scores = 0
        if "verdicts" in parts:
            good, bad = self._of(prefix + ACCEPTED), self._of(prefix + FLAGGED)
            good, bad = good + self._of(prefix + GOOD), bad + self._of(prefix + BAD)
            number, scores = good + bad, SCORE * good
        if "feedback" in parts:
            number += self._of(prefix + FEEDBACK)
            scores += self._of(prefix + FEEDBACK_SUM)
        return number, scores

    def _weighted(self, parts: tuple[str, ...]) -> IntervalEstimate | None:
        """The mean of scores, none of which a group of tenants has too much weight in."""
        number, scores = self._sums(parts)
        groups = [self._sums(parts, f"{TENANT}{group} ") for group in range(GROUPS)]
        groups = [group for group in groups if group[0]]
        if len(groups) < FEWEST:
            return wilson(scores / SCORE, number)
        others = number - sum(n for n, _ in groups)
        cap = _most_weight(sorted(n for n, _ in groups), others)
        weight, weighted = float(others), float(scores - sum(s for _, s in groups))
        for n, s in groups:
            own = min(float(n), cap)
            weight += own
            weighted += own * s / n
        return wilson(weighted / SCORE, weight)


def _most_weight(sizes: list[int], others: int) -> float:
    """The weight above which a group has more than `MOST_WEIGHT` of all.

    Args:
        sizes: The sizes of the groups, ascending, at least `FEWEST`.
        others: Weight that belongs to no group.
    """
    rest, bounded = others + sum(sizes), 0
    while True:  # when four are bounded, the next one is no larger than the rest
        cap = MOST_WEIGHT * rest / (1 - MOST_WEIGHT * bounded)
        if sizes[-1] <= cap:
            return cap
        rest -= sizes.pop()
        bounded += 1


def total(counts: Iterable[OutcomeCounts]) -> OutcomeCounts:
    """The counts of all together."""
    summed: dict[str, int] = {}
    for each in counts:
        for name, n in each.tally.items():
            summed[name] = summed.get(name, 0) + n
    return OutcomeCounts(summed)
