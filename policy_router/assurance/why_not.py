"""What would let a model answer a request: the smallest changes of it, or rules to remove.

A change gives one property of the request another value. Whatever keeps the model out reads some
properties, and stays until one of them changes; so it is enough to try the properties that one of
these things reads, then those that one of what is left reads, and so on. First one change is
tried, then two, then more: what is found first is smallest. Every set of changes is decided before
it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.assurance.changes import NUMBERS, Change, Changes, TimedRequest
from policy_router.decision.blockers import MOMENT, Blockers
from policy_router.decision.decide import decide
from policy_router.domain.complexity import Band
from policy_router.domain.criteria import NO_CRITERIA
from policy_router.domain.decision import Reason, Skip
from policy_router.domain.rules import Rule, Task
from policy_router.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from policy_router.decision.blockers import Blocker
    from policy_router.decision.policy import Policy
    from policy_router.domain.request import Request

MOST_CHANGES: Final = 4
"""Larger sets of changes are not looked for: they make another request."""
MAX_STEPS: Final = 20_000
"""Requests that are examined: at most a few seconds."""
SHOWN: Final = 5
"""Sets of changes that are returned at most, all of the same size."""
_ORDER: Final = frozenset({"max_candidates", "one_space"})
_LAST: Final = 9
_COST_OF: Final = {
    "only": 0, "avoid": 0, "min_tier": 0, "model": 0, "max_candidates": 0, "max_cost": 0,
    "max_price": 0, "max_latency": 0, "min_quality": 0, "one_space": 0,
    "tokens": 1, "max_tokens": 1, "pictures": 1, "thumbnails": 1, "answers": 1, "need": 2,
    "tags": 2, "task": 3, "complexity": 3, "attribute": 4, MOMENT: 5, "stream": 5,
}  # fmt: skip
"""How much a change of a property asks of the caller: constraints least, identity most."""


@dataclass(frozen=True, slots=True)
class WhyNot:
    """What keeps a model from a request, and what would let it through.

    Attributes:
        model: Name of the model.
        blockers: Everything that keeps it out by policy and request alone; nothing where the
            policy allows it.
        changes: The smallest sets of changes of the request that let it through, best first; all of
            the same size. Nothing where it is allowed, and where no such set was found.
        smallest: Whether it is certain that no smaller set does, and, without any, that none of up
            to MOST_CHANGES changes does.
        doubt: Why that is not certain, as a clause; empty where it is.
        parts: The rules, tasks and bands that would all have to go, or no longer restrict models.
        parts_suffice: Whether the model may answer the request without `parts`.
        state: What keeps it out at the moment, and passes by itself or can be reset.
    """

    model: str
    blockers: tuple[Blocker, ...]
    changes: tuple[tuple[Change, ...], ...]
    smallest: bool
    doubt: str
    parts: tuple[Rule | Task | Band, ...]
    parts_suffice: bool
    state: tuple[Skip, ...]


def why_not(
    policy: Policy,
    request: Request,
    model: str,
    snapshot: Snapshot,
    *,
    max_steps: int = MAX_STEPS,
) -> WhyNot:
    """Find out what keeps a model from a request, and what would let it through.

    Args:
        policy: The policy.
        request: A request that is valid for the policy.
        model: Name of a model of the policy.
        snapshot: The state of the world. Only its time matters to what the policy allows.
        max_steps: How many requests are examined at most.
    """
    given = TimedRequest(request, snapshot.now)
    keeping = Blockers(policy, model).of(request, snapshot.now)
    state = _state(policy, request, model, snapshot)
    if not keeping:
        return WhyNot(model, (), (), True, "", (), False, state)
    search = _Search(policy, given, model, max_steps)
    changes = search.run(keeping)
    parts = tuple(b.part for b in keeping if isinstance(b.part, Rule | Task | Band))
    suffice = bool(parts) and not Blockers(_without(policy, parts), model).of(request, snapshot.now)
    return WhyNot(model, keeping, changes, not search.doubt, search.doubt, parts, suffice, state)


class _Search:
    """The smallest sets of changes, by trying one change, then two, and so on."""

    def __init__(self, policy: Policy, given: TimedRequest, model: str, max_steps: int) -> None:
        self._policy, self._given, self._model = policy, given, model
        self._max_steps = max_steps
        self._changes = Changes(policy, given, model)
        self._keeping = Blockers(policy, model)
        self._steps = 0
        self._read: set[str] = set()
        self._seen: set[frozenset[Change]] = set()
        self._by_order = False
        self.doubt = ""

    def run(self, keeping: tuple[Blocker, ...]) -> tuple[tuple[Change, ...], ...]:
        """The sets of the smallest size that has any."""
        self._by_order = any(blocker.reads & _ORDER for blocker in keeping)
        for size in range(1, MOST_CHANGES + 1):
            self._seen.clear()
            sets: dict[frozenset[Change], tuple[Change, ...]] = {}
            for changes in self._of_size(size, self._given, (), keeping):
                sets.setdefault(frozenset(changes), changes)
            if self._steps > self._max_steps:
                self.doubt = "too many combinations to try"
            elif not self.doubt and size > 1:
                self.doubt = self._hidden()
            if sets:
                best = sorted(self._alike(sets.values()), key=self._cost)[:SHOWN]
                return tuple(self._nearest(changes) for changes in best)
            if self.doubt:
                return ()
        return ()

    def _of_size(
        self, left: int, given: TimedRequest, made: tuple[Change, ...], keeping: Sequence[Blocker]
    ) -> Iterator[tuple[Change, ...]]:
        """The sets of `left` further changes after which nothing keeps the model out."""
        if not keeping:
            yield made
            return
        changed = frozenset(change.name for change in made)
        reads = [blocker.reads - changed for blocker in keeping]
        if _apart(reads) > left:
            return
        names = frozenset.intersection(*reads) if left == 1 else min(reads, key=self._options)
        for name in sorted(names, key=_weight):
            self._read.add(name)
            for change in self._changes.of(name):
                after, changes = change.applied(given), (*made, change)
                key = frozenset(changes)
                if key in self._seen or self._steps > self._max_steps:
                    continue
                self._seen.add(key)
                self._steps += 1
                yield from self._of_size(left - 1, after, changes, self._blockers(after))

    def _blockers(self, given: TimedRequest) -> tuple[Blocker, ...]:
        keeping = self._keeping.of(given.request, given.now)
        self._by_order |= any(blocker.reads & _ORDER for blocker in keeping)
        return keeping

    def _options(self, names: frozenset[str]) -> int:
        return sum(len(self._changes.of(name)) for name in names)

    def _hidden(self) -> str:
        """Why a smaller set may exist that was not tried."""
        if self._by_order:
            return "which models are left depends on their order"
        opaque = sorted(self._read & self._changes.opaque)
        return f"`{opaque[0]}` is searched for a pattern" if opaque else ""

    def _cost(self, changes: tuple[Change, ...]) -> tuple[int, int]:
        order = [self._changes.of(change.name).index(change) for change in changes]
        return sum(_weight(change.name)[0] for change in changes), sum(order)

    def _alike(self, sets: Iterable[tuple[Change, ...]]) -> Iterable[tuple[Change, ...]]:
        """Of sets that differ in nothing but numbers, the one whose numbers change least."""
        best: dict[frozenset[object], tuple[float, tuple[Change, ...]]] = {}
        for changes in sets:
            alike = frozenset(each.name if _is_number(each) else each for each in changes)
            far = sum(_distance(change) for change in changes)
            if alike not in best or far < best[alike][0]:
                best[alike] = far, changes
        return [changes for _, changes in best.values()]

    def _nearest(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """The same changes, with each number that falls as high as it may be."""
        for i, change in enumerate(changes):
            before, low = change.before, change.after
            if change.name not in NUMBERS or not isinstance(low, int):
                continue
            high = before - 1 if isinstance(before, int) else low
            cell = self._changes.cell(change.name, low)
            least = low
            while low < high:
                middle = (low + high + 1) // 2
                tried = replace(change, after=middle)
                within = self._changes.cell(change.name, middle) == cell
                if within and self._lets_through((*changes[:i], tried, *changes[i + 1 :])):
                    low = middle
                else:
                    high = middle - 1
            if low > least or (isinstance(before, int) and low < before):
                nearest = replace(change, after=low, at_most=True)
                changes = (*changes[:i], nearest, *changes[i + 1 :])
        return tuple(sorted(changes, key=lambda change: _weight(change.name)))

    def _lets_through(self, changes: tuple[Change, ...]) -> bool:
        given = self._given
        for change in changes:
            given = change.applied(given)
        decision = decide(self._policy, given.request, Snapshot(now=given.now))
        return any(candidate.name == self._model for candidate in decision.candidates)


def _is_number(change: Change) -> bool:
    return isinstance(change.after, int | float) and not isinstance(change.after, bool)


def _distance(change: Change) -> float:
    """How far a number changes, without one before from 0; 0 for anything else."""
    after, before = change.after, change.before
    if not isinstance(after, int | float) or isinstance(after, bool):
        return 0.0
    return abs(after - before) if isinstance(before, int | float) else abs(after)


def _apart(reads: Sequence[frozenset[str]]) -> int:
    """How many of the sets have no member in common, found greedily: the changes needed."""
    taken: frozenset[str] = frozenset()
    number = 0
    for names in sorted(reads, key=len):
        if taken.isdisjoint(names):
            taken |= names
            number += 1
    return number


def _weight(name: str) -> tuple[int, str]:
    return _COST_OF.get(name.partition(":")[0], _LAST), name


def _without(policy: Policy, parts: Sequence[Rule | Task | Band]) -> Policy:
    """The policy without some rules, and with tasks and bands that restrict nothing."""
    names = {type(part): {p.name for p in parts if type(p) is type(part)} for part in parts}
    return replace(
        policy,
        rules=tuple(r for r in policy.rules if r.name not in names.get(Rule, ())),
        tasks=tuple(
            _unrestricted(task) if task.name in names.get(Task, ()) else task
            for task in policy.tasks
        ),
        bands=tuple(
            replace(b, min_tier=None) if b.name in names.get(Band, ()) else b for b in policy.bands
        ),
    )


def _unrestricted(task: Task) -> Task:
    return replace(
        task, criteria=NO_CRITERIA, min_tier=None, needs=frozenset(), only=None, avoid=(), use=None
    )


def _state(policy: Policy, request: Request, model: str, snapshot: Snapshot) -> tuple[Skip, ...]:
    """What of the state of the world keeps a model out: each cooldown and each counter alone."""
    bit, facts = 1 << policy.position(model), None
    skips = []
    until = snapshot.cooling.get(model)
    if until is not None and (snapshot.now is None or until > snapshot.now):
        skips.append(Skip(model, Reason.COOLING, "in cooldown after failures", until))
    if snapshot.used:
        facts = decide(policy, request, Snapshot(now=snapshot.now)).situation.facts
        for key, reading in snapshot.used.items():
            alone = replace(snapshot, used={key: reading})
            skips += policy.limit_index.exhausted(bit, facts, request, alone)[1]
    return tuple(skips)
