"""Example requests from a box of the space of requests.

A box says which cells each fact may lie in. Here a value is chosen for each: the one that asks the
least of a model, so that a reader of the request sees only what matters. Facts that the box leaves
open are absent, or as they are in most requests.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from policy_router.assurance.demands import names_asked_for
from policy_router.assurance.price_times import priced_by_hour
from policy_router.assurance.values import (
    SUFFIXES,
    cell_of_number,
    cell_of_text,
    finder,
    lowest_number,
    texts_for,
)
from policy_router.decision.abilities import EMBEDDINGS
from policy_router.domain.condition import (
    CLIENT,
    DETECTED,
    HAS_IMAGES,
    HAS_TOOLS,
    HOUR,
    HOUSEKEEPING,
    KEY,
    LANGUAGE,
    MAX_TOKENS,
    MODEL,
    SCORE,
    SESSION,
    STREAM,
    SUBAGENT,
    TAGS,
    TASK,
    TEAM,
    TENANT,
    TOKENS,
    TOOL_ERRORS,
    TURN,
    USER,
    WANTS_JSON,
    WEEKDAY,
)
from policy_router.domain.facts import WEEKDAYS, FactType
from policy_router.domain.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box, Dimension, Space
    from policy_router.domain.models import Model

_BEGIN: Final = 1_798_754_400.0
"""The last day of 2026, 22:00 UTC, from which times are counted."""
_HOUR: Final = 3600
_WEEK: Final = 8 * 24 * _HOUR
_QUARTER: Final = 900
_TEXTS: Final = 2_000
"""Texts that are tried for one fact."""
_NEEDS: Final = {HAS_TOOLS: "tools", HAS_IMAGES: "vision", WANTS_JSON: "json"}
_FIELDS: Final = {
    TASK: "task", SCORE: "complexity", TOKENS: "tokens", MAX_TOKENS: "max_tokens", USER: "user",
    TEAM: "team", TENANT: "tenant", KEY: "key", STREAM: "stream", LANGUAGE: "language",
    MODEL: "model", SESSION: "session", CLIENT: "client", SUBAGENT: "subagent",
    HOUSEKEEPING: "housekeeping", TURN: "turn", TOOL_ERRORS: "tool_errors",
}  # fmt: skip
_SETS: Final = {TAGS: "tags", DETECTED: "detected"}


@dataclass(frozen=True, slots=True)
class Witness:
    """A request that shows something, at a time of day.

    Attributes:
        request: The request.
        now: Unix time; None where the time does not matter.
    """

    request: Request
    now: float | None = None


def witnesses(
    policy: Policy, space: Space, box: Box, model: Model | None = None
) -> Iterator[Witness]:
    """Requests that lie in a box, the plainest first; none where no value of a text is found.

    What a model needs that no condition reads is tried in turn, such as a cap of one token, or an
    ability where the model answers no plain chat. Callers replay a request before they use it.

    Args:
        policy: The policy.
        space: The space of the box.
        box: The box.
        model: The model that is to answer.
    """
    values = _Values(policy)
    if not values.read(space, box):
        return
    base = values.request()
    now = next(values.times(_HOUR), None) if values.timed else None
    yield Witness(base, now)
    if model is None:
        return
    read = {dimension.fact for dimension in space.dimensions}
    for request in _variants(policy, base, read, model):
        yield Witness(request, now)
    if model.price is not None and model.price.by_hour:
        prices = {model.price.at(now)}
        for other in values.times(_QUARTER):
            if model.price.at(other) not in prices:
                prices.add(model.price.at(other))
                yield Witness(base, other)


def _variants(policy: Policy, base: Request, read: set[int], model: Model) -> Iterator[Request]:
    """Requests that ask less of a model in another way than the plainest one."""
    if base.max_tokens is None and MAX_TOKENS not in read:
        yield replace(base, max_tokens=1)
    usable = model.abilities & policy.known_abilities
    if EMBEDDINGS in usable:
        needs = frozenset({EMBEDDINGS, *base.needs})
        yield replace(base, needs=needs, answers=0, largest_input=min(base.tokens, 1))
    settled = {ability for fact, ability in _NEEDS.items() if fact in read}
    for ability in sorted(usable - settled - base.needs):
        yield replace(base, needs=frozenset({ability, *base.needs}))


class _Values:
    """The values of the facts that a box constrains."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._fields: dict[str, Any] = {}
        self._attributes: dict[str, str | float | bool] = {}
        self._needs: set[str] = set()
        self._hours: Sequence[int] = range(24)
        self._days: Sequence[int] = range(7)
        self.timed = priced_by_hour(policy)

    def read(self, space: Space, box: Box) -> bool:
        """Choose the values; False where there is none for a fact."""
        axes: dict[int, tuple[Dimension, int]] = {}
        patterns: dict[int, list[tuple[str, bool]]] = {}
        for position, dimension in enumerate(space.dimensions):
            cells = box.get(position, dimension.live) & dimension.live
            if not cells:
                return False
            if dimension.detail is None:
                axes[dimension.fact] = dimension, cells
            elif dimension.is_pattern:
                wanted = patterns.setdefault(dimension.fact, [])
                if cells != 0b11:
                    wanted.append((dimension.detail, cells == 0b10))
            elif cells == 0b10:
                self._fields.setdefault(_SETS[dimension.fact], set()).add(dimension.detail)
        for fact in sorted(axes.keys() | patterns.keys()):
            if not self._choose(fact, axes.get(fact), patterns.get(fact, [])):
                return False
        return True

    def request(self) -> Request:
        """The request."""
        needs = frozenset(self._needs)
        return Request(**self._fields, needs=needs, attributes=self._attributes)

    def times(self, step: int) -> Iterator[float]:
        """Times of the hours and days, in steps of a number of seconds."""
        for passed in range(0, _WEEK, step):
            local = datetime.fromtimestamp(_BEGIN + passed, self._policy.timezone)
            if local.hour in self._hours and local.weekday() in self._days:
                yield _BEGIN + passed

    def _choose(
        self, fact: int, axis: tuple[Dimension, int] | None, patterns: list[tuple[str, bool]]
    ) -> bool:
        """Choose the value of a fact; False where there is none."""
        dimension, cells = (None, 0) if axis is None else axis
        absent = dimension is None or bool(cells >> dimension.size - 1 & 1)
        if dimension is None or dimension.kind is FactType.STRING:
            if not (absent and not any(wanted for _, wanted in patterns)):
                value = self._text(fact, axis, patterns)
                if value is None:
                    return False
                self._put(fact, value)
            return True
        if fact in (HOUR, WEEKDAY):
            if cells & ~(1 << dimension.size - 1):  # callers without a clock are rare
                self._read_clock(fact, dimension, cells)
            else:
                self.timed = False
        elif absent:
            pass
        elif dimension.kind is FactType.NUMBER:
            own = self._policy.vocabulary.facts[fact]
            self._put(fact, lowest_number(dimension, own, cells))
        else:
            self._put(fact, dimension.constants[(cells & -cells).bit_length() - 1])
        return True

    def _put(self, fact: int, value: str | float | bool) -> None:
        if fact in _NEEDS:
            self._needs |= {_NEEDS[fact]} if value else set()
        elif fact in _FIELDS:
            self._fields[_FIELDS[fact]] = value
        else:
            self._attributes[self._policy.vocabulary.facts[fact].name] = value

    def _text(
        self, fact: int, axis: tuple[Dimension, int] | None, patterns: list[tuple[str, bool]]
    ) -> str | None:
        """A text in the cells that matches the patterns as wanted; None where none is found."""
        # Texts are made of what has to be found in them; what must not be found makes none.
        patterns = sorted(patterns, key=lambda each: not each[1])
        literal = [pattern for pattern, wanted in patterns if wanted]
        texts: Iterable[str] = texts_for(axis and axis[0], literal)
        if fact == MODEL:
            texts = _known_names(self._policy, texts)
        for text in islice(texts, _TEXTS):
            lies = axis is None or axis[1] >> cell_of_text(axis[0], text) & 1
            if lies and all((finder(p)(text) is not None) == wanted for p, wanted in patterns):
                return text
        return None

    def _read_clock(self, fact: int, dimension: Dimension, cells: int) -> None:
        self.timed = True
        if fact == HOUR:
            self._hours = [h for h in range(24) if cells >> cell_of_number(dimension, h) & 1]
        else:
            self._days = [i for i, _ in enumerate(WEEKDAYS) if cells >> i & 1]


def _known_names(policy: Policy, texts: Iterable[str]) -> Iterator[str]:
    """Names that a request may ask for."""
    yield from names_asked_for(policy)
    plain = [a.name.replace("?", "x") for a in policy.aliases if a.is_pattern]
    named = [name.replace("*", filler) for name in plain for filler in SUFFIXES]
    yield from (text for text in chain(named, texts) if policy.models_asked_for(text))
