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
    id: str = field(default="", compare=False)
    """Of this decision alone; empty until a router or executor gives it one."""

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
        put(found, "id", "")
        if isinstance(reasons, tuple):
            put(found, "rules", reasons[0])
            put(found, "skipped", reasons[1] + more)
        else:
            put(found, "_reasons", reasons)
            put(found, "_more", more)
        return found

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
