"""The task of a policy that a request belongs to, with the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.classification.keywords import KeywordLists
from policy_router.classification.kinds import KINDS
from policy_router.patterns import encoded, search

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.classification.kinds import WorkKind
    from policy_router.domain.rules import Task


GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"code": ("code_generation", "code_refactor")}
)
"""Names for several built-in kinds together."""
_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {**{kind: (kind,) for kind in KINDS}, **GROUPS}
)


class MatchedBy(StrEnum):
    """What identified the task of a request."""

    CALLER = "caller"
    KEYWORDS = "keywords"
    PATTERN = "pattern"
    NEEDS = "needs"
    BUILT_IN = "built-in"
    DEFAULT = "default"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class TaskFound:
    """A task and the evidence for it.

    Attributes:
        task: Its name; None when none matches and the policy has no default task.
        confidence: 0..1. A task's own conditions are certain, a built-in definition has the
            probability of its kind, and the default task has what the most likely built-in
            definition leaves.
        by: What identified the task.
        evidence: Keywords or the pattern of the policy, abilities, or cues of the built-in
            vocabulary.
    """

    task: str | None
    confidence: float
    by: MatchedBy
    evidence: tuple[str, ...] = ()


class Tasks:
    """The tasks of a policy, compiled for matching.

    Tasks with their own conditions are tried first, in written order; any single condition
    identifies a task. Next are tasks that only have the name of a built-in kind or a group of them:
    one is chosen if the most likely kind is its own and its probability reaches the task's
    `confidence`. All other requests belong to the default task.
    """

    __slots__ = ("_built_in", "_default", "_keywords", "_own", "_patterns")

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._own = tuple(_Own(task) for task in tasks if task.conditions)
        self._patterns = any(task.pattern is not None for task in tasks)
        self._keywords = KeywordLists(task.keywords for task in tasks if task.conditions)
        self._built_in = tuple(
            (task.name, _MEMBERS[task.name], task.confidence)
            for task in tasks
            if task.name in _MEMBERS and not task.conditions and not task.default
        )
        self._default = next((task.name for task in tasks if task.default), None)

    def find(self, text: str, needs: frozenset[str], work: WorkKind) -> TaskFound:
        """Return the task of a request with this text, these needs and this kind of work."""
        keywords = self._keywords.look(text)
        data = encoded(text) if self._patterns else b""
        for number, own in enumerate(self._own):
            match = own.match(data, needs, keywords.found(number))
            if match is not None:
                return match
        others = 0.0
        for task, members, enough in self._built_in:
            probability = sum(share for name, share in work.shares if name in members)
            if work.name in members and probability >= enough:
                return TaskFound(task, probability, MatchedBy.BUILT_IN, work.cues)
            others = max(others, probability)
        return TaskFound(
            self._default, 1 - others, MatchedBy.DEFAULT if self._default else MatchedBy.NOTHING
        )


class _Own:
    """The conditions that a task declares itself."""

    __slots__ = ("_name", "_pattern", "_search", "_when_needs")

    def __init__(self, task: Task) -> None:
        self._name = task.name
        self._pattern = task.pattern
        self._search: Callable[[bytes], object] | None = (
            None if task.pattern is None else search(task.pattern)
        )
        self._when_needs = task.when_needs

    def match(
        self, text: bytes, needs: frozenset[str], keywords: tuple[str, ...]
    ) -> TaskFound | None:
        """Return this task if one of its conditions is met, or None.

        Args:
            text: The text that the pattern is searched in, encoded.
            needs: Abilities that the request needs.
            keywords: The keywords of the task that occur in the text.
        """
        if keywords:
            return TaskFound(self._name, 1.0, MatchedBy.KEYWORDS, keywords)
        if self._search is not None and self._search(text) is not None:
            return TaskFound(self._name, 1.0, MatchedBy.PATTERN, (str(self._pattern),))
        if self._when_needs and self._when_needs <= needs:
            return TaskFound(self._name, 1.0, MatchedBy.NEEDS, tuple(sorted(self._when_needs)))
        return None
