"""What makes a request invalid for a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.decision.abilities import ABILITIES
from policy_router.decision.caller_choice import unknown_choice
from policy_router.domain.condition import TAGS
from policy_router.domain.facts import FactType
from policy_router.domain.ordering import SortKey
from policy_router.quoting import quoted, unknown

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.facts import Fact
    from policy_router.domain.request import Request

_SORT_KEYS: Final = tuple(SortKey)
_MAX_COUNT: Final = 1_000_000_000
"""The most tokens, pictures or candidates that a request may state, so that sums stay exact."""
_MAX_ANSWERS: Final = 1_024
_MAX_CONSTRAINT: Final = 1e30
_LATEST: Final = 250_000_000_000.0
"""A Unix time near the year 9900, before the calendar of the standard library ends."""
_NUMBER, _BOOL = FactType.NUMBER, FactType.BOOL  # a member of an enumeration is slow to look up


def problem_of(policy: Policy, request: Request, now: float | None) -> str | None:
    """Say what makes a request invalid for a policy.

    Args:
        policy: The policy to decide by.
        request: The request to check.
        now: Unix time of the decision; None without a clock.

    Returns:
        The problem as part of a sentence, or None for a valid request.
    """
    problem = _out_of_range(request) or _unknown_name(policy, request)
    if problem is not None:
        return problem
    index = policy._index
    timed = index.reads_clock or index.priced_by_hour
    if now is not None and timed and not 0 <= now < _LATEST:
        return f"`now` must be a Unix time in seconds, not `{quoted(now)}`"
    return _bad_attribute(policy, request) if request.attributes else None


def _out_of_range(request: Request) -> str | None:
    """Check the numbers that have the same range under every policy."""
    # Nearly every request passes these comparisons; in a loop each would cost a function call.
    if (
        0 <= request.tokens <= _MAX_COUNT
        and request.max_input_tokens is request.largest_input is None
        and (request.max_tokens is None or 1 <= request.max_tokens <= _MAX_COUNT)
        and request.answers == 1
        and request.pictures == request.thumbnails == request.tool_errors == 0
        and request.turn is None
        and request.max_latency is request.min_quality is request.max_candidates is None
    ):
        return None
    for name, value, least, most in (
        ("tokens", request.tokens, 0, _MAX_COUNT),
        ("max_tokens", request.max_tokens, 1, _MAX_COUNT),
        ("max_input_tokens", request.max_input_tokens, 0, _MAX_COUNT),
        ("pictures", request.pictures, 0, _MAX_COUNT),
        ("thumbnails", request.thumbnails, 0, _MAX_COUNT),
        ("answers", request.answers, 0, _MAX_ANSWERS),
        ("largest_input", request.largest_input, 0, _MAX_COUNT),
        ("max_candidates", request.max_candidates, 0, _MAX_COUNT),
        ("turn", request.turn, 1, _MAX_COUNT),
        ("tool_errors", request.tool_errors, 0, _MAX_COUNT),
    ):
        if value is not None and not least <= value <= most:
            return f"`{name}` must be from {least} to {most:,}, not `{quoted(value)}`"
    for name, constraint in (
        ("max_latency", request.max_latency),
        ("min_quality", request.min_quality),
    ):
        # A comparison with NaN is false, so that it would exclude no model.
        if constraint is not None and not abs(constraint) < _MAX_CONSTRAINT:
            return f"`{name}` must be a number below 1e30, not `{quoted(constraint)}`"
    return None


def _unknown_name(policy: Policy, request: Request) -> str | None:
    """Check that the policy knows every name that the request states."""
    index = policy._index
    if request.task is not None and request.task not in index.tasks:
        return unknown("task", request.task, index.tasks)
    if request.complexity is not None:
        problem = _bad_complexity(policy, request.complexity)
        if problem is not None:
            return problem
    if request.needs and not index.abilities.issuperset(request.needs):
        return unknown(
            "ability", min(set(request.needs) - index.abilities), (*ABILITIES, *policy.abilities)
        )
    if request.tags:
        tags = policy.vocabulary.tags
        if tags and not tags.issuperset(request.tags):
            known = policy.vocabulary.facts[TAGS].values
            return unknown("tag", min(set(request.tags) - tags), known)
    if request.model is not None and not index.aliases.knows(request.model):
        return unknown("model", request.model, [*index.by_name, *index.aliases.names])
    if request.only is not None or request.avoid or request.min_tier is not None:
        problem = unknown_choice(policy, request)
        if problem is not None:
            return problem
    for key in request.prefer or ():
        if key not in _SORT_KEYS:
            return unknown("sort key", key, _SORT_KEYS)
    return None


def _bad_complexity(policy: Policy, complexity: str | float) -> str | None:
    if isinstance(complexity, str):
        if policy.band(complexity) is not None:
            return None
        return unknown("complexity band", complexity, policy._index.bands)
    levels = policy._index.levels
    if 0 <= complexity <= 1 or (isinstance(complexity, int) and 1 <= complexity <= levels):
        return None
    expected = "a score from 0 to 1" + (f" or a level from 1 to {levels}" if levels else "")
    return f"`complexity` must be {expected}, not `{quoted(complexity)}`"


def _bad_attribute(policy: Policy, request: Request) -> str | None:
    declared = policy.vocabulary.attributes
    for name, value in request.attributes.items():
        fact = declared.get(name)
        if fact is None:
            return unknown("attribute", name, declared)
        if value in fact.values:
            continue
        problem = _bad_value(fact, value)
        if problem is not None:
            return problem
    return None


def _bad_value(fact: Fact, value: str | float | bool) -> str | None:
    if fact.values:
        return unknown(f"value of `{fact.name}`", value, fact.values)
    if fact.kind is _BOOL:
        if isinstance(value, bool):
            return None
        expected = "a boolean"
    elif fact.kind is _NUMBER:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and value == value:  # noqa: PLR0124  NaN equals nothing, not even itself
            return None
        expected = "a number"
    else:
        if isinstance(value, str):
            return None
        expected = "a string"
    return f"`{fact.name}` must be {expected}, not `{quoted(value)}`"
