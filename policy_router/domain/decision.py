"""The outcome of a decision: the candidates in order, and why each other model is out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from policy_router.diagnostics import Span
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request
    from policy_router.domain.situation import Situation


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
    MAX_CANDIDATES = "max_candidates"
    COOLING = "cooling"
    UNPRICED = "unpriced"
    UNCOVERED = "uncovered"
    RATE_LIMIT = "rate_limit"
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
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that is in, and what gave it its place.

    placed_by: the first thing that sets it apart from the model before it (the first candidate:
    from the one after it): `first`, a sort key, `tier`, `step_down`, `written order`, or `only
    candidate`. detail: the same in words.
    """

    model: Model
    placed_by: str
    detail: str

    @property
    def name(self) -> str:
        """The model's name in the policy."""
        return self.model.name


class RuleReasons:
    """The rules that applied and the models that they exclude, worked out when first read.

    What they are is fixed from the start. Most decisions are acted on and never asked for reasons,
    and with a thousand rules working those out takes longer than the decision.
    """

    __slots__ = ("_compute", "_value")

    def __init__(self, rules: tuple[str, ...] = (), skipped: tuple[Skip, ...] = ()) -> None:
        self._value: RulesAndSkips | None = (rules, skipped)
        self._compute: Callable[[], RulesAndSkips] | None = None

    @classmethod
    def later(cls, compute: Callable[[], RulesAndSkips]) -> RuleReasons:
        """Reasons that a function works out when they are first read.

        Args:
            compute: Returns the names of the rules that applied and the models that they exclude,
                the same at every call.
        """
        reasons = cls()
        reasons._compute, reasons._value = compute, None
        return reasons

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of the rules that applied, in written order."""
        return self._read()[0]

    @property
    def skipped(self) -> tuple[Skip, ...]:
        """The models that they exclude, each by the first rule that does."""
        return self._read()[1]

    def _read(self) -> RulesAndSkips:
        value = self._value
        if value is None and self._compute is not None:
            value = self._value = self._compute()  # two threads would store equal values
        return value or ((), ())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RuleReasons):
            return NotImplemented
        return (self.rules, self.skipped) == (other.rules, other.skipped)

    def __hash__(self) -> int:
        return hash((self.rules, self.skipped))

    def __repr__(self) -> str:
        return f"RuleReasons(rules={self.rules!r}, skipped={self.skipped!r})"

    def __reduce__(self) -> tuple[type[RuleReasons], RulesAndSkips]:
        return RuleReasons, (self.rules, self.skipped)


RulesAndSkips: TypeAlias = tuple[tuple[str, ...], tuple[Skip, ...]]
"""Names of the rules that applied, and the models that they exclude."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a policy decides about a request.

    Every model of the policy is either in `candidates` or in `skipped`.

    Attributes:
        revision: Revision of the policy that decided.
        situation: The request as the policy sees it.
        candidates: The models that may answer, in the order they are tried: the fallback chain.
        reasons: The rules that applied and the models that they exclude.
        further: The models that are out for another reason.
        denied: Why no model may answer, if a rule denies the request or it is invalid.
        accept: Checks that the answer must pass, those of the task before those of rules.
        barred: Models that would judge the answer but may not see the request, and why.
        id: Identifies this decision; empty until a router or an executor gives it an id.
    """

    revision: str
    situation: Situation
    candidates: tuple[Candidate, ...]
    reasons: RuleReasons = field(default_factory=RuleReasons)
    further: tuple[Skip, ...] = ()
    denied: str | None = None
    accept: tuple[Accept, ...] = ()
    barred: tuple[Skip, ...] = ()
    id: str = field(default="", compare=False)

    @property
    def request(self) -> Request:
        """The request that was decided."""
        return self.situation.request

    @property
    def task(self) -> str | None:
        """Name of the request's task; None when it has none."""
        task = self.situation.task
        return None if task is None else task.name

    @property
    def complexity(self) -> str | None:
        """Name of the band that the request's complexity lies in; None when it is unknown."""
        band = self.situation.band
        return None if band is None else band.name

    @property
    def score(self) -> float | None:
        """The request's complexity, 0..1; None when it is unknown."""
        return self.situation.score

    @property
    def invalid(self) -> bool:
        """Whether the request is invalid for the policy, as `denied` says."""
        return self.situation.problem is not None

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of the rules that applied, in written order."""
        return self.reasons.rules

    @property
    def skipped(self) -> tuple[Skip, ...]:
        """The models that may not answer, each with the first reason."""
        return self.reasons.skipped + self.further

    def cost(self, model: Model) -> int | None:
        """Estimated cost in nano-USD of asking this model; None when its price is unknown."""
        return model.estimate(self.request.tokens, self.request.max_tokens)


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
    provider_model: str
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
