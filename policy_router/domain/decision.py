"""The outcome of a decision: the candidates in order, and why every other model is excluded."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING, TypeAlias

from policy_router.domain.decision_text import decision_html, decision_text
from policy_router.domain.money import format_usd, parse_usd
from policy_router.domain.sessions import Keep, SessionMove

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from policy_router.diagnostics import Span
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.beliefs import LearnedOrder
    from policy_router.domain.decision_text import TextRow
    from policy_router.domain.experiments import Assignment
    from policy_router.domain.models import Model
    from policy_router.domain.request import Request
    from policy_router.domain.sessions import SessionStep
    from policy_router.domain.shadow import ShadowEffect
    from policy_router.domain.situation import Situation
    from policy_router.domain.snapshot import Snapshot


class Reason(StrEnum):
    """Why a model is excluded."""

    DENIED = "denied"
    ONLY = "only"
    AVOID = "avoid"
    USE = "use"
    ABILITY = "ability"
    CONTEXT = "context"
    TIER = "tier"
    MODEL = "model"
    COST = "cost"
    LATENCY = "latency"
    QUALITY = "quality"
    PRICE = "price"
    MAX_CANDIDATES = "max_candidates"
    COOLING = "cooling"
    UNPRICED = "unpriced"
    UNCOVERED = "uncovered"
    RATE_LIMIT = "rate_limit"
    BUDGET = "budget"
    STATE = "state"
    BUSY = "busy"
    NOT_ASKED = "not_asked"
    VECTOR_SPACE = "vector_space"


@dataclass(frozen=True, slots=True)
class Skip:
    """A model that may not answer, and why.

    Attributes:
        model: Its name in the policy.
        reason: Why, as one of a fixed set.
        detail: Why, as text for people.
        until: Unix time at which the reason expires, if it is temporary.
        span: The place in the policy files that excludes it.
        too_large: Whether the limit or budget that excludes it is not used up, but has less left
            than the request needs.
    """

    model: str
    reason: Reason
    detail: str
    until: float | None = None
    span: Span | None = field(default=None, compare=False)
    too_large: bool = field(default=False, compare=False)

    def as_dict(self) -> dict[str, object]:
        """Return it as plain JSON values; `until` is text in ISO 8601, in UTC."""
        return {
            "model": self.model,
            "reason": self.reason.value,
            "detail": self.detail,
            "until": None if self.until is None else _iso_utc(self.until),
            "at": None if self.span is None else str(self.span),
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may answer, and the reason for its place in the order.

    Attributes:
        model: The model.
        placed_by: The first criterion that separates it from the model before it (the first model:
            from the one after it): `session`, `experiment`, `first`, `alias`, a sort key,
            `step_down`, `written order`, `only candidate`, `learned` or `trial` because of
            outcomes, or `last` for a model that is recovering or degraded.
        detail: The same as text for people.
    """

    model: Model
    placed_by: str
    detail: str

    @property
    def name(self) -> str:
        """The model's name in the policy."""
        return self.model.name

    @property
    def prompt(self) -> str | None:
        """Name of the prompt of the policy that the model gets; None where it gets none."""
        return None if self.model.prompt is None else self.model.prompt.name

    def as_dict(self, request: Request, now: float | None = None) -> dict[str, object]:
        """Return it as plain JSON values.

        Args:
            request: The request, whose cost is estimated.
            now: Unix time of the estimate, where prices depend on the hour.
        """
        until = self.model.price_until(now)
        effort = {} if self.model.effort is None else {"effort": self.model.effort.value}
        prompt = {} if self.model.prompt is None else {"prompt": self.model.prompt.as_dict()}
        weight = {} if self.model.weight == 1 else {"weight": self.model.weight}
        return {
            "model": self.name,
            "calls": self.model.provider_model,
            **effort,
            "tier": self.model.tier,
            "free": self.model.free,
            **weight,
            **prompt,
            "cost_usd": _estimate(self.model, request, now),
            "price_until": None if until is None else _iso_utc(until),
            "placed_by": self.placed_by,
            "why": self.detail,
        }


class RuleReasons:
    """The rules that applied and the models that they exclude, computed when first read.

    They are determined from the start, but the reasons of most decisions are never read, and with a
    thousand rules they take longer to compute than the decision.
    """

    __slots__ = ("_compute", "_matching", "_value")

    _compute: Callable[[int], RulesAndSkips]
    _matching: int
    _value: RulesAndSkips | None

    def __init__(self, rules: tuple[str, ...] = (), skipped: tuple[Skip, ...] = ()) -> None:
        self._value = (rules, skipped)

    @classmethod
    def later(cls, compute: Callable[[int], RulesAndSkips], matching: int) -> RuleReasons:
        """Create reasons that a function computes when they are first read.

        A policy keeps one per set of matching rules, so it is one small object: with a closure for
        each, the garbage collector would have more objects to visit and slow down every decision.

        Args:
            compute: Returns the names of the rules that applied and the models that they exclude,
                the same at every call.
            matching: What it is called with: the rules that applied.
        """
        reasons = cls.__new__(cls)
        reasons._compute, reasons._matching = compute, matching  # noqa: SLF001  its own slots
        reasons._value = None  # noqa: SLF001  as above
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
        if value is None:  # two threads would store equal values
            value = self._value = self._compute(self._matching)
        return value

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
        further: The models that are excluded for other reasons.
        denied: Why no model may answer, if a rule denies the request or the request is invalid.
        accept: Checks that the answer must pass, those of the task before those of rules.
        unmet: If no model may answer: the needed abilities that no model of the policy has.
        barred: Judges that may not see the request, and why.
        now: Unix time of the snapshot, if a price of the policy depends on the hour, else None.
        shadow: What the parts of the policy with `shadow: true` that apply would have done, rules
            first, each in written order.
        session: The effect of the request's session; None if the policy keeps no sessions or the
            request has none.
        learned: How outcomes changed the order, or could have; None if the policy does not adjust
            its order, or has no evidence.
        id: Identifies this decision; empty until a router or an executor gives it an id.
        snapshot: The runtime state that it was based on, so that it can be reproduced; None until a
            router adds it.
    """

    revision: str
    situation: Situation
    candidates: tuple[Candidate, ...]
    reasons: RuleReasons = field(default_factory=RuleReasons)
    further: tuple[Skip, ...] = ()
    denied: str | None = None
    accept: tuple[Accept, ...] = ()
    barred: tuple[Skip, ...] = ()
    unmet: tuple[str, ...] = ()
    now: float | None = None
    shadow: tuple[ShadowEffect, ...] = ()
    session: SessionStep | None = None
    arms: tuple[Assignment, ...] = ()
    learned: LearnedOrder | None = None
    id: str = field(default="", compare=False)
    snapshot: Snapshot | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        """Return it as lines for people: the candidates in order, then the models left out."""
        return decision_text(*self._shown())

    def _repr_html_(self) -> str:
        """Return the same as HTML, which notebooks show."""
        return decision_html(*self._shown())

    def _shown(self) -> tuple[str, list[TextRow], list[TextRow]]:
        facts = " · ".join(filter(None, (self.task, self.complexity, *self.rules)))
        title = self.denied or (facts if self.candidates else "no model may answer")
        costs = [(each, _estimate(each.model, self.request, self.now)) for each in self.candidates]
        rows = [(c.name, c.model.tier, f"${usd}" if usd else "?", c.detail) for c, usd in costs]
        return title, list(rows), [(s.model, s.detail, str(s.span or "")) for s in self.skipped]

    @property
    def unmet_need(self) -> str:
        """The abilities that no model of the policy has, as part of a sentence; else empty."""
        if not self.unmet:
            return ""
        kind = "ability" if len(self.unmet) == 1 else "abilities"
        return f"no model of the policy has the {kind} " + ", ".join(f"`{a}`" for a in self.unmet)

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

    @property
    def session_note(self) -> str | None:
        """Why the session stays with its model or tier, or why not, as text; None if no session
        affects the decision."""
        step = self.session
        if step is None:
            return None
        before = step.before
        if before is None:
            return "a new session"
        rises = f"rises to tier `{step.tier}`: {step.reason}" if step.rises else ""
        if step.keep is Keep.TIER:
            return rises or f"stays in tier `{step.tier}`"
        match step.move:
            case SessionMove.EXCLUDED:
                skips = (s.detail for s in self.skipped if s.model == before.model)
                why = next(skips, "the policy has no such model")
            case SessionMove.FAILED:
                why = "it failed in this session"
            case SessionMove.RISES:
                why = f"below tier `{step.tier}`: {step.reason}"
            case _:
                stays = f"stays with `{before.model}`, which answered last"
                return f"{stays}; {rises}" if rises else stays
        return f"leaves `{before.model}`: {why}"

    @property
    def confidence(self) -> float | None:
        """How sure the classifier is of `task`, 0..1; None when it did not determine the task."""
        return self.situation.request.confidence

    def cost_usd(self, model: Model) -> Decimal | None:
        """Estimate what an answer by a model costs.

        Args:
            model: A model of the policy that decided.

        Returns:
            US dollars; None when the price of the model is unknown.
        """
        cost = _estimate(model, self.request, self.now)
        return None if cost is None else parse_usd(cost)

    def as_dict(self) -> dict[str, object]:
        """Return the decision as plain JSON values.

        Returns:
            The document that `policy-router route --json` prints, without its `schema_version` and
            with times in UTC. Money is text in US dollars, a time is text in ISO 8601, and what is
            unknown is None.
        """
        return {
            "id": self.id,
            "revision": self.revision,
            "task": self.task,
            "complexity": self.complexity,
            "score": self.score,
            "confidence": self.confidence,
            "denied": self.denied,
            "invalid": self.invalid,
            "candidates": [each.as_dict(self.request, self.now) for each in self.candidates],
            "skipped": [skip.as_dict() for skip in self.skipped],
            "rules": list(self.rules),
            "shadow": [effect.as_dict() for effect in self.shadow],
            "session": self.session_note,
            "arms": [arm.as_dict() for arm in self.arms],
            "learned": None if self.learned is None else self.learned.as_dict(),
        }


def _iso_utc(moment: float) -> str | None:
    """A Unix time in ISO 8601, rounded up to whole seconds; None beyond the calendar."""
    try:
        return datetime.fromtimestamp(ceil(moment), UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return None


def _estimate(model: Model, request: Request, now: float | None) -> str | None:
    """Estimated cost in US dollars, as text; None when the price is unknown."""
    cost = model.estimate(request, now)
    return None if cost is None else format_usd(cost)
