"""Classifies a request under a policy: task, complexity, needs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from policy_router.classification.complexity import Estimate, Heuristic, OfText, raise_by
from policy_router.classification.features import features_of
from policy_router.classification.forms import Form, form_of
from policy_router.classification.kinds import kind_of
from policy_router.classification.learned import MIDDLE, shipped
from policy_router.classification.reading import RequestReading, read_request
from policy_router.classification.tasks import MatchedBy, TaskFound, Tasks
from policy_router.domain.complexity import CONFIDENT
from policy_router.frozen import maker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from policy_router.classification.complexity import Estimator, Factor
    from policy_router.classification.features import Features
    from policy_router.classification.kinds import WorkKind
    from policy_router.decision.policy import Policy

HEURISTIC: Final = "heuristic"
LEARNED: Final = "learned"


@dataclass(frozen=True, slots=True)
class Classification:
    """The classification of a request, with the evidence but without its text.

    Attributes:
        task: A task of the policy, or None.
        confidence: The probability of the task, 0..1.
        by: What identified the task.
        evidence: The evidence for the task.
        kind: The probabilities of the built-in kinds of work.
        score: The complexity, 0..1.
        band: The band of the score, or None.
        factors: The factors of the score; empty when the estimator does not know them.
        estimator: The estimator that gave the score.
        features: Counts of the request.
        form: What the text that is judged is made of.
        reading: The facts read from its headers and its body.
        criticality: The caller's criticality, 0..1, overriding the task's; None if the caller gives
            none.
        abstained: Whether the estimator abstained, so that the score is the middle of its scale.
    """

    task: str | None
    confidence: float
    by: MatchedBy
    evidence: tuple[str, ...]
    kind: WorkKind
    score: float
    band: str | None
    factors: tuple[Factor, ...]
    estimator: str
    features: Features
    form: Form = Form.PLAIN
    reading: RequestReading = field(default_factory=RequestReading, compare=False, repr=False)
    criticality: float | None = None
    abstained: bool = False

    @property
    def identified_task(self) -> str | None:
        """The task if something identified it; None leaves it to the default of the policy."""
        return None if self.by in {MatchedBy.DEFAULT, MatchedBy.NOTHING} else self.task

    @property
    def likely_kind(self) -> str | None:
        """The most likely kind of work; None where none is likely enough to be a task."""
        return self.kind.name if self.kind.probability >= CONFIDENT else None

    @property
    def tokens(self) -> int:
        """Estimate of the input tokens."""
        return self.features.tokens

    @property
    def needs(self) -> frozenset[str]:
        """Abilities that a model must have."""
        return self.features.needs

    def rated(self, estimator: str, score: float, policy: Policy) -> Classification:
        """Return the same classification with the score of another estimator."""
        estimate = raise_by(
            Estimate(min(1.0, max(0.0, score))),
            _criticality(policy, self.task, self.criticality),
        )
        return replace(
            self,
            score=estimate.score,
            band=band_of(policy, estimate.score),
            factors=estimate.factors,
            estimator=estimator,
            abstained=False,
        )


_new_classification: Final = maker(Classification)


def _criticality(policy: Policy, task: str | None, stated: float | None) -> float:
    """Return the criticality of a request: the caller's, or else the task's."""
    if stated is not None:
        return stated
    known = policy.task(task)
    return 0.0 if known is None else known.criticality


def band_of(policy: Policy, score: float) -> str | None:
    """Return the name of the band of a policy for a score, or None."""
    band = policy.band_for(score)
    return None if band is None else band.name


class Classifier:
    """Classifies requests by one revision of a policy. It never changes, so build it once.

    Args:
        policy: The policy.
        estimators: Estimators by the name that `complexity.estimator` has for them, in addition to
            the built-in ones. The heuristic is used instead of one that is missing, that returns
            None, or that calls a model or a function.
    """

    def __init__(self, policy: Policy, estimators: Mapping[str, Estimator] | None = None) -> None:
        self.policy = policy
        settings = policy.complexity
        self._tasks = Tasks(policy.tasks)
        self._heuristic = Heuristic(settings.weights, settings.keywords)
        self._name = settings.estimator
        self._other = (estimators or {}).get(self._name)
        if self._other is None and self._name == LEARNED:
            self._other = OfText(shipped().estimate, MIDDLE)

    def classify(
        self,
        messages: object,
        *,
        tools: object = None,
        response_format: object = None,
        max_output: int | None = None,
        headers: Mapping[str, str] | None = None,
        needs: Iterable[str] = (),
        task: str | None = None,
    ) -> Classification:
        """Classify a chat request. Any input is accepted, and nothing is raised.

        Args:
            messages: The messages of an OpenAI chat body, or a text.
            tools: The tools that are offered.
            response_format: The format that the answer must have.
            max_output: `max_tokens` of the request.
            headers: The HTTP headers.
            needs: Abilities that the caller requires in addition to those of the body.
            task: The task given by the caller, which takes precedence.

        Returns:
            The classification.
        """
        body = {"messages": messages, "tools": tools, "response_format": response_format}
        reading = read_request(body, headers=headers)
        return self.classify_reading(reading, max_output=max_output, needs=needs, task=task)

    def classify_reading(
        self,
        reading: RequestReading,
        *,
        max_output: int | None = None,
        needs: Iterable[str] = (),
        task: str | None = None,
        context_tokens: int = 0,
        history: int = 0,
        criticality: float | None = None,
    ) -> Classification:
        """Classify a request that was read, in whichever dialect. Nothing is raised.

        Args:
            reading: The request.
            max_output: `max_tokens` of the request, if not the one that was read.
            needs: Abilities that the caller requires in addition to those of the body.
            task: The task given by the caller, which takes precedence.
            context_tokens: Tokens that must be understood together, as the caller says.
            history: Earlier turns that matter, as the caller says.
            criticality: How critical the request is, 0..1; None means as critical as its task.

        Returns:
            The classification.
        """
        features = features_of(
            reading, max_output=max_output, context_tokens=context_tokens, history=history
        )
        text = reading.asked
        if needs:
            more = frozenset(needs)
            if not more <= features.needs:
                features = replace(features, needs=features.needs | more)
        work = kind_of(features)
        if task is None:
            match = self._tasks.find(text, features.needs, work)
        else:
            match = TaskFound(task, 1.0, MatchedBy.CALLER)
        estimator = self._name
        estimate = self._other.estimate(features, work, text) if self._other else None
        if estimate is None:
            estimator = HEURISTIC
            estimate = self._heuristic.estimate(features, work, text)
        abstained = estimate.abstained
        estimate = raise_by(estimate, _criticality(self.policy, match.task, criticality))
        return _new_classification(
            task=match.task,
            confidence=match.confidence,
            by=match.by,
            evidence=match.evidence,
            kind=work,
            score=estimate.score,
            band=band_of(self.policy, estimate.score),
            factors=estimate.factors,
            estimator=estimator,
            features=features,
            form=form_of(features),
            reading=reading,
            criticality=criticality,
            abstained=abstained,
        )
