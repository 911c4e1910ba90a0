"""free-quota-unused: a free quota is hardly used while requests are paid that could use it.

The quota is a limit on requests, a day or longer, over free models only; on its busiest day less
than half of it was used. A free model goes first in a task where it is allowed anyway and of the
tier of the model that goes first now, or a higher one, and where it is not surely less reliable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.domain.limits import Metric
from policy_router.domain.money import spell_usd
from policy_router.domain.outcome import Role
from policy_router.domain.periods import Period
from policy_router.domain.windows import Rolling
from policy_router.experience.counts import OutcomeCounts
from policy_router.suggestions.alike import alike_shares
from policy_router.suggestions.put_first import put_first
from policy_router.suggestions.suggestion import Suggestion, SuggestionEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.domain.limits import Limit
    from policy_router.domain.rules import Task
    from policy_router.suggestions.observed import Observed
    from policy_router.suggestions.traffic import Traffic

KIND: Final = "free-quota-unused"
USED: Final = 0.5
"""The share of a quota that may have been used on its busiest day."""
DAYS: Final = 7
"""Days that requests must have been made on."""
_DAY: Final = 86_400
_PERIODS: Final = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31}


def suggestions(observed: Observed) -> Iterator[Suggestion]:
    """Yield at most one suggestion for each quota: for the task that saves most."""
    seen = observed.traffic
    if seen is None or seen.days < DAYS:
        return
    for limit in observed.policy.limits:
        quota, models = _daily(limit), _free_models(observed, limit)
        used = seen.busiest(models)
        if not quota or not models or used > USED * quota:
            continue
        options = [
            (saved, task, model)
            for task in observed.policy.tasks
            for model in models
            if (saved := _saved(observed, seen, task, model, quota - used)) > 0
        ]
        if options:
            saved, task, model = max(options, key=lambda each: each[0])
            yield _suggested(observed, limit, (task, model), (used, quota, saved))


def _suggested(
    observed: Observed, limit: Limit, better: tuple[Task, str], figures: tuple[int, int, float]
) -> Suggestion:
    (task, model), (used, quota, saved) = better, figures
    leader = observed.order(task.name)[0]
    calls = observed.counts(task.name, leader, {Role.FIRST}).calls
    evidence = SuggestionEvidence(
        f"of {quota:,} free requests a day under limit `{limit.name}`, at most {used:,} were made "
        f"on a day, while `{leader}` was paid for {calls:,} calls",
        calls,
    )
    sentence = f"for task `{task.name}`, put the free model `{model}` before `{leader}`"
    effect = f"saves up to {spell_usd(round(saved))} a day"
    return Suggestion(KIND, sentence, evidence, effect, put_first(observed, task, model))


def _daily(limit: Limit) -> int:
    """Requests a day that a limit lets through, in the long run; 0 where it is no quota."""
    if limit.metric is not Metric.REQUESTS or limit.cap is None or limit.per is not None:
        return 0
    if isinstance(limit.window, Period):
        return limit.cap // _PERIODS[limit.window]
    if isinstance(limit.window, Rolling) and limit.window.seconds >= _DAY:
        return limit.cap * _DAY // limit.window.seconds
    return 0


def _free_models(observed: Observed, limit: Limit) -> set[str]:
    """The models of a limit, where all of them are free."""
    models = [m for bit, m in enumerate(observed.policy.models) if limit.models >> bit & 1]
    return {m.name for m in models} if all(m.free for m in models) else set()


def _saved(observed: Observed, seen: Traffic, task: Task, model: str, unused: int) -> float:
    """Nano-USD a day that the free model saves at most; 0 where it should not go first."""
    leader, *others = observed.order(task.name) or ("",)
    if model not in others or not _may_lead(observed, task.name, leader, model):
        return 0.0
    first = observed.counts(task.name, leader, {Role.FIRST})
    if first.calls < observed.policy.learning.min_samples:
        return 0.0
    return min(unused, first.calls / seen.days) * (first.mean_cost() or 0.0)


def _may_lead(observed: Observed, task: str, leader: str, model: str) -> bool:
    """Whether a model is of a tier as high, and not surely less reliable."""
    ranks = {m.name: observed.policy.tiers.index(m.tier) for m in observed.policy.models}
    if ranks[model] < ranks[leader]:
        return False
    own, usual = observed.by_node(task, model), observed.by_node(task, leader, {Role.FIRST})
    shares = alike_shares(own, usual, OutcomeCounts.success)
    return shares is None or shares.gap.high >= 0
