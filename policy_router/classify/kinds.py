"""The built-in kinds of work, and how likely each is for a request: a posterior over cues.

Every cue that stands in the text adds its weight to the kinds it speaks for, most where an
instruction stands. The sums are log odds against no evidence, and what none of the kinds explains
has odds of its own, so a text with faint cues is most likely none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Final

from policy_router.classify.vocabulary import DECISIVE, FAIR, STRONG, TASK_CUES, TASKS, WEAK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.classify.features import Features
    from policy_router.classify.text import Text

KINDS: Final = tuple(TASKS)
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
BRIEF: Final = 15
"""Words up to which a greeting counts in full."""
WORDY: Final = 40
"""Words from which on it counts for nothing."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How likely each kind of work is.

    name: the likeliest kind; None when nothing speaks for any. probability: of it, 0..1.
    shares: every kind that has evidence, likeliest first. cues: what spoke for the likeliest,
    loudest first; entries of the built-in vocabulary and signs, never other words of a prompt.
    """

    name: str | None = None
    probability: float = 0.0
    shares: tuple[tuple[str, float], ...] = ()
    cues: tuple[str, ...] = ()


def kind_of(features: Features) -> Kind:
    """The posterior over the kinds of work for these features."""
    text = features.text
    small_talk = min(1.0, max(0.0, (WORDY - text.words) / (WORDY - BRIEF)))
    evidence: dict[str, float] = {}
    decisive: dict[str, float] = {}
    heard: list[tuple[str, float, str]] = []
    for entry, times in text.found:
        cues = TASK_CUES.get(entry)
        if cues is None:
            continue
        here = 1.0 if entry in text.asked else ELSEWHERE
        if times > 1:
            here *= 1 + AGAIN * min(REPEATS, times - 1)
        for kind, weight in cues:
            points = weight * here * (small_talk if kind == "chat" else 1.0)
            heard.append((kind, points, entry))
            if weight == DECISIVE:
                decisive[kind] = max(points, decisive.get(kind, 0.0))
            else:
                evidence[kind] = evidence.get(kind, 0.0) + points
    for kind, weight, sign in _signs(features, text):
        heard.append((kind, weight, sign))
        evidence[kind] = evidence.get(kind, 0.0) + weight
    odds = {kind: exp(min(MOST, points)) for kind, points in evidence.items()}
    for kind, points in decisive.items():
        odds[kind] = odds.get(kind, 1.0) * exp(points)
    whole = sum(odds.values()) - len(odds) + exp(NONE + (CHOICES if text.options > 2 else 0.0))
    shares = sorted(
        [((own - 1) / whole, kind) for kind, own in odds.items() if own > 1], reverse=True
    )
    if not shares:
        return Kind()
    probability, name = shares[0]
    own = sorted([(-points, cue) for kind, points, cue in heard if kind == name])
    return Kind(
        name,
        probability,
        tuple([(kind, share) for share, kind in shares]),
        tuple([cue for _, cue in own]),
    )


def is_code(text: Text) -> bool:
    """Whether code stands in the text: a fence, or more signs than prose and formulae have."""
    return text.fences > 0 or text.code > 4 + text.words // 12 + 6 * text.formulae


def _signs(features: Features, text: Text) -> Iterator[tuple[str, float, str]]:
    """What speaks for a kind beside words: (kind, weight, name of the sign)."""
    coded = is_code(text)
    if text.formulae > 1 or (text.formulae and text.terms):
        yield "math", STRONG, "formulae"
    elif text.maths > 2 and not coded:
        yield "math", FAIR, "formulae"
    if not text.options:
        if text.terms > 2:
            yield "math", FAIR, "terms of mathematics"
        if text.numbers > 2 and text.questions and text.words < 150:
            yield "math", FAIR, "quantities"
    if coded:
        yield "code_generation", FAIR, "code"
        yield "code_refactor", FAIR, "code"
        yield "reasoning", WEAK, "code"
    if features.tools:
        yield "tool_use", STRONG + FAIR, "tools offered"
    if 0 < text.words < 6 and not text.questions:
        yield "chat", WEAK, "a few words"
