"""What is known about a request when it is decided. It never holds the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from policy_router.base_errors import UsageError
from policy_router.domain.money import MAX_USD, Usd, nano_usd
from policy_router.domain.ordering import SortKey
from policy_router.quoting import quoted

UNBOUNDED: Final = 1_000_000_000
"""Input tokens of a request of unknown size, such as one that refers to a file."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is known about a request, and what its caller asks for. It never holds the prompt.

    Collections are copied, so that later changes by the caller do not affect the request.

    Attributes:
        task: A task of the policy; None means the policy's default task.
        complexity: Name of a band, or a score from 0 to 1; None when it is unknown. Where the bands
            are the levels 1 to 10, an integer is a level: 7 means the same as 0.7.
        tokens: Estimate of the input tokens, biased upwards.
        max_input_tokens: An upper bound on the input tokens, for reservations; None means `tokens`.
        max_tokens: The cap on the tokens of one answer, if the caller sets one.
        answers: How many answers the request asks for; 0 for embeddings, which are not text.
        needs: Abilities that a model must have.
        tags: Tags of the request; conditions read them.
        tenant: The tenant that the request belongs to.
        user: The user who sends it.
        team: The team that it is sent for.
        key: The API key that it is sent with; only a hash of it is ever stored.
        language: Natural language of the request, such as `de`.
        stream: Whether the answer is streamed.
        attributes: Values of the facts that the policy declares, by name.
        max_cost: Constraint: the maximum estimated cost of the answer, in US dollars.
        max_price: Constraint: the maximum price of a million tokens, for input and for output, in
            US dollars.
        max_latency: Constraint: the longest expected latency, in seconds.
        min_quality: Constraint: the lowest quality, from 0 to 1.
        prefer: Sort keys that replace the policy's.
        model: Constraint: the only model that may answer, or an alias; `auto` is no constraint
            unless the policy has such an alias. Conditions can read it as sent.
        max_candidates: Constraint: the maximum number of candidates.
        min_tier: Constraint: the lowest tier of a model.
        only: Constraint: selectors, one of which must match a model: its name, tier, tag, `free`,
            `paid` or the provider's name for it. None allows all.
        avoid: Constraint: selectors, none of which may match a model.
        pictures: Pictures in full detail. They are not part of `tokens`, since each model counts
            them in its own way.
        thumbnails: Pictures in low detail, counted as above.
        largest_input: Tokens of the largest input, if each must fit a model's context individually,
            as for embeddings; None if `tokens` must fit together.
        one_space: Constraint: only models whose embeddings can be compared with those of the model
            that the policy puts first.
        confidence: The classifier's confidence in `task`, 0..1; None when the caller names the
            task.
        session: The conversation or the run of an agent that the request belongs to.
        client: The program that sends it, such as `claude-code`.
        subagent: Whether an agent makes it on behalf of another agent.
        housekeeping: Whether a client makes it for itself, such as for the title of a conversation.
        turn: The number of its turn in the conversation, from 1; None when it is unknown.
        tool_errors: How many results of tools at the end of the conversation are errors.
        detected: Kinds of sensitive text that it contains.
        form: What the text that its user asks last is made of, such as `code`; None when it was not
            read. It does not affect decisions directly: outcomes are counted by it.
        kind: The built-in kind of work that it most likely is, such as `translation`, likewise;
            None where none is likely enough.

    The constraints can only exclude or reorder models that the policy allows.

    Raises:
        UsageError: A value has the wrong type, or `max_cost`, `max_price` or `confidence` is out of
            range.
    """

    task: str | None = None
    complexity: str | float | None = None
    tokens: int = 0
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    answers: int = 1
    needs: frozenset[str] | set[str] = frozenset()
    tags: frozenset[str] | set[str] = frozenset()
    tenant: str | None = None
    user: str | None = None
    team: str | None = None
    key: str | None = field(default=None, repr=False)
    language: str | None = None
    stream: bool = False
    attributes: Mapping[str, str | float | bool] = field(default_factory=dict)
    max_cost: Usd | None = None
    max_price: Usd | None = None
    max_latency: float | None = None
    min_quality: float | None = None
    prefer: tuple[SortKey | str, ...] | None = None
    model: str | None = None
    max_candidates: int | None = None
    min_tier: str | None = None
    only: frozenset[str] | set[str] | None = None
    avoid: frozenset[str] | set[str] = frozenset()
    pictures: int = 0
    thumbnails: int = 0
    confidence: float | None = None
    session: str | None = None
    client: str | None = None
    subagent: bool = False
    housekeeping: bool = False
    turn: int | None = None
    tool_errors: int = 0
    detected: frozenset[str] | set[str] = frozenset()
    largest_input: int | None = None
    one_space: bool = False
    form: str | None = None
    kind: str | None = None

    def __post_init__(self) -> None:
        """Check the types, and keep plain copies of the values."""
        put = object.__setattr__
        for name in _STRINGS:
            value = getattr(self, name)
            if value is not None and type(value) is not str:
                put(self, name, _string(f"`{name}`", value))
        for name in _NUMBERS:
            value = getattr(self, name)
            if value is not None and type(value) is not int and type(value) is not float:
                put(self, name, _number(f"`{name}`", value))
        for name in _INTEGERS:
            value = getattr(self, name)
            if type(value) is not int and not (value is None and name in _OPTIONAL):
                put(self, name, _integer(f"`{name}`", value))
        score = self.complexity
        if score is not None and type(score) not in _PLAIN:
            convert = _string if isinstance(score, str) else _number
            put(self, "complexity", convert("`complexity`", score))
        for name in _BOOLEANS:
            value = getattr(self, name)
            if type(value) is not bool:
                raise _mistyped(f"`{name}`", "a boolean", value)
        if self.confidence is not None and not 0 <= self.confidence <= 1:
            raise _mistyped("`confidence`", "a number from 0 to 1", self.confidence)
        if self.max_cost is not None or self.max_price is not None:
            _keep_amounts(self)
        _keep_collections(self)

    @property
    def context_tokens(self) -> int:
        """Input tokens that must fit a model's context."""
        return self.tokens if self.largest_input is None else self.largest_input

    @property
    def max_cost_nano_usd(self) -> int | None:
        """`max_cost` in nano-USD, the unit of every price and counter; None when it is not set."""
        return None if self.max_cost is None else nano_usd(self.max_cost)

    @property
    def max_price_nano_usd(self) -> int | None:
        """`max_price` in nano-USD per million tokens; None when it is not set."""
        return None if self.max_price is None else nano_usd(self.max_price)


_PLAIN: Final = frozenset({str, int, float})
_STRINGS: Final = (
    "task", "tenant", "user", "team", "key", "language", "model", "session", "client",
    "form", "kind", "min_tier",
)  # fmt: skip
_BOOLEANS: Final = ("stream", "subagent", "housekeeping", "one_space")
_NUMBERS: Final = ("max_latency", "min_quality", "confidence")
_INTEGERS: Final = (
    "tokens", "max_input_tokens", "max_tokens", "answers", "max_candidates", "pictures",
    "thumbnails", "turn", "tool_errors", "largest_input",
)  # fmt: skip
_OPTIONAL: Final = frozenset(
    {"max_input_tokens", "max_tokens", "max_candidates", "turn", "largest_input"}
)


def _keep_amounts(request: Request) -> None:
    """Check the amounts of money of a request, and keep plain copies of them."""
    for name in ("max_cost", "max_price"):
        amount = getattr(request, name)
        if amount is not None:
            object.__setattr__(request, name, _dollars(f"`{name}`", amount))


def _keep_collections(request: Request) -> None:
    """Replace the collections of a request by copies; empty ones can stay."""
    put = object.__setattr__
    if request.needs or type(request.needs) is not frozenset:
        put(request, "needs", _strings("needs", request.needs))
    if request.tags or type(request.tags) is not frozenset:
        put(request, "tags", _strings("tags", request.tags))
    if request.only is not None:
        put(request, "only", _strings("only", request.only))
    if request.avoid or type(request.avoid) is not frozenset:
        put(request, "avoid", _strings("avoid", request.avoid))
    if request.detected or type(request.detected) is not frozenset:
        put(request, "detected", _strings("detected", request.detected))
    if request.attributes or type(request.attributes) is not dict:
        put(request, "attributes", _attributes(request.attributes))
    if request.prefer is not None:
        put(request, "prefer", _sort_keys(request.prefer))


def _mistyped(subject: str, expected: str, value: object) -> UsageError:
    return UsageError(f"{subject} must be {expected}, not `{quoted(value)}`")


def _string(subject: str, value: object) -> str:
    if not isinstance(value, str):
        raise _mistyped(subject, "a string", value)
    return str.__str__(value)  # a subclass of `str` may override its comparisons


def _number(subject: str, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mistyped(subject, "a number", value)
    return int.__int__(value) if isinstance(value, int) else float.__float__(value)


def _integer(subject: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mistyped(subject, "an integer", value)
    return int.__int__(value)


def _dollars(subject: str, value: object) -> Usd:
    if isinstance(value, Decimal):
        amount: Usd = Decimal(value)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise _mistyped(subject, "an amount in US dollars such as 0.05", value)
    else:
        amount = _number(subject, value)
    # A comparison with a decimal that is not a number would raise.
    if (isinstance(amount, Decimal) and amount.is_nan()) or not 0 <= amount <= MAX_USD:
        shown = str(amount) if isinstance(amount, Decimal) else amount
        raise _mistyped(subject, f"an amount in US dollars from 0 to {MAX_USD:,}", shown)
    return amount


def _strings(name: str, value: object) -> frozenset[str]:
    if not isinstance(value, frozenset | set | list | tuple):
        raise _mistyped(f"`{name}`", "a set of strings", value)
    item = f"each item of `{name}`"
    return frozenset([each if type(each) is str else _string(item, each) for each in value])


def _sort_keys(value: object) -> tuple[SortKey | str, ...]:
    if not isinstance(value, tuple | list):
        raise _mistyped("`prefer`", "a list of sort keys", value)
    item = "each item of `prefer`"
    return tuple([key if isinstance(key, SortKey) else _string(item, key) for key in value])


def _attributes(value: object) -> Mapping[str, str | float | bool]:
    if not isinstance(value, Mapping):
        raise _mistyped("`attributes`", "a mapping of names to values", value)
    try:
        items = list(value.items())
    except Exception:  # noqa: BLE001  a caller's mapping may raise anything
        raise UsageError("`attributes` cannot be read") from None
    return {
        _string("each name in `attributes`", name): _attribute(name, given) for name, given in items
    }


def _attribute(name: object, value: object) -> str | float | bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if not isinstance(value, int | float):
        subject = f"attribute `{quoted(name)}`"
        raise _mistyped(subject, "a string, a number or a boolean", value)
    return _number("", value)
