"""Finds the alias that a caller asks for."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from policy_router.decision.order.grouping import Groups, groups_of
from policy_router.domain.aliases import ANY_MODEL
from policy_router.domain.decision import Reason, Skip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.domain.aliases import Alias
    from policy_router.domain.models import Model


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What a request that asks for an alias may use.

    Attributes:
        alias: The alias.
        groups: Its models, in its order.
        models: All of them together (bit i: model i).
        skips: For each model of the policy the reason why it is out, unless the alias has it.
    """

    alias: Alias
    groups: Groups
    models: int
    skips: Sequence[Skip]


class Aliases:
    """The aliases of a policy.

    Args:
        aliases: The aliases, in written order.
        models: The models of the policy.
        mask: Returns the set of the models of some names.
    """

    def __init__(
        self,
        aliases: Sequence[Alias],
        models: Mapping[str, Model],
        mask: Callable[[Sequence[str]], int],
    ) -> None:
        self.names = tuple(alias.name for alias in aliases)
        self._models = models
        self._exact: dict[str, Choice] = {}
        self._patterns: list[tuple[str, Choice]] = []
        for alias in aliases:
            choice = self._choice(alias, groups_of(alias.groups, mask))
            if alias.is_pattern:
                self._patterns.append((alias.name, choice))
            else:
                self._exact[alias.name] = choice

    def find(self, name: str) -> Choice | None:
        """What a request may use that asks for a name; None when the name is that of no alias.

        The alias of that very name comes first, then the model of that name, then the patterns in
        written order. A pattern does not stand for `auto`.
        """
        choice = self._exact.get(name)
        if choice is not None or not self._patterns:
            return choice
        if name == ANY_MODEL or name in self._models:
            return None
        return next((c for pattern, c in self._patterns if fnmatchcase(name, pattern)), None)

    def knows(self, name: str) -> bool:
        """Whether a request may ask for a name: a model, an alias, or `auto`."""
        return name in self._models or name == ANY_MODEL or self.find(name) is not None

    def _choice(self, alias: Alias, groups: Groups) -> Choice:
        detail = f"not among the models of alias `{alias.name}`"
        skips = [Skip(name, Reason.MODEL, detail, span=alias.span) for name in self._models]
        return Choice(alias, groups, reduce(or_, groups, 0), skips)
