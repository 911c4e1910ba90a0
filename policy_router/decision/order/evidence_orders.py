"""The changes of order that evidence asks for, cached for similar requests until it changes.

Plans are compared by their cost at rounded numbers of tokens, so that requests which differ by a
few tokens share one result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.decision.order.model_estimates import ModelEstimates
from policy_router.domain.beliefs import LearnedOrder
from policy_router.learning.exploration import trials
from policy_router.learning.order import learned_order
from policy_router.learning.plans import Terms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.domain.beliefs import Beliefs, Rivals
    from policy_router.domain.decision import Candidate
    from policy_router.domain.experience import Measured
    from policy_router.domain.request import Request
    from policy_router.domain.situation import Situation
    from policy_router.domain.snapshot import Snapshot
    from policy_router.learning.evidence import CheckRates
    from policy_router.learning.exploration import Trial

KEPT: Final = 4_096
"""The most orders that are kept; when there are more, all are dropped."""
SEQUENCES: Final = 64
"""The most sequences of candidates whose names are kept."""
_DIGITS: Final = 3
"""Binary digits of the numbers of tokens that plans are compared by."""


@dataclass(frozen=True, slots=True)
class EvidenceOrder:
    """The change of order that evidence asks for.

    Attributes:
        learned: The change for a request that is no trial; None where evidence changes nothing and
            there are no trials.
        detail: The same as text for people.
        trials: The models that may be put first as a trial.
        rests_on: What that follows from.
    """

    learned: LearnedOrder | None
    detail: str
    trials: tuple[Trial, ...]
    rests_on: tuple[Beliefs, Mapping[str, Measured]]


class EvidenceOrders:
    """The changes of order that evidence asks for in one policy, cached while beliefs are the same.

    Args:
        keeps: Whether anything is kept: not where costs depend on the hour, or on prompts.
    """

    def __init__(self, *, keeps: bool) -> None:
        self._keeps = keeps
        self._revision = ""
        self._kept: dict[tuple[object, ...], EvidenceOrder] = {}
        self._names: dict[int, tuple[Sequence[Candidate], tuple[str, ...]]] = {}

    def of(  # noqa: PLR0917  what a decision has worked out by then
        self,
        least: int,
        situation: Situation,
        snapshot: Snapshot,
        beliefs: Beliefs,
        wanted: Sequence[Candidate],
        check: CheckRates | None,
        share: float,
    ) -> EvidenceOrder:
        """What evidence asks for.

        Args:
            least: Samples from which on a measured value counts.
            situation: The request as the policy sees it.
            snapshot: The state of the world.
            beliefs: What is believed of the models, as the snapshot has it.
            wanted: The candidates of the wanted tiers in the written order, at least one.
            check: How often the checks of the answer are right; None without checks.
            share: The share of such requests that may try another model.
        """
        if not self._keeps:
            return _evidence_order(least, situation, snapshot, beliefs, wanted, check, share)
        if beliefs.revision != self._revision or len(self._kept) >= KEPT:
            self._revision, self._kept = beliefs.revision, {}
        request, task, kept = situation.request, situation.task, self._kept
        name = (
            id(beliefs),  # what is kept keeps both, so that nothing else has their `id`
            id(snapshot.measured) if snapshot.measured else None,
            self._names_of(wanted),
            None if task is None else task.name,
            check,
            share,
            _about(request.tokens),
            None if request.max_tokens is None else _about(request.max_tokens),
            request.answers,
            request.pictures + request.thumbnails,
        )
        order = kept.get(name)
        if order is None:
            order = _evidence_order(least, situation, snapshot, beliefs, wanted, check, share)
            kept[name] = order
        return order

    def _names_of(self, wanted: Sequence[Candidate]) -> tuple[str, ...]:
        """The names of candidates, which many requests have in the same tuple."""
        if not isinstance(wanted, tuple):
            return tuple([candidate.model.name for candidate in wanted])
        kept = self._names.get(id(wanted))  # they are kept too, so that nothing else has their `id`
        if kept is not None:
            return kept[1]
        if len(self._names) >= SEQUENCES:
            self._names.clear()
        names = tuple([candidate.model.name for candidate in wanted])
        self._names[id(wanted)] = wanted, names
        return names


def _evidence_order(  # noqa: PLR0917  as above
    least: int,
    situation: Situation,
    snapshot: Snapshot,
    beliefs: Beliefs,
    wanted: Sequence[Candidate],
    check: CheckRates | None,
    share: float,
) -> EvidenceOrder:
    rests_on = beliefs, snapshot.measured
    if not share and not any(_may_move(node, wanted) for node in beliefs.nodes):
        return EvidenceOrder(None, "", (), rests_on)
    task, request = situation.task, _about_as_long(situation.request)
    estimates = ModelEstimates(request, task, snapshot, least)
    costs = {c.name: cost for c in wanted if (cost := estimates.cost(c.model)) is not None}
    written = [c.name for c in wanted]
    path = [{name: each for name, each in node.items() if name in costs} for node in beliefs.nodes]
    worth = None if task is None or task.worth is None else float(task.worth)
    terms = Terms(1.0 if worth is None else worth, costs, check)
    order, promotion = learned_order(written, path, terms, valued=worth is not None)
    tried = _trials(order, path[-1], terms, share, worth) if share and path else ()
    if promotion is None and not tried:
        return EvidenceOrder(None, "", (), rests_on)
    learned = LearnedOrder(
        first=order[0],
        written=written[0],
        probability=None if promotion is None else promotion.probability,
        verdicts=0 if promotion is None else promotion.verdicts,
        propensity=1.0 - sum(each.propensity for each in tried),
        trial=False,
        revision=beliefs.revision,
    )
    return EvidenceOrder(learned, str(learned), tried, rests_on)


def _about(tokens: int) -> int:
    """About as many tokens, for all of the numbers near one: at most an eighth more or fewer."""
    rounded = max(0, tokens.bit_length() - _DIGITS)
    return tokens >> rounded << rounded | (1 << rounded >> 1)


def _about_as_long(request: Request) -> Request:
    cap = request.max_tokens
    return replace(
        request,
        tokens=_about(request.tokens),
        max_tokens=None if cap is None else _about(cap),
    )


def _may_move(rivals: Rivals, wanted: Sequence[Candidate]) -> bool:
    """Whether enough is known at a node for any candidate to go before the first one."""
    known = [each is not None and each.known for each in (rivals.get(c.name) for c in wanted)]
    return known[0] and any(known[1:])


def _trials(
    order: Sequence[str], rivals: Rivals, terms: Terms, share: float, worth: float | None
) -> tuple[Trial, ...]:
    if worth is not None:
        return trials(order, rivals, terms, share, spendable=worth)
    # A more expensive model could not go first, whatever were learned about it.
    usual = terms.costs.get(order[0], 0.0)
    costlier = {name for name, cost in terms.costs.items() if cost > usual}
    return trials(order, rivals, terms.quality_alone, share, excluded=costlier)
