"""A caller of the server, and what it may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decimal import Decimal

ANYTHING: Final = ("*",)
"""Patterns that every name matches."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request, as the server knows it: by its key, never by what it says.

    Names of tags, tasks and models are patterns with `*`, `?` and `[...]`.

    Attributes:
        name: The name of its key; empty without keys.
        tenant: The tenant that its requests count for.
        user: The user that they count for.
        team: The team that they count for.
        tags: Tags that each of its requests has.
        allowed_tags: Further tags that it may state.
        tasks: Tasks that it may name.
        models: Models and aliases that it may ask for.
        max_cost: The most that one request may cost, as estimated, in US dollars.
        max_price: The most that a million tokens may cost, of input and of output alike, in US
            dollars.
        admin: Whether it may reload the policy and read metrics.
        names_user: Whether the `user` of a body is the user that the request counts for.
    """

    name: str = ""
    tenant: str | None = None
    user: str | None = None
    team: str | None = None
    tags: tuple[str, ...] = ()
    allowed_tags: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ANYTHING
    models: tuple[str, ...] = ANYTHING
    max_cost: Decimal | None = None
    max_price: Decimal | None = None
    admin: bool = False
    names_user: bool = False

    def may_tag(self, tag: str) -> bool:
        """Whether it may state a tag."""
        return tag in self.tags or _matches(tag, self.allowed_tags)

    def may_name_task(self, task: str) -> bool:
        """Whether it may name a task."""
        return _matches(task, self.tasks)

    def may_ask_for(self, model: str) -> bool:
        """Whether it may ask for a model or an alias."""
        return _matches(model, self.models)


LOCAL_USER: Final = Principal(allowed_tags=ANYTHING, admin=True, names_user=True)
"""Whoever calls a server without keys, which only this machine can reach."""


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return patterns == ANYTHING or any(fnmatchcase(name, pattern) for pattern in patterns)
