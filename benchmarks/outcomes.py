"""Real outcomes for measuring classification: files of prompts with what models really scored.

A file is gzipped JSON lines. The first line is {"_meta": {"models": [...], ...}}; every other is a
prompt with `s`, a score per model in that order (null: missing), or with columns of labels.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MIXTRAL, GPT4 = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
LLAMA, GPT4O = "Meta-Llama-3.1-8B-Instruct", "gpt-4o-2024-08-06"

PAIRS: Final = {
    "gsm8k": ("routellm_gsm8k", MIXTRAL, GPT4),
    "mmlu": ("routellm_mmlu", MIXTRAL, GPT4),
    "gsm": ("zeroeval_gsm", LLAMA, GPT4O),
    "math-l5": ("zeroeval_mathl5", LLAMA, GPT4O),
    "crux": ("zeroeval_crux", LLAMA, GPT4O),
    "mmlu-pro": ("mmlupro", "Meta-Llama-3_1-8B-Instruct", "gemini-1.5-pro-002"),
    "bfcl": (
        "bfcl_202408",
        "meta-llama_Meta-Llama-3-8B-Instruct",
        "claude-3-5-sonnet-20240620",
    ),
}
"""A set by name: its file, the light model and the strong one."""

MIX: Final = {
    "gsm": 200, "math-l5": 200, "crux": 200, "mmlu-pro": 400, "mmlu": 400, "bfcl": 300,
}  # fmt: skip
"""The mixed stream: at most so many prompts of each set, the first by digest of their id."""

LABELS: Final = {
    "mt-bench": ("labels_mtbench", "category"),
    "arena-hard": ("labels_arenahard", "subcategory"),
}
"""Sets with a label for the kind of work, and the column it is in."""


@dataclass(frozen=True, slots=True)
class Row:
    """A prompt, the tools it comes with, and what the light and the strong model scored, 0..1."""

    id: str
    prompt: str
    tools: tuple[dict[str, Any], ...]
    light: float
    strong: float


def read(folder: Path, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a file says of itself, and its rows."""
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        head, *rows = (json.loads(line) for line in lines if line.strip())
    meta: dict[str, Any] = head["_meta"]
    return meta, rows


def pairs(folder: Path) -> dict[str, list[Row]]:
    """The rows of every set that is there, with both scores; then those of the mixed stream."""
    found: dict[str, list[Row]] = {}
    for name, (file, light, strong) in PAIRS.items():
        if not (folder / f"{file}.jsonl.gz").exists():
            continue
        meta, rows = read(folder, file)
        at, to = meta["models"].index(light), meta["models"].index(strong)
        found[name] = [
            Row(row["id"], row["prompt"], _tools(row), row["s"][at], row["s"][to])
            for row in rows
            if row["s"][at] is not None and row["s"][to] is not None and not row.get("contaminated")
        ]
    mixed = [
        row for name, most in MIX.items() for row in sorted(found.get(name, ()), key=_digest)[:most]
    ]
    return {**found, "mixed": mixed}


def _tools(row: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Stand-ins of the right number and size: the files say no more of the tools."""
    n = row.get("n_tools", 0)
    return ({"description": "x" * (row.get("tools_chars", 0) // n)},) * n if n else ()


def _digest(row: Row) -> str:
    return hashlib.sha1(row.id.encode(), usedforsecurity=False).hexdigest()


def auc(scores: Sequence[float], events: Sequence[bool]) -> float:
    """How often an event has a higher score than a non-event; a tie counts half."""
    yes = sum(events)
    no = len(events) - yes
    if not yes or not no:
        return float("nan")
    ranked = sorted(range(len(scores)), key=scores.__getitem__)
    ranks, at = 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and scores[ranked[end]] == scores[ranked[at]]:
            end += 1
        ranks += (at + end + 1) / 2 * sum(events[i] for i in ranked[at:end])
        at = end
    return (ranks - yes * (yes + 1) / 2) / (yes * no)


def curve(scores: Sequence[float], rows: Sequence[Row]) -> list[tuple[float, float]]:
    """(share of prompts sent to the strong model, quality), highest scores first. Prompts with
    one score go together, so a constant score gives the straight line of chance."""
    ranked = sorted(range(len(rows)), key=lambda i: -scores[i])
    total = sum(row.light for row in rows)
    points, at = [(0.0, total / len(rows))], 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and scores[ranked[end]] == scores[ranked[at]]:
            total += rows[ranked[end]].strong - rows[ranked[end]].light
            end += 1
        points.append((end / len(rows), total / len(rows)))
        at = end
    return points


def apgr(scores: Sequence[float], rows: Sequence[Row]) -> float:
    """Average share of the gap between light and strong that is closed, over all shares of strong
    calls; chance gives 0.5 (Ong et al., arXiv 2406.18665)."""
    points = curve(scores, rows)
    (_, low), (_, high) = points[0], points[-1]
    area = sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(points))
    return (area - low) / (high - low)


def mapped_accuracy(told: Sequence[str], labels: Sequence[str], prompts: Sequence[str]) -> float:
    """Accuracy of task names against labels of another vocabulary: each task stands for the label
    it meets most on one half of the prompts (by digest), scored on the other, both ways round."""
    halves = [
        hashlib.sha1(prompt.encode(), usedforsecurity=False).digest()[0] % 2 for prompt in prompts
    ]
    right = 0
    for half in (0, 1):
        seen: dict[str, dict[str, int]] = {}
        for task, label, side in zip(told, labels, halves, strict=True):
            if side == half:
                own = seen.setdefault(task, {})
                own[label] = own.get(label, 0) + 1
        stands_for = {task: max(own, key=own.__getitem__) for task, own in seen.items()}
        right += sum(
            stands_for.get(task) == label
            for task, label, side in zip(told, labels, halves, strict=True)
            if side != half
        )
    return right / len(told)


def cascade(
    rows: Sequence[Row], send: Callable[[int], bool], caught: float, spurious: float
) -> tuple[float, float]:
    """(quality, share of strong calls) when `send(i)` goes to the strong model at once, and of the
    rest every answer that a checker finds wrong does. The checker finds a share `caught` of the
    wrong answers and `spurious` of the right ones; expectation, no sampling."""
    quality = calls = 0.0
    for i, row in enumerate(rows):
        if send(i):
            quality += row.strong
            calls += 1
            continue
        # Wrong and right answers apart: how often one is asked again hangs on which it is.
        wrong, right = 1 - row.light, row.light
        quality += wrong * caught * row.strong + right * (spurious * row.strong + 1 - spurious)
        calls += wrong * caught + right * spurious
    return quality / len(rows), calls / len(rows)
