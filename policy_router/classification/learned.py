"""A small model, fitted on public outcomes, of which requests a strong model answers better.

It tells by shape and words which of a few kinds of work a text is, and within the kind estimates
what sending it to the strong model gains. A text like none of them gets no estimate: what was
learned on one kind of work says nothing about another. docs/learned.md says what it was fitted on
and how far it can be trusted; benchmarks/train_learned.py makes the file.

All weights are whole numbers. Those of one word, or of one number of the shape, are kept side by
side in the lanes of one long integer, so that one addition adds them all.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from operator import mul
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from policy_router.classification.learned_features import NAMES, shape_of
from policy_router.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST: Final = 8_000
"""Characters. A longer text gets no estimate: hardly one that long was ever fitted on."""
NON_ASCII: Final = 1.25
"""Bytes a character, above which a text is taken for another script and gets no estimate."""

SHIPPED: Final = Path(__file__).with_name("learned.model")

_MAGIC: Final = "policy-router learned"
_VERSION: Final = 1
_LANE: Final = 32
_FAR: Final = 500.0
"""Evidence beyond which probabilities are 0 or 1 anyway; `exp` would overflow at 710."""


class Prediction(NamedTuple):
    """kind: the likeliest kind of work. unlike: probability 0..1 that the text is none of them.
    known: share 0..1 of its distinct words that the model has weights for. gain: what the strong
    model is expected to add, in the unit that was fitted. score: 0..1, the part of the reference
    stream that gains less."""

    kind: str
    unlike: float
    known: float
    gain: float
    score: float


@dataclass(frozen=True, slots=True)
class Learned:
    """One model in memory. Use `shipped()` for the one that comes with the package.

    kinds: names of the kinds of work; the lanes of `words` are theirs in this order, then one for
    texts of no kind, then a count of the words. `numbers` and `start` have the same lanes but the
    count, then one for the gain in each kind. sources: what it was fitted on, with licences.
    """

    kinds: tuple[str, ...]
    words: Mapping[bytes, int]
    numbers: tuple[int, ...]
    start: int
    scales: tuple[float, float, float]
    cuts: tuple[float, ...]
    unlike: float
    known: float
    sources: tuple[Mapping[str, Any], ...] = ()

    def estimate(self, text: str, n_tools: int = 0) -> float | None:
        """0..1, higher gains more from the strong model; None for a text unlike those fitted on.

        n_tools: how many tools the request offers; none was fitted on, so any means no estimate.
        The same text gives the same number in every process. Takes any text, raises nothing.
        """
        if (
            n_tools > 0
            or len(text) > MOST
            or len(text.encode("utf-8", "replace")) > (NON_ASCII * len(text))
        ):
            return None
        reading = self.read(text)
        if reading.unlike > self.unlike or reading.known < self.known:
            return None
        return reading.score

    def read(self, text: str) -> Prediction:
        """What the model sees in a text, whether or not it may say so. Linear in the text."""
        shape = shape_of(text)
        many = len(self.kinds)
        by_word = _lanes(sum(map(self.words.get, shape.words, repeat(0))), many + 2)
        by_shape = _lanes(sum(map(mul, shape.numbers, self.numbers), self.start), 2 * many + 1)
        word_scale, kind_scale, gain_scale = self.scales
        length = len(shape.words) + 1
        word_scale /= math.sqrt(length)
        evidence = [
            w * word_scale + s * kind_scale
            for w, s in zip(by_word[:-1], by_shape[: many + 1], strict=True)
        ]
        none = evidence.pop()
        top = max(evidence)
        kind = evidence.index(top)
        odds = sum(math.exp(each - top) for each in evidence)
        # The likeliest kind alone: a mean over kinds would order texts within one kind by how far
        # they resemble another, and that is a worse guide than either kind's own.
        gain = by_shape[many + 1 + kind] * gain_scale
        return Prediction(
            self.kinds[kind],
            1 / (1 + odds * math.exp(max(-_FAR, min(_FAR, top - none)))),
            by_word[-1] / length,
            gain,
            _rank(gain, self.cuts),
        )


@cache
def shipped() -> Learned:
    """The model that comes with the package, read at the first call. Raises ArtifactError."""
    return load(SHIPPED)


def load(path: Path) -> Learned:
    """A model that `dump` wrote. Raises ArtifactError for any other file, OSError for none."""
    try:
        return parse(path.read_bytes())
    except ValueError as error:
        raise ArtifactError(str(path), str(error)) from error


def dump(document: Mapping[str, Any], words: Mapping[str, Sequence[int]]) -> bytes:
    """The bytes of a model: what it is, its version and digest; then all but the words as JSON;
    then each word with its weights, in the order of the words. The same input, the same bytes.

    document: `kinds`, `numbers` and `start` (rows of whole numbers, one number a lane), `scales`,
    `cuts`, `unlike`, `known`, `sources`. words: the weights of each.
    """
    head = json.dumps({"shape": NAMES, **document}, sort_keys=True, separators=(",", ":"))
    lines = [head, *(f"{word} {' '.join(map(str, words[word]))}" for word in sorted(words))]
    body = "".join(line + "\n" for line in lines).encode()
    digest = hashlib.sha256(body).hexdigest()
    return f"{_MAGIC} {_VERSION} {digest}\n".encode() + body


def parse(data: bytes) -> Learned:
    """The model of what `dump` gave. Raises ValueError, in words for the reader of the message."""
    head, _, body = data.partition(b"\n")
    name, _, rest = head.rpartition(b" ")[0].rpartition(b" ")
    if name != _MAGIC.encode():
        raise ValueError("not a learned model of policy-router")
    if rest != str(_VERSION).encode():
        raise ValueError(
            f"a learned model of version {rest.decode(errors='replace')}, "
            f"where this policy-router reads version {_VERSION}"
        )
    if head.rpartition(b" ")[2] != hashlib.sha256(body).hexdigest().encode():
        raise ValueError("damaged: its content does not match its digest")
    first, *lines = body.splitlines()
    document = json.loads(first)
    if tuple(document["shape"]) != NAMES:
        raise ValueError("made for another reading of texts; fit it again")
    one = 1 << (_LANE * (len(document["kinds"]) + 1))
    words = {}
    for line in lines:
        word, *weights = line.split()
        words[word] = _packed(map(int, weights)) + one
    return Learned(
        kinds=tuple(document["kinds"]),
        words=words,
        numbers=tuple(map(_packed, document["numbers"])),
        start=_packed(document["start"]),
        scales=tuple(document["scales"]),
        cuts=tuple(document["cuts"]),
        unlike=document["unlike"],
        known=document["known"],
        sources=tuple(document["sources"]),
    )


def _packed(lanes: Iterable[int]) -> int:
    return sum(weight << (_LANE * lane) for lane, weight in enumerate(lanes))


@cache
def _reader(count: int) -> tuple[int, Struct]:
    return _packed([1 << (_LANE - 1)] * count), Struct(f"<{count}i")


def _lanes(packed: int, count: int) -> tuple[int, ...]:
    """The sums of the lanes. Half a lane is added to each, so that none below zero borrows from
    the next; flipping the top bits then leaves two's complement."""
    half, layout = _reader(count)
    return layout.unpack(((packed + half) ^ half).to_bytes(layout.size, "little"))


def _rank(value: float, cuts: Sequence[float]) -> float:
    """Where a value stands among cuts at equal shares of the reference stream, 0..1."""
    place = bisect_right(cuts, value)
    if place in (0, len(cuts)):
        return float(place > 0)
    below, above = cuts[place - 1], cuts[place]
    return (place - 1 + (value - below) / (above - below)) / (len(cuts) - 1)
