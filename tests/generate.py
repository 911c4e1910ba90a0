"""Random policies, requests and states, for laws that must hold for all of them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from policy_router.decision.abilities import ABILITIES
from policy_router.decision.policy import Policy
from policy_router.domain.aliases import Alias
from policy_router.domain.complexity import Band
from policy_router.domain.condition import All, Any, Condition, Not, Op, Test, Tree, spell, tests_of
from policy_router.domain.criteria import NO_CRITERIA, Criteria
from policy_router.domain.effort import Effort
from policy_router.domain.experience import Measured, Measurement
from policy_router.domain.experiments import Arm, Assignment, Experiment
from policy_router.domain.facts import Fact, FactType, Vocabulary
from policy_router.domain.fallback import Fallback
from policy_router.domain.hours import Hours
from policy_router.domain.learning import Learning, LearningMode
from policy_router.domain.limits import (
    ANYONE,
    CounterKey,
    Limit,
    Metric,
    Narrowing,
    Reading,
    WhenExhausted,
)
from policy_router.domain.models import Model
from policy_router.domain.ordering import FunctionKey, OrderKey, SortKey
from policy_router.domain.periods import Period
from policy_router.domain.prices import FREE_PRICE, Price
from policy_router.domain.prompts import Placement, Prompt
from policy_router.domain.request import Request
from policy_router.domain.rules import Rule, Task
from policy_router.domain.sessions import CachedPrompt, Keep, Sessions, SessionState
from policy_router.domain.snapshot import Snapshot
from policy_router.domain.windows import MINUTE, Rolling, SessionLife, Window

if TYPE_CHECKING:
    from policy_router.domain.money import Usd

COSTS: tuple[Usd, ...] = (0, 0.0001, Decimal("0.01"))
PRICES: tuple[Usd, ...] = (0, 1, Decimal("2.5"))
TIERS = ("light", "standard", "heavy")
TAGS = ("private", "batch", "vip", "eu")
USERS = ("ada", "adam", "bob", "bot-1", "bot-2")
PREFIXES = ("a", "ada", "bot-", "b")
PATTERNS = ("^ad", "m$", "b", "^bot-[0-9]$")
NUMBERS = (0, 1, 5, 100, 101, 5000)
BANDS = (Band("easy", 0.0), Band("medium", 0.3, 1), Band("hard", 0.7, 2))
TASKS = ("code", "chat")
ALIASES = ("fast", "auto", "f*", "m*", "*")
ATTRIBUTES = (
    Fact("plan", FactType.ENUM, ("free", "pro")),
    Fact("internal", FactType.BOOL),
    Fact("age", FactType.NUMBER),
    Fact("region", FactType.STRING),
    Fact("priority", FactType.ENUM, ("cheap", "good"), optional=False, default="good"),
    Fact("trial", FactType.BOOL, optional=False, default=False),
)

names = st.sampled_from(("m0", "m1", "m2", "m3", "m4"))


@st.composite
def prices(draw: st.DrawFn) -> tuple[Price | None, bool]:
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return None, False
    if kind == 1:
        return FREE_PRICE, True
    cents = st.integers(0, 4).map(lambda n: n * 10**9)
    cached = st.none() | st.integers(0, 3).map(lambda n: n * 10**8)
    if kind < 5:
        return Price(draw(cents), draw(cents), draw(cached)), False
    fees = st.sampled_from((0, 0, 0, 10**6))
    by_hour = tuple(
        (hours, Price(draw(cents), draw(cents), draw(cached), fee=draw(fees), image=draw(fees)))
        for hours in draw(st.lists(hours_of_the_week(), max_size=2))
    )
    base = Price(
        draw(cents), draw(cents), draw(cached), fee=draw(fees), image=draw(fees), by_hour=by_hour
    )
    return base, False


@st.composite
def hours_of_the_week(draw: st.DrawFn) -> Hours:
    start, length = draw(st.integers(0, 1439)), draw(st.integers(1, 1439))
    end = (start + length) % 1440 or 1440
    days = tuple(sorted(draw(st.sets(st.integers(0, 6), min_size=1))))
    return Hours(start, end, days, ZoneInfo(draw(st.sampled_from(("UTC", "Europe/Berlin")))))


@st.composite
def models(draw: st.DrawFn, count: int) -> tuple[Model, ...]:
    found = []
    able = st.sets(st.sampled_from(ABILITIES), max_size=4).map(frozenset)
    for i in range(count):
        price, free = draw(prices())
        rank = draw(st.integers(0, len(TIERS) - 1))
        found.append(
            Model(
                f"m{i}",
                f"openai/m{i}",
                TIERS[rank],
                rank,
                price,
                free,
                draw(st.sampled_from((None, 50, 100, 5000))),
                draw(st.sampled_from((None, 3, 10**5))),
                abilities=draw(
                    able
                    | able
                    | st.sampled_from((frozenset({"embeddings"}), frozenset({"only ocr"})))
                ),
                tags=frozenset(draw(st.sets(st.sampled_from(("local", "eu")), max_size=2))),
                quality=draw(st.sampled_from((0.2, 0.5, 0.9))),
                latency=draw(st.sampled_from((None, 1.0, 3.0))),
                weight=draw(st.sampled_from((1.0, 1.0, 0.5, 2.0))),
                upstream=draw(st.sampled_from((None, "a/x", "a/y"))),
                default_output=draw(st.sampled_from((None, None, 7))),
                fixed_output=draw(st.sampled_from((None, None, None, 4, 60, 2000))),
            )
        )
    return tuple(found)


@st.composite
def tests(draw: st.DrawFn, vocabulary: Vocabulary) -> Test:
    index = draw(st.integers(0, len(vocabulary.facts) - 1))
    fact = vocabulary.facts[index]
    match fact.kind:
        case FactType.BOOL:
            return Test(index, Op.IN, (draw(st.booleans()),))
        case FactType.SET:
            return Test(index, Op.HAS, (draw(st.sampled_from(TAGS)),))
        case FactType.NUMBER:
            values = (0, 0.3, 0.5, 1) if fact.name == "score" else NUMBERS
            op = draw(st.sampled_from((Op.IN, Op.LT, Op.LE, Op.GT, Op.GE)))
            return Test(index, op, (draw(st.sampled_from(values)),))
        case FactType.ENUM:
            chosen = draw(st.sets(st.sampled_from(fact.values), min_size=1, max_size=2))
            return Test(index, Op.IN, tuple(sorted(chosen)))
        case FactType.STRING:
            op = draw(st.sampled_from((Op.IN, Op.STARTS, Op.MATCHES)))
            if op is Op.STARTS:
                return Test(index, op, (draw(st.sampled_from(PREFIXES)),))
            if op is Op.MATCHES:
                return Test(index, op, (draw(st.sampled_from(PATTERNS)),))
            chosen = draw(st.sets(st.sampled_from(USERS), min_size=1, max_size=2))
            return Test(index, Op.IN, tuple(sorted(chosen)))


def trees(vocabulary: Vocabulary) -> st.SearchStrategy[Tree]:
    def more(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        parts = st.lists(inner, min_size=1, max_size=3).map(tuple)
        return parts.map(All) | parts.map(Any) | inner.map(Not)

    return st.recursive(tests(vocabulary), more, max_leaves=8)


def condition(tree: Tree, vocabulary: Vocabulary) -> Condition:
    reads = frozenset(vocabulary.facts[t.fact].name for t in tests_of(tree))
    return Condition(tree, spell(tree, vocabulary), reads)


OWN = FunctionKey("own:order")
KEYS: tuple[OrderKey, ...] = (*SortKey, OWN)


def orders() -> st.SearchStrategy[tuple[OrderKey, ...] | None]:
    """The sort keys of a rule or a task; most have none."""
    keys = st.lists(st.sampled_from(KEYS), max_size=2, unique=True).map(tuple)
    return st.none() | st.none() | st.none() | keys


@st.composite
def criteria(draw: st.DrawFn) -> Criteria:
    """Criteria of a rule or a task; most have none."""
    if draw(st.integers(0, 2)):
        return NO_CRITERIA
    return Criteria(
        draw(st.sampled_from((None, 0.2, 0.5, 0.6))),
        draw(st.sampled_from((None, None, 1.0, 2.0))),
        draw(st.sampled_from((None, None, 0, 10**9, 3 * 10**9))),
        draw(st.sampled_from((None, None, 0, 1000, 10**6))),
    )


@st.composite
def tasks(draw: st.DrawFn, models: int, *, default: bool) -> tuple[Task, ...]:
    """Two tasks, of which the first may say anything about the models."""
    one = st.integers(0, models - 1).map(lambda i: f"m{i}")
    some = st.lists(one, min_size=1, max_size=4, unique=True).map(tuple)
    cuts = st.integers(0, 4)
    groups = st.tuples(some, cuts).map(
        lambda drawn: tuple(part for part in (drawn[0][: drawn[1]], drawn[0][drawn[1] :]) if part)
    )
    seldom = st.none() | st.none()
    code = Task(
        "code",
        draw(st.none() | st.integers(0, 2)),
        draw(st.sampled_from(((), ("m0",)))),
        needs=frozenset(draw(st.sets(st.sampled_from(ABILITIES), max_size=1))),
        only=draw(seldom | some),
        avoid=draw(st.just(()) | some),
        use=draw(seldom | groups),
        criteria=draw(criteria()),
        prefer=draw(orders()),
        worth=draw(st.sampled_from((None, 0, 10**6, 10**9))),
        patience=draw(st.sampled_from((0, 0, 10**5))),
    )
    return code, Task("chat", default=default)


@st.composite
def rules(draw: st.DrawFn, count: int, models: int, vocabulary: Vocabulary) -> tuple[Rule, ...]:
    some = st.lists(
        st.integers(0, models - 1).map(lambda i: f"m{i}"), min_size=1, max_size=3, unique=True
    ).map(tuple)
    found = []
    for i in range(count):
        when = draw(st.none() | trees(vocabulary).map(lambda t: condition(t, vocabulary)))
        found.append(
            Rule(
                f"r{i}",
                when,
                only=draw(st.none() | some),
                avoid=draw(st.just(()) | some),
                first=draw(st.just(()) | some),
                min_tier=draw(st.none() | st.integers(0, 2)),
                needs=frozenset(draw(st.sets(st.sampled_from(ABILITIES), max_size=1))),
                deny=draw(st.sampled_from((None, None, None, "no"))),
                criteria=draw(criteria()),
                prefer=draw(orders()),
                shadow=draw(st.sampled_from((False, False, False, True))),
            )
        )
    return tuple(found)


def assemble(
    models: tuple[Model, ...],
    rules: tuple[Rule, ...],
    vocabulary: Vocabulary,
    *,
    tasks: tuple[Task, ...] = (),
    bands: tuple[Band, ...] = BANDS,
    prefer: tuple[OrderKey, ...] = (SortKey.FREE, SortKey.SMALLEST, SortKey.CHEAPEST),
    fallback: Fallback | None = None,
    meters: tuple[Limit, ...] | None = None,
    aliases: tuple[Alias, ...] = (),
    sessions: Sessions | None = None,
    prompts: tuple[Prompt, ...] = (),
    experiments: tuple[Experiment, ...] = (),
    learning: Learning | None = None,
) -> Policy:
    """A policy of these parts; unless meters are given, one budget without a cap pays for all."""
    if meters is None:
        everyone = (1 << len(models)) - 1
        meters = (Limit("budgets", "all", Metric.USD, Period.MONTH, None, everyone),)
    return Policy(
        "generated", "", ZoneInfo("Europe/Berlin"), TIERS, models, tasks, bands, prefer, rules,
        fallback or Fallback(), meters, vocabulary, "0", aliases=aliases,
        sessions=sessions or Sessions(), prompts=prompts, experiments=experiments,
        learning=learning or Learning(),
    )  # fmt: skip


@st.composite
def meters(draw: st.DrawFn, models: int, vocabulary: Vocabulary) -> tuple[Limit, ...]:
    """Limits and budgets; most policies have a budget that pays for all."""
    found = []
    everyone = (1 << models) - 1
    if draw(st.integers(0, 3)):
        found.append(Limit("budgets", "all", Metric.USD, Period.MONTH, None, everyone))
    for i in range(draw(st.integers(0, 3))):
        metric = draw(st.sampled_from(Metric))
        windows: tuple[Window, ...] = MINUTE, Period.DAY, Rolling(18_000), Period.WEEK
        spans: tuple[Window, ...] = Period.DAY, SessionLife()
        when = draw(st.none() | trees(vocabulary).map(lambda t: condition(t, vocabulary)))
        budget = metric is Metric.USD or (metric is Metric.TOKENS and draw(st.booleans()))
        per = draw(st.sampled_from((None, None, "user", "tenant", "session")))
        caps = st.sampled_from((None, 0, 4, 600, 10**8))
        others = st.dictionaries(st.sampled_from((ANYONE, *USERS)), caps, max_size=2)
        shares = st.sets(st.sampled_from((0.5, 0.6, 0.999, 1.0)), max_size=2)
        window: Window | None = draw(st.sampled_from(spans if budget else windows))
        found.append(
            Limit(
                "budgets" if budget else "limits",
                f"n{i}",
                metric,
                None if metric is Metric.CONCURRENT else window,
                draw(st.sampled_from((1, 5, 1000, 10**7))),
                draw(st.integers(0, everyone)),
                per,
                when,
                draw(st.sampled_from(WhenExhausted)) if budget else WhenExhausted.BLOCK,
                narrow_at=tuple(
                    Narrowing(share, draw(st.integers(0, everyone)), ("these",))
                    for share in sorted(draw(shares if budget else st.just(set())))
                ),
                overrides=tuple(draw(others).items()) if per and draw(st.booleans()) else (),
                shadow=draw(st.sampled_from((False, False, False, True))),
            )
        )
    return tuple(found)


@st.composite
def aliases(draw: st.DrawFn, models: int) -> tuple[Alias, ...]:
    """Names for some of the models, each model in one group at most."""
    found = []
    for name in draw(st.lists(st.sampled_from(ALIASES), max_size=3, unique=True)):
        order = draw(st.permutations([f"m{i}" for i in range(models)]))
        cuts = sorted(draw(st.sets(st.integers(1, models), max_size=3)))
        groups = [tuple(order[a:b]) for a, b in zip([0, *cuts], cuts, strict=False)]
        found.append(Alias(name, tuple(groups), "*" in name))
    return tuple(found)


@st.composite
def experiments(draw: st.DrawFn, models: int, vocabulary: Vocabulary) -> tuple[Experiment, ...]:
    """Experiments of one or two arms; many policies have none."""
    some = st.lists(st.integers(0, models - 1).map(lambda i: f"m{i}"), max_size=3, unique=True).map(
        tuple
    )
    found = []
    for i in range(draw(st.sampled_from((0, 0, 1, 2, 3)))):
        arms = tuple(
            Arm(
                f"a{n}",
                draw(st.sampled_from((0.0, 0.1, 0.5))),
                draw(some),
                draw(st.sampled_from((None, "p0", "p1"))),
                draw(st.none() | st.sampled_from((Effort.LOW, Effort.HIGH))),
            )
            for n in range(draw(st.integers(1, 2)))
        )
        found.append(
            Experiment(
                f"e{i}",
                draw(st.none() | trees(vocabulary).map(lambda t: condition(t, vocabulary))),
                arms,
                draw(st.sampled_from((None, "user", "key", "session"))),
                ends=draw(st.none() | st.just(1_700_600_000.0)),
            )
        )
    return tuple(found)


@st.composite
def assignments(draw: st.DrawFn, policy: Policy) -> tuple[Assignment, ...]:
    """Arms that a request may be in, those of a policy and others."""
    found = []
    for name in [*(e.name for e in policy.experiments), "gone"]:
        arm = draw(st.sampled_from((None, "a0", "a1", "control", "gone")))
        if arm is not None:
            found.append(Assignment(name, arm, 0.1, draw(st.sampled_from((None, "user")))))
    return tuple(draw(st.permutations(found)))


@st.composite
def policies(draw: st.DrawFn, max_rules: int = 6) -> Policy:
    count = draw(st.integers(1, 5))
    pool = draw(models(count))
    default = draw(st.booleans())
    vocabulary = Vocabulary(TASKS, [b.name for b in BANDS], ATTRIBUTES, default_task=default)
    found = draw(rules(draw(st.integers(0, max_rules)), count, vocabulary))
    keys = draw(st.lists(st.sampled_from(KEYS), max_size=4, unique=True))
    return assemble(
        pool,
        found,
        vocabulary,
        tasks=draw(tasks(count, default=default)),
        prefer=tuple(keys),
        fallback=Fallback(step_down=draw(st.booleans())),
        meters=draw(meters(count, vocabulary)),
        aliases=draw(aliases(count)),
        sessions=Sessions(draw(st.sampled_from(Keep))),
        prompts=draw(prompts(count, vocabulary)),
        learning=Learning(draw(st.sampled_from(LearningMode)), draw(st.sampled_from((1, 30)))),
        experiments=draw(experiments(count, vocabulary)),
    )


@st.composite
def prompts(draw: st.DrawFn, models: int, vocabulary: Vocabulary) -> tuple[Prompt, ...]:
    """Prompts; half of the policies have none."""
    some = st.lists(
        st.integers(0, models - 1).map(lambda i: f"m{i}"), min_size=1, max_size=4, unique=True
    ).map(tuple)
    count = draw(st.sampled_from((0, 0, 0, 1, 2, 3)))
    return tuple(
        Prompt(
            f"p{i}",
            draw(some),
            draw(st.none() | trees(vocabulary).map(lambda t: condition(t, vocabulary))),
            draw(st.sampled_from((None, "Be brief.", "Answer with JSON only. " * 9))),
            draw(st.sampled_from(Placement)),
            draw(st.sampled_from(({}, {"temperature": 0}, {"reasoning_effort": "low"}))),
            draw(st.sampled_from((None, None, 4, 60, 2000))),
            draw(st.booleans()),
        )
        for i in range(count)
    )


def asked_of(policy: Policy) -> list[str]:
    """Every kind of name that a request may ask for."""
    names = [alias.name.replace("*", "x") for alias in policy.aliases]
    return [*names, "auto", *(m.name for m in policy.models)]


def words_of(policy: Policy) -> st.SearchStrategy[frozenset[str]]:
    """Words that a caller may select models by."""
    named = {w for m in policy.models for w in (m.name, m.tier, m.provider_model, *m.tags)}
    return st.frozensets(st.sampled_from(sorted({*named, "free", "paid"})), max_size=2)


@st.composite
def requests(draw: st.DrawFn, policy: Policy) -> Request:
    """Requests that make sense to the policy."""
    maybe = st.none()
    user = maybe | st.sampled_from((*USERS, "zoe", "adaline"))
    given: dict[str, st.SearchStrategy[str | float | bool]] = {
        "plan": st.sampled_from(("free", "pro")),
        "internal": st.booleans(),
        "age": st.sampled_from((-1, 0, 0.5, 1, 7, 100, 9999)),
        "region": st.sampled_from((*USERS, "x")),
        "priority": st.sampled_from(("cheap", "good")),
        "trial": st.booleans(),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(given))))
    return Request(
        task=draw(maybe | st.sampled_from(TASKS)),
        complexity=draw(
            maybe | st.sampled_from([b.name for b in BANDS]) | st.sampled_from((0, 0.3, 0.5, 1))
        ),
        tokens=draw(st.sampled_from((*NUMBERS, 40, 60, 4999))),
        max_input_tokens=draw(maybe | st.sampled_from((0, 50, 10**6))),
        max_tokens=draw(maybe | st.sampled_from((1, 5, 100, 3000))),
        answers=draw(st.sampled_from((1, 1, 2, 0))),
        largest_input=draw(maybe | maybe | st.sampled_from((0, 60, 4999))),
        pictures=draw(st.sampled_from((0, 0, 0, 2))),
        thumbnails=draw(st.sampled_from((0, 0, 0, 1))),
        needs=frozenset(draw(st.sets(st.sampled_from(ABILITIES), max_size=2))),
        tags=frozenset(draw(st.sets(st.sampled_from((*TAGS, "other"))))),
        tenant=draw(user),
        user=draw(user),
        team=draw(user),
        key=draw(user),
        language=draw(user),
        stream=draw(st.booleans()),
        attributes={name: draw(given[name]) for name in sorted(chosen)},
        max_cost=draw(maybe | maybe | st.sampled_from(COSTS)),
        max_price=draw(maybe | maybe | st.sampled_from(PRICES)),
        max_latency=draw(maybe | maybe | st.sampled_from((1.0, 2.0))),
        min_quality=draw(maybe | maybe | st.sampled_from((0.5, 0.6))),
        prefer=draw(
            maybe | maybe | st.lists(st.sampled_from(list(SortKey)), max_size=3).map(tuple)
        ),
        model=draw(maybe | maybe | st.sampled_from(asked_of(policy))),
        max_candidates=draw(maybe | maybe | st.integers(0, 3)),
        min_tier=draw(maybe | maybe | st.sampled_from(sorted({m.tier for m in policy.models}))),
        only=draw(maybe | maybe | words_of(policy)),
        avoid=draw(st.just(frozenset()) | st.just(frozenset()) | words_of(policy)),
        session=draw(user),
        client=draw(user),
        subagent=draw(st.booleans()),
        housekeeping=draw(st.booleans()),
        turn=draw(maybe | st.sampled_from((1, 5, 100))),
        tool_errors=draw(st.sampled_from((0, 1, 5))),
        detected=frozenset(draw(st.sets(st.sampled_from((*TAGS, "other")), max_size=2))),
        form=draw(st.sampled_from((None, "code", "plain"))),
        kind=draw(st.sampled_from((None, "math", "chat"))),
    )


@st.composite
def snapshots(draw: st.DrawFn, policy: Policy) -> Snapshot:
    now = draw(st.none() | st.integers(1_700_000_000, 1_700_000_000 + 14 * 86_400).map(float))
    cooling = draw(
        st.dictionaries(
            st.sampled_from([*(m.name for m in policy.models), "gone"]),
            st.integers(1_699_990_000, 1_701_500_000).map(float),
            max_size=2,
        )
    )
    used: dict[CounterKey, Reading | None] = {}
    for meter in policy.limits:
        subject = draw(st.sampled_from((ANYONE, *USERS)))
        shown = st.sampled_from((0, 1, 4, 5, 600, 1000, 10**7, 10**8))
        reading = draw(st.none() | shown.map(Reading) | shown.map(lambda n: Reading(n, 2e9)))
        if draw(st.booleans()):
            used[meter.key(subject)] = reading
    seed = draw(st.none() | st.sampled_from(USERS))
    known = draw(st.none() | session_states(policy))
    named = st.sampled_from([m.name for m in policy.models])
    numbers = st.dictionaries(named, st.sampled_from((-1.5, 0.0, 1.0, 2.0)))
    scores = draw(st.just({}) | st.fixed_dictionaries({OWN.function: numbers}))
    last = draw(st.just({}) | st.dictionaries(named, st.just("recovering"), max_size=2))
    arms = draw(st.just(()) | assignments(policy))
    measured = draw(st.just({}) | st.dictionaries(named, measurements(), max_size=3))
    return Snapshot(now, cooling, used, seed, known, scores, last, arms, measured)


def measurements() -> st.SearchStrategy[Measured]:
    def of(*values: float) -> st.SearchStrategy[Measurement | None]:
        found = st.builds(Measurement, st.sampled_from(values), st.sampled_from((1, 29, 30, 400)))
        return st.none() | found

    shares = of(0.0, 0.25, 0.5, 0.75, 1.0)
    return st.builds(Measured, shares, of(0.5, 1.0, 4.0), shares, shares, of(0.5, 40.0, 2000.0))


@st.composite
def session_states(draw: st.DrawFn, policy: Policy) -> SessionState:
    names = [*(m.name for m in policy.models), "gone"]
    kept = st.builds(
        CachedPrompt,
        st.sampled_from(names),
        st.sampled_from((0, 4, 60, 10**6)),
        st.integers(1_699_990_000, 1_701_500_000).map(float),
    )
    return SessionState(
        draw(st.sampled_from(names)),
        draw(st.integers(0, len(TIERS))),
        "it began so",
        1_699_990_000.0,
        failed=draw(st.sampled_from((False, False, True))),
        tool_errors=draw(st.sampled_from((0, 0, 3, 9))),
        cached=tuple(draw(st.lists(kept, max_size=2, unique_by=lambda p: p.model))),
    )


@st.composite
def situations(draw: st.DrawFn) -> tuple[Policy, Request, Snapshot]:
    policy = draw(policies())
    return policy, draw(requests(policy)), draw(snapshots(policy))


__all__ = ["assemble", "policies", "requests", "situations", "snapshots", "trees"]
