"""The decision, written as plainly as it can be: the oracle of the fast one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from hashlib import blake2b
from itertools import product
from typing import TYPE_CHECKING
from typing import Any as Value

from policy_router.decision.order.draws import draws
from policy_router.decision.order.sort_keys import sort_value
from policy_router.domain.condition import All, Any, Facts, Not, Op, Test, Tree
from policy_router.domain.facts import WEEKDAYS
from policy_router.domain.identity import key_id
from policy_router.domain.learning import LearningMode
from policy_router.domain.ordering import FunctionKey, OrderKey, SortKey
from policy_router.domain.rules import Task
from policy_router.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.decision.policy import Policy
    from policy_router.domain.aliases import Alias
    from policy_router.domain.limits import CounterKey, Limit
    from policy_router.domain.models import Model
    from policy_router.domain.prices import Price
    from policy_router.domain.prompts import Prompt
    from policy_router.domain.request import Request
    from policy_router.domain.rules import Rule
    from policy_router.domain.sessions import SessionState


@dataclass(frozen=True)
class Verdict:
    """candidates in order; out: model -> reason; rules that applied; whether it was denied; what
    each rule in shadow would have changed: name, models taken away, new first model, denial; the
    prompt of each candidate."""

    candidates: tuple[str, ...]
    out: dict[str, str]
    rules: tuple[str, ...]
    denied: str | None
    shadow: tuple[tuple[str, tuple[str, ...], str | None, str | None], ...] = ()
    prompts: tuple[str | None, ...] = ()


def holds(tree: Tree, facts: Facts) -> bool:
    match tree:
        case All(parts):
            return all(holds(part, facts) for part in parts)
        case Any(parts):
            return any(holds(part, facts) for part in parts)
        case Not(part):
            return not holds(part, facts)
        case Test(fact, op, values):
            value = facts[fact]
            return value is not None and bool(MEANING[op](value, values))


MEANING: dict[Op, Callable[[Value, tuple[Value, ...]], object]] = {
    Op.IN: lambda value, values: value in values,
    Op.HAS: lambda value, values: values[0] in value,
    Op.STARTS: lambda value, values: value.startswith(values[0]),
    Op.MATCHES: lambda value, values: re.search(values[0], value) is not None,
    Op.LT: lambda value, values: value < values[0],
    Op.LE: lambda value, values: value <= values[0],
    Op.GT: lambda value, values: value > values[0],
    Op.GE: lambda value, values: value >= values[0],
}


def vector(
    policy: Policy, request: Request, snapshot: Snapshot
) -> tuple[str | None, str | None, float | None, Facts]:
    task = request.task or next((t.name for t in policy.tasks if t.default), None)
    band: str | None = None
    score: float | None = None
    if isinstance(request.complexity, str):
        band = request.complexity
        score = next(b.start for b in policy.bands if b.name == band)
    elif request.complexity is not None:
        score = request.complexity
        below = [b.name for b in policy.bands if b.start <= score]
        band = below[-1] if below else None
    hour = weekday = None
    if snapshot.now is not None:
        local = datetime.fromtimestamp(snapshot.now, policy.timezone)
        hour, weekday = local.hour, WEEKDAYS[local.weekday()]
    by_name = {
        "task": task,
        "complexity": band,
        "score": score,
        "tokens": request.tokens,
        "max_tokens": request.max_tokens,
        "tags": request.tags,
        "user": request.user,
        "team": request.team,
        "tenant": request.tenant,
        "key": request.key,
        "hour": hour,
        "weekday": weekday,
        "has_tools": "tools" in request.needs,
        "has_images": "vision" in request.needs,
        "wants_json": "json" in request.needs,
        "stream": request.stream,
        "language": request.language,
        "model": request.model,
        "session": request.session,
        "client": request.client,
        "subagent": request.subagent,
        "housekeeping": request.housekeeping,
        "turn": request.turn,
        "tool_errors": request.tool_errors,
        "detected": request.detected,
        **{fact.name: fact.default for fact in policy.vocabulary.declared},
        **request.attributes,
    }
    return task, band, score, [by_name.get(fact.name) for fact in policy.vocabulary.facts]


def decide(policy: Policy, request: Request, snapshot: Snapshot) -> Verdict:
    """For requests that make sense to the policy."""
    _, _, _, facts = vector(policy, request, snapshot)
    matching = [r for r in policy.rules if r.when is None or holds(r.when.tree, facts)]
    found = decide_by(policy, [r for r in matching if not r.shadow], request, snapshot)
    shadow = []
    for rule in matching:
        if rule.shadow:
            applied = [r for r in matching if not r.shadow or r is rule]
            other = decide_by(policy, applied, request, snapshot)
            gone = tuple(name for name in found.candidates if name not in other.candidates)
            head = other.candidates[0] if other.candidates else None
            same = found.candidates[:1] == other.candidates[:1]
            denied = other.denied if found.denied is None else None
            shadow.append((rule.name, gone, None if same else head, denied))
    for meter in policy.limits:
        if meter.shadow and found.denied is None:
            applied = [r for r in matching if not r.shadow]
            other = decide_by(policy, applied, request, snapshot, enforced=meter)
            gone = tuple(name for name in found.candidates if name not in other.candidates)
            head = other.candidates[0] if other.candidates else None
            same = found.candidates[:1] == other.candidates[:1]
            if found.candidates != other.candidates:
                shadow.append((meter.name, gone, None if same else head, None))
    if policy.learning.mode in {"shadow", "suggest"} and found.denied is None:
        adjusting = replace(policy, learning=replace(policy.learning, mode=LearningMode.ADJUST))
        applied = [r for r in matching if not r.shadow]
        other = decide_by(adjusting, applied, request, snapshot)
        gone = tuple(name for name in found.candidates if name not in other.candidates)
        if found.candidates != other.candidates:
            same = found.candidates[:1] == other.candidates[:1]
            shadow.append(("learning", gone, None if same else other.candidates[0], None))
    return replace(found, shadow=tuple(shadow))


def decide_by(
    policy: Policy,
    applied: list[Rule],
    request: Request,
    snapshot: Snapshot,
    enforced: Limit | None = None,
) -> Verdict:
    """What these rules decide. enforced: a limit in shadow that refuses all the same."""
    meters = [m for m in policy.limits if not m.shadow or m is enforced]
    task_name, band_name, _, facts = vector(policy, request, snapshot)
    names = tuple(r.name for r in applied)
    for rule in applied:
        if rule.deny is not None:
            everyone = {m.name: "denied" for m in policy.models}
            return Verdict((), everyone, names, rule.deny)
    task = next((t for t in policy.tasks if t.name == task_name), None)
    band = next((b for b in policy.bands if b.name == band_name), None)
    floors = [r.min_tier for r in applied] + [s.min_tier for s in (task, band) if s]
    floor = max(rank or 0 for rank in [0, *floors])
    first: list[str] = [name for r in applied for name in r.first]
    first += task.first if task else ()
    asked_for = _asked_for(policy, request.model)
    out: dict[str, str] = {}
    parts: list[Rule | Task] = [*applied, *([task] if task else [])]
    home = _home(policy, request, facts, parts, floor, first)
    for model in policy.models:
        reason = next((why for p in parts if (why := _taken(p, model.name, policy))), None)
        prompt = prompt_of(policy, model, request, facts, snapshot)
        usual = prompt_of(policy, model, request, facts)
        size = needed_context(model, prompt, request)
        cost = _estimate(model, request, snapshot.now, prompt)
        usual_cost = _estimate(model, request, snapshot.now, usual)
        until = snapshot.cooling.get(model.name)
        checks = [
            ("tier", not policy.fallback.step_down and model.rank < floor),
            ("vector_space", home is not None and _is_apart(model, home, request)),
            (
                "context",
                usual != prompt
                and model.context is not None
                and model.context < needed_context(model, usual, request),
            ),
            ("cost", any(_too_costly(p.criteria.max_cost, cost, request) for p in parts)),
            ("cost", any(_too_costly(p.criteria.max_cost, usual_cost, request) for p in parts)),
            ("model", model.name not in asked_for),
            ("only", request.only is not None and not _words(model) & set(request.only)),
            ("avoid", bool(_words(model) & set(request.avoid))),
            (
                "tier",
                request.min_tier is not None
                and policy.tiers.index(model.tier) < policy.tiers.index(request.min_tier),
            ),
            (
                "cost",
                request.max_cost is not None
                and (
                    cost is None
                    or Fraction(cost, 10**9) > Fraction(str(request.max_cost))
                    or "hosted_tools" in request.needs
                ),
            ),
            (
                "price",
                request.max_price is not None
                and _too_dear(model, Fraction(str(request.max_price)) * 10**9),
            ),
            (
                "latency",
                request.max_latency is not None
                and (model.latency is None or model.latency > request.max_latency),
            ),
            ("quality", request.min_quality is not None and model.quality < request.min_quality),
            ("ability", not model.abilities.issuperset(request.needs)),
            ("ability", model.abilities == {"embeddings"} and "embeddings" not in request.needs),
            ("ability", any(ability.startswith("only ") for ability in model.abilities)),
            ("context", model.context is not None and model.context < size),
            (
                "cooling",
                until is not None and (snapshot.now is None or until > snapshot.now),
            ),
            *_paid_for(policy, meters, model, facts),
            (
                "unpriced",
                "hosted_tools" in request.needs and _capped_by_budget(policy, meters, model, facts),
            ),
            *_counted(policy, meters, model, request, facts, snapshot, prompt),
            ("budget", _narrowed(policy, meters, model, request, facts, snapshot)),
        ]
        reason = reason or next((name for name, hit in checks if hit), None)
        if reason is not None:
            out[model.name] = reason
    left = [m for m in policy.models if m.name not in out]
    order = _order(policy, request, snapshot, facts, parts, left, floor, first)
    order = [n for n in order if n not in snapshot.last] + [n for n in order if n in snapshot.last]
    if request.max_candidates is not None:
        out |= dict.fromkeys(order[request.max_candidates :], "max_candidates")
        order = order[: request.max_candidates]
    heard = [prompt_of(policy, policy.model(n), request, facts, snapshot) for n in order]
    return Verdict(
        tuple(order), out, names, None, prompts=tuple(None if p is None else p.name for p in heard)
    )


def prompt_of(
    policy: Policy,
    model: Model,
    request: Request,
    facts: Facts,
    snapshot: Snapshot | None = None,
) -> Prompt | None:
    """The first prompt that is for the model and whose condition holds; chosen ones go first."""
    if not request.answers:
        return None
    fitting = [
        prompt
        for prompt in policy.prompts
        if model.name in prompt.models and (prompt.when is None or holds(prompt.when.tree, facts))
    ]
    for assigned in () if snapshot is None else snapshot.arms:
        for experiment in policy.experiments:
            when = experiment.when
            if experiment.name == assigned.experiment and (when is None or holds(when.tree, facts)):
                arm = next((a for a in experiment.arms if a.name == assigned.arm), None)
                for prompt in fitting:
                    if arm is not None and prompt.name == arm.prompt:
                        return prompt
    return fitting[0] if fitting else None


def added_tokens(prompt: Prompt | None) -> int:
    """Input tokens that the text of a prompt adds."""
    return 0 if prompt is None or prompt.system is None else prompt.tokens


def fixed_cap(model: Model, prompt: Prompt | None) -> int | None:
    """The cap on an answer that the policy sets, whatever the request says."""
    if prompt is not None and prompt.force and prompt.max_tokens is not None:
        return prompt.max_tokens
    return model.fixed_output


def _usual_cap(model: Model, prompt: Prompt | None) -> int | None:
    """The cap on an answer that the policy sets where the request sets none."""
    if prompt is not None and not prompt.force and prompt.max_tokens is not None:
        return prompt.max_tokens
    return model.default_output


def needed_context(model: Model, prompt: Prompt | None, request: Request) -> int:
    """Tokens that a model's context must hold."""
    fixed = fixed_cap(model, prompt)
    asked = request.max_tokens if fixed is None else fixed
    tokens = request.tokens if request.largest_input is None else request.largest_input
    return (asked or 0) + tokens + added_tokens(prompt)


def _home(  # noqa: PLR0917  what is known by then
    policy: Policy,
    request: Request,
    facts: Facts,
    parts: list[Rule | Task],
    floor: int,
    first: list[str],
) -> Model | None:
    """The model with which all vectors have to be comparable: the first one, as if nothing had
    happened and the caller asked for nothing but embeddings."""
    if not request.one_space:
        return None
    plain = replace(
        request, tokens=1000, max_input_tokens=None, model=None, prefer=None, session=None
    )
    able = [
        model
        for model in policy.models
        if not any(_taken(part, model.name, policy) for part in parts)
        and (policy.fallback.step_down or model.rank >= floor)
        and _can(model, request)
    ]
    names = _order(policy, plain, Snapshot(), facts, parts, able, floor, first)
    return policy.model(names[0]) if names else None


def _can(model: Model, request: Request) -> bool:
    if not request.needs and model.abilities == {"embeddings"}:
        return False
    if any(ability.startswith("only ") for ability in model.abilities):
        return False
    return model.abilities.issuperset(request.needs)


def _is_apart(model: Model, home: Model, request: Request) -> bool:
    def length(of: Model) -> object:
        return {**of.defaults, **of.params}.get("dimensions")

    same = _group(model) == _group(home) and length(model) == length(home)
    return _can(model, request) and not same


def _order(  # noqa: C901, PLR0917  a case for each key; what is known by then
    policy: Policy,
    request: Request,
    snapshot: Snapshot,
    facts: Facts,
    parts: list[Rule | Task],
    left: list[Model],
    floor: int,
    first: list[str],
) -> list[str]:
    """The models that are left, in the order in which they are tried."""
    task = next((p for p in parts if isinstance(p, Task)), None)
    asked_for = _asked_for(policy, request.model)
    orders = [request.prefer, *(p.prefer for p in parts), policy.prefer]
    keys = next(keys for keys in orders if keys is not None)
    prefer: list[OrderKey] = [key if isinstance(key, FunctionKey) else SortKey(key) for key in keys]
    led = _led(policy, snapshot)
    first = led + first
    session = _session(policy, request, snapshot)
    stays = None
    halves = [left]
    if session is not None:
        floor = _session_floor(policy, request, session, floor, left)
        stays = _stays(policy, session, floor, left)
        if policy.sessions.keep == "tier" and any(m.rank > floor for m in left):
            halves = [[m for m in left if (m.rank == floor) is same] for same in (True, False)]

    def value(key: OrderKey, model: Model, groups: list[str]) -> float | tuple[float, float]:
        match key:
            case FunctionKey(function):
                given = snapshot.scores.get(function)
                return 0 if given is None else given.get(model.name, float("inf"))
            case SortKey.HEADROOM:
                return -_left(policy, model, request, facts, snapshot)
            case SortKey.SPREAD:
                seed = request.session or snapshot.seed
                return 0 if seed is None else draws(seed, [model.name])[0]
            case SortKey.SAME_MODEL:
                return groups.index(_group(model)) if groups else 0
            case SortKey.FASTEST | SortKey.QUALITY | SortKey.RELIABLE | SortKey.VALUE:
                return _by_outcomes(policy, model, request, snapshot, task, key)
            case SortKey.CHEAPEST:
                prompt = prompt_of(policy, model, request, facts, snapshot)
                output = _output(policy, model, request, snapshot)
                group, cost = _cheapness(model, request, snapshot.now, prompt, output)
                return group, cost - _saved(model, request, snapshot, session)
        return sort_value(key, model, 0, 0)

    def place(model: Model, groups: list[str]) -> tuple[float | tuple[float, float], ...]:
        put = model.name in first and model.rank >= floor
        return (
            model.name != stays,
            model.rank < floor,
            -model.rank if model.rank < floor else 0,
            first.index(model.name) if put else len(first),
            *(value(key, model, groups) for key in prefer),
            policy.models.index(model),
        )

    used = [[m.name for m in policy.models]] if task is None or task.use is None else task.use
    order: list[str] = []
    exact = _is_exact(policy, task, request.model)
    if stays is not None and exact:
        order, halves = [stays], [[m for m in left if m.name != stays]]
    for half in halves:
        strong = {m.name for m in half if m.rank >= floor}
        heads = [name for name in led if exact and name in strong]
        order += heads
        for number, group in product(sorted(set(asked_for.values())), used):
            names = {n for n in group if n not in heads and asked_for.get(n) == number}
            some = [m for m in half if m.name in names]
            alike = [_group(m) for m in sorted(some, key=lambda m: place(m, []))]
            order += [m.name for m in sorted(some, key=lambda m: place(m, alike))]
    return order


def _by_outcomes(  # noqa: PLR0917  what is known by then
    policy: Policy,
    model: Model,
    request: Request,
    snapshot: Snapshot,
    task: Task | None,
    key: SortKey,
) -> float:
    """The place of a model by a key that outcomes matter to."""
    if key is SortKey.FASTEST:
        seconds = _known(policy, snapshot, model, "latency", model.latency)
        return float("inf") if seconds is None else seconds
    if key is SortKey.QUALITY:
        return -(_known(policy, snapshot, model, "quality", model.quality) or 0)
    if key is SortKey.RELIABLE:
        return -(_known(policy, snapshot, model, "success", 0) or 0)
    return -_worth(policy, model, request, snapshot, task)


def _known(
    policy: Policy, snapshot: Snapshot, model: Model, what: str, declared: float | None
) -> float | None:
    """A value of a model: the measured one where the policy adjusts and it rests on enough."""
    found = getattr(snapshot.measured.get(model.name), what, None)
    if policy.learning.mode == "adjust" and found and found.samples >= policy.learning.min_samples:
        return float(found.value)
    return declared


def _output(policy: Policy, model: Model, request: Request, snapshot: Snapshot) -> float:
    """The output tokens that one answer is expected to have."""
    cap = request.max_tokens
    measured = _known(policy, snapshot, model, "output", None)
    if measured is None:
        return 300 if cap is None else cap
    return measured if cap is None else min(cap, measured)


def _worth(
    policy: Policy, model: Model, request: Request, snapshot: Snapshot, task: Task | None
) -> float:
    """What an answer is worth to the caller, less its price and the wait for it."""
    if task is None or task.worth is None:
        return 0
    prompt = prompt_of(policy, model, request, vector(policy, request, snapshot)[3], snapshot)
    output = _output(policy, model, request, snapshot)
    group, cost = _cheapness(model, request, snapshot.now, prompt, output)
    if group == 2:
        return float("-inf")
    waits = {m.name: _known(policy, snapshot, m, "latency", m.latency) for m in policy.models}
    wait = waits[model.name]
    if wait is None:
        wait = max((seconds for seconds in waits.values() if seconds is not None), default=0)
    chance = _known(policy, snapshot, model, "accepted", model.quality)
    gain = Fraction(task.worth) * Fraction(chance or 0)
    price = Fraction(cost) / 10**6 if group else Fraction(0)
    return round(gain - price - Fraction(task.patience) * Fraction(wait))


def _led(policy: Policy, snapshot: Snapshot) -> list[str]:
    """The models that an experiment puts first, by the first of the request's arms with any."""
    arms = {(e.name, arm.name): arm.first for e in policy.experiments for arm in e.arms}
    orders = [arms.get((each.experiment, each.arm), ()) for each in snapshot.arms]
    return list(next(filter(None, orders), ()))


def drawn(
    policy: Policy, request: Request, snapshot: Snapshot, ended: set[tuple[str, str]]
) -> list[tuple[str, str, float, str | None]]:
    """The arm of each experiment that the request belongs to: experiment, arm, how likely it is,
    what it was drawn by."""
    _, _, _, facts = vector(policy, request, snapshot)
    found = []
    taken: set[str] = set()
    for experiment in policy.experiments:
        own = {
            thing
            for arm in experiment.arms
            for thing in ("first", "prompt", "effort")
            if getattr(arm, thing)
        }
        now, ends = snapshot.now, experiment.ends
        if now is not None and ends is not None and now >= ends:
            continue
        if {(experiment.name, arm.name) for arm in experiment.arms} <= ended:
            continue
        if experiment.when is not None and not holds(experiment.when.tree, facts):
            continue
        if own & taken:
            continue
        taken |= own
        by: str | None = experiment.stick_to
        subject = getattr(request, by) if by is not None else None
        if not subject:
            by, subject = None, snapshot.seed
        elif by == "key":
            subject = key_id(subject)
        if subject is None:
            continue
        text = "\0".join((experiment.name, by or "", subject))
        number = int(blake2b(text.encode(), digest_size=8).hexdigest(), 16) / 2**64
        edges = [0.0]
        for arm in experiment.arms:
            edges.append(edges[-1] + arm.share)
        names = [
            a.name
            for a, lo, hi in zip(experiment.arms, edges, edges[1:], strict=False)
            if lo <= number < hi
        ]
        name = names[0] if names else "control"
        shares = {arm.name: arm.share for arm in experiment.arms}
        if (experiment.name, name) not in ended:
            share = shares.get(name, 1 - sum(shares.values()))
            found.append((experiment.name, name, share, by))
    return found


def _cheapness(
    model: Model, request: Request, now: float | None, prompt: Prompt | None, output: float
) -> tuple[float, float]:
    """Free models first, by their weights; then by cost; then those whose cost is unknown."""
    if model.free:
        return 0, model.weight
    price = _price(model, now)
    if price is None:
        return 2, 0
    size = request.tokens + added_tokens(prompt)
    tokens = size * price.input + request.answers * output * price.output
    return 1, tokens + 10**6 * (price.fee + (request.pictures + request.thumbnails) * price.image)


def _price(model: Model, now: float | None) -> Price | None:
    """The price at a time, by the clocks on the wall."""
    if model.price is None or now is None:
        return model.price
    for hours, price in model.price.by_hour:
        wall = datetime.fromtimestamp(now, hours.zone)
        minute = wall.hour * 60 + wall.minute
        today, yesterday = wall.weekday(), (wall.weekday() + 6) % 7
        if hours.start < hours.end:
            on = today in hours.days and hours.start <= minute < hours.end
        else:
            evening = today in hours.days and minute >= hours.start
            on = evening or (yesterday in hours.days and minute < hours.end)
        if on:
            return price
    return model.price


def _group(model: Model) -> str:
    return model.upstream or f"only {model.name}"


def _is_exact(policy: Policy, task: Task | None, asked: str | None) -> bool:
    """Whether the task or an alias says in which order models are tried: group after group."""
    alias = _alias(policy, asked)
    use = None if task is None else task.use
    return len(use or ()) > 1 or (alias is not None and len(alias.groups) != 1)


def _alias(policy: Policy, asked: str | None) -> Alias | None:
    found = [a for a in policy.aliases if a.name == asked]
    if not found and asked not in {None, "auto", *(m.name for m in policy.models)}:
        found = [a for a in policy.aliases if re.fullmatch(a.name.replace("*", ".*"), asked or "")]
    return found[0] if found else None


def _asked_for(policy: Policy, asked: str | None) -> dict[str, int]:
    """The models that a caller asks for, and the number of each one's group."""
    names = [m.name for m in policy.models]
    alias = _alias(policy, asked)
    if alias is not None:
        return {name: number for number, group in enumerate(alias.groups) for name in group}
    return {asked: 0} if asked in names else dict.fromkeys(names, 0)


def _session(policy: Policy, request: Request, snapshot: Snapshot) -> SessionState | None:
    """What is remembered of the session, where it matters to the decision."""
    if policy.sessions.keep == "off" or request.session is None or request.housekeeping:
        return None
    if not request.answers:
        return None
    return snapshot.session


def _session_floor(
    policy: Policy, request: Request, session: SessionState, floor: int, left: list[Model]
) -> int:
    """Rank of the tier that the session is in with this request."""
    tier = min(session.rank, len(policy.tiers) - 1)
    if floor > tier:
        return floor
    seen = session.tool_errors if request.tool_errors >= session.tool_errors else 0
    stronger = [m.rank for m in left if m.rank > tier]
    return min(stronger) if stronger and request.tool_errors - seen >= 3 else tier


def _stays(policy: Policy, session: SessionState, floor: int, left: list[Model]) -> str | None:
    """Name of the model that the session stays with."""
    if policy.sessions.keep != "model" or session.failed:
        return None
    ranks = [m.rank for m in left]
    able = [m.name for m in left if m.rank >= floor or m.rank == max(ranks)]
    return session.model if session.model in able else None


def _saved(
    model: Model, request: Request, snapshot: Snapshot, session: SessionState | None
) -> float:
    """What the provider's prompt cache takes off the cost."""
    held = [
        min(prompt.tokens, request.tokens)
        for prompt in (session.cached if session else ())
        if prompt.model == model.name and snapshot.now is not None and snapshot.now < prompt.until
    ]
    price = _price(model, snapshot.now)
    if not held or price is None or price.cached is None:
        return 0
    return held[0] * (price.input - price.cached)


def _taken(part: Rule | Task, name: str, policy: Policy) -> str | None:
    if part.only is not None and name not in part.only:
        return "only"
    if name in part.avoid:
        return "avoid"
    if isinstance(part, Task) and part.use is not None and not any(name in g for g in part.use):
        return "use"
    model, criteria = policy.model(name), part.criteria
    if not part.needs <= model.abilities:
        return "ability"
    if criteria.min_quality is not None and model.quality < criteria.min_quality:
        return "quality"
    if criteria.max_latency is not None and (model.latency or 10**9) > criteria.max_latency:
        return "latency"
    if criteria.max_price is not None and _too_dear(model, Fraction(criteria.max_price)):
        return "price"
    return None


def _too_dear(model: Model, nano: Fraction) -> bool:
    if model.price is None:
        return True
    prices = [model.price, *(price for _, price in model.price.by_hour)]
    return any(rate > nano for price in prices for rate in (price.input, price.output))


def _too_costly(most: int | None, cost: int | None, request: Request) -> bool:
    return most is not None and (cost is None or cost > most or "hosted_tools" in request.needs)


def _falls_under(meter: Limit, policy: Policy, model: Model, facts: Facts) -> bool:
    number = [m.name for m in policy.models].index(model.name)
    return bool(meter.models & 1 << number) and (
        meter.when is None or holds(meter.when.tree, facts)
    )


def _caps(meter: Limit) -> bool:
    """Whether it has a cap that refuses, be it for a single subject."""
    caps = [meter.cap, *dict(meter.overrides).values()]
    return meter.then != "warn" and any(cap is not None for cap in caps)


def _own(meter: Limit, request: Request) -> tuple[CounterKey, int | None]:
    """The counter that a request falls under, and its cap."""
    who = (getattr(request, meter.per) or "-") if meter.per else "-"
    return meter.key(who), dict(meter.overrides).get(who, meter.cap)


def _paid_for(
    policy: Policy, meters: list[Limit], model: Model, facts: Facts
) -> list[tuple[str, bool]]:
    money = [
        m
        for m in meters
        if m.metric == "usd" and _falls_under(m, policy, model, facts) and not model.free
    ]
    capped = any(_caps(m) for m in money)
    return [
        ("uncovered", not model.free and all(m.shadow for m in money)),
        ("unpriced", model.price is None and capped),
    ]


def _capped_by_budget(policy: Policy, meters: list[Limit], model: Model, facts: Facts) -> bool:
    return any(
        m.section == "budgets" and _caps(m)
        for m in meters
        if _falls_under(m, policy, model, facts)
        and not (model.free and (m.then == "free_only" or m.metric == "usd"))
    )


def _narrowed(  # noqa: PLR0917  what is known of a request
    policy: Policy,
    meters: list[Limit],
    model: Model,
    request: Request,
    facts: Facts,
    snapshot: Snapshot,
) -> bool:
    number = [m.name for m in policy.models].index(model.name)
    for meter in meters:
        name, cap = _own(meter, request)
        reading = snapshot.used.get(name)
        if reading is None or cap is None or not _falls_under(meter, policy, model, facts):
            continue
        for step in meter.narrow_at:
            reached = reading.used * 1000 >= round(step.share * 1000) * cap
            if reached and not step.models & 1 << number:
                return True
    return False


def _counted(  # noqa: PLR0917  as above
    policy: Policy,
    meters: list[Limit],
    model: Model,
    request: Request,
    facts: Facts,
    snapshot: Snapshot,
    prompt: Prompt | None,
) -> list[tuple[str, bool]]:
    found = []
    for meter in meters:
        name, cap = _own(meter, request)
        spared = meter.then == "warn" or (meter.then == "free_only" and model.free)
        if name not in snapshot.used or cap is None or spared:
            continue
        if not _falls_under(meter, policy, model, facts):
            continue
        reading = snapshot.used[name]
        budget = meter.is_budget
        if reading is None:
            found.append(("state", budget))
            continue
        held = _held(policy, model, snapshot.now)
        asked = _asked(meter, cap, model, request, held, prompt)
        full = reading.used + max(asked, 1) > cap
        found.append(("budget" if budget else "rate_limit", full))
    return found


def _estimate(
    model: Model, request: Request, now: float | None, prompt: Prompt | None
) -> int | None:
    price = _price(model, now)
    if price is None:
        return None
    output = 300 if request.max_tokens is None else request.max_tokens
    fixed = fixed_cap(model, prompt)
    if fixed is not None:
        output = fixed
    fees = price.fee + price.fees + (request.pictures + request.thumbnails) * price.image
    return price.cost(request.tokens + added_tokens(prompt), request.answers * output) + fees


def _asked(  # noqa: PLR0917  as above
    meter: Limit,
    limit: int,
    model: Model,
    request: Request,
    prices: list[Price],
    prompt: Prompt | None,
) -> int:
    if meter.metric in ("requests", "concurrent"):
        return 1
    size = request.tokens if request.max_input_tokens is None else request.max_input_tokens
    if prompt is not None and prompt.system is not None:
        size += prompt.most_tokens
    fixed = fixed_cap(model, prompt)
    asked = request.max_tokens if fixed is None else fixed
    plain = 16_384 if "reasoning" in model.abilities else 4096
    cap = next(c for c in (asked, _usual_cap(model, prompt), plain) if c is not None)
    cap = cap if model.max_output is None else min(cap, model.max_output)
    if meter.metric == "tokens":
        if size + 256 * request.answers > limit:
            size = min(size, request.tokens + added_tokens(prompt))
        if asked is None:
            cap = min(cap, max((limit - size) // max(request.answers, 1), 256))
        return size + request.answers * cap
    answer, pictures = request.answers * cap, request.pictures + request.thumbnails
    costs = [
        price.cost(size, answer, cached=cached) + price.fee + pictures * price.image
        for price in prices
        for cached in (0, size)
    ]
    return max(costs, default=0)


def _held(policy: Policy, model: Model, now: float | None) -> list[Price]:
    """The prices of all moments at which a request may be sent that is decided now."""
    if model.price is None:
        return []
    if now is None:
        return [model.price, *(price for _, price in model.price.by_hour)]
    longest = max([policy.fallback.deadline, *(task.deadline or 0 for task in policy.tasks)]) + 30
    minutes = range(int(now // 60) + 1, int((now + longest) // 60) + 1)
    moments = [now, *(minute * 60 for minute in minutes), now + longest]
    return [price for moment in moments if (price := _price(model, moment)) is not None]


def _left(
    policy: Policy, model: Model, request: Request, facts: Facts, snapshot: Snapshot
) -> float:
    left = 1.0
    for meter in policy.limits:
        name, cap = _own(meter, request)
        reading = None if meter.shadow else snapshot.used.get(name)
        if reading is not None and cap and _falls_under(meter, policy, model, facts):
            left = min(left, max(0.0, 1 - reading.used / cap))
    return left


def _words(model: Model) -> set[str]:
    """What a caller may call a model by."""
    costs = "free" if model.free else "paid"
    return {model.name, model.provider_model, model.tier, costs} | set(model.tags)
