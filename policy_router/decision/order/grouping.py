"""An exact order of models: group after group, and the usual order within each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policy_router.domain.decision import Candidate

Groups: TypeAlias = tuple[int, ...]
"""Sets of models (bit i: model i) without a common model, in the order in which they are tried."""


def groups_of(names: Sequence[Sequence[str]], mask: Callable[[Sequence[str]], int]) -> Groups:
    """The groups of models that have these names.

    Args:
        names: For each group the names of its models.
        mask: Returns the set of the models of some names.
    """
    return tuple(mask(group) for group in names)


def ordered_in_groups(
    groups: Groups,
    allowed: int,
    usual: Callable[[int], tuple[Candidate, ...]],
    placed_by: str,
    source: str,
) -> tuple[Candidate, ...]:
    """The allowed models of some groups, group after group.

    The first model of each group is placed by the group, the others by what sets them apart.

    Args:
        groups: The groups.
        allowed: The allowed models (bit i: model i).
        usual: Returns a set of models in the usual order.
        placed_by: What `Candidate.placed_by` says about the first model of a group.
        source: What the groups come from, such as ``alias `fast` ``.
    """
    if len(groups) == 1:
        return usual(allowed & groups[0])
    ordered: list[Candidate] = []
    for number, group in enumerate(groups, start=1):
        members = usual(allowed & group)
        if members:
            head = replace(members[0], placed_by=placed_by, detail=f"number {number} of {source}")
            ordered += (head, *members[1:])
    return tuple(ordered)
