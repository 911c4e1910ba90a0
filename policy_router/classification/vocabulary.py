"""The words that the built-in classification knows, as look-up tables.

The words themselves are in `vocabulary.toml`, which is read when the first text is classified.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DECISIVE: Final = 5.5
"""Evidence of a cue that outweighs all others."""
STRONG: Final = 3.0
"""Evidence of a cue that is sufficient on its own."""
FAIR: Final = 1.6
"""Evidence of a cue that is enough when there is no evidence against it."""
WEAK: Final = 0.7
"""Evidence of a cue that decides only between kinds that are otherwise equal."""
_WEIGHTS: Final = {"decisive": DECISIVE, "strong": STRONG, "fair": FAIR, "weak": WEAK}

IN_CONSTRAINTS, IN_TERMS, IN_CODE, IN_LONG_OUTPUT = range(4)
"""Positions of the lists of words that are only counted."""
_COUNTED: Final = ("constraints", "mathematics", "code", "long_output")


class KeywordPhrase(NamedTuple):
    """An entry of several words.

    Attributes:
        entry: The phrase.
        words: Its words.
        place: Index of the word under which the phrase is filed.
    """

    entry: str
    words: tuple[str, ...]
    place: int


class KnownWord(NamedTuple):
    """What the vocabulary has about one word.

    Attributes:
        entry: Whether the word alone is an entry.
        lists: Positions of the counted lists that contain it.
        phrases: The phrases filed under this word, by the word before it, or by the word after it
            when it is the first of the phrase. None when there are none.
    """

    entry: bool
    lists: tuple[int, ...]
    phrases: Mapping[str, tuple[KeywordPhrase, ...]] | None


@dataclass(frozen=True, slots=True)
class WordIndex:
    """The vocabulary, indexed for look-up.

    The mappings are plain dicts: a read-only proxy would double the cost of a look-up, and every
    word of a prompt is looked up.

    Attributes:
        tasks: Names of the built-in tasks, in the order of the file.
        task_cues: Entry -> the tasks it is evidence for, as (index in `tasks`, weight).
        hard_words: Entry -> how much it suggests difficulty; 1 for the usual words of that kind.
        proofs: Entries that ask for a proof.
        professions: Entries of medicine, law and accounting.
        unspaced: Entries of scripts without spaces, to be searched for anywhere in a text.
        words: Every word that is looked up.
    """

    tasks: tuple[str, ...]
    task_cues: Mapping[str, tuple[tuple[int, float], ...]]
    hard_words: Mapping[str, float]
    proofs: frozenset[str]
    professions: frozenset[str]
    unspaced: tuple[str, ...]
    words: Mapping[str, KnownWord]


@cache
def vocabulary() -> WordIndex:
    """Return the vocabulary, read from its file at the first call."""
    data = tomllib.loads(files(__package__).joinpath("vocabulary.toml").read_text("utf-8"))
    task_cues = _task_cues(data)
    # The first weight of a word applies.
    hard_words = {
        word: group["weight"]
        for group in reversed(data["difficulty"])
        for word in (*group["words"], *group.get("unspaced", ()))
    }
    proofs = frozenset(data["proofs"]["words"])
    professions = frozenset(data["professions"]["words"] + data["professions"]["unspaced"])
    unspaced = {
        *data["unspaced"],
        *data["professions"]["unspaced"],
        *(word for group in data["difficulty"] for word in group.get("unspaced", ())),
    }
    counted = [frozenset(data["counted"][name]) for name in _COUNTED]
    return WordIndex(
        tasks=tuple(data["tasks"]),
        task_cues=task_cues,
        hard_words=hard_words,
        proofs=proofs,
        professions=professions,
        unspaced=tuple(sorted(unspaced)),
        words=_known_words({*task_cues, *hard_words, *proofs, *professions}, counted),
    )


def _task_cues(data: Mapping[str, Any]) -> dict[str, tuple[tuple[int, float], ...]]:
    """Return the tasks and weights of every entry. The first weight given for a task applies."""
    cues: dict[str, dict[int, float]] = {}
    for task, lists in enumerate(data["tasks"].values()):
        for weight, entries in lists.items():
            for entry in entries:
                cues.setdefault(entry, {}).setdefault(task, _WEIGHTS[weight])
    positions = {name: task for task, name in enumerate(data["tasks"])}
    for entry, cue in data["unspaced"].items():
        cues[entry] = {positions[cue["task"]]: _WEIGHTS[cue["weight"]]}
    return {entry: tuple(weights.items()) for entry, weights in cues.items()}


def _known_words(entries: set[str], counted: Sequence[frozenset[str]]) -> dict[str, KnownWord]:
    """Index every entry and every counted word by a single word."""
    phrases: dict[str, dict[str, tuple[KeywordPhrase, ...]]] = {}
    for entry in sorted(entries):
        entry_words = tuple(entry.split(" "))
        if len(entry_words) > 1:
            # The longest word is rarely a common one, so few phrases need to be compared.
            longest = max(
                range(len(entry_words)), key=[len(word) for word in entry_words].__getitem__
            )
            neighbour = entry_words[longest - 1] if longest else entry_words[1]
            filed = phrases.setdefault(entry_words[longest], {})
            filed[neighbour] = (
                *filed.get(neighbour, ()),
                KeywordPhrase(entry, entry_words, longest),
            )
    single = {entry for entry in entries if " " not in entry}
    return {
        word: KnownWord(
            word in single,
            tuple(i for i, listed in enumerate(counted) if word in listed),
            phrases.get(word),
        )
        for word in {*single, *phrases}.union(*counted)
    }
