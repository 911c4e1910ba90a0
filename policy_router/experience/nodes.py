"""The hierarchy of request kinds that outcomes are counted under, from all to most similar."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.domain.outcome import Role

if TYPE_CHECKING:
    from policy_router.domain.situation import Situation


@dataclass(frozen=True, slots=True)
class Node:
    """Requests that are alike. None means any.

    Attributes:
        task: Their task; empty for requests without one.
        form: The form of their text; empty if it was not read.
        kind: Their kind of work; empty where none is likely.
        band: The band of their complexity; empty where it is unknown.
    """

    task: str | None = None
    form: str | None = None
    kind: str | None = None
    band: str | None = None

    @property
    def parent(self) -> Node | None:
        """The next wider node; None for that of all requests."""
        if self.band is not None:
            return Node(self.task, self.form, self.kind)
        if self.kind is not None:
            return Node(self.task, self.form)
        if self.form is not None:
            return Node(self.task)
        return None if self.task is None else EVERYTHING

    def contains(self, other: Node) -> bool:
        """Whether all requests of another node belong to this one."""
        pairs = zip(self.parts(), other.parts(), strict=True)
        return all(mine is None or mine == theirs for mine, theirs in pairs)

    def parts(self) -> tuple[str | None, ...]:
        """Task, form, kind and band."""
        return self.task, self.form, self.kind, self.band


EVERYTHING: Final = Node()
"""The node of all requests."""


def node_of(situation: Situation) -> Node:
    """The narrowest node of a request."""
    request, task, band = situation.request, situation.task, situation.band
    return Node(
        "" if task is None else task.name,
        request.form or "",
        request.kind or "",
        "" if band is None else band.name,
    )


@dataclass(frozen=True, slots=True)
class OutcomeKey:
    """The key of a row of counts.

    Attributes:
        node: The requests; each of its parts is given.
        model: Name of the model in the policy.
        role: When the calls were made.
        prompt: Name of the prompt of the policy that the model got; empty where it got none.
    """

    node: Node
    model: str
    role: Role = Role.FIRST
    prompt: str = ""

    def __str__(self) -> str:
        """The key as stores keep it; `parse` is the inverse."""
        return json.dumps([*self.node.parts(), self.model, self.role.value, self.prompt])

    @classmethod
    def parse(cls, text: str) -> OutcomeKey:
        """Read a key from its text.

        Raises:
            ValueError: It is not the text of a key.
        """
        try:
            task, form, kind, band, model, role, prompt = json.loads(text)
        except TypeError:
            raise ValueError("not a key of outcomes") from None
        return cls(Node(task, form, kind, band), model, Role(role), prompt)
