"""The changes of a request that can matter to a policy: each property with its possible values.

Two values that every condition of the policy takes for the same count as one. Where a limit other
than a condition depends on a number (the context of a model, a cost), the lowest value of each cell
is the one that is within it if any is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from policy_router.assurance.samples import cell_of, samples
from policy_router.decision.blockers import ATTRIBUTE, MOMENT, property_of
from policy_router.decision.facts import situation_of
from policy_router.decision.space import Space
from policy_router.domain.aliases import ANY_MODEL
from policy_router.domain.facts import FactType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.assurance.samples import Value
    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Dimension
    from policy_router.domain.request import Request

_WEEK: Final = 7 * 86_400.0
_QUARTER: Final = 900.0
"""No offset of a time zone is finer, so that hours begin at a multiple of it."""
_DROPPED: Final[Mapping[str, object]] = {
    "only": None,
    "avoid": frozenset(),
    "min_tier": None,
    "max_candidates": None,
    "max_cost": None,
    "max_price": None,
    "max_latency": None,
    "min_quality": None,
    "one_space": False,
    "pictures": 0,
    "thumbnails": 0,
    "answers": 1,
}
"""Properties that no condition reads, each with the value that restricts least."""
_MEMBERS: Final = {"tags": "tags", "detected": "detected", "need": "needs"}
"""Properties that are one member of a set, with the field that has the set."""
NUMBERS: Final = frozenset({"tokens", "max_tokens", "largest_input"})
"""Properties of which less is never worse within a cell."""


@dataclass(frozen=True, slots=True)
class TimedRequest:
    """A request and the moment at which it is made.

    Attributes:
        request: The request.
        now: Unix time; None without a clock.
    """

    request: Request
    now: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """Another value of one property of a request.

    Attributes:
        name: The property, as `Blocker.reads` names it.
        before: Its value.
        after: Its value with the change; of a member of a set, whether the set has it; of
            `moment`, the Unix time.
        at_most: Whether it is a number, and a lower one that no condition tells apart does as well.
    """

    name: str
    before: Value | frozenset[str]
    after: Value | frozenset[str]
    at_most: bool = False

    def applied(self, given: TimedRequest) -> TimedRequest:
        """The request with this change."""
        request, after = given.request, self.after
        if self.name == MOMENT:
            return TimedRequest(request, after)  # type: ignore[arg-type]  # a moment is a number
        kind, _, member = self.name.partition(":")
        if kind in _MEMBERS and member:
            members = frozenset(getattr(request, _MEMBERS[kind])) - {member}
            members |= {member} if after else frozenset()
            return TimedRequest(_with(request, _MEMBERS[kind], members), given.now)
        if kind != ATTRIBUTE:
            return TimedRequest(_with(request, kind, after), given.now)
        attributes = {**request.attributes, member: after}
        if after is None:
            del attributes[member]
        return TimedRequest(_with(request, "attributes", attributes), given.now)


class Changes:
    """The changes of one request that can matter to a policy and one of its models.

    Attributes:
        opaque: The properties that a pattern (RE2) is searched for in, so that not all of their
            values can be tried.
    """

    def __init__(self, policy: Policy, given: TimedRequest, model: str) -> None:
        conditions = [rule.when for rule in policy.rules]
        conditions += [limit.when for limit in policy.limits]
        conditions += [prompt.when for prompt in policy.prompts]
        trees = [when.tree for when in conditions if when is not None]
        self._policy, self._given, self._model = policy, given, model
        self._space = Space(policy.vocabulary, policy.bands, trees)
        self._by_name: dict[str, list[Dimension]] = {}
        self.opaque = frozenset(
            property_of(policy.vocabulary, d.fact) for d in self._space.dimensions if d.is_pattern
        )
        for dimension in self._space.dimensions:
            if not dimension.is_pattern:
                name = property_of(policy.vocabulary, dimension.fact, dimension.detail)
                self._by_name.setdefault(name, []).append(dimension)
        self._found: dict[str, tuple[Change, ...]] = {}

    def of(self, name: str) -> tuple[Change, ...]:
        """The changes of a property, as `Blocker.reads` names it; best first."""
        known = self._found.get(name)
        if known is None:
            own = self._own(name)
            before = self._before(name)
            made = [Change(name, before, value) for value in dict.fromkeys(own) if value != before]
            known = self._found[name] = tuple(each for each in made if self._is_valid(each))
        return known

    def cell(self, name: str, value: float | None) -> int:
        """The cell of a number that conditions read, so that equal cells are the same to them."""
        dimensions = self._by_name.get(name)
        return cell_of(dimensions[0], value) if dimensions else int(value is None)

    def _is_valid(self, change: Change) -> bool:
        given = change.applied(self._given)
        return situation_of(self._policy, given.request, given.now).problem is None

    def _before(self, name: str) -> Value | frozenset[str]:
        request = self._given.request
        kind, _, member = name.partition(":")
        if name == MOMENT:
            return self._given.now
        if kind in _MEMBERS and member:
            return member in getattr(request, _MEMBERS[kind])
        if kind == ATTRIBUTE:
            return request.attributes.get(member)
        value: Value | frozenset[str] = getattr(request, kind)
        return value

    def _own(self, name: str) -> Iterator[Value | frozenset[str]]:
        """Values of a property, best first."""
        policy, kind = self._policy, name.partition(":")[0]
        if name in _DROPPED:
            yield _DROPPED[name]  # type: ignore[misc]  # each is a value of its property
        elif name == "largest_input":
            yield None if self._given.request.largest_input is None else 0
        elif kind in _MEMBERS:
            yield not self._before(name)
        elif name == "task":
            yield from (task.name for task in policy.tasks)
            yield None
        elif name == "complexity":
            yield from (band.name for band in policy.bands)
            yield from self._samples(name)
            yield None
        elif name == "model":
            yield from self._names()
        elif name == MOMENT:
            yield from self._moments()
        else:
            yield from self._samples(name)
            if name in NUMBERS:
                yield 1 if name == "max_tokens" else 0
                yield from self._price_steps() if name == "tokens" else (None,)

    def _samples(self, name: str) -> Iterator[Value]:
        for dimension in self._by_name.get(name, ()):
            values = samples(self._space, dimension).values()
            if dimension.kind is FactType.STRING and None in values:
                yield None  # it says more than a text that stands for any other
            yield from values

    def _price_steps(self) -> Iterator[int]:
        """Input tokens from which the model has another price."""
        price = self._policy.model(self._model).price
        yield from () if price is None else (tokens + 1 for tokens, _ in price.long)

    def _names(self) -> Iterator[str | None]:
        """Names that a request for the model may ask for."""
        policy, model = self._policy, self._model
        yield None
        yield from (a.name for a in policy.aliases if not a.is_pattern and _has(a.groups, model))
        yield model
        constants = [v for v in self._samples("model") if isinstance(v, str)]
        for alias in policy.aliases:
            if alias.is_pattern and _has(alias.groups, model):
                sample = alias.name.replace("*", "x").replace("?", "x")
                yield from (v for v in (sample, *constants) if fnmatchcase(v, alias.name))
        yield from (ANY_MODEL, *constants)

    def _moments(self) -> Iterator[float]:
        """Moments of the coming week, one for each cell of the clock and the model's price."""
        now, policy = self._given.now, self._policy
        if now is None:
            return
        price = policy.model(self._model).price
        reads = self._by_name.get(MOMENT, [])
        seen = set()
        moment = now
        while moment < now + _WEEK:
            facts = situation_of(policy, self._given.request, moment).facts
            key = (*(cell_of(d, facts[d.fact]) for d in reads), price and price.at(moment))
            if facts and key not in seen:
                seen.add(key)
                yield moment
            until = None if price is None else price.until(moment)
            step = (moment // _QUARTER + 1) * _QUARTER
            moment = step if until is None or until <= moment else min(step, until)


def _has(groups: tuple[tuple[str, ...], ...], model: str) -> bool:
    return any(model in group for group in groups)


def _with(request: Request, field: str, value: object) -> Request:
    return replace(request, **{field: value})  # type: ignore[arg-type]  # the type of that field
