"""Real outcomes of three models, light, standard and heavy, from files of outcomes."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.outcomes import read
from policy_router.classification.features import read_features
from policy_router.classification.forms import form_of
from policy_router.classification.kinds import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ZERO_EVAL: Final = (
    "Meta-Llama-3.1-8B-Instruct", "gpt-4o-mini-2024-07-18", "o1-mini-2024-09-12",
)  # fmt: skip
SETS: Final = {
    "zeroeval_gsm": (ZERO_EVAL, 200),
    "zeroeval_mathl5": (ZERO_EVAL, 200),
    "zeroeval_crux": (ZERO_EVAL, 200),
    "mmlupro": (
        ("Meta-Llama-3_1-8B-Instruct", "Meta-Llama-3_1-70B-Instruct", "gemini-1.5-pro-002"), 800,
    ),
    "bfcl_202408": (
        (
            "meta-llama_Meta-Llama-3-8B-Instruct", "gpt-4o-mini-2024-07-18",
            "claude-3-5-sonnet-20240620",
        ), 300,
    ),
}  # fmt: skip
"""Files, with their light, standard and heavy model, and how many rows are taken of each."""
COSTS: Final = {"light": 0.0, "standard": 0.1, "heavy": 1.0}
"""What an answer of each model is taken to cost."""


@dataclass(frozen=True, slots=True)
class TierRow:
    """A prompt: its form and its kind of work, and what the models of COSTS score, 0..1."""

    id: str
    prompt: str
    form: str
    kind: str | None
    scores: tuple[float, ...]


def tier_rows(folder: Path) -> Iterator[TierRow]:
    """The rows of all sets whose models all have a score."""
    for name, (models, most) in SETS.items():
        meta, rows = read(folder, name)
        at = [meta["models"].index(model) for model in models]
        rows = [row for row in rows if all(row["s"][i] is not None for i in at)]
        for row in sorted(rows, key=lambda row: random.Random(row["id"]).random())[:most]:
            tools = [{"description": "x"}] * row.get("n_tools", 0)
            features, _ = read_features(row["prompt"], tools=tools)
            scores = tuple(float(row["s"][i]) for i in at)
            form, kind = str(form_of(features)), kind_of(features).name
            yield TierRow(f"{name}/{row['id']}", row["prompt"], form, kind, scores)
