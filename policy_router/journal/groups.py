"""The sums over a group of outcomes, as a report needs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from policy_router.journal.encoding import MILLIONTHS
from policy_router.journal.query import NUMBERS, OutcomeSums

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class GroupSums:
    """What the outcomes of one group add up to.

    Attributes:
        value: What they have in common; None for what has no value, and for all outcomes.
        parts: Their sums by model and role, which are the last two values of `by`; without
            latencies, which are those of the whole group.
        latencies: How many answers are in each bucket of latency; see `durations`.
        first_token_latencies: How many streams are in each bucket of the time to their first token.
    """

    value: str | int | None = None
    parts: tuple[OutcomeSums, ...] = ()
    latencies: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    first_token_latencies: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    def without(self, groups: Iterable[GroupSums]) -> GroupSums:
        """What is left of all outcomes when those of some groups are taken away.

        Args:
            groups: Some of the groups that the outcomes are in, each of them in one.
        """
        left: dict[tuple[Any, ...], dict[str, Any]] = {}
        latencies, first_tokens = dict(self.latencies), dict(self.first_token_latencies)
        for part in self.parts:
            _change(left.setdefault(part.by[-2:], dict.fromkeys(NUMBERS, 0)), part, 1)
        for group in groups:
            for part in group.parts:
                _change(left[part.by[-2:]], part, -1)
            for whole, counts in (
                (latencies, group.latencies),
                (first_tokens, group.first_token_latencies),
            ):
                for bucket, number in counts.items():
                    whole[bucket] -= number
        return GroupSums(
            None,
            tuple(OutcomeSums(by=by, **_rounded(sums)) for by, sums in left.items()),
            MappingProxyType({bucket: n for bucket, n in latencies.items() if n}),
            MappingProxyType({bucket: n for bucket, n in first_tokens.items() if n}),
        )


@dataclass(frozen=True, slots=True)
class TopGroups:
    """The groups with the highest cost.

    Attributes:
        groups: What they add up to, the highest cost first.
        others: How many more groups there are.
    """

    groups: tuple[GroupSums, ...]
    others: int


def _change(sums: dict[str, Any], part: OutcomeSums, sign: int) -> None:
    for name in NUMBERS:
        sums[name] += sign * getattr(part, name)


def _rounded(sums: dict[str, Any]) -> dict[str, Any]:
    """Seconds as whole microseconds, which they are sums of: what is left of nothing is 0."""
    return {
        name: round(value * MILLIONTHS) / MILLIONTHS if isinstance(value, float) else value
        for name, value in sums.items()
    }
