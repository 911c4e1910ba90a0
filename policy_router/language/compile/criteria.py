"""The criteria of a rule or a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.domain.criteria import Criteria

if TYPE_CHECKING:
    from policy_router.language.document.classification import TaskShape
    from policy_router.language.document.rules import RuleShape


def compile_criteria(shape: RuleShape | TaskShape) -> Criteria:
    """What a rule or a task requires of a model, in numbers."""
    return Criteria(shape.min_quality, shape.max_latency, shape.max_price, shape.max_cost)
