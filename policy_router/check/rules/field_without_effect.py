"""a field that has no effect here

Something else in the same section takes precedence, or the field itself is empty: checks that check
nothing, a list without entries, more attempts than there are models.

Bad:
    budgets:
      all: { cap: unlimited, warn_at: [80%] }

Good:
    budgets:
      all: { cap: $50/month, warn_at: [80%] }
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from policy_router.check.idle_fields.budgets import of_budgets
from policy_router.check.idle_fields.complexity import of_complexity
from policy_router.check.idle_fields.fallback import of_fallback, of_health
from policy_router.check.idle_fields.floors import of_floors
from policy_router.check.idle_fields.lists import of_lists
from policy_router.check.idle_fields.models import of_models
from policy_router.check.idle_fields.prompts import of_prompts
from policy_router.check.idle_fields.rules import of_rules
from policy_router.check.idle_fields.sessions import of_sessions
from policy_router.check.idle_fields.tasks import of_tasks
from policy_router.check.idle_fields.tests import of_tests
from policy_router.check.subject import note, warning
from policy_router.domain.periods import Period
from policy_router.language.document.prices import PriceShape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    document, places = subject.draft.document, subject.draft.places
    idle_fields = chain(
        of_budgets(document, subject.policy),
        of_models(document),
        of_tasks(document),
        of_rules(document),
        of_complexity(document),
        of_fallback(document),
        of_health(document),
        of_prompts(document),
        of_tests(document),
        of_sessions(subject),
        of_floors(subject),
        of_lists(document),
    )
    for idle in idle_fields:
        yield warning("field-without-effect", idle.reason, places.key(idle.path), idle.remedy)
    if document.timezone is not None and not _is_timed(subject):
        yield note(
            "field-without-effect",
            "nothing in the policy depends on the time of day or the calendar",
            places.key(("timezone",)),
            "it is used by `hour`, `weekday`, hours of prices, and periods of a day or longer",
        )


def _is_timed(subject: Subject) -> bool:
    conditions = subject.draft.conditions.values()
    return (
        any(condition.reads & {"hour", "weekday"} for condition in conditions)
        or any(
            isinstance(limit.window, Period) and limit.cap is not None
            for limit in subject.policy.limits
        )
        or any(
            hours.zone is None
            for model in (subject.draft.document.models or {}).values()
            if isinstance(model.price, PriceShape)
            for hours in model.price.at or ()
        )
        or any(
            experiment.until for experiment in (subject.draft.document.experiments or {}).values()
        )
    )
