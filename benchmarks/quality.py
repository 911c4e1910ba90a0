"""How much classification knows about real outcomes, beside what others know, all in one run.

    python benchmarks/quality.py --data DIR

DIR holds files as benchmarks/outcomes.py describes them. For every set of prompts: AUC of "the
strong model does better", AUC of "the light model fails", and APGR; chance gives .5 of each.
Two controls stand beside every claim: a random score, and the length of the prompt. The learned
model as it is shipped was fitted on the development rows of most of these sets, so on them its
figures flatter it; the row `out of fold` does not: each prompt there is scored by a model that was
fitted, in this run, without its fold. The heuristic was set by hand by who knew these rows.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import sys
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.outcomes import LABELS, Row, apgr, auc, cascade, curve, mapped_accuracy, pairs, read
from policy_router.classification.complexity import Heuristic
from policy_router.classification.features import read_features
from policy_router.classification.kinds import kind_of
from policy_router.classification.learned import MIDDLE, shipped
from policy_router.domain.complexity import CONFIDENT
from policy_router.language.compile.complexity import DEFAULT_BANDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policy_router.classification.learned import Learned

FOLDS: Final = 5
CHECKERS: Final = {"none": (0.0, 0.0), "80 % / 20 %": (0.8, 0.2), "perfect": (1.0, 0.0)}
"""Checkers of answers: the share of wrong and of right answers that they find wrong."""
HARD_WORDS: Final = (
    "analyze", "architecture", "security", "prove", "optimize", "trade-off", "design", "explain",
)  # fmt: skip


def heuristic(row: Row) -> float:
    """Ours."""
    features, text = read_features(row.prompt, tools=list(row.tools))
    return _HEURISTIC.estimate(features, kind_of(features), text).score


_HEURISTIC: Final = Heuristic()


def chance(row: Row) -> float:
    """A control: a number drawn from the prompt's digest."""
    return int(hashlib.sha256(row.prompt.encode()).hexdigest()[:8], 16) / 2**32


def length(row: Row) -> float:
    """A control: characters."""
    return float(len(row.prompt))


def naive(row: Row) -> float:
    """The five factors as they are commonly written: length, context, tools, listed words."""
    low = row.prompt.lower()
    words = sum(word in low for word in HARD_WORDS)
    return (
        0.30 * min(1.0, len(low) / 2000)
        + 0.15 * min(1.0, sum(len(str(t)) for t in row.tools) / 8000)
        + 0.25 * min(1.0, len(row.tools) / 4)
        + 0.20 * min(1.0, words / 3)
    )


def scorers(folder: Path) -> dict[str, Callable[[Row], float]]:
    """Every scorer that is installed, by name."""
    found: dict[str, Callable[[Row], float]] = {
        "chance": chance,
        "length": length,
        "five factors, naive": naive,
        "heuristic": heuristic,
    }
    if importlib.util.find_spec("litellm"):
        found["LiteLLM complexity"] = _litellm()
    found["learned, as shipped"] = or_middle(lambda _: shipped())
    if importlib.util.find_spec("numpy"):
        found["learned, out of fold"] = or_middle(_of_folds(folder))
    return found


def or_middle(model: Callable[[Row], Learned]) -> Callable[[Row], float]:
    """The learned estimate; where it abstains, the middle of its scale."""

    def score(row: Row) -> float:
        found = model(row).estimate(row.prompt, len(row.tools))
        return MIDDLE if found is None else found

    return score


def _of_folds(folder: Path) -> Callable[[Row], Learned]:
    """Models fitted here, each without a fifth of the rows; a row is scored by the one that has not
    seen it."""
    training = importlib.import_module("benchmarks.train_learned")
    rows, everyday = training.read(folder, FOLDS), training.texts_of(folder, training.EVERYDAY)
    models = training.models_of_folds(rows, everyday, FOLDS)
    return lambda row: models[training.fold_of(row.prompt, FOLDS)]


def _litellm() -> Callable[[Row], float]:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    module = importlib.import_module("litellm.router_strategy.complexity_router.complexity_router")
    # It only keeps its router for calls, and none is made here.
    router: Any = module.ComplexityRouter("benchmark", None, derive_savings_baseline=False)
    return lambda row: float(router.classify(row.prompt)[1])


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table in Markdown, with its columns in line."""
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]
    print(f"\n{title}\n")
    for line in (head, ["-" * w for w in widths], *rows):
        cells = (
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        print("| " + " | ".join(cells) + " |")


def outcomes(sets: dict[str, list[Row]], by: dict[str, Callable[[Row], float]]) -> None:
    """The three figures of every scorer on every set."""
    heads = [f"{name} ({len(rows)})" for name, rows in sets.items()]
    figures: dict[str, dict[str, tuple[float, float, float]]] = {}
    for name, scorer in by.items():
        for each, rows in sets.items():
            scores = [scorer(row) for row in rows]
            figures.setdefault(name, {})[each] = (
                auc(scores, [row.strong > row.light for row in rows]),
                auc(scores, [row.light < 0.5 for row in rows]),
                apgr(scores, rows),
            )
    for i, title in enumerate(
        ("AUC: the strong model does better", "AUC: the light model fails", "APGR")
    ):
        table(
            title,
            ["", *heads],
            [[name, *(f"{own[each][i]:.3f}" for each in sets)] for name, own in figures.items()],
        )


def tasks(folder: Path) -> None:
    """Accuracy of the kind of work on labelled sets, beside LiteLLM's request types."""
    told: dict[str, Callable[[str], str]] = {"built-in tasks": _kind, "one task": lambda _: "one"}
    if importlib.util.find_spec("litellm"):
        classifier = importlib.import_module("litellm.router_strategy.adaptive_router.classifier")
        told["LiteLLM request type"] = lambda prompt: str(classifier.classify_prompt(prompt))
    heads, columns = [], []
    for name, (file, column) in LABELS.items():
        if not (folder / f"{file}.jsonl.gz").exists():
            continue
        rows = [row for row in read(folder, file)[1] if row[column] is not None]
        prompts, labels = [row["prompt"] for row in rows], [str(row[column]) for row in rows]
        heads.append(f"{name} ({len(rows)}, {len(set(labels))} labels)")
        columns.append(
            [mapped_accuracy([tell(p) for p in prompts], labels, prompts) for tell in told.values()]
        )
    rows_ = [[name, *(f"{column[i]:.3f}" for column in columns)] for i, name in enumerate(told)]
    table("Accuracy of tasks", ["", *heads], rows_)


def _kind(prompt: str) -> str:
    kind = kind_of(read_features(prompt)[0])
    return str(kind.name) if kind.probability >= CONFIDENT else "none"


def bands(sets: dict[str, list[Row]]) -> None:
    """How the default bands cut each set."""
    starts = [start for _, start in DEFAULT_BANDS]
    lines = []
    for name, rows in sets.items():
        counts = [0] * len(starts)
        for row in rows:
            counts[bisect_right(starts, heuristic(row)) - 1] += 1
        lines.append([name, *(f"{n / len(rows):.0%}" for n in counts)])
    table("Share of each default band", ["", *(name for name, _ in DEFAULT_BANDS)], lines)


def cascades(rows: list[Row], by: dict[str, Callable[[Row], float]]) -> None:
    """Quality and strong calls with a checker of answers, alone and after a score's first cut."""
    low, high = (sum(getattr(r, m) for r in rows) / len(rows) for m in ("light", "strong"))
    lines = [
        ["always light", "", f"{low:.3f}", "0%", "0%"],
        ["always strong", "", f"{high:.3f}", "100%", "100%"],
    ]
    plans: dict[str, Callable[[int], bool]] = {"light first": lambda _: False}
    for name in ("chance", "heuristic"):
        scores = [by[name](row) for row in rows]
        cut = sorted(scores, reverse=True)[len(rows) // 5]  # equal scores go together
        plans[f"hardest fifth straight to strong, by {name}"] = (
            lambda i, scores=scores, cut=cut: scores[i] >= cut  # type: ignore[misc]  # mypy cannot type defaults
        )
    for name, plan in plans.items():
        for checker, (caught, spurious) in CHECKERS.items():
            quality, calls = cascade(rows, plan, caught, spurious)
            gap = (quality - low) / (high - low)
            lines.append([name, checker, f"{quality:.3f}", f"{gap:.0%}", f"{calls:.0%}"])
    table(
        "Mixed stream, light model first, answers checked",
        ["", "checker finds wrong: wrong / right answers", "quality", "of the gap", "strong calls"],
        lines,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    folder = parser.parse_args().data
    sets = pairs(folder)
    by = scorers(folder)
    outcomes(sets, by)
    quarter = [
        [name, *(f"{_at(curve([by[name](r) for r in sets['mixed']], sets['mixed']), x):.3f}"
                 for x in (0.2, 0.4, 0.6))]
        for name in by
    ]  # fmt: skip
    table(
        "Quality of the mixed stream, by share of strong calls",
        ["", "20%", "40%", "60%"],
        quarter,
    )
    tasks(folder)
    bands(sets)
    cascades(sets["mixed"], by)


def _at(points: list[tuple[float, float]], share: float) -> float:
    """The quality at a share of strong calls, straight between the points."""
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= share <= x1:
            return y0 + (y1 - y0) * (share - x0) / (x1 - x0)
    raise ValueError(share)


if __name__ == "__main__":
    main()
