"""The effect that a change of the policy would have had on the requests in the journal.

Where the log tried enough of what the changed policy would choose, by chance and with known
probabilities, the rewards are estimated (see `off_policy`). Otherwise the logged requests are only
decided again: that says what moves and what it costs, and nothing about how good the answers would
be.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from policy_router.domain.outcome import Role
from policy_router.experience.off_policy import estimate
from policy_router.experience.other_policy import compare_policies
from policy_router.journal.query import OutcomeFilter
from policy_router.language.write.text_edit import apply
from policy_router.language.write.yaml_edit import compiled
from policy_router.suggestions.suggestion import EffectMethod, MeasuredEffect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policy_router.domain.outcome import Outcome
    from policy_router.journal.reader import JournalReader
    from policy_router.language.write.text_edit import TextEdit
    from policy_router.suggestions.observed import Observed

MOST: Final = 2_000
"""Requests that are decided again for a suggestion."""


def recent_calls(reader: JournalReader, since: float) -> tuple[Outcome, ...]:
    """The latest first calls of requests since a Unix time.

    Raises:
        StoreError: The journal cannot be read.
    """
    where = OutcomeFilter(since=since, roles=[Role.FIRST])
    return tuple(islice(reader.outcomes(where, newest_first=True), MOST))


def measured_effect(observed: Observed, edits: Sequence[TextEdit]) -> MeasuredEffect | None:
    """What edits of the policy would have made of the latest logged requests.

    Args:
        observed: The policy, its files and these requests.
        edits: The edits.

    Returns:
        The effect; None without edits or requests, or where the edits cannot be applied.
    """
    changed = compiled(apply(edits, observed.sources)) if edits and observed.recent else None
    if changed is None:
        return None
    now = compare_policies(observed.recent, observed.policy)
    then = compare_policies(observed.recent, changed)
    if not then.choices or len(now.choices) != len(then.choices):
        return None
    moves = [(one.other, other.other) for one, other in zip(now.choices, then.choices, strict=True)]
    drawn = any(choice.propensity < 1 for choice in then.choices)
    estimated = estimate(then.choices) if drawn else None
    known = estimated is not None and estimated.known
    logged = sum(choice.reward for choice in then.choices) / len(then.choices)
    return MeasuredEffect(
        method=EffectMethod.OFF_POLICY if known else EffectMethod.REPLAY,
        requests=len(moves),
        moved=sum(one != other for one, other in moves) / len(moves),
        cost=_change_of_cost(observed.recent, moves),
        reward=(estimated.snips.value, estimated.snips.low, estimated.snips.high)
        if estimated is not None and known
        else None,
        logged=logged,
    )


def _change_of_cost(recent: Sequence[Outcome], moves: Sequence[tuple[str, str]]) -> float | None:
    """The change of the mean cost, by what calls of each model cost; None where it is not known."""
    costs: dict[str, list[int]] = {}
    for outcome in recent:
        if outcome.cost is not None:
            costs.setdefault(outcome.model, []).append(outcome.cost)
    if any(name not in costs for pair in moves if pair[0] != pair[1] for name in pair):
        return None
    means = {name: sum(found) / len(found) for name, found in costs.items()}
    return sum(means[new] - means[old] for old, new in moves if old != new) / len(moves)
