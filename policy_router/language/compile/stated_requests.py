"""The request of a policy's test: a prompt, or facts about a request."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from policy_router.domain.condition import COMPLEXITY
from policy_router.domain.facts import FactType
from policy_router.domain.ordering import SortKey
from policy_router.language.compile.abilities import known_abilities
from policy_router.language.compile.values import frozen_list
from policy_router.units import DURATION, MONEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.domain.policy_tests import StatedValue
    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.document.types import Scalar
    from policy_router.language.source import Path
    from policy_router.units import Unit

TEXTS: Final = ("prompt", "system")
CONSTRAINTS: Final = (
    "max_cost", "max_latency", "min_quality", "min_tier", "only", "avoid", "prefer",
    "max_candidates",
)  # fmt: skip
NO_FACTS: Final = (*TEXTS, "needs", *CONSTRAINTS)
"""What may stand among the facts of a test's request without being a fact of conditions."""
_WITH_UNIT: Final[Mapping[str, Unit]] = {"max_cost": MONEY, "max_latency": DURATION}


def stated_request(
    resolver: Resolver, written: str | dict[str, Scalar | list[Scalar]], path: Path
) -> str | Mapping[str, StatedValue | tuple[StatedValue, ...]]:
    """Return the request of a test; what it states that cannot be is reported."""
    if isinstance(written, str):
        return written
    facts = {name: value for name, value in written.items() if name not in NO_FACTS}
    complexity, model = facts.get("complexity"), facts.get("model")
    if isinstance(complexity, int | float) and not isinstance(complexity, bool):
        _check_score(resolver, complexity, (*path, "complexity"))
        del facts["complexity"]
    if isinstance(model, str):
        resolver.model_or_alias(model, (*path, "model"))
    needs = written.get("needs")
    if needs is not None:
        names = [str(name) for name in (needs if isinstance(needs, list) else [needs])]
        known_abilities(resolver, names, (*path, "needs"))
    for name in written:
        if name in TEXTS and not isinstance(written[name], str):
            _report(resolver, (*path, name), f"`{name}` is a text")
        if name in CONSTRAINTS:
            _check_constraint(resolver, name, written[name], (*path, name))
    if facts:
        resolver.facts(facts, path)
    for name, value in facts.items():
        position = resolver.vocabulary.by_name.get(name)
        if not isinstance(value, list) or position is None:
            continue
        if resolver.vocabulary.facts[position].kind is not FactType.SET:
            help_ = "write one of them, and a test of its own for each other"
            _report(resolver, (*path, name), f"a request has one `{name}`, not a list", help_)
    return MappingProxyType({name: frozen_list(value) for name, value in written.items()})


def _check_score(resolver: Resolver, complexity: float, path: Path) -> None:
    """Report a complexity that is neither a score nor, where the bands are levels, a level."""
    bands = resolver.vocabulary.facts[COMPLEXITY].values
    levels = len(bands) if bands[:1] == ("level_1",) else 0
    if not (0 <= complexity <= 1 or (isinstance(complexity, int) and 1 <= complexity <= levels)):
        level = f", or a level from 1 to {levels}" if levels else ""
        help_ = f"write a band, or a score from 0 to 1{level}"
        _report(resolver, path, f"{complexity} is not a complexity", help_)


def _check_constraint(
    resolver: Resolver, name: str, value: Scalar | list[Scalar], path: Path
) -> None:
    """Report a constraint that no caller can state."""
    unit = _WITH_UNIT.get(name)
    if unit is not None:
        try:
            unit.parse(value if isinstance(value, str) else "")
        except ValueError:
            help_ = f"write it like `{unit.examples[-1]}`"
            _report(resolver, path, f"`{name}` must be a {unit.name}", help_)
    elif name in {"only", "avoid"}:
        words = [str(word) for word in (value if isinstance(value, list) else [value])]
        resolver.select(words, path)
    elif name == "min_tier":
        resolver.rank(str(value), path)
    elif name == "prefer":
        keys = [str(key) for key in (value if isinstance(value, list) else [value])]
        for i, key in enumerate(keys):
            place = (*path, i) if isinstance(value, list) else path
            resolver.known(key, list(SortKey), "sort key", resolver.places.value(place))
    elif isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        _report(resolver, path, f"`{name}` must be a number that is not negative")


def _report(resolver: Resolver, path: Path, message: str, help_: str = "") -> None:
    resolver.draft.error("bad-value", message, resolver.places.value(path), help_)
