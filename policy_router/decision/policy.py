"""The compiled policy: everything a decision depends on besides the request and the snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from policy_router.decision.index import Index
from policy_router.domain.complexity import Band, Complexity
from policy_router.domain.insight import (
    AlertSettings,
    DiscoverySettings,
    OutcomeSettings,
    ReportSettings,
)
from policy_router.domain.learning import Learning
from policy_router.domain.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from policy_router.decision.limits.limit_index import LimitIndex
    from policy_router.domain.aliases import Alias
    from policy_router.domain.detection import Sensitive
    from policy_router.domain.experiments import Experiment
    from policy_router.domain.facts import Vocabulary
    from policy_router.domain.fallback import Fallback
    from policy_router.domain.invariants import Invariant
    from policy_router.domain.limits import Limit
    from policy_router.domain.models import Model
    from policy_router.domain.ordering import OrderKey
    from policy_router.domain.policy_tests import PolicyTest
    from policy_router.domain.prompts import Prompt
    from policy_router.domain.rules import Rule, Task


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy. It never changes, owns no resource, and always decides the same.

    A set of models is an int whose bit i stands for `models[i]`.

    Attributes:
        name: Its name, `policy` when the files give none.
        description: A description for people, of one or more lines.
        timezone: The time zone of `hour`, `weekday` and of calendar budgets.
        tiers: Names of the tiers, weakest first. The rank of a tier is its position here.
        models: Every model, in written order.
        abilities: The abilities that it declares in addition to the built-in ones.
        aliases: The names that callers may ask for besides those of models, in written order.
        tasks: Every task, in written order.
        bands: The bands of complexity, lowest first.
        prefer: The keys that models are sorted by, most important first.
        rules: Every rule, in written order.
        fallback: What happens after a failed attempt.
        limits: Every limit and budget, in written order.
        vocabulary: The facts that its conditions may read.
        revision: Digest of what the policy means; layout and comments do not change it.
        complexity: How the complexity of a request is estimated.
        sessions: What stays the same from one request of a session to the next.
        experiments: What is done otherwise for a share of the traffic, in written order.
        learning: What the outcomes of past requests may change.
        prompts: Instructions and parameters for some models, in written order. A model gets the
            first one that is for it and whose condition holds.
        invariants: Promises about every request, in written order.
        tests: Requests and what is expected to be decided for them, in written order.
        outcomes: What the journal keeps of the calls that were made.
        reports: What reports compare with.
        alerts: Where alerts are sent.
        discovery: Where new models are looked for.
        detect: Kinds of sensitive text that requests are searched for, in written order.

    Raises:
        TooLarge: The rules distinguish too many cases to be indexed.
    """

    name: str
    description: str
    timezone: ZoneInfo
    tiers: tuple[str, ...]
    models: tuple[Model, ...]
    tasks: tuple[Task, ...]
    bands: tuple[Band, ...]
    prefer: tuple[OrderKey, ...]
    rules: tuple[Rule, ...]
    fallback: Fallback
    limits: tuple[Limit, ...]
    vocabulary: Vocabulary
    revision: str
    complexity: Complexity = Complexity()  # noqa: RUF009  frozen: one for all policies is safe
    aliases: tuple[Alias, ...] = ()
    sessions: Sessions = Sessions()  # noqa: RUF009  as above
    abilities: tuple[str, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    learning: Learning = Learning()  # noqa: RUF009  as above
    prompts: tuple[Prompt, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    tests: tuple[PolicyTest, ...] = ()
    outcomes: OutcomeSettings = OutcomeSettings()  # noqa: RUF009  as above
    reports: ReportSettings = ReportSettings()  # noqa: RUF009  as above
    alerts: AlertSettings = AlertSettings()  # noqa: RUF009  as above
    discovery: DiscoverySettings = DiscoverySettings()  # noqa: RUF009  as above
    detect: tuple[Sensitive, ...] = ()
    _index: Index = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Build the index that decisions look things up in."""
        index = Index(
            models=self.models,
            tiers=self.tiers,
            tasks=self.tasks,
            bands=self.bands,
            prefer=self.prefer,
            rules=self.rules,
            vocabulary=self.vocabulary,
            limits=self.limits,
            longest=max([self.fallback.deadline, *(task.deadline or 0 for task in self.tasks)]),
            aliases=self.aliases,
            sessions=self.sessions,
            abilities=self.abilities,
            prompts=self.prompts,
            experiments=self.experiments,
        )
        object.__setattr__(self, "_index", index)

    # -- by name -----------------------------------------------------------------------------

    @property
    def models_by_name(self) -> Mapping[str, Model]:
        """Every model by its name, in written order."""
        return self._index.by_name

    def model(self, name: str) -> Model:
        """The model with a name.

        Args:
            name: Its name in the policy.

        Raises:
            KeyError: The policy has no such model.
        """
        return self._index.by_name[name]

    def alias(self, name: str) -> Alias | None:
        """The alias that a request asks for.

        Args:
            name: What the request names: an alias, a model or `auto`.

        Returns:
            The alias; None when the name is not one, and no pattern matches it.
        """
        choice = self._index.aliases.find(name)
        return None if choice is None else choice.alias

    def position(self, name: str) -> int:
        """The position of a model in `models`, which is its bit in a set of models.

        Args:
            name: Its name in the policy.

        Raises:
            KeyError: The policy has no such model.
        """
        return self._index.at[name]

    def task(self, name: str | None) -> Task | None:
        """The task with a name.

        Args:
            name: The name; None finds no task.

        Returns:
            The task; None when the policy has no such task.
        """
        return self._index.tasks.get(name) if name is not None else None

    def band(self, name: str | None) -> Band | None:
        """The complexity band with a name.

        Args:
            name: The name; None finds no band.

        Returns:
            The band; None when the policy has no such band.
        """
        return self._index.bands.get(name) if name is not None else None

    def band_for(self, score: float) -> Band | None:
        """The complexity band that a score lies in.

        Args:
            score: The complexity, 0..1.

        Returns:
            The band; None when the score is below all of them.
        """
        return self._index.band_for(score)

    @property
    def calls_before_deciding(self) -> bool:
        """Whether a model or a function may be called before a request is decided."""
        return self.complexity.is_external or self._index.calls_functions

    # -- sets of models ----------------------------------------------------------------------

    @property
    def all_models(self) -> int:
        """The set of all models."""
        return self._index.everyone

    def models_below(self, rank: int) -> int:
        """The set of the models of weaker tiers.

        Args:
            rank: Position of a tier in `tiers`.
        """
        return self._index.below[rank]

    def models_up_to(self, rank: int) -> int:
        """The set of the models of a tier and of weaker ones.

        Args:
            rank: Position of the tier in `tiers`.
        """
        below = self._index.below
        return below[rank + 1] if rank + 1 < len(below) else self._index.everyone

    def removed_by(self, rule: int) -> int:
        """The set of the models that a rule excludes where it applies.

        Args:
            rule: Position of the rule in `rules`.
        """
        return self._index.removed_by(rule)

    def removed_by_task(self, task: str) -> int:
        """The set of the models that a task excludes.

        Args:
            task: Name of the task.
        """
        return self._index.removed_by_task(task)

    def models_asked_for(self, name: str) -> int:
        """The set of the models that a request may get when it asks for a name.

        Args:
            name: A model, an alias or `auto`.

        Returns:
            The models; the empty set for an unknown name.
        """
        aliases = self._index.aliases
        choice = aliases.find(name)
        if choice is not None:
            return choice.models
        number = self._index.at.get(name)
        if number is not None:
            return 1 << number
        return self._index.everyone if aliases.knows(name) else 0

    @property
    def known_abilities(self) -> frozenset[str]:
        """The abilities that a request may need: the built-in ones and those it declares."""
        return self._index.abilities

    # -- what is counted ---------------------------------------------------------------------

    @property
    def limit_index(self) -> LimitIndex:
        """What the limits and budgets mean for a request: charges, caps, counters to read."""
        return self._index.limits
