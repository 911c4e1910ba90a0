"""What requests require of a model by their facts: abilities, context, money, its name.

`decide` works these out for one request. Here they are conditions for all requests at once, each
with the models that surely get none of the requests that meet it. A fact that no condition reads
asks as little as possible: a request without tools and of no tokens, which every model can take.

Two kinds of requests are considered: those that want an answer, whose tokens have to fit into the
context of a model together, and those for embeddings, whose inputs fit one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from policy_router.assurance.values import MOST
from policy_router.decision.abilities import EMBEDDINGS, NO_CHAT
from policy_router.domain.aliases import ANY_MODEL
from policy_router.domain.condition import (
    HAS_IMAGES,
    HAS_TOOLS,
    MAX_TOKENS,
    MODEL,
    TASK,
    TOKENS,
    WANTS_JSON,
    All,
    Any,
    Not,
    Op,
    Test,
    Tree,
    tests_of,
)
from policy_router.domain.models import TYPICAL_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.domain.models import Model
    from policy_router.domain.prices import Price
    from policy_router.domain.prompts import Prompt

_MOST_CONSTANTS: Final = 4_000
"""Thresholds of tokens that are distinguished; what would need more of them is left out, so that
fewer models count as excluded.
"""
_FACTS: Final = ((HAS_TOOLS, "tools"), (HAS_IMAGES, "vision"), (WANTS_JSON, "json"))


@dataclass(frozen=True, slots=True)
class Demand:
    """A condition, and the models that surely get no request that meets it.

    Attributes:
        where: The condition; None holds for every request.
        models: The models, as a set: bit i is model i.
        says: What excludes them, such as `the context of the model`.
        otherwise: Whether it is about the requests that state the fact of `where`, a single test,
            and do not meet it.
    """

    where: Tree | None
    models: int
    says: str
    otherwise: bool = False


def demands_of(policy: Policy, conditions: Iterable[Tree]) -> list[Demand]:
    """The demands that matter where these conditions are the ones that are asked about.

    Args:
        policy: The policy.
        conditions: Every condition whose facts are distinguished: those of the policy's parts that
            exclude models, and those of the questions.
    """
    # A test may occur in a thousand conditions.
    tests = list(dict.fromkeys(test for tree in conditions for test in tests_of(tree)))
    read = {test.fact for test in tests}
    sizes = _Sizes(policy, tests)
    return [
        *_abilities(policy, read),
        *_no_chat(policy, read),
        *_asked_for(policy, tests if MODEL in read else ()),
        *sizes.contexts(),
        *sizes.costs(),
    ]


def answers_chat(model: Model) -> bool:
    """Whether a model answers requests that need nothing in particular."""
    own = model.abilities
    return own != {EMBEDDINGS} and not any(each.startswith(NO_CHAT) for each in own)


# -- abilities -------------------------------------------------------------------------------------


def _abilities(policy: Policy, read: set[int]) -> Iterator[Demand]:
    for fact, ability in _FACTS:
        unable = _where(policy, partial(_lacks, ability))
        if fact in read and unable:
            yield Demand(Test(fact, Op.IN, (True,)), unable, f"the lack of ability `{ability}`")


def _no_chat(policy: Policy, read: set[int]) -> Iterator[Demand]:
    """Models that only get requests that need something they have."""
    known = policy.known_abilities
    by_facts = {ability for fact, ability in _FACTS if fact in read}
    groups: dict[frozenset[str], int] = {}
    for i, model in enumerate(policy.models):
        if not answers_chat(model):
            usable = frozenset(model.abilities & known)
            if not usable - by_facts:
                groups[usable] = groups.get(usable, 0) | 1 << i
    for usable, models in groups.items():
        tests = [Test(fact, Op.IN, (True,)) for fact, ability in _FACTS if ability in usable]
        where = Not(Any(tuple(tests))) if tests else None
        yield Demand(where, models, "what the model is for")


def _lacks(ability: str, model: Model) -> bool:
    return ability not in model.abilities


# -- the name that the request asks for ------------------------------------------------------------


def names_asked_for(policy: Policy) -> tuple[str, ...]:
    """Every name, but for those of patterns, that a request may ask for."""
    exact = [alias.name for alias in policy.aliases if not alias.is_pattern]
    return tuple(dict.fromkeys([*policy.models_by_name, *exact, ANY_MODEL]))


def _asked_for(policy: Policy, tests: Sequence[Test]) -> Iterator[Demand]:
    """Models that are out because the request asks for others by name, where conditions read that
    name."""
    if not tests:
        return
    everyone = policy.all_models
    patterned = 0
    for alias in policy.aliases:
        if alias.is_pattern:
            for group in alias.groups:
                for name in group:
                    patterned |= 1 << policy.position(name)
    constants = {str(v) for t in tests if t.fact == MODEL and t.op is Op.IN for v in t.values}
    names = dict.fromkeys([*names_asked_for(policy), *constants])
    for name in names:
        allowed = policy.models_asked_for(name)
        if everyone & ~allowed:
            says = f"that the request asks for `{name}`"
            yield Demand(Test(MODEL, Op.IN, (name,)), everyone & ~allowed, says)
    # Any other name is that of a pattern, or makes the request invalid.
    if everyone & ~patterned:
        known, says = Test(MODEL, Op.IN, tuple(names)), "that the request asks for another model"
        yield Demand(known, everyone & ~patterned, says, otherwise=True)


# -- tokens: the context, and what a request costs -------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Call:
    """How a model may be called with some requests, at least.

    Attributes:
        where: The requests; None is all of them.
        added: The fewest tokens that a prompt adds.
        caps: The caps on the answer that the policy may fix; None leaves it to the request.
    """

    where: Tree | None
    added: int
    caps: frozenset[int | None]

    def output(self, asked: int | None) -> int:
        """The fewest output tokens that there must be room for."""
        return min((asked or 0) if cap is None else cap for cap in self.caps)


class _Sizes:
    """The demands that grow with the tokens of a request and the cap on its answer."""

    def __init__(self, policy: Policy, tests: Sequence[Test]) -> None:
        self._policy = policy
        self._by_tokens = any(test.fact == TOKENS for test in tests)
        self._least = _least_caps(tests)
        self._constants = 0
        self._by_amount: dict[int, Mapping[Tree | None, int]] = {}

    def contexts(self) -> Iterator[Demand]:
        """Models whose context is too small."""
        small: dict[Tree | None, int] = {}
        for i, model in enumerate(self._policy.models):
            if model.context is None:
                continue
            embeds = EMBEDDINGS in model.abilities
            for call in _calls(self._policy, model):
                for least in (None,) if embeds else (None, *self._least):
                    if least is not None and call.output(least) == call.output(None):
                        continue
                    room = model.context - call.added - call.output(least)
                    if room >= 0 and (embeds or not self._tells(room)):
                        continue
                    tree = self._beyond(room, least)
                    whole = _both(call.where, tree)
                    small[whole] = small.get(whole, 0) | 1 << i
        for where, models in small.items():
            yield Demand(where, models, "the context of the model")

    def _tells(self, room: int) -> bool:
        """Whether requests with more tokens are distinguished from those with fewer."""
        return self._by_tokens and room < MOST and self._may_add(1)

    @staticmethod
    def _beyond(room: int, least: int | None) -> Tree | None:
        """Requests of more tokens than there is room for, and of at least this cap."""
        parts: list[Tree] = [] if least is None else [Test(MAX_TOKENS, Op.GE, (least,))]
        if room >= 0:
            parts.append(Test(TOKENS, Op.GT, (room,)))
        if not parts:
            return None
        return All(tuple(parts)) if len(parts) > 1 else parts[0]

    def _may_add(self, constants: int) -> bool:
        self._constants += constants
        return self._constants <= _MOST_CONSTANTS

    def costs(self) -> Iterator[Demand]:
        """Models that cost more than a `max_cost` of a rule or a task."""
        policy = self._policy
        for rule in policy.rules:
            if rule.criteria.max_cost is not None and not rule.shadow:
                when = None if rule.when is None else rule.when.tree
                yield from self._dear(when, rule.criteria.max_cost, f"rule `{rule.name}`")
        for task in policy.tasks:
            if task.criteria.max_cost is not None:
                tree = Test(TASK, Op.IN, (task.name,))
                yield from self._dear(tree, task.criteria.max_cost, f"task `{task.name}`")

    def _dear(self, when: Tree | None, most: int, by: str) -> Iterator[Demand]:
        unaffordable: dict[Tree | None, int] = {}
        for tree, models in self._unaffordable(most).items():
            whole = _both(when, tree)
            unaffordable[whole] = unaffordable.get(whole, 0) | models
        for tree, models in unaffordable.items():
            yield Demand(tree, models, f"`max_cost` of {by}")

    def _unaffordable(self, most: int) -> Mapping[Tree | None, int]:
        """The models that surely cost more than an amount, which many rules share, and where."""
        known = self._by_amount.get(most)
        if known is None:
            known = self._by_amount[most] = self._costlier_models(most)
        return known

    def _costlier_models(self, most: int) -> dict[Tree | None, int]:
        models: dict[Tree | None, int] = {}
        for i, model in enumerate(self._policy.models):
            if model.price is None:
                models[None] = models.get(None, 0) | 1 << i
                continue
            prices = model.price.within(None, 0)
            for call in _calls(self._policy, model):
                for tree in self._costlier(model, call, prices, most):
                    where = _both(call.where, tree)
                    models[where] = models.get(where, 0) | 1 << i
        return models

    def _costlier(
        self, model: Model, call: _Call, prices: Sequence[Price], most: int
    ) -> Iterator[Tree | None]:
        """Conditions on tokens and the cap under which a model surely costs more than allowed."""
        embeds = EMBEDDINGS in model.abilities
        without = 0 if embeds else min(TYPICAL_OUTPUT if c is None else c for c in call.caps)
        capped = 0 if embeds else call.output(1)
        outputs: list[tuple[int, Tree | None]] = [(min(without, capped), None)]
        if self._least:  # otherwise conditions do not tell requests with a cap from others
            if without > capped:
                outputs.append((without, Not(Test(MAX_TOKENS, Op.GE, (1,)))))
            outputs += [
                (output, Test(MAX_TOKENS, Op.GE, (least,)))
                for least in self._least
                if not embeds and (output := call.output(least)) > capped
            ]
        for output, where in outputs:
            for low, high in _dear_ranges(prices, call.added, output, most):
                yield from self._between(low, high, where)

    def _between(self, low: int, high: int | None, where: Tree | None) -> Iterator[Tree | None]:
        """The condition of a range of tokens, both ends included."""
        if low == 0 and (high is None or not self._by_tokens):
            yield where
        elif self._by_tokens and self._may_add(1 + (high is not None)):
            parts: list[Tree] = [] if where is None else [where]
            parts.append(Test(TOKENS, Op.GE, (low,)))
            if high is not None:
                parts.append(Test(TOKENS, Op.LE, (high,)))
            yield All(tuple(parts)) if len(parts) > 1 else parts[0]


def _dear_ranges(
    prices: Sequence[Price], added: int, output: int, most: int
) -> list[tuple[int, int | None]]:
    """Ranges of tokens, both ends included, at which every price is above a bound; None is no end.

    Within a rate, the cost never falls as tokens are added; at the limit of one it may.
    """
    fine: list[tuple[int, int]] = []
    for price in prices:
        fees = price.fee + price.fees
        starts = sorted({0, *(max(0, above + 1 - added) for above, _ in price.long)})
        for start, after in zip(starts, [*starts[1:], MOST + 1], strict=True):

            def too_expensive(tokens: int, own: Price = price, fees: int = fees) -> bool:
                return own.cost(tokens + added, output) + fees > most

            count = bisect_right(range(start, after), False, key=too_expensive)
            if count:
                fine.append((start, start + count - 1))
    ranges: list[tuple[int, int | None]] = []
    next_low = 0
    for first, last in sorted(fine):
        if first > next_low:
            ranges.append((next_low, first - 1))
        next_low = max(next_low, last + 1)
    if next_low <= MOST:
        ranges.append((next_low, None))
    return ranges


def _calls(policy: Policy, model: Model) -> Iterator[_Call]:
    """How a model may be called: everywhere, and where each of its prompts applies.

    Of the prompts whose conditions hold, the first one counts, so that where the condition of a
    prompt holds the model gets that prompt or one before it. Where an experiment chooses another,
    the model has to fit with both.
    """
    prompts = [p for p in policy.prompts if model.name in p.models]
    own: int | None = model.fixed_output
    yield _Call(None, 0, frozenset([own, *(_fixed(p, own) for p in prompts)]))
    if EMBEDDINGS in model.abilities:  # a request for embeddings gets no prompt
        return
    conditions = [p.when.tree for p in prompts if p.when is not None]
    if conditions and len(conditions) == len(prompts):
        yield _Call(Not(Any(tuple(conditions))), 0, frozenset([own]))
    for number, prompt in enumerate(prompts):
        before = prompts[: number + 1]
        added = min(p.tokens for p in before)
        where = None if prompt.when is None else prompt.when.tree
        yield _Call(where, added, frozenset(_fixed(p, own) for p in before))


def _fixed(prompt: Prompt, own: int | None) -> int | None:
    return prompt.max_tokens if prompt.force and prompt.max_tokens is not None else own


def _least_caps(tests: Iterable[Test]) -> tuple[int, ...]:
    """The lowest cap on an answer in each range of caps that conditions tell apart; empty where
    they read none."""
    caps: set[int] = set()
    for test in tests:
        if test.fact == MAX_TOKENS:
            for value in test.values:
                below = int(float(value) // 1)
                caps |= {max(1, below), max(1, below + 1)}
    return (1, *sorted(caps - {1})) if caps else ()


def _both(one: Tree | None, other: Tree | None) -> Tree | None:
    if one is None or other is None:
        return other if one is None else one
    return All((one, other))


def _where(policy: Policy, excluded: Callable[[Model], bool]) -> int:
    return sum(1 << i for i, model in enumerate(policy.models) if excluded(model))
