"""From the body of a request to what a policy wants to know of it: task, complexity, needs."""

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
    """What a request was taken for, and why. Holds none of its text.

    task: of the policy, or None. confidence: in it, 0..1. by, evidence: what told it. kind: the
    posterior over the built-in kinds of work. score: 0..1. band: the one it falls into, or None.
    factors: what the score is made of; empty when the estimator cannot tell. estimator: whose
    score it is. tokens: upper bound of what goes in. needs: abilities a model must have.
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
    def told(self) -> str | None:
        """The task, when something tells it; None leaves it to the policy's default."""
        return None if self.by in {MatchedBy.DEFAULT, MatchedBy.NOTHING} else self.task

    @property
    def tokens(self) -> int:
        """Upper bound of the tokens that go in."""
        return self.features.tokens

    @property
    def needs(self) -> frozenset[str]:
        """Abilities a model must have."""
        return self.features.needs

    def rated(self, estimator: str, score: float, policy: Policy) -> Classification:
        """The same with a score that somebody else worked out."""
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
    """The band of a policy that a score falls into."""
    band = policy.band_for(score)
    return None if band is None else band.name


class Classifier:
    """Classifies requests as one revision of a policy says. Build it once; it never changes.

    estimators: by the name the policy calls them, beside the built-in ones. The heuristic stands
    in for one that is not there, that abstains, or that must be asked.
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
        """What this request is. Total: any input whatever has an answer.

        messages: of an OpenAI chat body, or a text. max_output: tokens, the cap the caller set.
        needs: abilities the caller asks for beside what the body shows. task: the caller's word
        for the task, which is taken as it is.
        """
        features, text = read_request(
            messages, tools=tools, response_format=response_format, max_output=max_output
        )
        more = frozenset(needs)
        if not more <= features.needs:
            features = replace(features, needs=features.needs | more)
        kind = kind_of(features)
        if task is None:
            found = self._tasks.find(text, features.needs, kind)
        else:
            found = TaskFound(task, 1.0, MatchedBy.CALLER)
        estimator = self._name
        estimate = self._other.estimate(features, kind, text) if self._other else None
        if estimate is None:
            estimator = HEURISTIC
            estimate = self._heuristic.estimate(features, kind, text)
        known = self.policy.task(found.task)
        if known is not None:
            estimate = raise_by(estimate, known.criticality)
        return Classification(
            task=found.task,
            confidence=found.confidence,
            by=found.by,
            evidence=found.evidence,
            kind=kind,
            score=estimate.score,
            band=band_of(self.policy, estimate.score),
            factors=estimate.factors,
            estimator=estimator,
            features=features,
        )
