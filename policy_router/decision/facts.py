"""Validates a request for a policy, and works out the facts that conditions read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from policy_router.decision.validate import problem_of
from policy_router.domain.facts import WEEKDAYS
from policy_router.domain.situation import Situation
from policy_router.frozen import maker

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.complexity import Band
    from policy_router.domain.request import Request

_new_situation: Final = maker(Situation)


def situation_of(policy: Policy, request: Request, now: float | None) -> Situation:
    """Validate a request and work out its facts. Never raises.

    Args:
        policy: The policy to decide by.
        request: The request.
        now: Unix time, for `hour` and `weekday`; None leaves them absent.
    """
    problem = problem_of(policy, request, now)
    if problem is not None:
        model = request.model
        unknown = model is not None and not policy._index.aliases.knows(model)
        task = policy.task(request.task)
        return Situation(request, task, problem=problem, unknown_model=unknown)
    index = policy._index
    task = index.default_task if request.task is None else index.tasks[request.task]
    band, score = None, None
    if request.complexity is not None:
        band, score = _complexity(policy, request.complexity)
    hour, weekday = None, None
    if now is not None and index.reads_clock:
        local = datetime.fromtimestamp(now, policy.timezone)
        hour, weekday = local.hour, WEEKDAYS[local.weekday()]
    needs, attributes, vocabulary = request.needs, request.attributes, policy.vocabulary
    if vocabulary.defaults:
        attributes = {**vocabulary.defaults, **attributes}
    facts = (
        None if task is None else task.name, None if band is None else band.name, score,
        request.tokens, request.max_tokens, request.tags,
        request.user, request.team, request.tenant, request.key, hour, weekday,
        "tools" in needs, "vision" in needs, "json" in needs, request.stream, request.language,
        request.model, request.session, request.client, request.subagent, request.housekeeping,
        request.turn, request.tool_errors, request.detected,
        *map(attributes.get, vocabulary.attributes),
    )  # fmt: skip
    return _new_situation(request, task, band, score, facts)


def _complexity(policy: Policy, complexity: str | float) -> tuple[Band | None, float]:
    """The band and the score of a valid complexity."""
    index = policy._index
    if isinstance(complexity, str):
        return index.bands[complexity], index.score_of[complexity]
    if index.levels and isinstance(complexity, int) and complexity >= 1:
        band = policy.bands[complexity - 1]
        return band, index.score_of[band.name]
    return policy.band_for(complexity), complexity
