"""Fits the learned estimate on what many models really scored, and measures it on rows kept apart.

    python benchmarks/train_learned.py --data DIR [--out FILE] [--folds 5]

DIR holds files as benchmarks/outcomes.py describes them. Every figure printed is of rows that the
measured model was not fitted on. With --out the model fitted on all rows is written; the same rows
give the same bytes. Rows of open licence are measured and never fitted. Needs numpy.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.outcomes import MIX, PAIRS
from benchmarks.outcomes import read as read_file
from policy_router.classification.learned import Learned, dump, parse
from policy_router.classification.learned_features import features_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]


class Source(NamedTuple):
    """A set of `PAIRS`. kind: the kind of work its rows are; None if only measured."""

    set: str
    name: str
    licence: str
    kind: str | None


CLEAN: Final = "Apache-2.0, MIT"
SOURCES: Final = (
    Source("gsm", "GSM8K, ZeroEval", CLEAN, "word problem"),
    Source("gsm8k", "GSM8K, RouteLLM", CLEAN, "word problem"),
    Source("math-l5", "MATH level 5", CLEAN, "competition mathematics"),
    Source("crux", "CRUXEval", CLEAN, "running code"),
    Source("mmlu", "MMLU", CLEAN, "choice of four"),
    Source("mmlu-pro", "MMLU-Pro", CLEAN, "choice of ten"),
    Source("bfcl", "BFCL", "Apache-2.0; its results without a licence", None),
)
"""Where outcomes come from. BFCL's are of open licence: they are measured and never fitted."""
EVERYDAY: Final = {
    "labels_arenahard": ("Arena-Hard", "Apache-2.0"),
    "labels_mtbench": ("MT-Bench", "Apache-2.0"),
    "labels_litellm_tiers": ("LiteLLM's tier examples", "MIT"),
}
"""Texts that are none of the kinds. Only the text is read; how models answered is not known."""
UNSEEN: Final = {"labels_flask_difficulty": ("FLASK", "none")}
"""Texts of open licence, never fitted: how often is there no estimate for them?"""

OWN_SHARE: Final = 0.5
"""Part of the target that is the measured pair's own; the rest is the mean of its peers, which
has less chance in it."""
PEERS: Final = 0.1
"""Models whose accuracy differs by no more from the light or the strong one are its peers."""
FAILURE_SHARE: Final = 0.35
"""How much of the light model's failure is added to the gain. Gain is what routing pays for;
failure is known with less noise, and a text on which both fail still deserves the strong one."""
RIDGE: Final = 100.0
ROWS_A_KIND: Final = 800
"""So many texts of each kind tell it apart from the others."""
RAREST: Final = 6
"""A word has weights from so many of those texts on."""
PENALTY: Final = 0.05
STEPS: Final = 120
UNLIKE: Final = 0.15
"""No estimate from this probability on that a text is of no kind. The tables below show why."""
KNOWN: Final = 0.4
"""No estimate with a smaller share of known words: fewer than 1 % of the fitted texts have less."""
EVIDENCE_GRAIN: Final = 1 << 12
GAIN_GRAIN: Final = 1 << 16
"""Weights of the shape are whole multiples of one part in so many; of words, of the largest / 127.
"""
LARGEST: Final = 1 << 19
"""With weights below this no sum leaves its lane: numbers are below 64, and there are fewer."""
CUTS: Final = 64


@dataclass(frozen=True)
class Rows:
    """Texts with outcomes, in columns of one length. kind: "" where only measured. light, strong:
    scores of the pair, 0..1. target: what is fitted. source: place in `SOURCES`."""

    texts: NDArray[np.object_]
    kind: NDArray[np.object_]
    source: NDArray[np.int64]
    fold: NDArray[np.int64]
    light: Floats
    strong: Floats
    target: Floats

    def where(self, chosen: Mask) -> Rows:
        return Rows(*(getattr(self, name)[chosen] for name in Rows.__dataclass_fields__))


# ----------------------------------------------------------------------------------------- reading


def read(data: Path, folds: int) -> Rows:
    """The rows of all sources that lie in the folder and have both models of their pair."""
    parts = [
        part
        for index, source in enumerate(SOURCES)
        if (data / f"{PAIRS[source.set][0]}.jsonl.gz").exists()
        for part in [read_source(data, index, folds)]
    ]
    if not parts:
        raise SystemExit(f"no source of outcomes in {data}")
    return Rows(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Rows.__dataclass_fields__
        )
    )


def read_source(data: Path, index: int, folds: int) -> Rows:
    source = SOURCES[index]
    file, *pair = PAIRS[source.set]
    meta, lines = read_file(data, file)
    at, to = (meta["models"].index(model) for model in pair)
    # RouteLLM marks the rows that were among the examples its own routers were fitted on.
    measured = [
        row
        for row in lines
        if not row.get("contaminated") and row["s"][at] is not None and row["s"][to] is not None
    ]
    scores = np.array([[np.nan if s is None else s for s in r["s"]] for r in measured], float)
    light, strong = scores[:, at], scores[:, to]
    peers = worth(mean_of_peers(scores, light), mean_of_peers(scores, strong))
    texts = [row["prompt"] for row in measured]
    return Rows(
        np.array(texts, object),
        np.full(len(texts), source.kind or "", object),
        np.full(len(texts), index),
        np.array([fold_of(text, folds) for text in texts]),
        light,
        strong,
        OWN_SHARE * worth(light, strong) + (1 - OWN_SHARE) * peers,
    )


def texts_of(data: Path, names: Iterable[str]) -> list[str]:
    there = [name for name in names if (data / f"{name}.jsonl.gz").exists()]
    return [row["prompt"] for name in there for row in read_file(data, name)[1]]


def worth(light: Floats, strong: Floats) -> Floats:
    return strong - light + FAILURE_SHARE * (1 - light)


def mean_of_peers(scores: Floats, like: Floats) -> Floats:
    accuracy = np.nanmean(scores, axis=0)
    near = np.abs(accuracy - np.nanmean(like)) <= PEERS
    answered = np.isfinite(scores).mean(axis=0) > 0.9
    mean: Floats = np.nanmean(scores[:, near & answered], axis=1)
    return mean


def fold_of(text: str, folds: int) -> int:
    """By the question without its options: one question in two sources is in one fold."""
    question = re.split(r"\nA[.)]", text)[0]
    return digest(" ".join(question.lower().split())) % folds


def digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big")


# ----------------------------------------------------------------------------------------- fitting


@dataclass(frozen=True)
class Fitted:
    """What `dump` takes."""

    document: dict[str, Any]
    words: dict[str, list[int]]

    def to_bytes(self) -> bytes:
        return dump(self.document, self.words)

    def model(self) -> Learned:
        return parse(self.to_bytes())


def fit(rows: Rows, everyday: Sequence[str], sources: Sequence[dict[str, Any]] = ()) -> Fitted:
    """A model of the kinds that the rows have. everyday: texts that are none of them."""
    kinds = sorted(set(rows.kind))
    # MMLU is written with a cue at its end. The model shall know the question, not the cue.
    shapes = [features_of(text.removesuffix("\nAnswer:")) for text in rows.texts]
    numbers = np.array([shape.numbers for shape in shapes], float)
    spread = numbers.std(axis=0) + 1e-6

    chosen = [place for kind in kinds for place in examples(rows, kind)]
    told = [shapes[place] for place in chosen] + [features_of(text) for text in everyday]
    label = [kinds.index(rows.kind[place]) for place in chosen] + [len(kinds)] * len(everyday)
    seen = Counter(word for shape in told for word in shape.words)
    vocabulary = sorted(word for word, count in seen.items() if count >= RAREST)
    evidence, by_word = tell_apart(
        np.array([shape.numbers for shape in told], float),
        word_matrix([shape.words for shape in told], vocabulary),
        np.array(label),
    )
    gains = [
        ridge(numbers[rows.kind == kind], rows.target[rows.kind == kind], spread) for kind in kinds
    ]
    exact = np.vstack([evidence * EVIDENCE_GRAIN, np.array(gains) * GAIN_GRAIN])
    lanes = np.round(exact).astype(np.int64)
    if np.abs(lanes[:, :-1]).max() >= LARGEST:
        raise SystemExit("a weight is too large for its lane")
    word_scale = float(np.abs(by_word).max()) / 127
    weights = np.round(by_word / word_scale).astype(np.int64)
    document = {
        "kinds": kinds,
        "numbers": lanes[:, :-1].T.tolist(),
        "start": lanes[:, -1].tolist(),
        "scales": [word_scale, 1 / EVIDENCE_GRAIN, 1 / GAIN_GRAIN],
        "cuts": [0.0, 1.0],
        "unlike": UNLIKE,
        "known": KNOWN,
        "sources": list(sources),
    }
    words = {w.decode(): row.tolist() for w, row in zip(vocabulary, weights, strict=True)}
    fitted = Fitted(document, words)
    return replace(fitted, document={**document, "cuts": cuts_of(fitted.model(), rows)})


def examples(rows: Rows, kind: str) -> list[int]:
    """Places of the texts that a kind is told apart by; a text in two sources counts once."""
    once = {rows.texts[place]: int(place) for place in np.flatnonzero(rows.kind == kind)}
    return [once[text] for text in sorted(once, key=digest)[:ROWS_A_KIND]]


def cuts_of(model: Learned, rows: Rows) -> list[float]:
    """Gains that part a stream with as much of each kind into equal shares."""
    gains = np.array([model.read(text).gain for text in rows.texts])
    count = Counter(rows.kind)
    order = np.argsort(gains, kind="stable")
    passed = np.cumsum(np.array([1 / count[kind] for kind in rows.kind])[order])
    cuts = np.interp(np.linspace(0, 1, CUTS + 1), passed / passed[-1], gains[order])
    return [round(float(cut), 5) for cut in cuts]


def word_matrix(texts: Sequence[frozenset[bytes]], vocabulary: Sequence[bytes]) -> Floats:
    """A row a text: 1 / sqrt(its distinct words + 1) in the column of each that is known."""
    column = {word: place for place, word in enumerate(vocabulary)}
    matrix = np.zeros((len(texts), len(vocabulary)))
    for row, words in enumerate(texts):
        known = [column[word] for word in words if word in column]
        matrix[row, known] = 1 / np.sqrt(len(words) + 1)
    return matrix


def tell_apart(numbers: Floats, words: Floats, label: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Logistic regression of the label, each label of equal weight, by Nesterov's gradient steps.

    Gives the weights of the numbers as they are, a row a label, the start last; and of the words,
    a column a label.
    """
    mean, spread = numbers.mean(axis=0), numbers.std(axis=0) + 1e-6
    inputs = np.hstack([(numbers - mean) / spread / 4, words, np.ones((len(label), 1))])
    truth = np.eye(int(label.max()) + 1)[label]
    weight = len(label) / truth.shape[1] / truth.sum(axis=0)[label]
    scaled = inputs * weight[:, None]
    # The curvature of this loss is at most half that of least squares on the same rows, whose
    # largest eigenvalue thirty powers of the matrix find.
    probe = np.ones(inputs.shape[1])
    for _ in range(30):
        probe = scaled.T @ (inputs @ (probe / np.linalg.norm(probe)))
    step = 1 / (0.5 * np.linalg.norm(probe) + PENALTY)
    solution = ahead = np.zeros((inputs.shape[1], truth.shape[1]))
    for number in range(STEPS):
        logits = inputs @ ahead
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = odds / odds.sum(axis=1, keepdims=True) - truth
        moved = ahead - step * (scaled.T @ error + PENALTY * ahead)
        ahead = moved + number / (number + 3) * (moved - solution)
        solution = moved
    width = numbers.shape[1]
    by_number = solution[:width] / spread[:, None] / 4
    start = solution[-1] - mean @ by_number
    return np.vstack([by_number, start]).T, solution[width:-1]


def ridge(numbers: Floats, target: Floats, spread: Floats) -> Floats:
    """Weights of the numbers, the start last. spread: of each number, so one penalty fits all."""
    mean, middle = numbers.mean(axis=0), target.mean()
    centred = numbers - mean
    curvature = centred.T @ centred + np.diag(RIDGE * spread**2)
    weights: Floats = np.linalg.solve(curvature, centred.T @ (target - middle))
    return np.append(weights, middle - mean @ weights)


# --------------------------------------------------------------------------------------- measuring


@dataclass(frozen=True)
class Heard:
    """What a model says of some texts, and of which it would rather say nothing."""

    score: Floats
    silent: Mask

    @property
    def shown(self) -> Floats:
        """Scores for a caller who takes the middle where there is no estimate."""
        shown: Floats = np.where(self.silent, 0.5, self.score)
        return shown


def listen(model: Learned, texts: Iterable[str]) -> Heard:
    said = [(model.read(text).score, model.estimate(text) is None) for text in texts]
    return Heard(np.array([score for score, _ in said]), np.array([none for _, none in said], bool))


def area_of_gap(score: Floats, rows: Rows, weight: Floats) -> float:
    """APGR: the part of the gap in quality that is recovered, its mean over all shares of calls
    that go to the strong model, highest scores first; 0.5 at random. Ties count by their mean."""
    values, group = np.unique(-score, return_inverse=True)
    calls = np.bincount(group, weight, len(values))
    gained = np.bincount(group, weight * (rows.strong - rows.light), len(values))
    done = np.concatenate([[0.0], np.cumsum(gained)])
    return float((calls * (done[1:] + done[:-1]) / 2).sum() / calls.sum() / done[-1])


def area_under_roc(score: Floats, event: Mask, weight: Floats) -> float:
    """Chance that a row with the event scores above one without; a tie is half a chance."""
    values, group = np.unique(score, return_inverse=True)
    having = np.bincount(group, weight * event, len(values))
    lacking = np.bincount(group, weight * ~event, len(values))
    below = np.cumsum(lacking) - lacking / 2
    return float((having * below).sum() / having.sum() / lacking.sum())


def figures(score: Floats, rows: Rows, weight: Floats) -> tuple[float, float, float]:
    """APGR; AUC of "the light model fails"; AUC of "it fails and the strong one does better"."""
    return (
        area_of_gap(score, rows, weight),
        area_under_roc(score, rows.light < 0.5, weight),
        area_under_roc(score, rows.strong > rows.light, weight),
    )


def stream_weight(rows: Rows) -> Floats:
    """Weights that make the rows a stream with each source's part of the mixed one."""
    share = np.array([MIX.get(source.set, 0) for source in SOURCES], float)
    count = np.bincount(rows.source, minlength=len(SOURCES))
    weight: Floats = (share / np.maximum(count, 1))[rows.source]
    return weight


def interval(score: Floats, rows: Rows, weight: Floats) -> tuple[float, float]:
    """95 % of the APGR of 200 streams drawn from this one."""
    chance = np.random.default_rng(1)
    drawn = [area_of_gap(score, rows, weight * chance.poisson(1.0, len(score))) for _ in range(200)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def kind_alone(rows: Rows, folds: int) -> Floats:
    """The control that knows each row's true kind and nothing of its text: the kind's mean target
    in the other folds. Measured rows without a kind get the mean of all."""
    score = np.zeros(len(rows.texts))
    for fold in range(folds):
        rest = (rows.fold != fold) & (rows.kind != "")
        for kind in set(rows.kind):
            of_kind = rest & (rows.kind == kind) if kind else rest
            score[(rows.fold == fold) & (rows.kind == kind)] = rows.target[of_kind].mean()
    return score


def models_of_folds(rows: Rows, everyday: Sequence[str], folds: int) -> list[Learned]:
    """For each fold a model that was fitted without it."""
    return [
        fit(
            rows.where((rows.fold != fold) & (rows.kind != "")),
            [text for text in everyday if fold_of(text, folds) != fold],
        ).model()
        for fold in range(folds)
    ]


def cross_validate(rows: Rows, everyday: list[str], folds: int) -> tuple[Heard, Heard]:
    """What is said of each row, and of each everyday text, by a model not fitted on its fold."""
    apart = np.array([fold_of(text, folds) for text in everyday], int)
    models = models_of_folds(rows, everyday, folds)
    heard = Heard(np.zeros(len(rows.texts)), np.zeros(len(rows.texts), bool))
    other = Heard(np.zeros(len(everyday)), np.zeros(len(everyday), bool))
    for fold, model in enumerate(models):
        for whole, texts, here in (
            (heard, rows.texts, rows.fold == fold),
            (other, np.array(everyday, object), apart == fold),
        ):
            said = listen(model, texts[here])
            whole.score[here], whole.silent[here] = said.score, said.silent
    return heard, other


# ---------------------------------------------------------------------------------------- printing


def print_folds(rows: Rows, heard: Heard, folds: int) -> None:
    print(f"\nRows in {folds} folds, each said by a model that was fitted without its fold")
    print(
        f"{'':22}{'rows':>6}{'light':>7}{'strong':>8}  {'length':>7}{'APGR':>7}{'failAUC':>9}"
        f"{'AUC':>7}  {'silent':>7}{'APGR then':>11}"
    )
    length = np.array([len(text) for text in rows.texts], float)
    for index, source in enumerate(SOURCES):
        at = rows.source == index
        if not at.any():
            continue
        part, even = rows.where(at), np.ones(int(at.sum()))
        apgr, fail, auc = figures(heard.score[at], part, even)
        print(
            f"{source.name:22}{at.sum():6}{part.light.mean():7.3f}{part.strong.mean():8.3f}  "
            f"{area_of_gap(length[at], part, even):7.3f}{apgr:7.3f}{fail:9.3f}{auc:7.3f}  "
            f"{heard.silent[at].mean():7.3f}{area_of_gap(heard.shown[at], part, even):11.3f}"
        )


def print_streams(rows: Rows, heard: Heard, folds: int) -> None:
    print("\nMixed streams: APGR [95 %], failAUC, AUC; where silent, the middle is taken")
    scorers = {
        "length of the text": np.array([len(text) for text in rows.texts], float),
        "true kind, no text": kind_alone(rows, folds),
        "learned": heard.shown,
    }
    for name, at in (("the kinds fitted", rows.kind != ""), ("and BFCL", rows.source >= 0)):
        stream = rows.where(at)
        weight = stream_weight(stream)
        for scorer, score in scorers.items():
            apgr, fail, auc = figures(score[at], stream, weight)
            low, high = interval(score[at], stream, weight)
            print(f"{name:18}{scorer:20}{apgr:6.3f} [{low:.3f}, {high:.3f}]{fail:8.3f}{auc:8.3f}")


def print_left_out(rows: Rows, everyday: list[str]) -> None:
    print("\nOne kind left out, said by a model of the others: how often silent, and APGR")
    print(f"{'':26}{'never silent':>14}{'silent':>10}{'APGR then':>12}")
    for kind in sorted(set(rows.kind) - {""}):
        model = fit(rows.where((rows.kind != kind) & (rows.kind != "")), everyday).model()
        part = rows.where(rows.kind == kind)
        heard, even = listen(model, part.texts), np.ones(len(part.texts))
        print(
            f"{kind:26}{area_of_gap(heard.score, part, even):14.3f}{heard.silent.mean():10.3f}"
            f"{area_of_gap(heard.shown, part, even):12.3f}"
        )


def print_time(model: Learned, rows: Rows) -> None:
    """Each text once after one that warms up, as a server meets them."""
    texts = [text for text in rows.texts if 900 <= len(text) <= 1100]
    taken = []
    for text in texts[:1] + texts:
        start = time.perf_counter_ns()
        model.estimate(text)
        taken.append((time.perf_counter_ns() - start) / 1000)
    if texts:
        middle, high = np.percentile(taken[1:], [50, 99])
        print(f"{len(texts)} texts of about 1,000 characters: {middle:.0f} us, 99 % {high:.0f} us")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args(arguments)
    rows = read(options.data, options.folds)
    everyday = texts_of(options.data, EVERYDAY)

    heard, other = cross_validate(rows, everyday, options.folds)
    print_folds(rows, heard, options.folds)
    print_streams(rows, heard, options.folds)
    print(f"\nEveryday requests, folds apart: silent {other.silent.mean():.3f}")
    if len(set(rows.kind) - {""}) > 1:
        print_left_out(rows, everyday)

    fitted = fit(rows.where(rows.kind != ""), everyday, credits_of(rows, options.data))
    unseen = texts_of(options.data, UNSEEN)
    if unseen:
        silent = listen(fitted.model(), unseen).silent.mean()
        print(f"\nFLASK, of which nothing is fitted: silent {silent:.3f}")
    print(f"\n{len(fitted.words)} words, {len(fitted.to_bytes())} bytes")
    print_time(fitted.model(), rows)
    if options.out:
        options.out.write_bytes(fitted.to_bytes())


def credits_of(rows: Rows, data: Path) -> list[dict[str, Any]]:
    """What a model was fitted on, for its file."""
    outcomes = [
        {"name": source.name, "licence": source.licence, "rows": count}
        for index, source in enumerate(SOURCES)
        if source.kind and (count := int((rows.source == index).sum()))
    ]
    texts = [
        {"name": name, "licence": licence, "rows": count, "read": "text alone"}
        for file, (name, licence) in EVERYDAY.items()
        if (count := len(texts_of(data, [file])))
    ]
    return outcomes + texts


if __name__ == "__main__":
    main()
