"""Renders a bake-off: the results of each model and of the plan, and a patch for the policy."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

from policy_router.diagnostics import printable
from policy_router.domain.money import format_usd, spell_usd
from policy_router.learning.budget_plans import single_points
from policy_router.learning.cascades import Cascade
from policy_router.views.lines import Table, count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.domain.acceptance import Judge
    from policy_router.learning.bakeoff import BakeOff
    from policy_router.learning.budget_plans import BudgetPlan
    from policy_router.learning.budget_rows import BudgetRow
    from policy_router.learning.cascades import GradedPrompt
    from policy_router.views.lines import Block, Cell


def as_lines(
    result: BakeOff, prompts: Sequence[GradedPrompt], models: Sequence[str], target: float
) -> list[Block]:
    """Return what was found as lines and a table."""
    figures = result.figures
    rows: list[list[Cell]] = [["model", "quality", "cost a prompt"]]
    for cost, quality, cascade in sorted(single_points(prompts, models), key=lambda p: p[0]):
        rows.append([printable(cascade.models[0]), f"{quality:.3f}", spell_usd(round(cost))])
    best = printable(result.best)
    lines: list[Block] = [
        f"{count(len(prompts), 'prompt')}, {count(len(models), 'model')}",
        "",
        Table(rows, header=True),
        "",
        f"plan: {_plan_text(result.plan.usual)}",
        *(
            f"  {printable(kind)}: {_plan_text(cascade)}"
            for kind, cascade in sorted(result.plan.kinds.items())
        ),
    ]
    if (result.plan.usual, result.plan.kinds) == (Cascade((result.best,)), {}):
        lines.append(f"no cheaper plan certainly keeps {target:.0%} of the quality of {best}")
    lines.append(
        f"on prompts not used for choosing: {figures.kept:.1%} of the quality of {best}"
        f" (lower 90 % bound {figures.low:.1%}) at {figures.cost_share:.0%} of its cost"
    )
    return lines


def budgets_as_lines(rows: Sequence[BudgetRow]) -> list[Block]:
    """Return the plans for budgets as a table."""
    table: list[list[Cell]] = [
        ["budget", "quality", "cost", "best model", "best mixture", "plan"],
    ]
    for row in rows:
        if row.plan is None:
            table.append(
                [spell_usd(round(row.budget)), "-", "-", "-", "-", "no model costs that little"]
            )
            continue
        table.append(
            [
                spell_usd(round(row.budget)),
                _share(row.quality),
                spell_usd(round(row.cost or 0)),
                _share(row.single),
                _share(row.mixture),
                _summary(row.plan),
            ]
        )
    return [
        "",
        "on the half of the prompts that was not used to choose it:",
        Table(table, header=True),
    ]


def as_json(
    result: BakeOff,
    prompts: Sequence[GradedPrompt],
    models: Sequence[str],
    target: float,
    *,
    budgets: Sequence[BudgetRow],
    patch: str,
) -> dict[str, object]:
    """Return what was found as plain JSON values; costs are US dollars a prompt, as text."""
    figures = result.figures
    return {
        "schema_version": 1,
        "prompts": len(prompts),
        "target": target,
        "models": [
            {"model": cascade.models[0], "quality": quality, "cost_usd": _usd(cost)}
            for cost, quality, cascade in single_points(prompts, models)
        ],
        "best": result.best,
        "plan": {
            "models": list(result.plan.usual.models),
            "kinds": {kind: list(each.models) for kind, each in result.plan.kinds.items()},
        },
        "judged": {
            "prompts": figures.prompts,
            "quality": figures.quality,
            "cost_usd": _usd(figures.cost),
            "best_quality": figures.best_quality,
            "best_cost_usd": _usd(figures.best_cost),
            "kept": figures.kept,
            "kept_low": figures.low,
            "cost_share": figures.cost_share,
        },
        "budgets": [_budget_as_json(row) for row in budgets],
        "patch": patch,
    }


def as_yaml(result: BakeOff, tasks: Mapping[str, Cascade], judge: Judge | None) -> str:
    """Return the plan as sections of a policy.

    Args:
        result: What was found.
        tasks: The cascade of each task of the policy that the prompts belong to; empty where some
            belong to none.
        judge: The judge to check answers with, where the policy has no check of its own.
    """
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 100
    out = io.StringIO()
    if tasks:
        yaml.dump({"tasks": {name: _entry(each, judge) for name, each in tasks.items()}}, out)
    else:
        rule = {"name": "order of the bake-off", **_entry(result.plan.usual, judge)}
        yaml.dump({"rules": [rule]}, out)
    return out.getvalue()


def _entry(cascade: Cascade, judge: Judge | None) -> dict[str, object]:
    entry: dict[str, object] = {"first": list(cascade.models)}
    if judge is not None and len(cascade.models) > 1:
        check = {"model": judge.model.name, "rubric": judge.rubric}
        entry["accept"] = {"llm": check}
    return entry


def _plan_text(cascade: Cascade) -> str:
    first, *then = map(printable, cascade.models)
    return first + "".join(f", then {name} where the check rejects the answer" for name in then)


def _summary(plan: BudgetPlan) -> str:
    others = sum(each != plan.usual for each in plan.kinds.values())
    more = f"; {count(others, 'kind')} otherwise" if others else ""
    if plan.better is not None:
        more += f"; {plan.share:.0%} of {'/'.join(plan.raised or ()) or 'all'}: {plan.better}"
    return printable(f"{plan.usual}{more}")


def _budget_as_json(row: BudgetRow) -> dict[str, object]:
    plan = row.plan
    made: dict[str, object] = {
        "budget_usd": _usd(row.budget),
        "quality": row.quality,
        "cost_usd": None if row.cost is None else _usd(row.cost),
        "best_model_quality": row.single,
        "best_mixture_quality": row.mixture,
        "plan": None,
    }
    if plan is not None:
        kinds = [
            {"kinds": list(path), "models": list(each.models)} for path, each in plan.kinds.items()
        ]
        raised = None
        if plan.better is not None:
            raised = {
                "kinds": list(plan.raised or ()),
                "models": list(plan.better.models),
                "share": plan.share,
            }
        made["plan"] = {"models": list(plan.usual.models), "kinds": kinds, "raised": raised}
    return made


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _usd(amount: float) -> str:
    return format_usd(round(amount))
