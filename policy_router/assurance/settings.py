"""The differences in the text of two policies, section by section."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.decision.policy import Policy

_NAMED: Final = (
    "models", "aliases", "tasks", "bands", "rules", "limits", "prompts", "experiments",
    "invariants",
)  # fmt: skip
_WHOLE: Final = (
    "timezone", "tiers", "abilities", "prefer", "fallback", "complexity", "sessions", "learning",
    "detect", "outcomes",
)  # fmt: skip
_SECTIONS: Final = {"limits": "limit or budget", "aliases": "alias", "bands": "band"}


@dataclass(frozen=True, slots=True)
class Setting:
    """A part of a policy that was added, removed or changed.

    Attributes:
        what: The part, such as ``budget `team` ``.
        how: `added`, `removed`, `changed` or `moved`.
        fields: The fields of a changed part that differ.
    """

    what: str
    how: str
    fields: tuple[str, ...] = ()


def changed_settings(old: Policy, new: Policy) -> Iterator[Setting]:
    """Everything that is written differently, section by section.

    Args:
        old: The old policy.
        new: The new policy.
    """
    for section in _NAMED:
        yield from _named(section, getattr(old, section), getattr(new, section))
    for name, fact in old.vocabulary.attributes.items():
        if name not in new.vocabulary.attributes:
            yield Setting(f"attribute `{name}`", "removed")
        elif new.vocabulary.attributes[name] != fact:
            yield Setting(f"attribute `{name}`", "changed")
    for name in new.vocabulary.attributes:
        if name not in old.vocabulary.attributes:
            yield Setting(f"attribute `{name}`", "added")
    if old.vocabulary.tags != new.vocabulary.tags:
        yield Setting("`tags`", "changed")
    for section in _WHOLE:
        if getattr(old, section) != getattr(new, section):
            yield Setting(f"`{section}`", "changed")


def _named(section: str, old: Sequence[object], new: Sequence[object]) -> Iterator[Setting]:
    noun = _SECTIONS.get(section, section.removesuffix("s"))
    before = {_key(each): each for each in old}
    after = {_key(each): each for each in new}
    for key, part in before.items():
        what = f"{noun} `{key[-1]}`"
        if key not in after:
            yield Setting(what, "removed")
        elif after[key] != part:
            yield Setting(what, "changed", tuple(_differing(part, after[key])))
    for key in after:
        if key not in before:
            yield Setting(f"{noun} `{key[-1]}`", "added")
    kept = [key for key in before if key in after]
    if kept != [key for key in after if key in before]:
        yield Setting(f"the order of `{section}`", "changed")


def _key(part: object) -> tuple[str, ...]:
    own = [
        str(getattr(part, name)) for name in ("section", "metric", "window") if hasattr(part, name)
    ]
    return (*own, getattr(part, "name", ""))


def _differing(one: object, other: object) -> Iterator[str]:
    for each in fields(one):  # type: ignore[arg-type]  # every part is a dataclass
        if each.compare and getattr(one, each.name) != getattr(other, each.name):
            yield each.name
