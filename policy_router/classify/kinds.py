"""The built-in kinds of work: how likely each is, from the cues that stand in a text."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Final

from policy_router.classify.vocabulary import FAIR, STRONG, TASK_CUES, TASKS, WEAK

if TYPE_CHECKING:
    from policy_router.classify.features import Features

NAMES: Final = tuple(TASKS)
OTHER: Final = 2.0
"""Evidence that any kind of work must outweigh: a text most often is none of them."""
ELSEWHERE: Final = 0.5
"""What a cue counts in the middle of a text, against one where an instruction stands."""
AGAIN: Final = 0.25
"""What each repetition of a cue adds, up to `REPEATS` of them."""
REPEATS: Final = 2
MOST: Final = 8.0
"""Evidence for one kind beyond this adds nothing: no text makes anything certain."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The most likely kind of work. name: None when no kind is likelier than none.

    probability: of this kind, 0..1. shares: of every kind with evidence, likeliest first.
    cues: what spoke for it, loudest first.
    """

    name: str | None
    probability: float
    shares: tuple[tuple[str, float], ...]
    cues: tuple[str, ...]


def kind_of(features: Features) -> Kind:
    text = features.text
    evidence: dict[str, float] = {}
    cues: dict[str, list[tuple[float, str]]] = {}
    for entry, times in text.found:
        here = (1.0 if entry in text.asked else ELSEWHERE) * (1 + AGAIN * min(REPEATS, times - 1))
        for task, weight in TASK_CUES.get(entry, ()):
            evidence[task] = evidence.get(task, 0.0) + weight * here
            cues.setdefault(task, []).append((weight * here, entry))
    for task, weight, name in _signs(features):
        evidence[task] = evidence.get(task, 0.0) + weight
        cues.setdefault(task, []).append((weight, name))
    odds = {task: exp(min(MOST, points)) - 1 for task, points in evidence.items() if points > 0}
    total = sum(odds.values()) + exp(OTHER)
    shares = sorted(((task, o / total) for task, o in odds.items()), key=lambda s: -s[1])
    if not shares:
        return Kind(None, 1.0, (), ())
    name, probability = shares[0]
    said = sorted(cues[name], key=lambda c: -c[0])
    return Kind(name, probability, tuple(shares), tuple(entry for _, entry in said))


def _signs(features: Features):
    text = features.text
    if text.formulae or text.maths > 3 + text.code // 2:
        yield "math", STRONG if text.formulae > 1 else FAIR, "formulae"
    if text.numbers > 2 and text.questions and not text.options and text.words < 150:
        yield "math", FAIR, "quantities"
    coded = text.fences > 0 or text.code > 4 + text.words // 12
    if coded and not text.formulae:
        yield "code_generation", FAIR, "code"
        yield "code_refactor", FAIR, "code"
        yield "reasoning", WEAK, "code"
    if features.tools:
        yield "tool_use", STRONG + FAIR, "tools"
    if text.words < 6 and text.questions==0:
        yield "chat", WEAK, "short"
