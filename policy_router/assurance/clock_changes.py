"""Where two policies read the clock in other time zones.

The same condition on `hour` or `weekday` holds at other moments then. Its boxes are equal, so the
moments of a week are looked at one by one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from policy_router.assurance.change_search import ChangeSearch
from policy_router.assurance.cover import GaveUp
from policy_router.assurance.region import Region, Replay, replay
from policy_router.assurance.set_changes import search
from policy_router.domain.condition import HOUR, WEEKDAY, tests_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from policy_router.assurance.policy_pair import PolicyPart
    from policy_router.assurance.witness import Witness

_BEGIN: Final = 1_798_754_400.0
"""The last day of 2026, 22:00 UTC."""
_QUARTER: Final = 900
_WEEK: Final = 7 * 24 * 3600


def _gains(made: Replay) -> bool:
    return bool(made.gained)


def _loses(made: Replay) -> bool:
    return bool(made.lost)


def _reorders(made: Replay) -> bool:
    return made.reordered


_DIFFERENCES: Final = (_gains, _loses, _reorders)
"""In what ways a request may be decided differently."""


class ClockChanges(ChangeSearch):
    """The search for requests that another time zone changes."""

    def run(self) -> None:
        """Look at each part of the policies that reads the clock."""
        old, new = self._pair.policies
        if old.timezone == new.timezone:
            return
        for says, part in {part.says: part for part in self._reading()}.items():
            found = [made for differs in _DIFFERENCES if (made := self._shown(part, differs))]
            if not found:
                self.doubts[f"{says} is read in another time zone"] = None
            for i, made in enumerate(found):
                if made in found[:i]:
                    continue
                self.regions.append(Region(says, "some hours, read in another time zone", made))

    def _reading(self) -> Iterator[PolicyPart]:
        """The parts of either policy whose conditions read the clock."""
        pair = self._pair
        for parts in (*pair.excluding, *pair.ordering):
            for part in parts:
                tests = () if part.where is None else tests_of(part.where)
                if any(test.fact in {HOUR, WEEKDAY} for test in tests):
                    yield part

    def _shown(self, part: PolicyPart, differs: Callable[[Replay], bool]) -> Replay | None:
        """A request that differs in one way, if one is found."""
        pair = self._pair

        def at_some_time(witness: Witness) -> Replay | None:
            for passed in range(0, _WEEK, _QUARTER):
                made = replay(*pair.policies, replace(witness, now=_BEGIN + passed))
                if made is not None and differs(made):
                    return made
            return None

        for number in pair.boxes_of(part.where) or ():
            try:
                made = search(pair, self._takes, pair.cover.boxes[number], 0, at_some_time)
            except GaveUp:
                continue
            if made is not None:
                return made
        return None
