"""The complexity of a request, 0..1, as a weighted sum of five factors.

The `heuristic` estimator has no trained weights: its numbers are set by hand. Knowledge about
actual results is built in as one prior, the kind of work, which predicts them better than anything
else in a text. The weighted sum is then mapped by a fixed curve, so that requests spread over the
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
from policy_router.domain.complexity import CONFIDENT, Weights
from policy_router.frozen import maker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policy_router.classification.features import Features
    from policy_router.classification.kinds import WorkKind
    from policy_router.classification.text import Text


class Factor(NamedTuple):
    """One part of a score.

    Attributes:
        name: The factor.
        value: How much of it the request has, 0..1.
        weight: Its weight in the policy, 0..1.
        share: What it adds to the score; the shares of all factors add up to the score.
    """

    name: str
    value: float
    weight: float
    share: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate of the complexity.

    Attributes:
        score: 0..1.
        factors: Its factors, if the estimator knows them.
        abstained: Whether the estimator does not know: the score then is the middle of its own
            scale.
    """

    score: float
    factors: tuple[Factor, ...] = ()
    abstained: bool = False


_new_estimate: Final = maker(Estimate)
_new_factor: Final = Factor._make  # in half the time of the constructor


class Estimator(Protocol):
    """Estimates the complexity of a request."""

    def estimate(self, features: Features, work: WorkKind, text: str) -> Estimate | None:
        """Return an estimate, or None to leave it to the heuristic.

        Called before every decision: it must be pure and must not raise.

        Args:
            features: Counts of the request.
            work: The probabilities of the kinds of work.
            text: What the user asks.
        """


@dataclass(frozen=True, slots=True)
class OfText:
    """An estimator made from a function of the text and the number of tools; None abstains.

    Attributes:
        function: The function.
        middle: The score of a request on which it abstains, on the scale of its other scores. None
            leaves the request to the heuristic, whose scale is another one.
    """

    function: Callable[[str, int], float | None]
    middle: float | None = None

    def estimate(self, features: Features, work: WorkKind, text: str) -> Estimate | None:  # noqa: ARG002  the Protocol's
        """Return the result of the function, limited to 0..1."""
        score = self.function(text, features.own_tools)
        if score is not None:
            return Estimate(_within(score))
        return None if self.middle is None else Estimate(self.middle, abstained=True)


DIFFICULTY: Final[Mapping[str, float]] = MappingProxyType(
    {
        "chat": 0.05,
        "extraction": 0.25,
        "classification": 0.25,
        "summarization": 0.25,
        "translation": 0.25,
        "rewriting": 0.25,
        "completion": 0.3,
        "creative": 0.3,
        "functional_writing": 0.3,
        "advice": 0.35,
        "analysis": 0.35,
        "open_question": 0.35,
        "speaker_diarization": 0.4,
        "code_generation": 0.55,
        "code_refactor": 0.6,
        "security_analysis": 0.6,
        "reasoning": 0.7,
        "tool_use": 0.85,
        "math": 0.95,
    }
)
"""How much better a strong model does than a weak one, by kind of work: priors, set by hand."""
EVERYDAY_SUM: Final = 0.15
"""Difficulty of an arithmetic problem about everyday things."""
CHOSEN_SUM: Final = 0.4
"""Difficulty of an arithmetic problem with choices."""
READING_CODE: Final = 0.95
"""Difficulty of predicting what code does without running it."""
UNKNOWN: Final = 0.25
"""Difficulty of a request of no certain kind: mostly questions of fact."""
PROFESSIONAL: Final = 0.65
"""The least difficulty of work of a profession, which a question in plain words may be."""
PROFESSIONAL_WORDS: Final = 2
"""Different words of professions from which a request counts as such work."""
OF_ANY_TOPIC: Final = frozenset(
    {"analysis", "reasoning", "functional_writing", "advice", "open_question"}
)
"""Kinds that are as hard as their topic. To translate or to shorten a contract is not."""
SURE: Final = 0.5
"""A kind with this probability or more counts in full."""
ABILITY: Final[Mapping[str, float]] = MappingProxyType(
    {
        "reasoning": 0.9,
        "vision": 0.4,
        "audio": 0.4,
        "video": 0.4,
        "pdf": 0.4,
        "json": 0.3,
    }
)
"""The least capability of a request that needs an ability by what is asked or stated. Tools are not
among them: they are on offer, whatever is asked."""
_STATED: Final = frozenset({"reasoning", "json"})
"""Abilities that count wherever the need for them comes from; others only in what is asked."""

AT_LENGTH: Final = 12
CERTAIN: Final = 0.95
"""With this many words, or this probability of the kind, a term of mathematics makes it formal."""
PROVEN: Final = 0.8
"""With this probability of mathematics, a word that asks for a proof makes it formal."""
FORMAL: Final = 0.9
"""What formal mathematics, or code to be executed mentally, adds to the message factor."""
LENGTH: Final = 0.25
CONSTRAINTS: Final = 0.35
CHOICES: Final = 0.5
QUANTITIES: Final = 0.1
QUESTIONS: Final = 0.1
STEPS: Final = 0.2
LONG_OUTPUT: Final = 0.15
BUILT_IN_WORD: Final = 0.15
OWN_WORD: Final = 0.4
"""What a keyword of the policy adds to the keywords factor; a built-in one adds less."""

CURVE: Final = (
    (0.0, 0.0), (0.09, 0.15), (0.15, 0.35), (0.235, 0.6), (0.33, 0.85), (0.4, 1.0),
)  # fmt: skip
"""(weighted sum, score): linear between these points, 1 above the last. Chosen so that a reference
stream of mixed requests spreads over the default bands."""

CRITICAL: Final = 0.5
"""How much of the distance to 1 a task of criticality 1 moves the score."""


class Heuristic:
    """The estimator that needs no training: five factors and their weights."""

    def __init__(self, weights: Weights = Weights(), keywords: Sequence[str] = ()) -> None:  # noqa: B008  frozen
        self._weights = weights
        self._keywords = Keywords(keywords)

    def estimate(self, features: Features, work: WorkKind, text: str) -> Estimate:
        """Return the weighted sum of the factors, mapped by `CURVE`; never abstains."""
        weights = self._weights
        weighted = (
            ("message", message(features, work), weights.message),
            ("context", context(features), weights.context),
            ("capability", capability(features, work), weights.capability),
            ("depth", depth(features), weights.depth),
            ("keywords", keywords(features, len(self._keywords.found(text))), weights.keywords),
        )
        whole = sum([value * weight for _, value, weight in weighted])
        score = curve(whole)
        part = score / whole if whole else 0.0
        return _new_estimate(
            score,
            tuple([_new_factor((name, value, w, value * w * part)) for name, value, w in weighted]),
        )


def message(features: Features, work: WorkKind) -> float:
    """Return how demanding the last message is, 0..1: 1 minus the product of (1 - part).

    Parts: length (`LENGTH` at 512 words, none at 16, by doublings), words that constrain the answer
    (`CONSTRAINTS` at six), more than four choices (`CHOICES` at seven), numbers (`QUANTITIES` at
    twelve), more than one question (`QUESTIONS` at three), a list of steps or points (`STEPS` at
    eight), a long answer (`LONG_OUTPUT`), and formal mathematics or code to be executed mentally
    (`FORMAL`). Numbers and mathematics do not count if tools are offered, which can calculate;
    those of an agent are for any task, so with them they do.
    """
    text = features.text
    remainder = 1 - LENGTH * _within(log2(max(text.words, 1) / 16) / 5)
    if text.constraints:
        remainder *= 1 - CONSTRAINTS * _within(text.constraints / 6)
    if text.options:
        remainder *= 1 - CHOICES * _within((text.options - 4) / 3)
    if text.questions:
        remainder *= 1 - QUESTIONS * _within((text.questions - 1) / 2)
    if text.steps or text.bullets:
        remainder *= 1 - STEPS * _within((text.steps + text.bullets) / 8)
    if features.long_output:
        remainder *= 1 - LONG_OUTPUT
    if not features.own_tools:
        remainder *= 1 - QUANTITIES * _within((text.numbers - 2) / 10)
        if _is_formal(work, text):
            remainder *= 1 - FORMAL
    return 1 - remainder


def context(features: Features) -> float:
    """Return how much must be understood together with what is asked, as the caller says, 0..1: one
    eighth for each doubling of 500 tokens, so 1 at 128,000."""
    tokens = features.context_tokens
    return _within(log2(1 + tokens / 500) / 8) if tokens else 0.0


def capability(features: Features, work: WorkKind) -> float:
    """Return how capable a model must be, 0..1.

    It is the difficulty of the kind of work, the closer to `UNKNOWN` the less certain the kind is,
    at least `PROFESSIONAL` for work of a profession, or the capability for the most demanding
    ability that is needed, whichever is higher.
    """
    own = UNKNOWN
    if work.name is not None:
        own += (_difficulty(work.name, work, features.text) - UNKNOWN) * _sure(work)
    if own < PROFESSIONAL and _is_professional(work, features.text):
        own = PROFESSIONAL
    if not features.needs and not features.asked_needs:
        return own
    needs = features.asked_needs | (features.needs & _STATED)
    return max([own, *[ABILITY.get(need, 0.0) for need in needs]]) if needs else own


def depth(features: Features) -> float:
    """Return how many earlier turns matter, as the caller says, 0..1: a tenth for each."""
    return _within(features.history / 10)


def keywords(features: Features, own: int) -> float:
    """Return how much the words suggest difficulty, 0..1: 1 minus the product of (1 - word).

    A keyword of the policy counts `OWN_WORD`; a built-in word counts `BUILT_IN_WORD` times its
    weight, and nothing if tools are offered for this request in particular.

    Args:
        features: Counts of the request.
        own: How many keywords of the policy occur in the text.
    """
    remainder = (1 - OWN_WORD) ** own
    if features.own_tools:
        return 1 - remainder
    hard_words = vocabulary().hard_words
    for entry, _ in features.text.found:
        weight = hard_words.get(entry)
        if weight is not None:
            remainder *= 1 - BUILT_IN_WORD * weight
    return 1 - remainder


def curve(whole: float) -> float:
    """Return the score of a weighted sum: monotone, 0 at 0, 1 from the last point of `CURVE` on."""
    end = bisect_right(_STARTS, whole)
    if end == len(CURVE):
        return 1.0
    (x0, y0), (x1, y1) = CURVE[end - 1 : end + 1]
    return y0 + (y1 - y0) * (whole - x0) / (x1 - x0)


_STARTS: Final = tuple(x for x, _ in CURVE)


def raise_by(estimate: Estimate, criticality: float) -> Estimate:
    """Move an estimate towards 1, by `CRITICAL` times the criticality (0..1) of its task."""
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


def _is_formal(work: WorkKind, text: Text) -> bool:
    """Whether this is formal mathematics, or code to be executed mentally."""
    if work.name == "math":
        # A single term of mathematics may be in any question: "how much does a domain cost?"
        term = text.terms and (text.words >= AT_LENGTH or work.probability >= CERTAIN)
        return not text.options and bool(
            text.formulae
            or text.maths > 2
            or term
            or (work.probability >= PROVEN and _asks_for_proof(text))
        )
    return work.name == "reasoning" and is_code(text)


def _is_professional(work: WorkKind, text: Text) -> bool:
    """Whether this is work of medicine, law or accounting. The words of a quiz are its topic."""
    if len(text.found) < PROFESSIONAL_WORDS or text.options:
        return False
    if work.name not in OF_ANY_TOPIC and work.probability >= CONFIDENT:
        return False
    terms = vocabulary().professions
    return len([entry for entry, _ in text.found if entry in terms]) >= PROFESSIONAL_WORDS


def _asks_for_proof(text: Text) -> bool:
    proofs = vocabulary().proofs
    return any(entry in proofs for entry in text.asked)


def _sure(kind: WorkKind) -> float:
    return _within(kind.probability / SURE)


def _within(value: float) -> float:
    if value >= 1:
        return 1.0
    return value if value > 0 else 0.0
