"""Proves the invariants of a policy, or finds a request that breaks one.

    for proof in prove(policy):
        print(proof.invariant.name, proof.promise, proof.verdict, proof.detail)

A promise holds for every request and every state of the world: counters, cooldowns, sessions,
experiments, learning, fallback and constraints of callers can only take away from what the policy
allows, or reorder it. A model is reached by a request that it answers, and also by one that it is
shown without answering it: as the judge of an answer, or to estimate the complexity.

Nothing is claimed that was not proved or shown. A request that breaks a promise was decided by
`decide`; where none was found and nothing was proved, the verdict is UNKNOWN, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from policy_router.assurance.disclosures import shown_models
from policy_router.assurance.reach import Excluded, Reach, Reached
from policy_router.assurance.redundancy import thinnest
from policy_router.assurance.spending import most_expensive
from policy_router.domain.condition import TASK, Op, Test
from policy_router.resilience.cancellation import Poll, never

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.assurance.reach import Unknown
    from policy_router.assurance.witness import Witness
    from policy_router.decision.policy import Policy
    from policy_router.decision.space import Box
    from policy_router.domain.condition import Tree
    from policy_router.domain.decision import Decision
    from policy_router.domain.invariants import Invariant


class Promise(StrEnum):
    """What an invariant promises, as the policy calls it."""

    NEVER = "never"
    ONLY = "only"
    AT_LEAST = "at_least"
    MAX_COST = "max_cost"
    ALWAYS_DENIED = "always_denied"


class ProofVerdict(StrEnum):
    """The verdict on a promise.

    PROVED: it holds for every request.
    BROKEN: a request breaks it.
    UNKNOWN: neither is known.
    """

    PROVED = "proved"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A request that breaks a promise.

    Attributes:
        witness: The request, and the time where it matters.
        reaches: Names of the models that it reaches although it must not, or, for AT_LEAST, of
            those that the policy allows.
        how: What happens to it, as text for people that follows "a request": `that big may
            answer`.
        rules: Names of the rules that apply to it, in written order.
    """

    witness: Witness
    reaches: tuple[str, ...]
    how: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """The verdict on one promise of an invariant, with its proof or counterexample.

    Attributes:
        invariant: The invariant.
        promise: Which of its promises.
        verdict: Whether it holds.
        because: For PROVED, what it rests on, such as ``rule `x` ``: as few parts as possible,
            rules in written order before others.
        reason: For UNKNOWN, why, as part of a sentence.
        counterexample: For BROKEN, a request that breaks it.
    """

    invariant: Invariant
    promise: Promise
    verdict: ProofVerdict
    because: tuple[str, ...] = ()
    reason: str = ""
    counterexample: Counterexample | None = None


def prove(policy: Policy, cancelled: Poll = never) -> tuple[Proof, ...]:
    """Prove every promise of a policy, or find a request that breaks it.

    Pure, and bounded in time: the search stops after a number of steps.

    Args:
        policy: The policy.
        cancelled: Polled during searches.

    Returns:
        A proof for each promise of each invariant, in written order.

    Raises:
        Cancelled: `cancelled` returned True.
    """
    if not policy.invariants:
        return ()
    conditions: list[Tree] = [i.when.tree for i in policy.invariants if i.when is not None]
    conditions += [Test(TASK, Op.IN, (task.name,)) for task in policy.tasks]
    reach = Reach(policy, conditions, cancelled)
    proofs: list[Proof] = []
    for invariant in policy.invariants:
        reach.cover.renew()
        proofs += _proofs(reach, invariant)
    return tuple(proofs)


def _proofs(reach: Reach, invariant: Invariant) -> Iterator[Proof]:
    policy, boxes = reach.policy, reach.boxes(invariant.when)
    if invariant.never:
        barred = [policy.position(name) for name in invariant.never]
        yield _unreached(reach, invariant, Promise.NEVER, barred, boxes)
    if invariant.only is not None:
        allowed = {policy.position(name) for name in invariant.only}
        barred = [i for i in range(len(policy.models)) if i not in allowed]
        yield _unreached(reach, invariant, Promise.ONLY, barred, boxes)
    if invariant.at_least is not None:
        thin = thinnest(reach, boxes, invariant.when, invariant.at_least)
        yield _proof(invariant, Promise.AT_LEAST, thin)
    if invariant.max_cost is not None:
        answer = most_expensive(reach, boxes, invariant.when, invariant.max_cost)
        yield _proof(invariant, Promise.MAX_COST, answer)
    if invariant.always_denied:
        everyone = range(len(policy.models))
        yield _unreached(reach, invariant, Promise.ALWAYS_DENIED, everyone, boxes)


def _unreached(
    reach: Reach,
    invariant: Invariant,
    promise: Promise,
    models: Sequence[int],
    boxes: Sequence[Box],
) -> Proof:
    """A proof that no such request reaches any of some models."""
    because: dict[str, None] = {}
    unknown: Unknown | None = None
    excluded: set[int] = set()
    for model in models:
        if reach.removers[model] in excluded:
            continue  # exactly the same excludes a model before it
        answer = reach.ask(model, boxes, invariant.when)
        if isinstance(answer, Reached):
            barred = {reach.policy.models[i].name for i in models}
            return _broken(invariant, promise, answer, barred)
        if isinstance(answer, Excluded):
            excluded.add(reach.removers[model])
            because |= dict.fromkeys(part.says for part in answer.by)
        else:
            unknown = unknown or answer
    if promise is not Promise.ALWAYS_DENIED:  # no model sees what is denied
        for seen in shown_models(reach, boxes, invariant.when, models):
            if isinstance(seen, Reached):
                name, how, decision = seen.shown
                example = Counterexample(seen.witness, (name,), how, decision.rules)
                return Proof(invariant, promise, ProofVerdict.BROKEN, counterexample=example)
            if isinstance(seen, Excluded):
                because |= dict.fromkeys(part.says for part in seen.by)
            else:
                unknown = unknown or seen
    if unknown is not None:
        return Proof(invariant, promise, ProofVerdict.UNKNOWN, reason=unknown.reason)
    return Proof(invariant, promise, ProofVerdict.PROVED, because=tuple(because))


def _broken(
    invariant: Invariant, promise: Promise, answer: Reached[Decision], barred: set[str]
) -> Proof:
    decision = answer.shown
    reached = tuple(c.name for c in decision.candidates if c.name in barred)
    how = f"that {_listed(reached)} may answer"
    example = Counterexample(answer.witness, reached, how, decision.rules)
    return Proof(invariant, promise, ProofVerdict.BROKEN, counterexample=example)


def _proof(
    invariant: Invariant,
    promise: Promise,
    answer: Excluded | Reached[tuple[tuple[str, ...], str, Decision]] | Unknown,
) -> Proof:
    if isinstance(answer, Reached):
        names, how, decision = answer.shown
        example = Counterexample(answer.witness, names, how, decision.rules)
        return Proof(invariant, promise, ProofVerdict.BROKEN, counterexample=example)
    if isinstance(answer, Excluded):
        because = tuple(part.says for part in answer.by)
        return Proof(invariant, promise, ProofVerdict.PROVED, because=because)
    return Proof(invariant, promise, ProofVerdict.UNKNOWN, reason=answer.reason)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)
