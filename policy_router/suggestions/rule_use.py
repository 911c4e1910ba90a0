"""Reads from the journal how often the rules of a policy applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.journal.query import OutcomeFilter
from policy_router.suggestions.observed import RuleUse

if TYPE_CHECKING:
    from policy_router.journal.reader import JournalReader

_DAY: Final = 86_400


def rule_use(reader: JournalReader, revision: str, since: float) -> RuleUse:
    """Return how often the rules of a revision applied.

    Args:
        reader: Reads the journal.
        revision: The revision of the policy.
        since: Unix time from which on requests count.

    Raises:
        StoreError: The journal cannot be read.
    """
    where = OutcomeFilter(since=since, revision=revision)
    first = next(reader.outcomes(where), None)
    last = next(reader.outcomes(where, newest_first=True), None)
    if first is None or last is None:
        return RuleUse(0, 0.0, frozenset())
    requests = sum(each.requests for each in reader.sums([], where, durations=False))
    by_rule = reader.sums(["rule"], where, durations=False)
    applied = frozenset(str(each.by[0]) for each in by_rule)
    return RuleUse(requests, (last.at - first.at) / _DAY, applied)
