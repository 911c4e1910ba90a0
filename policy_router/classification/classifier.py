"""Classifies a request by the settings of a policy: task, complexity, needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policy_router.classification.complexity import Estimate, Heuristic, OfText, raise_by
from policy_router.classification.features import read_request
from policy_router.classification.kinds import kind_of
from policy_router.classification.learned import shipped
from policy_router.classification.tasks import MatchedBy, TaskFound, Tasks

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

    @property
    def identified_task(self) -> str | None:
        """The task if something identified it; None leaves it to the default of the policy."""
        return None if self.by in {MatchedBy.DEFAULT, MatchedBy.NOTHING} else self.task

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
        known = policy.task(self.task)
        estimate = Estimate(min(1.0, max(0.0, score)))
        if known is not None:
            estimate = raise_by(estimate, known.criticality)
        return replace(
            self,
            score=estimate.score,
            band=band_of(policy, estimate.score),
            factors=estimate.factors,
            estimator=estimator,
        )


def band_of(policy: Policy, score: float) -> str | None:
    """Return the name of the band of a policy for a score, or None."""
    band = policy.band_for(score)
    return None if band is None else band.name


class Classifier:
    """Classifies requests by one revision of a policy. It never changes, so build it once.

    Args:
        policy: The policy.
        estimators: Estimators by the name that `complexity.estimator` has for them, in addition to
            the built-in ones. The heuristic is used instead of one that is missing, that abstains,
            or that calls a model or a function.
    """

    def __init__(self, policy: Policy, estimators: Mapping[str, Estimator] | None = None) -> None:
        self.policy = policy
        settings = policy.complexity
        self._tasks = Tasks(policy.tasks)
        self._heuristic = Heuristic(settings.weights, settings.keywords)
        self._name = settings.estimator
        self._other = (estimators or {}).get(self._name)
        if self._other is None and self._name == LEARNED:
            self._other = OfText(shipped().estimate)

    def classify(
        self,
        messages: object,
        *,
        tools: object = None,
        response_format: object = None,
        max_output: int | None = None,
        needs: Iterable[str] = (),
        task: str | None = None,
    ) -> Classification:
        """Classify a request. Any input is accepted, and nothing is raised.

        Args:
            messages: The messages of an OpenAI chat body, or a text.
            tools: The tools that are offered.
            response_format: The format that the answer must have.
            max_output: `max_tokens` of the request.
            needs: Abilities that the caller requires in addition to those of the body.
            task: The task given by the caller, which takes precedence.

        Returns:
            The classification.
        """
        features, text = read_request(
            messages, tools=tools, response_format=response_format, max_output=max_output
        )
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
        declared = self.policy.task(match.task)
        if declared is not None:
            estimate = raise_by(estimate, declared.criticality)
        return Classification(
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
        )
