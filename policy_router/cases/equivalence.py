"""Checks whether two policies that differ in one part make the same decisions.

Requests in the same cells are indistinguishable to the conditions of both policies. So there are
finitely many kinds of requests, and one of each kind is decided by both policies. If the matching
rules have the same effect for every kind, that is a proof for all requests in every state. If there
are too many kinds, or if something other than rules differs, `assurance.compare` provides the
proof.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from math import prod
from random import Random
from typing import TYPE_CHECKING, Any, Final

from policy_router.assurance.compare import compare as compare_all
from policy_router.assurance.reach import Excluded, Reach
from policy_router.assurance.witness import Witness, witnesses
from policy_router.decision.bitset import bits
from policy_router.decision.decide import decide_on
from policy_router.decision.facts import situation_of
from policy_router.decision.limits.subjects import subject_of
from policy_router.decision.space import Space
from policy_router.domain.limits import Reading
from policy_router.domain.ordering import SortKey
from policy_router.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box
    from policy_router.domain.condition import Facts
    from policy_router.domain.decision import Decision
    from policy_router.domain.limits import CounterKey, Limit
    from policy_router.domain.request import Request

MOST_KINDS: Final = 4096
"""Maximum number of kinds of requests to enumerate."""
_TOKENS: Final = (10, 3_000, 20_000, 150_000)
"""Numbers of input tokens that are tried besides those of a witness."""
_WRITTEN: Final = frozenset({SortKey.FREE, SortKey.LOCAL, SortKey.SMALLEST})
"""Keys of `prefer` whose values are those of the policy file, whatever is measured."""
_VARIED: Final = 64
"""Kinds of requests for which other tasks, complexities and lengths are tried."""


@dataclass(frozen=True, slots=True)
class TellingRequest:
    """A request that two policies decide differently.

    Attributes:
        witness: The request, and when it is made.
        before: The decision of the first policy.
        after: The decision of the second one.
    """

    witness: Witness
    before: Decision
    after: Decision


def compare(
    policy: Policy, other: Policy, limit: Limit | None = None
) -> TellingRequest | str | None:
    """Compare the decisions of two policies with equal models, tasks and facts.

    Args:
        policy: The first policy.
        other: The second one.
        limit: A limit that only the first one has: it is tried both used up and unused.

    Returns:
        A request that they decide differently; None if it is proved that there is none; or the
        reason why that is unknown.
    """
    conditions = [rule.when for each in (policy, other) for rule in each.rules]
    conditions += [each.when for each in policy.limits]
    space = Space(policy.vocabulary, policy.bands, [c.tree for c in conditions if c is not None])
    live = [dimension.live for dimension in space.dimensions]
    every = prod(cells.bit_count() for cells in live) <= MOST_KINDS
    alike, unseen = True, False
    for number, box in enumerate(_kinds(live) if every else _drawn(live)):
        witness = next(witnesses(policy, space, box), None)
        if witness is None:
            unseen = True
            continue
        for tried in _variants(policy, witness) if number < _VARIED else (witness,):
            found = _difference(policy, other, tried, limit)
            if found is not None:
                return found
        facts = situation_of(policy, witness.request, witness.now).facts
        alike = alike and _meaning(policy, facts) == _meaning(other, facts)
    if every and not unseen and alike and _same_but_rules(policy, other):
        return None
    if _is_proved(policy, other, limit):
        return None
    if not every:
        return "there are too many kinds of requests to decide them all"
    if unseen:
        return "for some kinds of requests there is no example"
    return "no request was found that shows it"


def _is_proved(policy: Policy, other: Policy, limit: Limit | None) -> bool:
    """Whether both allow the same models in the same order for all requests, and say no more.

    What a rule that denies says, and which answers are accepted, is no matter of models. Where
    models are sorted by what is measured, as a test may state it, the same models are in the same
    order only if both policies sort alike.
    """
    if limit is not None and not _counts_nothing(policy, limit):
        return False
    both = (policy, other)
    says_more = any(r.deny is not None or r.accept is not None for p in both for r in p.rules)
    if says_more and policy.rules != other.rules:
        return False
    steady = all(map(_sorts_by_what_is_written, both)) or _ordering(policy) == _ordering(other)
    return steady and compare_all(policy, other).equal


def _sorts_by_what_is_written(policy: Policy) -> bool:
    """Whether nothing that is measured or counted decides the order of models."""
    rules = [rule.prefer or () for rule in policy.rules]
    tasks = [task.prefer or () for task in policy.tasks]
    return all(_WRITTEN.issuperset(keys) for keys in (policy.prefer, *rules, *tasks))


def _ordering(policy: Policy) -> object:
    """Everything of a policy that decides the order of the models that it allows."""
    down = policy.fallback.step_down  # models below the floor come last, else they do not answer
    rules = [
        (rule.when and rule.when.tree, rule.first, rule.prefer, rule.min_tier if down else None)
        for rule in policy.rules
        if not rule.shadow
    ]
    return (
        down,
        policy.prefer,
        [each for each in rules if each[1:] != ((), None, None)],
        [(t.name, t.first, t.use, t.prefer, t.min_tier if down else None) for t in policy.tasks],
        [band.min_tier if down else None for band in policy.bands],
    )


def _counts_nothing(policy: Policy, limit: Limit) -> bool:
    """Whether no request that a limit is about can reach one of its models."""
    when = limit.when
    reach = Reach(policy, () if when is None else (when.tree,))
    boxes = reach.boxes(when)
    return all(isinstance(reach.ask(model, boxes, when), Excluded) for model in bits(limit.models))


def _kinds(live: list[int]) -> Iterator[Box]:
    """A box for each combination of cells."""
    for cells in product(*(list(bits(each)) for each in live)):
        yield {dimension: 1 << cell for dimension, cell in enumerate(cells)}


def _drawn(live: list[int]) -> Iterator[Box]:
    """Boxes of combinations that are drawn, the same ones each time."""
    draw = Random(0)  # noqa: S311  no secret
    cells = [list(bits(each)) for each in live]
    for _ in range(MOST_KINDS):
        yield {dimension: 1 << draw.choice(each) for dimension, each in enumerate(cells)}


def _variants(policy: Policy, witness: Witness) -> Iterator[Witness]:
    """The request, then others of more tokens, of each task and of each complexity."""
    yield witness
    request = witness.request
    for tokens in _TOKENS:
        yield replace(witness, request=replace(request, tokens=tokens))
    for task in policy.tasks:
        yield replace(witness, request=replace(request, task=task.name))
    for band in policy.bands:
        yield replace(witness, request=replace(request, complexity=band.name))


def _difference(
    policy: Policy, other: Policy, witness: Witness, limit: Limit | None
) -> TellingRequest | None:
    states: list[dict[CounterKey, Reading]] = [{}]
    if limit is not None:
        subject = subject_of(limit, witness.request)
        cap = limit.of(subject).cap
        states += [] if cap is None else [{limit.key(subject): Reading(cap)}]
    for used in reversed(states):
        snapshot = Snapshot(now=witness.now, used=used)
        before, after = (_decided(each, witness.request, snapshot) for each in (policy, other))
        if before is not None and after is not None and _shown(before) != _shown(after):
            return TellingRequest(witness, before, after)
    return None


def _decided(policy: Policy, request: Request, snapshot: Snapshot) -> Decision | None:
    situation = situation_of(policy, request, snapshot.now)
    return None if situation.problem is not None else decide_on(policy, situation, snapshot)


def _shown(decision: Decision) -> tuple[object, ...]:
    """The parts of a decision that have consequences."""
    order = tuple(candidate.name for candidate in decision.candidates)
    return order, decision.denied, decision.accept if order else ()


def _meaning(policy: Policy, facts: Facts) -> tuple[Any, ...]:
    """What the rules that apply to a request mean together, whatever else is true of it."""
    applying = [
        (i, rule)
        for i, rule in enumerate(policy.rules)
        if not rule.shadow and (rule.when is None or rule.when.holds(facts))
    ]
    denied = next((rule.deny for _, rule in applying if rule.deny is not None), None)
    if denied is not None:
        return (denied,)
    removed = 0
    for i, _ in applying:
        removed |= policy.removed_by(i)
    first = (m for _, rule in applying for m in rule.first if not removed >> policy.position(m) & 1)
    costs = [rule.criteria.max_cost for _, rule in applying]
    return (
        removed,
        tuple(dict.fromkeys(first)),
        max((rule.min_tier or 0 for _, rule in applying), default=0),
        tuple(rule.accept for _, rule in applying if rule.accept is not None),
        min((cost for cost in costs if cost is not None), default=None),
        next((rule.prefer for _, rule in applying if rule.prefer is not None), None),
    )


def _same_but_rules(policy: Policy, other: Policy) -> bool:
    """Whether only the rules differ."""
    return (
        policy.tasks == other.tasks
        and policy.bands == other.bands
        and policy.prefer == other.prefer
        and policy.limits == other.limits
        and policy.fallback == other.fallback
    )
