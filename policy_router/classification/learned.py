"""A small model that predicts which requests a strong model answers better than a light one.

From the features of a text it predicts which of a few kinds of work the text is, and within the
kind what sending it to the strong model gains. A text unlike all of them gets no estimate, since
results on one kind of work predict nothing about another. docs/learned.md describes its training
data and its limits; benchmarks/train_learned.py writes the file.

All weights are integers. Those of one feature are the lanes of one long integer, so that a single
addition adds a feature to the sums of all kinds. The lanes of a word, for three kinds of work:

    bits 128..159      96..127       64..95       32..63        0..31
        +---------+-----------+------------+------------+------------+
        |    1    |  no kind  |   kind 2   |   kind 1   |   kind 0   |
        +---------+-----------+------------+------------+------------+

The top lane counts the known words. Numbers have the same lanes without the count, and above them
one lane per kind for the gain in that kind. A sum below zero borrows from the lane above it;
`_unpack` undoes that. Adding 120 words takes 5 microseconds this way, against 13 with a tuple of
weights per word and 100 with a loop over its weights.
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

from policy_router.classification.learned_features import NAMES, features_of
from policy_router.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST: Final = 8_000
"""Characters. A longer text gets no estimate: the training data has almost none."""
NON_ASCII: Final = 1.25
"""Bytes per character; above that a text is classified as another script and gets no estimate."""

MIDDLE: Final = 0.5
"""The score of a text without an estimate: scores are ranks in a stream, and this is its median. A
score on another scale, such as the heuristic's, would put it above or below others by chance."""

SHIPPED: Final = Path(__file__).with_name("learned.model")

_MAGIC: Final = "policy-router learned"
_VERSION: Final = 1
_LANE: Final = 32
_FAR: Final = 500.0
"""Log odds beyond which probabilities are 0 or 1 anyway; `exp` would overflow at 710."""


class Prediction(NamedTuple):
    """What the model predicts for a text.

    Attributes:
        kind: The most likely kind of work.
        unlike: The probability that the text is of no kind, 0..1.
        known: The share of its distinct words that the model has weights for, 0..1.
        gain: How much better the strong model is expected to be, in the unit of the training data.
        score: The share of the reference stream that gains less, 0..1.
    """

    kind: str
    unlike: float
    known: float
    gain: float
    score: float


@dataclass(frozen=True, slots=True)
class Learned:
    """A model in memory. Use `shipped()` for the one that comes with the package.

    Attributes:
        kinds: Names of the kinds of work, in the order of their lanes.
        words: Word -> its packed weights.
        numbers: Packed weights of each number, in the order of `NAMES`.
        start: Packed weights that are added for every text.
        scales: Units of the weights of words, of numbers for kinds, and of numbers for gains.
        cuts: Gains at equal shares of the reference stream, ascending.
        unlike: Above this probability of no kind, the model abstains.
        known: Below this share of known words, the model abstains.
        sources: The training data, with licences.
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
        """Estimate how much a request gains from the strong model.

        Any text is accepted and nothing is raised. The same text has the same estimate in every
        process.

        Args:
            text: The last message of the user.
            n_tools: How many tools the request offers. The model was fitted on no request with
                tools, so it abstains if there are any.

        Returns:
            A number 0..1, higher for a larger gain, or None for a text unlike the training data.
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
        """Return the prediction for a text, even where `estimate` abstains."""
        features = features_of(text)
        count = len(self.kinds)
        by_word = _unpack(sum(map(self.words.get, features.words, repeat(0))), count + 2)
        by_number = _unpack(
            sum(map(mul, features.numbers, self.numbers), self.start), 2 * count + 1
        )
        word_scale, kind_scale, gain_scale = self.scales
        length = len(features.words) + 1
        word_scale /= math.sqrt(length)
        evidence = [
            w * word_scale + s * kind_scale
            for w, s in zip(by_word[:-1], by_number[: count + 1], strict=True)
        ]
        none = evidence.pop()
        top = max(evidence)
        best = evidence.index(top)
        odds = sum(math.exp(own - top) for own in evidence)
        # Only of the most likely kind: a mean over kinds would order the texts of one kind by their
        # resemblance to another, which is a worse guide than the gain within the kind.
        gain = by_number[count + 1 + best] * gain_scale
        return Prediction(
            self.kinds[best],
            1 / (1 + odds * math.exp(max(-_FAR, min(_FAR, top - none)))),
            by_word[-1] / length,
            gain,
            _rank(gain, self.cuts),
        )


@cache
def shipped() -> Learned:
    """Return the model that comes with the package, read at the first call.

    Raises:
        ArtifactError: Its file is damaged.
    """
    return load(SHIPPED)


def load(path: Path) -> Learned:
    """Read a model that `dump` wrote.

    Raises:
        ArtifactError: The file was not written by `dump`, or is damaged.
        OSError: The file cannot be read.
    """
    try:
        return parse(path.read_bytes())
    except ValueError as error:
        raise ArtifactError(str(path), str(error)) from error


def dump(document: Mapping[str, Any], word_weights: Mapping[str, Sequence[int]]) -> bytes:
    """Return the content of a model's file. The same input gives the same bytes.

    The first line is the type of the file, its version and its digest; the second everything but
    the words as JSON; then each word has a line with its weights, in alphabetical order.

    Args:
        document: `kinds`, `numbers` and `start` (rows of integers, one per lane), `scales`, `cuts`,
            `unlike`, `known`, `sources`.
        word_weights: The weights of each word, one per lane.
    """
    head = json.dumps({"shape": NAMES, **document}, sort_keys=True, separators=(",", ":"))
    lines = [
        head,
        *(f"{word} {' '.join(map(str, word_weights[word]))}" for word in sorted(word_weights)),
    ]
    body = "".join(line + "\n" for line in lines).encode()
    digest = hashlib.sha256(body).hexdigest()
    return f"{_MAGIC} {_VERSION} {digest}\n".encode() + body


def parse(data: bytes) -> Learned:
    """Read a model from the content of its file.

    Raises:
        ValueError: The content is not a model's file; the message says why.
    """
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
        raise ValueError("made for other features; fit it again")
    one = 1 << (_LANE * (len(document["kinds"]) + 1))
    word_weights = {}
    for line in lines:
        word, *weights = line.split()
        word_weights[word] = _packed(map(int, weights)) + one
    return Learned(
        kinds=tuple(document["kinds"]),
        words=word_weights,
        numbers=tuple(map(_packed, document["numbers"])),
        start=_packed(document["start"]),
        scales=tuple(document["scales"]),
        cuts=tuple(document["cuts"]),
        unlike=document["unlike"],
        known=document["known"],
        sources=tuple(document["sources"]),
    )


def _packed(lanes: Iterable[int]) -> int:
    """Return one integer with these numbers as its lanes, the first in the lowest bits."""
    return sum(weight << (_LANE * lane) for lane, weight in enumerate(lanes))


@cache
def _layout(count: int) -> tuple[int, Struct]:
    return _packed([1 << (_LANE - 1)] * count), Struct(f"<{count}i")


def _unpack(packed: int, count: int) -> tuple[int, ...]:
    """Return the lanes of a packed integer as signed numbers.

    Half a lane is added to each first, so that none is below zero and nothing is borrowed from the
    next one; flipping the top bits then leaves two's complement.
    """
    half, layout = _layout(count)
    return layout.unpack(((packed + half) ^ half).to_bytes(layout.size, "little"))


def _rank(value: float, cuts: Sequence[float]) -> float:
    """Return the share of the reference stream below a value, 0..1."""
    place = bisect_right(cuts, value)
    if place in (0, len(cuts)):
        return float(place > 0)
    below, above = cuts[place - 1], cuts[place]
    return (place - 1 + (value - below) / (above - below)) / (len(cuts) - 1)
