"""The decision: every model of the policy in, with its place, or out, with the reason."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from policy_router.decision.abilities import ABILITIES, HOSTED_TOOLS
from policy_router.decision.disclosure import checked
from policy_router.decision.gates import gates_for
from policy_router.decision.space import bits
from policy_router.domain.complexity import Band
from policy_router.domain.decision import Decision, Reason, Skip
from policy_router.domain.facts import WEEKDAYS, FactType
from policy_router.domain.models import TYPICAL_OUTPUT
from policy_router.domain.ordering import SortKey
from policy_router.domain.snapshot import Snapshot
from policy_router.quoting import quoted, unknown

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.condition import Facts
    from policy_router.domain.facts import Fact
    from policy_router.domain.request import Request
    from policy_router.domain.rules import Rule, Task

_NOBODY: Final = Snapshot()
_KEYS: Final = tuple(SortKey)
_MOST: Final = 1_000_000_000
"""No request has more tokens than that, nor asks for so many; what is counted stays exact."""
_ANSWERS: Final = 1_024
_FAR: Final = 1e30
_LAST: Final = 250_000_000_000.0
"""Seconds since 1970 after which no calendar of ours goes on: towards the year 9900."""


def decide(policy: Policy, request: Request, snapshot: Snapshot = _NOBODY) -> Decision:
    """What the policy makes of the request: an ordered list of candidates, and for every other
    model why it is out.

    Total: it answers for every request, never raises, and the same arguments give the same answer.
    A request that makes no sense to the policy (an unknown task, band, model or attribute) is
    denied with `invalid` set.
    """
    index = policy._index
    task, band, score, problem = _subject(policy, request, snapshot)
    name = task.name if task else None
    level = band.name if band else None
    if problem is not None:
        skips = _all_out(policy, "the request makes no sense to this policy", None)
        return Decision(
            policy.revision, request, name, level, score, (), skips, (), problem, invalid=True
        )
    known = facts(policy, request, snapshot, name, level, score)
    effect = index.effect(index.matching(known))
    if effect.denied is not None:
        rule = effect.denied
        skips = _all_out(policy, f"denied by rule `{rule.name}`", rule)
        return Decision(
            policy.revision, request, name, level, score, (), skips, effect.explain()[0], rule.deny
        )
    floor: int = effect.floor
    asks: Rule | Task | Band | None = effect.floor_by
    first = effect.first
    for source in (task, band):
        if source is not None and source.min_tier is not None and source.min_tier > floor:
            floor, asks = source.min_tier, source
    if task is not None and task.first:
        first += index.first_of[task.name]
    allowed = effect.allowed
    skipped: tuple[Skip, ...] = ()
    if asks is not None and not policy.fallback.step_down:
        gone = allowed & index.below[floor]
        skipped += _too_weak(policy, gone, floor, asks)
        allowed ^= gone
    for gate in gates_for(request):
        gone = gate.out(index, request, snapshot) & allowed
        if gone:
            skipped += tuple(gate.skips(index, gone, request, snapshot))
            allowed ^= gone
    limits = index.limits
    if snapshot.used or not limits.plain or HOSTED_TOOLS in request.needs:
        gone, out = limits.out(allowed, known, request, snapshot)
        skipped += out
        allowed ^= gone
    prefer = policy.prefer if request.prefer is None else tuple(SortKey(k) for k in request.prefer)
    output = TYPICAL_OUTPUT if request.max_tokens is None else request.max_tokens
    if snapshot.used and SortKey.HEADROOM in prefer:
        left = limits.headroom(known, request, snapshot)
        candidates = index.order.by_headroom(
            allowed, floor, first, prefer, request.tokens, output, left
        )
    else:
        candidates = index.order.candidates(allowed, floor, first, prefer, request.tokens, output)
    if request.max_candidates is not None and len(candidates) > request.max_candidates:
        words = f"the request asks for at most {request.max_candidates}"
        beyond = candidates[max(0, request.max_candidates) :]
        skipped += tuple(
            Skip(c.name, Reason.MAX_CANDIDATES, words, span=c.model.span) for c in beyond
        )
        candidates = candidates[: max(0, request.max_candidates)]
    decision = Decision.explained(
        policy.revision,
        request,
        name,
        level,
        score,
        candidates,
        effect.reasons or effect.explain,
        skipped,
    )
    return checked(decision, policy, task, effect.accept, known)


def facts_of(policy: Policy, request: Request, snapshot: Snapshot) -> Facts | None:
    """The facts that `decide` goes by; None for a request that makes no sense to the policy."""
    task, band, score, problem = _subject(policy, request, snapshot)
    if problem is not None:
        return None
    return facts(
        policy, request, snapshot, task.name if task else None, band.name if band else None, score
    )


def facts(  # noqa: PLR0917  the three last are what `_subject` made of the request
    policy: Policy,
    request: Request,
    snapshot: Snapshot,
    task: str | None,
    band: str | None,
    score: float | None,
) -> Facts:
    """The request as a vector of facts, in the order of the policy's vocabulary."""
    hour = weekday = None
    if snapshot.now is not None and policy._index.reads_clock:
        local = datetime.fromtimestamp(snapshot.now, policy.timezone)
        hour, weekday = local.hour, WEEKDAYS[local.weekday()]
    needs, given = request.needs, request.attributes
    return [
        task, band, score, request.tokens, request.max_tokens, request.tags,
        request.user, request.team, request.tenant, request.key, hour, weekday,
        "tools" in needs, "vision" in needs, "json" in needs, request.stream, request.language,
        *[given.get(fact.name) for fact in policy.vocabulary.declared],
    ]  # fmt: skip


def _subject(
    policy: Policy, request: Request, snapshot: Snapshot
) -> tuple[Task | None, Band | None, float | None, str | None]:
    """The task, band and score of a request, or what makes it meaningless to this policy."""
    index = policy._index
    task, band, score = index.default_task, None, None
    problem = _impossible(request)
    if problem is not None:
        return task, band, score, problem
    if request.task is not None:
        task = index.tasks.get(request.task)
        if task is None:
            problem = unknown("task", request.task, index.tasks)
    if request.complexity is not None:
        band, score, wrong = _complexity(policy, request.complexity)
        problem = problem or wrong
    if index.reads_clock and snapshot.now is not None and not 0 <= snapshot.now < _LAST:
        problem = problem or f"{snapshot.now} is no moment: it is seconds since 1970"
    return task, band, score, problem or _nonsense(policy, request)


def _all_out(policy: Policy, words: str, rule: Rule | None) -> tuple[Skip, ...]:
    return tuple(
        Skip(m.name, Reason.DENIED, words, span=rule.span if rule else m.span)
        for m in policy.models
    )


def _too_weak(policy: Policy, gone: int, floor: int, asks: Rule | Task | Band) -> tuple[Skip, ...]:
    words = f"below tier `{policy.tiers[floor]}`, which {_who(asks)} asks for"
    return tuple(
        Skip(policy.models[i].name, Reason.TIER, words, span=asks.span) for i in bits(gone)
    )


def _who(source: Rule | Task | Band) -> str:
    return (
        f"{'band' if isinstance(source, Band) else type(source).__name__.lower()} `{source.name}`"
    )


def _complexity(policy: Policy, word: str | float) -> tuple[Band | None, float | None, str | None]:
    """The band and the score that a caller's word stands for, or what is wrong with it."""
    if isinstance(word, str):
        band = policy._index.bands.get(word)
        if band is None:
            return None, None, unknown("complexity band", word, policy._index.bands)
        return band, band.start, None
    levels = policy._index.levels
    if levels and isinstance(word, int) and 1 <= word <= levels:
        return policy.bands[word - 1], word / levels, None
    if not 0 <= word <= 1:
        words = f"complexity {quoted(word)} is not between 0 and 1"
        return None, None, words + (f", nor a level from 1 to {levels}" if levels else "")
    return policy.band_for(word), word, None


def _nonsense(policy: Policy, request: Request) -> str | None:
    """What makes a request meaningless to this policy, or None."""
    if request.needs and not policy._index.abilities.issuperset(request.needs):
        need = min(set(request.needs) - policy._index.abilities)
        return unknown("ability", need, ABILITIES)
    if request.model is not None and request.model not in policy._index.by_name:
        return unknown("model", request.model, policy._index.by_name)
    if request.prefer is not None:
        for key in request.prefer:
            if key not in _KEYS:
                return unknown("sort key", key, _KEYS)
    declared = policy.vocabulary.attributes
    for name, value in request.attributes.items():
        fact = declared.get(name)
        if fact is None:
            return unknown("attribute", name, declared)
        wrong = _mistyped(fact, value)
        if wrong is not None:
            return wrong
    return None


def _impossible(request: Request) -> str | None:
    """What no request can have, whatever the policy."""
    if not _whole(request.tokens, 0):
        return f"{quoted(request.tokens)} is no number of tokens"
    if request.max_tokens is not None and not _whole(request.max_tokens, 1):
        return f"{quoted(request.max_tokens)} is no number of tokens for an answer"
    if request.max_input_tokens is not None and not _whole(request.max_input_tokens, 0):
        return f"at most {quoted(request.max_input_tokens)} is no number of tokens"
    for pictures in (request.pictures, request.thumbnails):
        if not _whole(pictures, 0):
            return f"{quoted(pictures)} is no number of pictures"
    if not _whole(request.answers, 1) or request.answers > _ANSWERS:
        return f"{quoted(request.answers)} is no number of answers"
    return _unbounded(request)


def _unbounded(request: Request) -> str | None:
    """What is no number among the caller's own criteria: a bound that is none would let everything
    pass."""
    for name, value in (
        ("max_latency", request.max_latency),
        ("min_quality", request.min_quality),
    ):
        if value is not None and not abs(value) < _FAR:
            return f"{name} is {quoted(value)}, which is no number"
    if request.max_candidates is not None and not _whole(request.max_candidates, -_MOST):
        return f"at most {quoted(request.max_candidates)} is no number of candidates"
    return None


def _whole(value: int, least: int) -> bool:
    return least <= value <= _MOST


def _mistyped(fact: Fact, value: object) -> str | None:
    if fact.kind is FactType.ENUM:
        known = isinstance(value, str) and value in fact.values
        return None if known else unknown(f"value of `{fact.name}`", value, fact.values)
    if fact.kind is FactType.NUMBER:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        fits = fits and value == value  # noqa: PLR0124  NaN compares with nothing
    else:
        fits = isinstance(value, bool if fact.kind is FactType.BOOL else str)
    return None if fits else f"`{fact.name}` is a {fact.kind}, not `{quoted(value)}`"
