"""The `--fact` option: facts about a request that have no option of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from policy_router.cli.options.values import number, wrong
from policy_router.domain.facts import BUILT_IN, FactType
from policy_router.quoting import quoted
from policy_router.suggest import help_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from policy_router.decision.policy import Policy
    from policy_router.domain.facts import Fact

_OTHER_OPTION: Final = {
    "task": "--task", "complexity": "--complexity", "score": "--complexity", "tokens": "--tokens",
    "tags": "--tag", "user": "--user", "team": "--team", "tenant": "--tenant",
    "session": "--session", "model": "--model",
    "has_tools": "--need tools", "has_images": "--need vision", "wants_json": "--need json",
}  # fmt: skip
"""Facts that have an option of their own."""
_FROM_TEXT: Final = "detected"
"""The fact that only the text of the prompt gives."""
_NAMES: Final = tuple(sorted(BUILT_IN - _OTHER_OPTION.keys() - {_FROM_TEXT}))


@dataclass(frozen=True, slots=True)
class StatedFacts:
    """What `--fact` states.

    Attributes:
        attributes: Values of the facts that the policy declares.
        built_in: Values of built-in facts.
    """

    attributes: dict[str, str | float | bool] = field(default_factory=dict)
    built_in: dict[str, str | float | bool] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """Return the value of a built-in fact that is a string."""
        value = self.built_in.get(name)
        return value if isinstance(value, str) else None

    def integer(self, name: str) -> int | None:
        """Return the value of a built-in fact that is an integer."""
        value = self.built_in.get(name)
        return value if isinstance(value, int) else None

    def flag(self, name: str) -> bool | None:
        """Return the value of a built-in fact that is true or false."""
        value = self.built_in.get(name)
        return value if isinstance(value, bool) else None


def read_facts(policy: Policy, texts: Iterable[str]) -> StatedFacts:
    """Read facts of the form `name=value`; end the command where one is invalid."""
    declared: Mapping[str, Fact] = {fact.name: fact for fact in policy.vocabulary.declared}
    facts = StatedFacts()
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise wrong(
                "--fact", f"`{quoted(text)}` has no value; write it like {quoted(name)}=..."
            )
        if name in facts.attributes or name in facts.built_in:
            raise wrong("--fact", f"`{quoted(name)}` is given twice")
        if name in declared:
            facts.attributes[name] = _value(declared[name], value)
        elif name in _NAMES:
            fact = policy.vocabulary.facts[policy.vocabulary.by_name[name]]
            facts.built_in[name] = _value(fact, value)
        elif name in _OTHER_OPTION:
            raise wrong("--fact", f"`{name}` has an option of its own: {_OTHER_OPTION[name]}")
        elif name == _FROM_TEXT:
            raise wrong("--fact", f"`{name}` is what `detect` finds in the prompt; give a prompt")
        else:
            hint = help_line(name, [*declared, *_NAMES], what="the facts")
            raise wrong("--fact", f"`{quoted(name)}` is not a fact about a request: {hint}")
    return facts


def _value(fact: Fact, text: str) -> str | float | bool:
    """The text as a value of this fact."""
    match fact.kind:
        case FactType.BOOL if text in ("true", "false"):
            return text == "true"
        case FactType.BOOL:
            raise wrong("--fact", f"`{fact.name}` must be true or false, not `{quoted(text)}`")
        case FactType.ENUM if text not in fact.values:
            hint = help_line(text, fact.values)
            raise wrong("--fact", f"`{quoted(text)}` is not a value of `{fact.name}`: {hint}")
        case FactType.NUMBER:
            return _number(fact, text)
    return text


def _number(fact: Fact, text: str) -> float:
    value = number(text)
    if value is None:
        raise wrong("--fact", f"`{fact.name}` must be a number, not `{quoted(text)}`")
    if fact.integer and not isinstance(value, int):
        raise wrong("--fact", f"`{fact.name}` must be an integer, not `{quoted(text)}`")
    below = fact.low is not None and value < fact.low
    above = fact.high is not None and value > fact.high
    if below or above:
        high = "" if fact.high is None else f" and at most {fact.high:g}"
        raise wrong(
            "--fact", f"`{fact.name}` must be at least {fact.low or 0:g}{high}, not {quoted(text)}"
        )
    return value
