"""Orders and plans for budgets, fitted on one half of real outcomes and judged on the other.

    python benchmarks/yardstick.py --data DIR
    python benchmarks/yardstick.py --outcomes FILE

For every budget: the reward that somebody has published, the hull of single models, an order by
kinds of requests, and plans with a check that finds 80 % of the bad answers and rejects 20 % of the
good ones. The bar is the larger one of the published reward and the hull.

DIR holds files as benchmarks/outcomes.py describes them: the rewards of three models, for which
nothing is published. FILE is gzipped JSON lines. The first is {"_meta": {"models": [...],
"budgets": [...], "published": [...]}}, the budgets being mean costs of a request; every other is a
prompt with `id`, `prompt`, `s`, a reward of each model, `c`, its cost, and `split`: `fit` or
`judge`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.bakeoff import BUDGETS, CAUGHT, SPURIOUS, prompts_of
from benchmarks.outcomes import read
from benchmarks.three_tiers import COSTS
from policy_router.classification.features import read_features
from policy_router.classification.forms import form_of
from policy_router.classification.kinds import kind_of
from policy_router.learning.bakeoff import halves
from policy_router.learning.budget_plans import at_budget, budget_plan, hull, single_points
from policy_router.learning.cascades import GradedAnswer, GradedPrompt

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Yardstick:
    """Prompts to fit by and to judge by, and the budgets with what is published for each."""

    models: tuple[str, ...]
    fitted_by: Sequence[GradedPrompt]
    judged_by: Sequence[GradedPrompt]
    budgets: tuple[float, ...]
    published: tuple[float | None, ...]


def of_tiers(folder: Path) -> Yardstick:
    """The three models of benchmarks/three_tiers.py."""
    fitted_by, judged_by = halves(prompts_of(folder))
    return Yardstick(tuple(COSTS), fitted_by, judged_by, BUDGETS, (None,) * len(BUDGETS))


def of_file(path: Path) -> Yardstick:
    """Outcomes for which rewards are published."""
    meta, rows = read(path.parent, path.name.removesuffix(".jsonl.gz"))
    models = tuple(meta["models"])
    split: dict[str, list[GradedPrompt]] = {"fit": [], "judge": []}
    for row in rows:
        features, _ = read_features(row["prompt"], tools=())
        answers = {
            model: GradedAnswer.supposed(reward, cost, CAUGHT, SPURIOUS)
            for model, reward, cost in zip(models, row["s"], row["c"], strict=True)
        }
        path_of = (str(form_of(features)), kind_of(features).name or "other")
        split[row["split"]].append(GradedPrompt(row["id"], path_of, answers))
    budgets, published = tuple(meta["budgets"]), tuple(meta["published"])
    return Yardstick(models, split["fit"], split["judge"], budgets, published)


def unchecked(prompts: Sequence[GradedPrompt]) -> list[GradedPrompt]:
    """The same without a check, so that only one model is ever asked."""
    return [
        replace(
            prompt,
            answers={
                name: GradedAnswer.supposed(answer.quality, answer.cost, 0.0, 0.0)
                for name, answer in prompt.answers.items()
            },
        )
        for prompt in prompts
    ]


def reached(
    fitted_by: Sequence[GradedPrompt],
    judged_by: Sequence[GradedPrompt],
    models: Sequence[str],
    budget: float,
) -> tuple[float, float] | None:
    """Quality and cost of the plan for a budget; None where all models cost more."""
    plan = budget_plan(fitted_by, models, budget)
    if plan is None:
        return None
    got = [plan.achieved(prompt) for prompt in judged_by]
    return fmean(quality for quality, _ in got), fmean(cost for _, cost in got)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="DIR")
    source.add_argument("--outcomes", type=Path, metavar="FILE")
    asked = parser.parse_args()
    given = of_tiers(asked.data) if asked.data else of_file(asked.outcomes)
    singles = hull(single_points(given.judged_by, given.models))
    print(f"{len(given.fitted_by)} prompts to fit by, {len(given.judged_by)} to judge by\n")
    print("| budget | published | hull | order (cost) | plans (cost) | bar reached by |")
    print("|---:|---:|---:|---:|---:|---|")
    reaching = 0
    for budget, published in zip(given.budgets, given.published, strict=True):
        mixture = at_budget(singles, budget)
        bar = max((each for each in (published, mixture) if each is not None), default=0.0)
        cells, by = [], []
        for name, change in (("order", unchecked), ("plans", list)):
            found = reached(change(given.fitted_by), change(given.judged_by), given.models, budget)
            cells.append("-" if found is None else f"{found[0]:.3f} ({found[1]:.3g})")
            if found is not None and found[0] >= bar:
                by.append(name)
        reaching += bool(by)
        shown = ["-" if each is None else f"{each:.3f}" for each in (published, mixture)]
        print(f"| {budget:g} | {' | '.join([*shown, *cells])} | {', '.join(by) or 'neither'} |")
    print(f"\nthe bar is reached at {reaching} of {len(given.budgets)} budgets")


if __name__ == "__main__":
    main()
