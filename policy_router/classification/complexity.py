"""How hard a request looks, 0..1: five factors, weighed as the policy says, each with its share.

The `heuristic` estimator carries no trained weights: its numbers are set by hand. What is known of
real outcomes is built in as one prior, the kind of work, which predicts more of them than anything
else in a text. The weighed sum is then bent along a fixed curve, so that requests spread over the
default bands; the curve keeps their order.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import log2
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from policy_router.classification.keywords import Keywords
from policy_router.classification.kinds import is_code
from policy_router.classification.vocabulary import vocabulary
from policy_router.domain.complexity import Weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.classification.features import Features
    from policy_router.classification.kinds import WorkKind
    from policy_router.classification.text import Text


class Factor(NamedTuple):
    """One part of a score. value: 0..1, how much of it there is. weight: 0..1, of the policy.
    share: what it adds to the score; the shares of all factors sum to the score."""

    name: str
    value: float
    weight: float
    share: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score, 0..1, and what it is made of, when the estimator can tell."""

    score: float
    factors: tuple[Factor, ...] = ()


class Estimator(Protocol):
    """Works out how hard a request is."""

    def estimate(self, features: Features, kind: WorkKind, text: str) -> Estimate | None:
        """The estimate, or None to abstain. text: of the last message of the user. Pure, total:
        it is asked before every decision and must not raise."""


@dataclass(frozen=True, slots=True)
class OfText:
    """An estimator made of a function of the text and the number of tools; None abstains."""

    function: Callable[[str, int], float | None]

    def estimate(self, features: Features, kind: WorkKind, text: str) -> Estimate | None:  # noqa: ARG002  the Protocol's
        """What the function says, held within 0..1."""
        score = self.function(text, features.tools)
        return None if score is None else Estimate(_within(score))


DIFFICULTY: Final[Mapping[str, float]] = MappingProxyType(
    {
        "chat": 0.05,
        "extraction": 0.25,
        "classification": 0.25,
        "summarization": 0.25,
        "translation": 0.25,
        "completion": 0.3,
        "creative": 0.3,
        "analysis": 0.35,
        "speaker_diarization": 0.4,
        "code_generation": 0.55,
        "tool_use": 0.55,
        "code_refactor": 0.6,
        "security_analysis": 0.6,
        "reasoning": 0.7,
        "math": 0.95,
    }
)
"""How much more a strong model does than a weak one, by kind of work: priors, set by hand."""
EVERYDAY_SUM: Final = 0.15
"""Of a sum about everyday things, in words."""
CHOSEN_SUM: Final = 0.4
"""Of a sum with choices to pick from."""
READING_CODE: Final = 0.95
"""Of saying what code does without running it."""
UNKNOWN: Final = 0.25
"""Of a request that no kind is sure for: mostly questions of fact."""
SURE: Final = 0.5
"""A kind this likely counts in full."""
ABILITY: Final[Mapping[str, float]] = MappingProxyType(
    {
        "tools": 0.85,
        "hosted_tools": 0.85,
        "reasoning": 0.9,
        "vision": 0.4,
        "audio": 0.4,
        "video": 0.4,
        "pdf": 0.4,
        "json": 0.3,
    }
)
"""What an ability that the request needs asks for at least."""

AT_LENGTH: Final = 12
CERTAIN: Final = 0.95
"""From so many words on, or when the kind is so sure, a word of mathematics makes it formal."""
FORMAL: Final = 0.9
"""What formal mathematics, or code to be executed in the head, adds to the message factor."""
LENGTH: Final = 0.25
CONSTRAINTS: Final = 0.35
CHOICES: Final = 0.5
QUANTITIES: Final = 0.1
QUESTIONS: Final = 0.1
STEPS: Final = 0.2
LONG_OUTPUT: Final = 0.15
BUILT_IN_WORD: Final = 0.15
OWN_WORD: Final = 0.4
"""What a word that the policy lists adds to the keywords factor; one of ours adds less."""

CURVE: Final = (
    (0.0, 0.0), (0.09, 0.15), (0.15, 0.35), (0.235, 0.6), (0.33, 0.85), (0.4, 1.0),
)  # fmt: skip
"""Weighed sum -> score: between these points straight, above the last always 1. Fitted so that a
reference stream of mixed requests spreads over the default bands."""

CRITICAL: Final = 0.5
"""How far towards 1 a task of criticality 1 moves the score."""


class Heuristic:
    """The estimator that needs no training: five factors and their weights."""

    def __init__(self, weights: Weights = Weights(), keywords: Sequence[str] = ()) -> None:  # noqa: B008  frozen
        self._weights = weights
        self._keywords = Keywords(keywords)

    def estimate(self, features: Features, kind: WorkKind, text: str) -> Estimate:
        """The weighed sum of the factors, bent along `CURVE`; never abstains."""
        weights = self._weights
        weighed = (
            ("message", message(features, kind), weights.message),
            ("context", context(features), weights.context),
            ("capability", capability(features, kind), weights.capability),
            ("depth", depth(features), weights.depth),
            ("keywords", keywords(features, len(self._keywords.found(text))), weights.keywords),
        )
        whole = sum(value * weight for _, value, weight in weighed)
        score = curve(whole)
        part = score / whole if whole else 0.0
        return Estimate(
            score,
            tuple(Factor(name, value, w, value * w * part) for name, value, w in weighed),
        )


def message(features: Features, kind: WorkKind) -> float:
    """What the last message itself asks for, 0..1: one minus the product of what its parts leave.

    Parts: length (`LENGTH` at 512 words, none at 16, by doublings), words that bind the answer
    (`CONSTRAINTS` at six), more than four choices to tell apart (`CHOICES` at seven), numbers
    (`QUANTITIES` at twelve), more than one question (`QUESTIONS` at three), a list of steps or
    points (`STEPS` at eight), a long answer (`LONG_OUTPUT`), and formal mathematics or code to be
    executed in the head (`FORMAL`). Numbers and mathematics count for nothing where tools are
    offered, which do the sums.
    """
    text = features.text
    left = 1 - LENGTH * _within(log2(max(text.words, 1) / 16) / 5)
    if text.constraints:
        left *= 1 - CONSTRAINTS * _within(text.constraints / 6)
    if text.options:
        left *= 1 - CHOICES * _within((text.options - 4) / 3)
    if text.questions:
        left *= 1 - QUESTIONS * _within((text.questions - 1) / 2)
    if text.steps or text.bullets:
        left *= 1 - STEPS * _within((text.steps + text.bullets) / 8)
    if features.long_output:
        left *= 1 - LONG_OUTPUT
    if not features.tools:
        left *= 1 - QUANTITIES * _within((text.numbers - 2) / 10)
        if _is_formal(kind, text):
            left *= 1 - FORMAL
    return 1 - left


def context(features: Features) -> float:
    """How much there is to read beside the last message, 0..1: one eighth for each doubling of
    500 tokens, so 1 at 128,000."""
    return _within(log2(1 + features.context / 500) / 8)


def capability(features: Features, kind: WorkKind) -> float:
    """What the work asks a model to be able to do, 0..1: the difficulty of its kind, drawn to that
    of an unknown one as far as the kind is unsure; or of the dearest ability needed, if more."""
    own = UNKNOWN
    if kind.name is not None:
        own += (_difficulty(kind.name, kind, features.text) - UNKNOWN) * _sure(kind)
    return max([own, *(ABILITY.get(need, 0.0) for need in features.needs)])


def depth(features: Features) -> float:
    """How far the conversation has gone, 0..1: a tenth for each earlier turn or tool result."""
    return _within((features.turns - 1 + features.calls) / 10)


def keywords(features: Features, own: int) -> float:
    """Words that make a request look hard, 0..1: one minus the product of what each leaves.

    own: how many words of the policy stand in the text; each leaves `1 - OWN_WORD`. A built-in one
    leaves `1 - BUILT_IN_WORD` times its weight, unless tools are offered to do what it names.
    """
    left = (1 - OWN_WORD) ** own
    if features.tools:
        return 1 - left
    hard_words = vocabulary().hard_words
    for entry, _ in features.text.found:
        weight = hard_words.get(entry)
        if weight is not None:
            left *= 1 - BUILT_IN_WORD * weight
    return 1 - left


def curve(whole: float) -> float:
    """The score of a weighed sum: monotone, 0 at 0, 1 from the last point of `CURVE` on."""
    at = bisect_right(_STARTS, whole)
    if at == len(CURVE):
        return 1.0
    (x0, y0), (x1, y1) = CURVE[at - 1 : at + 1]
    return y0 + (y1 - y0) * (whole - x0) / (x1 - x0)


_STARTS: Final = tuple(x for x, _ in CURVE)


def raise_by(estimate: Estimate, criticality: float) -> Estimate:
    """The estimate for a task of this criticality, 0..1: `CRITICAL` of the way to 1, times it."""
    if not criticality:
        return estimate
    weight = CRITICAL * criticality
    more = (1 - estimate.score) * weight
    factor = Factor("criticality", criticality, weight, more)
    return Estimate(estimate.score + more, (*estimate.factors, factor))


def _difficulty(name: str, kind: WorkKind, text: Text) -> float:
    if name == "math" and not _is_formal(kind, text):
        return CHOSEN_SUM if text.options else EVERYDAY_SUM
    if name == "reasoning" and is_code(text):
        return READING_CODE
    return DIFFICULTY[name]


def _is_formal(kind: WorkKind, text: Text) -> bool:
    """Whether this is mathematics proper, or code to be executed in the head."""
    if kind.name == "math":
        # A word of mathematics alone may stand in any question: "how much does a domain cost?"
        term = text.terms and (text.words >= AT_LENGTH or kind.probability >= CERTAIN)
        return not text.options and bool(text.formulae or text.maths > 2 or term)
    return kind.name == "reasoning" and is_code(text)


def _sure(kind: WorkKind) -> float:
    return _within(kind.probability / SURE)


def _within(value: float) -> float:
    return min(1.0, max(0.0, value))
