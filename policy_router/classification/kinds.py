"""The built-in kinds of work, and how likely each is for a request: a posterior over cues.

Every cue that stands in the text adds its weight to the kinds it speaks for, most where an
instruction stands. The sums are log odds against no evidence, and what none of the kinds explains
has odds of its own, so a text with faint cues is most likely none of them.
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
    "tool_use", "chat", "speaker_diarization",
)  # fmt: skip
"""The kinds of work with a definition of their own; a policy takes one over by its name."""
NONE: Final = 1.5
"""Log odds of a request being of none of these kinds."""
CHOICES: Final = 1.5
"""What lettered choices add to that: the words of a quiz say what it is about, not what to do."""
ELSEWHERE: Final = 0.5
"""What a cue counts in the middle of a text."""
AGAIN: Final = 0.25
"""What a cue adds each time it stands there again, up to `REPEATS` times."""
REPEATS: Final = 2
MOST: Final = 6.0
"""More evidence for one kind adds nothing, save a decisive cue: a long text has words of all."""
BRIEF: Final = 5
"""Words up to which a greeting counts in full."""
WORDY: Final = 12
"""Words from which on it counts for nothing."""


@dataclass(frozen=True, slots=True)
class WorkKind:
    """How likely each kind of work is.

    name: the likeliest kind; None when nothing speaks for any. probability: of it, 0..1.
    shares: every kind that has evidence, likeliest first. cues: what spoke for the likeliest,
    loudest first; entries of the built-in vocabulary and signs, never other words of a prompt.
    """

    name: str | None = None
    probability: float = 0.0
    shares: tuple[tuple[str, float], ...] = ()
    cues: tuple[str, ...] = ()


def kind_of(features: Features) -> WorkKind:
    """The posterior over the kinds of work for these features."""
    text = features.text
    evidence, decisive = [0.0] * len(KINDS), [0.0] * len(KINDS)
    heard = [(entry, _loudness(entry, times, text)) for entry, times in text.found]
    task_cues = vocabulary().task_cues
    for entry, here in heard:
        for kind, weight in task_cues.get(entry, ()):
            if weight < DECISIVE:
                evidence[kind] += weight * here
            else:
                decisive[kind] = max(decisive[kind], weight * here)
    # Greetings say nothing of a long text.
    evidence[_CHAT] *= min(1.0, max(0.0, (WORDY - text.words) / (WORDY - BRIEF)))
    signs = tuple(_signs(features, text))
    for kind, weight, _ in signs:
        evidence[kind] += weight
    # Rounded, so that the order in which evidence is added cannot part two equal kinds.
    odds = [
        (round(exp(min(MOST, some) + more) - 1, 9), -kind)
        for kind, (some, more) in enumerate(zip(evidence, decisive, strict=True))
        if some or more
    ]
    if not odds:
        return WorkKind()
    whole = sum([own for own, _ in odds]) + exp(NONE + (CHOICES if text.options > 2 else 0.0))
    odds.sort(reverse=True)
    likeliest = -odds[0][1]
    return WorkKind(
        KINDS[likeliest],
        odds[0][0] / whole,
        tuple([(KINDS[-kind], own / whole) for own, kind in odds]),
        _cues(likeliest, heard, signs),
    )


_CHAT: Final = KINDS.index("chat")
_CODE_GENERATION: Final = KINDS.index("code_generation")
_CODE_REFACTOR: Final = KINDS.index("code_refactor")
_MATH: Final = KINDS.index("math")
_REASONING: Final = KINDS.index("reasoning")
_TOOL_USE: Final = KINDS.index("tool_use")
_Signs: TypeAlias = "tuple[tuple[int, float, str], ...]"


def _loudness(entry: str, times: int, text: Text) -> float:
    here = 1.0 if entry in text.asked else ELSEWHERE
    return here if times == 1 else here * (1 + AGAIN * min(REPEATS, times - 1))


def _cues(likeliest: int, heard: Sequence[tuple[str, float]], signs: _Signs) -> tuple[str, ...]:
    """What speaks for this kind, loudest first. heard: entries, and how loud each is."""
    task_cues = vocabulary().task_cues
    found = [
        (-weight * here, entry)
        for entry, here in heard
        for kind, weight in task_cues.get(entry, ())
        if kind == likeliest
    ]
    found += [(-weight, sign) for kind, weight, sign in signs if kind == likeliest]
    return tuple([cue for _, cue in sorted(found)])


def is_code(text: Text) -> bool:
    """Whether code stands in the text: a fence, or more signs than prose and formulae have."""
    return text.fences > 0 or text.code > 4 + text.words // 12 + 6 * text.formulae


def _signs(features: Features, text: Text) -> Iterator[tuple[int, float, str]]:
    """What speaks for a kind beside words: (kind, weight, name of the sign)."""
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
    if features.tools:
        yield _TOOL_USE, STRONG + FAIR, "tools offered"
    if 0 < text.words < 6 and not text.questions:
        yield _CHAT, WEAK, "a few words"
