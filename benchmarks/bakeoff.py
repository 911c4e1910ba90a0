"""What a bake-off on 200 prompts keeps and saves, on real outcomes of three models.

    python benchmarks/bakeoff.py --data DIR [--draws 30] [--prompts 200]

DIR holds files as benchmarks/outcomes.py describes them. A light, a standard and a heavy model
answer at the costs 0, 0.1 and 1. A check finds 80 % of the bad answers and rejects 20 % of the good
ones; its verdicts are drawn. Each draw takes some prompts for a bake-off, and what it proposes is
judged on all other prompts, where the verdicts count with their mean. The second table has the best
plan for each budget, chosen on one half of all prompts and judged on the other.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.three_tiers import COSTS, tier_rows
from policy_router.learning.bakeoff import TARGET, bake_off, best_model, compare
from policy_router.learning.budget_rows import budget_rows
from policy_router.learning.cascades import GradedAnswer, GradedPrompt

if TYPE_CHECKING:
    from collections.abc import Sequence

CAUGHT, SPURIOUS = 0.8, 0.2
BUDGETS: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)


def prompts_of(folder: Path) -> list[GradedPrompt]:
    """The prompts of all sets, with the mean of the verdicts of the check."""
    found = []
    for row in tier_rows(folder):
        answers = {
            model: GradedAnswer.supposed(score, cost, CAUGHT, SPURIOUS)
            for (model, cost), score in zip(COSTS.items(), row.scores, strict=True)
        }
        found.append(GradedPrompt(row.id, (row.form, row.kind or "other"), answers))
    return found


def drawn(prompt: GradedPrompt, rng: random.Random) -> GradedPrompt:
    """The prompt with one answer and one verdict of each model, drawn from their means."""
    answers = {}
    for name, answer in prompt.answers.items():
        good = rng.random() < answer.quality
        passed = rng.random() >= (SPURIOUS if good else CAUGHT)
        answers[name] = GradedAnswer.checked(float(good), answer.cost, passed=passed)
    return GradedPrompt(prompt.id, prompt.path, answers)


def measure(prompts: Sequence[GradedPrompt], draws: int, size: int, target: float) -> None:
    """One row of the table: the bake-offs of one size."""
    kept, costs, plans = [], [], []
    models = tuple(COSTS)
    best = best_model(prompts, models)
    for draw in range(draws):
        rng = random.Random(draw)
        chosen = rng.sample(list(prompts), size)
        found = bake_off([drawn(each, rng) for each in chosen], models, target, seed=draw)
        names = {each.id for each in chosen}
        figures = compare(found.plan, best, [each for each in prompts if each.id not in names])
        kept.append(figures.kept)
        costs.append(figures.cost_share)
        plans.append(str(found.plan.usual))
    usual = max(set(plans), key=plans.count)
    print(
        f"| {size} | {target:.0%} | {statistics.fmean(kept):.1%} | {min(kept):.1%}"
        f" | {statistics.fmean(costs):.2f} | {usual} ({plans.count(usual)}/{draws}) |"
    )


def measure_budgets(prompts: Sequence[GradedPrompt], seeds: int) -> None:
    """One row of the table per budget: means over splits of the prompts."""
    models = tuple(COSTS)
    splits = [budget_rows(prompts, models, BUDGETS, seed) for seed in range(seeds)]
    print("\n| budget | cost | quality | best model | best mixture |\n|---|---:|---:|---:|---:|")
    for rows in zip(*splits, strict=True):
        cells = [
            statistics.fmean(value for value in values if value is not None)
            for values in (
                [row.cost for row in rows],
                [row.quality for row in rows],
                [row.single for row in rows],
                [row.mixture for row in rows],
            )
        ]
        print(f"| {rows[0].budget} | {' | '.join(f'{cell:.3f}' for cell in cells)} |")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=30)
    parser.add_argument("--prompts", type=int, nargs="+", default=[100, 200, 500])
    parser.add_argument("--target", type=float, default=TARGET)
    asked = parser.parse_args()
    prompts = prompts_of(asked.data)
    print("| prompts | target | kept | worst draw | cost | most frequent plan |")
    print("|---|---|---:|---:|---:|---|")
    for size in asked.prompts:
        measure(prompts, asked.draws, size, asked.target)
    measure_budgets(prompts, asked.draws)


if __name__ == "__main__":
    main()
