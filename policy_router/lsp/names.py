"""The names that the files of a policy define, read from their data, so that errors do not hide
them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from policy_router.domain.facts import Fact, FactType, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class PolicyNames:
    """PolicyNames, in the order in which they are written.

    Attributes:
        models: Name of a model -> what is written of it.
        tiers: The tiers, weakest first.
        tags: The tags of models.
        tasks: The tasks.
        bands: The bands of complexity.
        request_tags: The tags of requests that the policy declares.
        attributes: The facts that it declares, with their possible values.
        rules: The rules.
    """

    models: Mapping[str, Any]
    tiers: tuple[str, ...]
    tags: tuple[str, ...]
    tasks: tuple[str, ...]
    bands: tuple[str, ...]
    request_tags: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]
    rules: tuple[str, ...]

    def facts(self) -> Mapping[str, Fact]:
        """The facts that conditions can read, by name."""
        declared = [
            Fact(name, FactType.ENUM if values else FactType.STRING, values)
            for name, values in self.attributes.items()
        ]
        vocabulary = Vocabulary(self.tasks, self.bands, declared, tags=self.request_tags)
        return {fact.name: fact for fact in vocabulary.facts}


def names_of(documents: Iterable[Any]) -> PolicyNames:
    """Return the names that files define.

    Args:
        documents: The data of each file, of any shape.
    """
    merged: dict[str, Any] = {}
    for document in documents:
        for section, value in _mapping(document).items():
            kept = merged.get(section)
            if isinstance(kept, dict) and isinstance(value, dict):
                merged[section] = {**kept, **value}
            elif isinstance(kept, list) and isinstance(value, list):
                merged[section] = [*kept, *value]
            else:
                merged[section] = value
    models = _mapping(merged.get("models"))
    tags = (tag for model in models.values() for tag in _texts(_mapping(model).get("tags")))
    return PolicyNames(
        models=models,
        tiers=tuple(_texts(merged.get("tiers"))),
        tags=tuple(dict.fromkeys(tags)),
        tasks=tuple(_mapping(merged.get("tasks"))),
        bands=tuple(_mapping(_mapping(merged.get("complexity")).get("bands"))),
        request_tags=tuple(_texts(merged.get("tags"))),
        attributes={
            str(name): tuple(_texts(_mapping(value).get("values", value)))
            for name, value in _mapping(merged.get("attributes")).items()
        },
        rules=tuple(
            rule["name"]
            for rule in merged.get("rules") or ()
            if isinstance(rule, dict) and isinstance(rule.get("name"), str)
        ),
    )


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> Iterator[str]:
    """The strings of a list, or of one that stands for a list of itself."""
    yield from (each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
