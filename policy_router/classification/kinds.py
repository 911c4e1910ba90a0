"""How likely each built-in kind of work is for a request.

Every cue in the text adds its weight to the kinds it is evidence for, more so where an instruction
is expected. The sums are log odds against no evidence. "None of these kinds" has odds of its own,
so a text with weak cues is most likely of no kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Final, TypeAlias

from policy_router.classification.vocabulary import DECISIVE, FAIR, STRONG, WEAK, vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.classification.features import Features
    from policy_router.classification.text import Text

KINDS: Final = (
    "code_generation", "code_refactor", "reasoning", "math", "analysis", "security_analysis",
    "classification", "extraction", "summarization", "translation", "completion", "creative",
    "rewriting", "functional_writing", "advice", "open_question", "tool_use", "chat",
    "speaker_diarization",
)  # fmt: skip
"""The built-in kinds of work; a policy uses one by giving its name to a task."""
NONE: Final = 1.5
"""Log odds that a request is of none of these kinds."""
CHOICES: Final = 1.5
"""What lettered choices add to that: the words of a quiz are its topic, not an instruction."""
ELSEWHERE: Final = 0.5
"""Weight of a cue in the middle of a text."""
AGAIN: Final = 0.25
"""What each repetition of a cue adds, up to `REPEATS` times."""
REPEATS: Final = 2
MOST: Final = 6.0
"""The most evidence for a kind without decisive cues, since a long text has words of all kinds."""
BRIEF: Final = 5
"""Words up to which a greeting counts in full."""
WORDY: Final = 12
"""Words from which on a greeting does not count."""


@dataclass(frozen=True, slots=True)
class WorkKind:
    """How likely each kind of work is.

    Attributes:
        name: The most likely kind; None when there is evidence for none.
        probability: The probability of that kind, 0..1.
        shares: (kind, probability) of every kind with evidence, the most likely first.
        cues: The evidence for the most likely kind, the strongest first: entries of the built-in
            vocabulary and names of signs, never other words of a prompt.
    """

    name: str | None = None
    probability: float = 0.0
    shares: tuple[tuple[str, float], ...] = ()
    cues: tuple[str, ...] = ()


def kind_of(features: Features) -> WorkKind:
    """Return the probabilities of the kinds of work, given the features of a request."""
    text = features.text
    evidence: dict[int, float] = {}
    decisive: dict[int, float] = {}
    asked = text.asked
    strengths = [
        (
            entry,
            (1.0 if entry in asked else ELSEWHERE)
            * (1.0 if times == 1 else 1 + AGAIN * min(REPEATS, times - 1)),
        )
        for entry, times in text.found
    ]
    task_cues = vocabulary().task_cues
    for entry, here in strengths:
        for index, weight in task_cues.get(entry, ()):
            if weight < DECISIVE:
                evidence[index] = evidence.get(index, 0.0) + weight * here
            else:
                decisive[index] = max(decisive.get(index, 0.0), weight * here)
    # In a long text, greetings are no evidence.
    if _CHAT in evidence:
        counts = min(1.0, max(0.0, (WORDY - text.words) / (WORDY - BRIEF)))
        if counts:
            evidence[_CHAT] *= counts
        else:
            del evidence[_CHAT]
    signs = tuple(_signs(features, text))
    for index, weight, _ in signs:
        evidence[index] = evidence.get(index, 0.0) + weight
    # Rounded, so that the order of additions cannot make two equal kinds differ.
    odds = [
        (round(exp(min(MOST, evidence.get(index, 0.0)) + decisive.get(index, 0.0)) - 1, 9), -index)
        for index in sorted(evidence | decisive)
    ]
    if not odds:
        return WorkKind()
    whole = sum([own for own, _ in odds]) + exp(NONE + (CHOICES if text.options > 2 else 0.0))
    odds.sort(reverse=True)
    top = -odds[0][1]
    return WorkKind(
        KINDS[top],
        odds[0][0] / whole,
        tuple([(KINDS[-index], own / whole) for own, index in odds]),
        _cues(top, strengths, signs),
    )


_CHAT: Final = KINDS.index("chat")
_CODE_GENERATION: Final = KINDS.index("code_generation")
_CODE_REFACTOR: Final = KINDS.index("code_refactor")
_MATH: Final = KINDS.index("math")
_REASONING: Final = KINDS.index("reasoning")
_TOOL_USE: Final = KINDS.index("tool_use")
_Signs: TypeAlias = "tuple[tuple[int, float, str], ...]"


def _cues(top: int, strengths: Sequence[tuple[str, float]], signs: _Signs) -> tuple[str, ...]:
    """Return the evidence for a kind, the strongest first."""
    task_cues = vocabulary().task_cues
    cues = [
        (-weight * here, entry)
        for entry, here in strengths
        for kind, weight in task_cues.get(entry, ())
        if kind == top
    ]
    cues += [(-weight, sign) for kind, weight, sign in signs if kind == top]
    return tuple([cue for _, cue in sorted(cues)])


def is_code(text: Text) -> bool:
    """Whether a text contains code: a fence, or more signs than prose and formulae have."""
    return text.fences > 0 or text.code > 4 + text.words // 12 + 6 * text.formulae


def _signs(features: Features, text: Text) -> Iterator[tuple[int, float, str]]:
    """Yield evidence other than words: (index of the kind, weight, name of the sign)."""
    coded = is_code(text)
    if text.formulae > 1 or (text.formulae and text.terms):
        yield _MATH, STRONG, "formulae"
    elif text.maths > 2 and not coded:
        yield _MATH, FAIR, "formulae"
    if not text.options:
        if text.terms > 2:
            yield _MATH, FAIR, "terms of mathematics"
        if text.numbers > 2 and text.questions and text.words < 150:
            yield _MATH, FAIR, "quantities"
    if coded:
        yield _CODE_GENERATION, FAIR, "code"
        yield _CODE_REFACTOR, FAIR, "code"
        yield _REASONING, WEAK, "code"
    if features.own_tools:
        yield _TOOL_USE, DECISIVE, "tools offered"
    if 0 < text.words < 6 and not text.questions:
        yield _CHAT, WEAK, "a few words"
