"""Where two policies let a request that asks for a model by name have other models.

Names that both policies know lead to lists of models. Names of models and of exact aliases are
compared one by one. Names that only patterns match are too many for that: for each two patterns
that lead to other models in the two policies, a name that both match is made, if there is one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.assurance.change_search import ChangeSearch
from policy_router.assurance.cover import GaveUp
from policy_router.assurance.region import Region, Replay, replay
from policy_router.assurance.set_changes import search
from policy_router.domain.aliases import ANY_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from policy_router.assurance.witness import Witness
    from policy_router.decision.policy import Policy
    from policy_router.domain.aliases import Alias

    Groups: TypeAlias = tuple[tuple[str, ...], ...]

_FILLER: Final = "x"


class AliasChanges(ChangeSearch):
    """The search for names that lead to other models, or to the same in another order."""

    def run(self) -> None:
        """Look at every name that one of the policies knows, and at those of patterns."""
        old, new = self._pair.policies
        if old.aliases == new.aliases and old.models_by_name.keys() == new.models_by_name.keys():
            return
        exact = [a.name for policy in (old, new) for a in policy.aliases if not a.is_pattern]
        for name in dict.fromkeys([*exact, *old.models_by_name, *new.models_by_name, ANY_MODEL]):
            self._ask(name)
        done: set[tuple[Groups, Groups]] = set()
        for one in _patterns(old):
            for other in _patterns(new):
                leads = _in_groups(one.groups), _in_groups(other.groups)
                if leads[0] == leads[1] or leads in done:
                    continue
                names = list(_common_names(one.name, other.name))
                first = next((n for n in names if self._groups(n) == leads), None)
                if first is not None:
                    done.add(leads)
                    self._ask(first)
                elif names and not self._decided_before(one, other):
                    both = f"`{one.name}` and `{other.name}`"
                    self.doubts[f"requests for a name that {both} match may differ"] = None

    def _decided_before(self, one: Alias, other: Alias) -> bool:
        """Whether an earlier pattern surely takes, in one of the policies, every name that both
        patterns match."""
        for policy, alias in zip(self._pair.policies, (one, other), strict=True):
            for earlier in _patterns(policy):
                if earlier is alias:
                    break
                if _contains(earlier.name, one.name) or _contains(earlier.name, other.name):
                    return True
        return False

    def _groups(self, name: str) -> tuple[Groups | None, Groups | None]:
        old, new = (_asked(policy, name) for policy in self._pair.policies)
        return old, new

    def _ask(self, name: str) -> None:
        """Whether a request for a name is decided differently where it leads to other models."""
        pair = self._pair
        before, after = self._groups(name)
        if before is None or after is None or before == after:
            return

        def differs(witness: Witness) -> Replay | None:
            asked = replace(witness, request=replace(witness.request, model=name))
            made = replay(*pair.policies, asked)
            return made if made is not None and made.before != made.after else None

        removers = [one | other for one, other in zip(*pair.removers, strict=True)]
        cause, undecided = f"alias `{name}`", False
        for own in sorted(_moved(before, after)):
            excluding = removers[pair.names.index(own)]
            target = next(p.models_by_name[own] for p in pair.policies if own in p.models_by_name)
            try:
                made = search(pair, self._takes, {}, excluding, differs, target=target)
                if made is not None:
                    self.regions.append(Region(cause, f"requests for `{name}`", made))
                    return
                left = pair.cover.uncovered({}, excluding | pair.impossible)
                undecided = undecided or left is not None
            except GaveUp:
                undecided = True
        if undecided:
            self.doubts[f"requests for `{name}` may have other models"] = None


def _moved(before: Groups, after: Groups) -> set[str]:
    """The models that only one of the lists has, or that are at another place in it."""
    names = {name for groups in (before, after) for group in groups for name in group}
    common = [
        [kept for group in groups if (kept := tuple(n for n in group if n in shared))]
        for groups in (before, after)
        for shared in [_names(before) & _names(after)]
    ]
    return names if common[0] != common[1] else _names(before) ^ _names(after)


def _names(groups: Groups) -> set[str]:
    return {name for group in groups for name in group}


def _patterns(policy: Policy) -> list[Alias]:
    return [alias for alias in policy.aliases if alias.is_pattern]


def _asked(policy: Policy, name: str) -> Groups | None:
    """The models that a name leads to, in groups; None for a name that the policy does not know."""
    alias = next((a for a in policy.aliases if a.name == name and not a.is_pattern), None)
    if alias is None and name in policy.models_by_name:
        return ((name,),)
    if alias is None and name == ANY_MODEL:
        return _in_groups([tuple(policy.models_by_name)])
    if alias is None:
        alias = next((a for a in _patterns(policy) if fnmatchcase(name, a.name)), None)
    return None if alias is None else _in_groups(alias.groups)


def _in_groups(groups: Iterable[Sequence[str]]) -> Groups:
    """Groups of models whose own order means nothing, so that equal ones are equal."""
    return tuple(tuple(sorted(group)) for group in groups)


# -- names that two patterns match -----------------------------------------------------------------


def _common_names(one: str, other: str) -> Iterator[str]:
    """Some names that two patterns both match; none only where there are none."""
    shortest = _meeting(one, other)
    if shortest is None:
        return
    yield shortest
    for filler in (_FILLER, "0", "-other", "zz9"):
        for pattern in (one, other):
            name = pattern.replace("*", filler).replace("?", filler[0])
            if fnmatchcase(name, one) and fnmatchcase(name, other):
                yield name


def _meeting(one: str, other: str) -> str | None:
    """The shortest name that two patterns match; None where no name does.

    A set of characters counts as any character, so that a name that is returned may be none.
    """
    left, right = _tokens(one), _tokens(other)
    waiting = deque([(0, 0, "")])
    seen = {(0, 0)}
    while waiting:
        i, j, name = waiting.popleft()
        if i == len(left) and j == len(right):
            return name
        a = left[i] if i < len(left) else ""
        b = right[j] if j < len(right) else ""
        steps = []
        if a == "*":
            steps.append((i + 1, j, name))
        if b == "*":
            steps.append((i, j + 1, name))
        if a and b:
            plain = {c for c in (a, b) if c not in {"*", "?"}}
            if len(plain) <= 1:
                char = next(iter(plain), _FILLER)
                steps.append((i + (a != "*"), j + (b != "*"), name + char))
        for step in steps:
            if step[:2] not in seen:
                seen.add(step[:2])
                waiting.append(step)
    return None


def _tokens(pattern: str) -> list[str]:
    """The characters of a pattern; a set of characters is one `?`."""
    tokens: list[str] = []
    i = 0
    while i < len(pattern):
        end = pattern.find("]", i + 2) if pattern[i] == "[" else -1
        tokens.append("?" if end >= 0 else pattern[i])
        i = end + 1 if end >= 0 else i + 1
    return tokens


def _contains(wide: str, narrow: str) -> bool:
    """Whether a pattern surely matches every name that another one matches."""
    if wide in {narrow, "*"}:
        return True
    head = wide.removesuffix("*")
    plain = head != wide and not any(character in head for character in "*?[")
    return plain and narrow.startswith(head)
