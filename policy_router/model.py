"""The values everything else speaks in: a Policy and its parts; Request, Snapshot, Decision.

All are frozen. Money is in nano-USD (1e-9 USD) and prices in nano-USD per million tokens, both
integers. Times are seconds. Spans say where a thing was written and never take part in equality.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.errors import UsageError
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from policy_router.condition import Condition, Vocabulary
    from policy_router.decide.index import Index
    from policy_router.diagnostics import Span
    from policy_router.meter import Meter, Reading

NANO: Final = 1_000_000_000
CONFIDENT: Final = 0.4
"""From so much probability on, a request is taken for a built-in kind of work."""
TYPICAL_OUTPUT: Final = 300
"""Tokens an answer is expected to have when the request sets no cap: for estimates and ordering."""
UNBOUNDED: Final = 1_000_000_000
"""Tokens in, when nobody can say how many: a file that is only referred to, say."""
OUTPUT_CAP: Final = 4_096
"""Tokens an answer may have where money or tokens are counted, nobody sets a cap, and there is no
room for all that the model can do: the most that can come out must be known before it is asked for,
and is sent along."""
THINKING_CAP: Final = 16_384
"""The same for a model that thinks first, which counts as output."""


@dataclass(frozen=True, slots=True)
class Price:
    """nano-USD per million tokens, and fees in nano-USD.

    input, output: of tokens that go in and come out. cached, written: of tokens read from and
    written to the provider's prompt cache, kept: of those written for an hour; None is as any
    other input, or as written. audio, speech: of sound that goes in and comes out. reasoning: of
    thinking, where that costs less than other output. cited: of text that the provider fetched.
    long: the rates of a prompt of more than so many tokens, ascending. tiers: the rates of service
    tiers, by name. fee: of each request; search: of each search the provider makes. fees: the most
    that a request's searches and the like come to; hosted: the most that the provider's own tools
    add, for a request that brings them. local: percent of all rates for answers that are made
    where the provider charges more, as it then says.
    """

    input: int
    output: int
    cached: int | None = None
    written: int | None = None
    audio: int | None = None
    long: tuple[tuple[int, Price], ...] = ()
    speech: int | None = None
    kept: int | None = None
    reasoning: int | None = None
    cited: int | None = None
    tiers: tuple[tuple[str, Price], ...] = ()
    fee: int = 0
    search: int = 0
    fees: int = 0
    hosted: int = 0
    local: int = 100

    def cost(  # noqa: PLR0917  each a count of tokens, by name where it is called
        self,
        tokens_in: int,
        tokens_out: int,
        cached: int = 0,
        written: int = 0,
        heard: int = 0,
        spoken: int = 0,
        *,
        kept: int = 0,
        thought: int = 0,
        cited: int = 0,
        tier: str = "",
        local: bool = False,
    ) -> int:
        """nano-USD for that many tokens, rounded up once; fees come on top. cached, written: how
        many of `tokens_in` came from and went into the prompt cache; kept: of those written, how
        many for an hour. heard, spoken: how many of what went in and came out are sound. thought:
        how many of what came out are thinking. cited: tokens beside what went in. tier: the service
        tier that answered. local: it was answered where more is charged."""
        rates = self._applying(tokens_in, tier)
        rate_in, rate_out = rates.input, rates.output
        total = (tokens_in + cited) * rate_in + tokens_out * rate_out
        if rates.cached is not None:
            total += cached * (rates.cached - rate_in)
        if rates.written is not None:
            total += written * (rates.written - rate_in)
            if rates.kept is not None:
                total += min(kept, written) * (rates.kept - rates.written)
        if rates.audio is not None:
            total += heard * max(rates.audio - rate_in, 0)
        if rates.speech is not None:
            total += spoken * max(rates.speech - rate_out, 0)
        if rates.reasoning is not None:
            total += thought * (rates.reasoning - rate_out)
        if rates.cited is not None:
            total += cited * (rates.cited - rate_in)
        percent = self.local if local else 100
        return -(-total * percent // 100_000_000)

    def most(self, tokens_in: int, tokens_out: int, *, hosted: bool = False) -> int:
        """The most that so many tokens can cost, whatever rate turns out to apply, with all fees.
        hosted: the request brings tools of the provider's own."""
        found = [rates for above, rates in self.long if tokens_in > above]
        rate_in = max(r.dearest_input for r in (self, *found))
        rate_out = max(max(r.output, r.speech or 0) for r in (self, *found))
        total = (tokens_in * rate_in + tokens_out * rate_out) * self.local
        return -(-total // 100_000_000) + self.fee + self.fees + (self.hosted if hosted else 0)

    @property
    def dearest_input(self) -> int:
        """The highest rate that a token that goes in can come under, in a prompt of any length."""
        return max(self.input, self.written or 0, self.kept or 0, self.audio or 0)

    def times(self, percent: int) -> Price:
        """The same with every rate at so many percent; fees stay as they are."""
        if percent == 100:
            return self
        rates = {name: getattr(self, name) for name in _RATES}
        return replace(
            self,
            **{name: -(-rate * percent // 100) for name, rate in rates.items() if rate},
            long=tuple((above, rates.times(percent)) for above, rates in self.long),
            tiers=tuple((name, rates.times(percent)) for name, rates in self.tiers),
        )

    def _applying(self, tokens_in: int, tier: str) -> Price:
        """The rates of a prompt of that length, in a service tier."""
        base = next((rates for name, rates in self.tiers if name == tier), self) if tier else self
        rates = base
        for above, long in base.long:
            if tokens_in > above:
                rates = long
        return rates


_RATES: Final = (
    "input", "output", "cached", "written", "audio", "speech", "kept", "reasoning", "cited",
)  # fmt: skip


FREE_PRICE: Final = Price(0, 0)


@dataclass(frozen=True, slots=True)
class Model:
    """A model the policy may call.

    calls: the LiteLLM name it is called by. tier: ability, never money; `rank` is its place in
    the policy's tiers, weakest first. price: None when nobody knows it. free: declared free; a
    table price of zero is not. context, max_output: tokens; None when unknown. default_output: the
    cap of an answer for requests that set none, when the policy declares one. quality: 0..1.
    latency: expected seconds to a typical answer, when declared. picture, thumbnail: the most
    tokens that it counts for a picture in full and in low detail.
    """

    name: str
    calls: str
    tier: str
    rank: int
    price: Price | None = None
    free: bool = False
    context: int | None = None
    max_output: int | None = None
    default_output: int | None = None
    abilities: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    quality: float = 0.5
    latency: float | None = None
    api_base: str | None = None
    api_key_env: str | None = None
    picture: int = 0
    thumbnail: int = 0
    at: Span | None = field(default=None, compare=False, repr=False)

    def estimate(self, tokens: int, max_output: int | None) -> int | None:
        """Expected cost in nano-USD of `tokens` in and an answer of the stated or typical length,
        fees included; None when the price is unknown."""
        price = self.price
        if price is None:
            return None
        cost = price.cost(tokens, TYPICAL_OUTPUT if max_output is None else max_output)
        return cost + price.fee + price.fees

    def most_input(self, request: Request) -> int:
        """The most tokens that can go in: what the request cannot exceed, and the context where
        nobody can say what that is."""
        tokens = request.tokens if request.most_tokens is None else request.most_tokens
        if request.pictures or request.thumbnails:
            tokens += request.pictures * self.picture + request.thumbnails * self.thumbnail
        if tokens >= UNBOUNDED and self.context is not None:
            return self.context
        return tokens

    def output_cap(self, max_output: int | None) -> int:
        """The cap of an answer for which there must be room at the least, in tokens, given the cap
        that the request sets."""
        cap = self.default_output if max_output is None else max_output
        if cap is None:
            cap = THINKING_CAP if "reasoning" in self.abilities else OUTPUT_CAP
        return cap if self.max_output is None else min(cap, self.max_output)

    def full_output(self, request: Request) -> int:
        """The most tokens that an answer of this request can have: its own cap or the policy's,
        else all that the model can do, which is at most what its context holds."""
        least = self.output_cap(request.max_output)
        if request.max_output is not None or self.default_output is not None:
            return least
        if self.max_output is None:
            return least if self.context is None else max(self.context, least)
        # Providers refuse a cap that the context has no room for.
        room = self.max_output if self.context is None else self.context - request.tokens
        return max(min(self.max_output, room), least)


class Otherwise(StrEnum):
    """What a request gets when no answer passes: the best that came, marked, or an error."""

    BEST = "best"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that is asked whether an answer has what the rubric says."""

    model: Model
    rubric: str


CHECKS: Final = (
    "not_empty", "json", "json_schema", "pattern", "min_chars", "max_chars", "stop_reason",
    "python", "llm",
)  # fmt: skip
"""What an answer may be checked for, in the order the checks are made: the dear ones last."""


@dataclass(frozen=True, slots=True)
class Accept:
    """Checks that an answer must pass. What is None, False or empty is not checked.

    by: the task or rule that asks for them, in words. json_schema: the schema, as JSON.
    pattern: RE2, found anywhere. min_chars, max_chars: of the text. stop_reason: one of these.
    python: a function of ours, `module:function`. llm: a model that judges.
    """

    by: str
    not_empty: bool = False
    json: bool = False
    json_schema: str | None = None
    pattern: str | None = None
    min_chars: int | None = None
    max_chars: int | None = None
    stop_reason: tuple[str, ...] = ()
    python: str | None = None
    llm: Judge | None = None
    otherwise: Otherwise = Otherwise.BEST
    at: Span | None = field(default=None, compare=False, repr=False)

    @property
    def checks(self) -> tuple[str, ...]:
        """Names of the checks that are made, in their order."""
        return tuple(name for name in CHECKS if _said(getattr(self, name)))


def _said(value: object) -> bool:
    return value is not None and value is not False and value != ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: when its condition holds it takes models away, reorders them, or denies.

    only, avoid, first: names of models in the order they were selected (None: not said).
    min_tier: rank. needs: abilities a model must have. accept: what the answer is checked for.
    """

    name: str
    when: Condition | None
    only: tuple[str, ...] | None = None
    avoid: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    min_tier: int | None = None
    needs: frozenset[str] = frozenset()
    deny: str | None = None
    accept: Accept | None = None
    at: Span | None = field(default=None, compare=False, repr=False)
    only_at: Span | None = field(default=None, compare=False, repr=False)
    avoid_at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of request. `default`: the one that a request has when it has no other.

    keywords, pattern (RE2), needs (all of them): conditions, any one of which gives it away. A
    task without any that bears the name of a built-in kind of work is told by that, from this
    `confidence` on, 0..1. criticality: 0..1, how much it raises the complexity.
    accept: what its answers are checked for.
    """

    name: str
    min_tier: int | None = None
    first: tuple[str, ...] = ()
    default: bool = False
    accept: Accept | None = None
    at: Span | None = field(default=None, compare=False, repr=False)
    keywords: tuple[str, ...] = ()
    pattern: str | None = None
    needs: frozenset[str] = frozenset()
    confidence: float = CONFIDENT
    criticality: float = 0.0

    @property
    def conditions(self) -> bool:
        """Whether it states conditions of its own."""
        return bool(self.keywords or self.needs or self.pattern is not None)


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of the complexity score: begins at `start`, ends where the next begins."""

    name: str
    start: float
    min_tier: int | None = None
    at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Weights:
    """What each factor of complexity weighs, 0..1; together 1."""

    message: float = 0.30
    context: float = 0.15
    capability: float = 0.25
    depth: float = 0.10
    keywords: float = 0.20


@dataclass(frozen=True, slots=True)
class Complexity:
    """How the complexity of a request is worked out.

    estimator: its name. model: the policy's name of the model that is asked, function: what own
    code is (`module:function`), for estimators of that kind. keywords: words that make a request
    look hard, beside the built-in ones.
    """

    estimator: str = "heuristic"
    model: str | None = None
    function: str | None = None
    weights: Weights = Weights()
    keywords: tuple[str, ...] = ()
    at: Span | None = field(default=None, compare=False, repr=False)

    @property
    def is_asked(self) -> bool:
        """Whether the estimator is a model or own code, which only a real request asks."""
        return self.model is not None or self.function is not None


class Key(StrEnum):
    """What `prefer` may name; each sorts models by one property, best first."""

    FREE = "free"
    LOCAL = "local"
    SMALLEST = "smallest"
    CHEAPEST = "cheapest"
    FASTEST = "fastest"
    QUALITY = "quality"
    RELIABLE = "reliable"
    HEADROOM = "headroom"


class Action(StrEnum):
    """What the executor does when an attempt fails."""

    NEXT = "next"
    RETRY = "retry"
    RETRY_THEN_NEXT = "retry_then_next"
    BIGGER_CONTEXT = "bigger_context"
    STOP = "stop"


class Fault(StrEnum):
    """The classes of failure that `fallback.on_error` may name."""

    RATE_LIMIT = "rate_limit"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    CONTEXT_TOO_LONG = "context_too_long"
    CONTENT_FILTER = "content_filter"
    AUTH = "auth"
    BAD_REQUEST = "bad_request"


class OnBreak(StrEnum):
    """What to do when a stream breaks after its first token."""

    ERROR = "error"
    RESUME = "resume"
    BUFFER = "buffer"


ON_ERROR: Final[Mapping[Fault, Action]] = MappingProxyType(
    {
        Fault.RATE_LIMIT: Action.NEXT,
        Fault.TIMEOUT: Action.NEXT,
        Fault.SERVER_ERROR: Action.RETRY_THEN_NEXT,
        Fault.CONTEXT_TOO_LONG: Action.BIGGER_CONTEXT,
        Fault.CONTENT_FILTER: Action.STOP,
        Fault.AUTH: Action.NEXT,
    }
)
"""What is done unless the policy says otherwise. `bad_request` is not here: then the next model is
asked, and a request that is proved to be wrong for every model stops (see `failure.REACTIONS`)."""


@dataclass(frozen=True, slots=True)
class Cooldown:
    """After `failures` within `within` seconds a model is left alone for `duration` seconds."""

    failures: int = 3
    within: float = 60.0
    duration: float = 300.0


@dataclass(frozen=True, slots=True)
class Fallback:
    """How a request goes on when a model fails. Durations are seconds."""

    max_attempts: int = 4
    deadline: float = 60.0
    first_token_within: float = 20.0
    stall: float = 15.0
    on_stream_break: OnBreak = OnBreak.ERROR
    step_down: bool = True
    on_error: Mapping[Fault, Action] = field(default_factory=lambda: ON_ERROR)
    cooldown: Cooldown = field(default_factory=Cooldown)


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy: immutable, owns no resource, decides the same for ever.

    revision: digest of what the policy means; layout and comments do not change it.
    """

    name: str
    description: str
    timezone: ZoneInfo
    tiers: tuple[str, ...]
    models: tuple[Model, ...]
    tasks: tuple[Task, ...]
    bands: tuple[Band, ...]
    prefer: tuple[Key, ...]
    rules: tuple[Rule, ...]
    fallback: Fallback
    meters: tuple[Meter, ...]
    vocabulary: Vocabulary
    revision: str
    index: Index = field(compare=False, repr=False)
    complexity: Complexity = Complexity()

    def model(self, name: str) -> Model:
        """The model of that name; KeyError when the policy has none."""
        return self.index.by_name[name]


@dataclass(frozen=True, slots=True)
class Request:
    """What is known of a request. Never the prompt.

    task: a task of the policy; None takes its default task.
    complexity: a band's name or a score 0..1; None when unknown. Where the bands are the levels 1
    to 10, a whole number is a level: 7 is what 0.7 is.
    tokens: upper estimate of what goes in. most_tokens: what it cannot exceed, for reservations
    (None: tokens). pictures, thumbnails: pictures in full and in low detail, beside these tokens,
    since each model counts them its own way. max_output: cap of what comes out, when the caller set
    one. answers: how many.
    needs: abilities a model must have. attributes: the policy's declared facts.

    A value of another type than its field has raises UsageError.

    The caller's own criteria can only narrow or reorder what the policy allows:
    max_cost (nano-USD, estimated), max_latency (seconds, expected), min_quality (0..1),
    prefer (replaces the policy's sort keys), model (only this one), limit (at most so many).
    """

    task: str | None = None
    complexity: str | float | None = None
    tokens: int = 0
    most_tokens: int | None = None
    max_output: int | None = None
    answers: int = 1
    needs: frozenset[str] | set[str] = frozenset()
    tags: frozenset[str] | set[str] = frozenset()
    tenant: str | None = None
    user: str | None = None
    team: str | None = None
    key: str | None = None
    language: str | None = None
    stream: bool = False
    attributes: Mapping[str, str | float | bool] = field(default_factory=dict)
    max_cost: int | None = None
    max_latency: float | None = None
    min_quality: float | None = None
    prefer: tuple[Key | str, ...] | None = None
    model: str | None = None
    limit: int | None = None
    pictures: int = 0
    thumbnails: int = 0

    def __post_init__(self) -> None:
        """Raises UsageError for a value of a type that its field does not have. What is kept are
        plain values, which nothing that the caller does later can change."""
        put = object.__setattr__
        for name in _TEXTS:
            value = getattr(self, name)
            if value is not None and type(value) is not str:
                put(self, name, _text(name, value))
        for name in _NUMBERS:
            value = getattr(self, name)
            if value is not None and type(value) is not int and type(value) is not float:
                put(self, name, _number(name, value))
        for name in _WHOLE:
            value = getattr(self, name)
            if type(value) is not int and not (value is None and name in _OPTIONAL):
                put(self, name, _whole(name, value))
        score = self.complexity
        if score is not None and type(score) not in _PLAIN:
            read = _text if isinstance(score, str) else _number
            put(self, "complexity", read("complexity", score))
        if type(self.stream) is not bool:
            raise _mistyped("stream", "true or false", self.stream)
        _keep_collections(self)


_PLAIN: Final = frozenset({str, int, float})
_TEXTS: Final = ("task", "tenant", "user", "team", "key", "language", "model")
_NUMBERS: Final = ("max_cost", "max_latency", "min_quality")
_WHOLE: Final = (
    "tokens", "most_tokens", "max_output", "answers", "limit", "pictures", "thumbnails",
)  # fmt: skip
_OPTIONAL: Final = frozenset({"most_tokens", "max_output", "limit"})


def _keep_collections(request: Request) -> None:
    """Puts copies in the place of a request's collections; empty ones are as they should be."""
    put = object.__setattr__
    if request.needs or type(request.needs) is not frozenset:
        put(request, "needs", _words("needs", request.needs))
    if request.tags or type(request.tags) is not frozenset:
        put(request, "tags", _words("tags", request.tags))
    if request.attributes or type(request.attributes) is not dict:
        put(request, "attributes", _attributes(request.attributes))
    if request.prefer is not None:
        put(request, "prefer", _keys(request.prefer))


def _mistyped(name: str, wanted: str, value: object) -> UsageError:
    return UsageError(f"`{name}` is {wanted}, not `{quoted(value)}`")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _mistyped(name, "a text", value)
    return str.__str__(value)  # a class derived from `str` may say it equals anything


def _number(name: str, value: object) -> int | float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mistyped(name, "a number", value)
    return int.__int__(value) if isinstance(value, int) else float.__float__(value)


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mistyped(name, "a whole number", value)
    return int.__int__(value)


def _words(name: str, value: object) -> frozenset[str]:
    if not isinstance(value, frozenset | set | list | tuple):
        raise _mistyped(name, "a set of words", value)
    return frozenset([each if type(each) is str else _text(name, each) for each in value])


def _keys(value: object) -> tuple[Key | str, ...]:
    if not isinstance(value, tuple | list):
        raise _mistyped("prefer", "a list of sort keys", value)
    return tuple([k if isinstance(k, Key) else _text("prefer", k) for k in value])


def _attributes(value: object) -> Mapping[str, str | float | bool]:
    if not isinstance(value, Mapping):
        raise _mistyped("attributes", "a mapping of names to values", value)
    try:
        items = list(value.items())
    except Exception:  # noqa: BLE001  a caller's mapping may raise anything
        raise UsageError("`attributes` cannot be read") from None
    return {
        _text("attributes", name): each if isinstance(each, bool) else _scalar(name, each)
        for name, each in items
    }


def _scalar(name: str, value: object) -> str | float:
    if isinstance(value, str):
        return str.__str__(value)
    number = _number(quoted(name), value)
    if number is None:
        raise _mistyped(quoted(name), "a text, a number, true or false", value)
    return number


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The world at one moment, read before a decision.

    now: Unix time in seconds, or None when the caller gives no clock (then `hour` and `weekday`
    are absent). cooling: model name -> Unix time until which it is left alone.
    used: what the policy's meters showed, by `Meter.use(subject)`; None where a counter could not
    be read. A meter that is not named counts as unused.
    """

    now: float | None = None
    cooling: Mapping[str, float] = field(default_factory=dict)
    used: Mapping[str, Reading | None] = field(default_factory=dict)


class Reason(StrEnum):
    """Why a model is out."""

    DENIED = "denied"
    ONLY = "only"
    AVOID = "avoid"
    ABILITY = "ability"
    CONTEXT = "context"
    TIER = "tier"
    MODEL = "model"
    COST = "cost"
    LATENCY = "latency"
    QUALITY = "quality"
    LIMIT = "limit"
    COOLING = "cooling"
    UNPRICED = "unpriced"
    UNCOVERED = "uncovered"
    QUOTA = "quota"
    BUDGET = "budget"
    STATE = "state"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class Skip:
    """A model that is out: why, in words, until when (Unix time, if it passes by itself),
    and where the policy says so."""

    model: str
    reason: Reason
    detail: str
    until: float | None = None
    at: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that is in, and what gave it its place.

    by: the first thing that sets it apart from the model before it (the first candidate: from the
    one after it): `first`, a sort key, `tier`, `step_down`, `written order`, or `only candidate`.
    """

    model: Model
    by: str
    why: str

    @property
    def name(self) -> str:
        """The model's name in the policy."""
        return self.model.name


Reasons: TypeAlias = tuple[tuple[str, ...], tuple[Skip, ...]]
"""Names of the rules that applied, and the models they took away."""


class _Explained:
    """A decision's `rules` and `skipped`, which may be written out when first read.

    What they say is fixed with the decision; most decisions are acted on and never asked why.
    """

    __slots__ = ("_more", "_reasons")

    _reasons: Callable[[], Reasons]
    _more: tuple[Skip, ...]

    if not TYPE_CHECKING:  # where it would let every misspelt attribute pass

        def __getattr__(self, name: str) -> object:
            # Asked for what is not there: here a slot that is still empty.
            if name not in ("rules", "skipped"):
                words = f"{type(self).__name__!r} object has no attribute {name!r}"
                raise AttributeError(words, name=name, obj=self)
            rules, skipped = self._reasons()
            object.__setattr__(self, "rules", rules)
            object.__setattr__(self, "skipped", skipped + self._more)
            return getattr(self, name)


@dataclass(frozen=True, slots=True)
class Decision(_Explained):
    """What a policy makes of a request: every model of the policy is in `candidates` or `skipped`.

    candidates: in the order they will be asked; this order is the fallback chain.
    rules: names of the rules that applied. denied: why nothing may answer, or None; `invalid` when
    that is because the request names something the policy does not know.
    task, complexity, score: what the request was taken for.
    accept: what the answer must pass, the task's checks before the rules'. barred: models that
    should judge the answer and may not see it, and why.
    """

    revision: str
    request: Request
    task: str | None
    complexity: str | None
    score: float | None
    candidates: tuple[Candidate, ...]
    skipped: tuple[Skip, ...]
    rules: tuple[str, ...]
    denied: str | None = None
    invalid: bool = False
    accept: tuple[Accept, ...] = ()
    barred: tuple[Skip, ...] = ()

    @classmethod
    def explained(  # noqa: PLR0917  the fields, in their order
        cls,
        revision: str,
        request: Request,
        task: str | None,
        complexity: str | None,
        score: float | None,
        candidates: tuple[Candidate, ...],
        reasons: Reasons | Callable[[], Reasons],
        more: tuple[Skip, ...],
    ) -> Decision:
        """A decision that denies nothing and asks for no checks. Where `reasons` is a function, it
        is called when `rules` or `skipped` is first read, and gives the same whenever that is.
        `more` is skipped beside what the reasons say."""
        found = object.__new__(cls)
        put = object.__setattr__
        put(found, "revision", revision)
        put(found, "request", request)
        put(found, "task", task)
        put(found, "complexity", complexity)
        put(found, "score", score)
        put(found, "candidates", candidates)
        put(found, "denied", None)
        put(found, "invalid", False)
        put(found, "accept", ())
        put(found, "barred", ())
        if isinstance(reasons, tuple):
            put(found, "rules", reasons[0])
            put(found, "skipped", reasons[1] + more)
        else:
            put(found, "_reasons", reasons)
            put(found, "_more", more)
        return found

    def cost(self, model: Model) -> int | None:
        """Estimated cost in nano-USD of asking this model; None when its price is unknown."""
        return model.estimate(self.request.tokens, self.request.max_output)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of one model.

    failure: class of the failure, or None when it answered. status: HTTP status, when one came.
    detail: at most 200 characters, secrets and prompt text removed. started: Unix time;
    seconds: how long it took. retry_after: seconds the provider asked to wait. cost: nano-USD that
    were charged for it; None when nobody counts. estimated: the provider's own count was missing
    or could not be right, and this is the most that it may be. overrun: it came to more than was
    reserved.
    """

    model: str
    calls: str
    started: float
    seconds: float
    failure: str | None = None
    status: int | None = None
    detail: str = ""
    retry_after: float | None = None
    first_token: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: int | None = None
    estimated: bool = False
    overrun: bool = False
