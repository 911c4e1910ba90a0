"""The compiled policy: everything a decision depends on besides the request and the snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from policy_router.decision.index import Index
    from policy_router.domain.facts import Vocabulary
    from policy_router.domain.fallback import Fallback
    from policy_router.domain.limits import Limit
    from policy_router.domain.models import Model
    from policy_router.domain.ordering import SortKey
    from policy_router.domain.rules import Rule, Task
from policy_router.domain.complexity import Band, Complexity


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy: immutable, owns no resource, decides the same for ever.

    revision: digest of what the policy means; layout and comments do not change it.
    """

    name: str
    description: str
    timezone: ZoneInfo
    tiers: tuple[str, ...]
    models: tuple[Model, ...]
    tasks: tuple[Task, ...]
    bands: tuple[Band, ...]
    prefer: tuple[SortKey, ...]
    rules: tuple[Rule, ...]
    fallback: Fallback
    limits: tuple[Limit, ...]
    vocabulary: Vocabulary
    revision: str
    index: Index = field(compare=False, repr=False)
    complexity: Complexity = Complexity()  # noqa: RUF009  frozen: one for all policies is safe

    def model(self, name: str) -> Model:
        """The model of that name; KeyError when the policy has none."""
        return self.index.by_name[name]
