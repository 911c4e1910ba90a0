"""Draws a policy as a matrix: what each task and each rule does to each model where it applies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import printable
from policy_router.views.document import document
from policy_router.views.lines import Table, count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span
    from policy_router.domain.models import Model
    from policy_router.domain.rules import Rule, Task
    from policy_router.views.lines import Block, Cell


class MatrixEffect(StrEnum):
    """What a task or a rule does to a model where it applies.

    FIRST: it puts the model first.
    OUT: it excludes the model, or denies the request.
    BELOW: the model is below the tier that it asks for, and comes last or is out.
    NONE: it does nothing to the model.
    """

    FIRST = "first"
    OUT = "out"
    BELOW = "below"
    NONE = "none"


MARKS: Final[Mapping[MatrixEffect, tuple[str, str]]] = {
    MatrixEffect.FIRST: ("1", "bold green"),
    MatrixEffect.OUT: ("x", "red"),
    MatrixEffect.BELOW: ("v", "yellow"),
    MatrixEffect.NONE: (".", "dim"),
}
"""The mark of each effect on a terminal, and its style."""
MEANINGS: Final[Mapping[MatrixEffect, str]] = {
    MatrixEffect.FIRST: "put first",
    MatrixEffect.OUT: "out",
    MatrixEffect.BELOW: "below its tier",
    MatrixEffect.NONE: "untouched",
}
"""What each mark means."""


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A task or a rule.

    Attributes:
        kind: `task` or `rule`.
        name: Its name in the policy.
        effects: What it does to each model, in the order of the policy.
        when: Its condition as the policy writes it; None where it always applies.
        note: What it does besides, such as denying the request.
        span: Its position in the policy files.
        shadow: Whether it is only worked out, not applied.
    """

    kind: str
    name: str
    effects: tuple[MatrixEffect, ...]
    when: str | None
    note: str
    span: Span | None
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class PolicyMatrix:
    """A policy as a matrix.

    Attributes:
        policy: The policy.
        rows: Its tasks, then its rules, in written order.
    """

    policy: Policy
    rows: tuple[MatrixRow, ...]

    @property
    def models(self) -> tuple[Model, ...]:
        """The columns."""
        return self.policy.models

    @property
    def untouched(self) -> list[str]:
        """Names of the models that no task and no rule does anything to."""
        return [
            model.name
            for place, model in enumerate(self.models)
            if all(row.effects[place] is MatrixEffect.NONE for row in self.rows)
        ]


def matrix(policy: Policy) -> PolicyMatrix:
    """Work out the matrix of a policy."""
    tasks = [_of_task(policy, task) for task in policy.tasks]
    rules = [_of_rule(policy, number, rule) for number, rule in enumerate(policy.rules)]
    return PolicyMatrix(policy, (*tasks, *rules))


def _of_task(policy: Policy, task: Task) -> MatrixRow:
    effects = _effects(policy, policy.removed_by_task(task.name), task.first, task.min_tier)
    note = "the default" if task.default else ""
    return MatrixRow("task", task.name, effects, None, note, task.span)


def _of_rule(policy: Policy, number: int, rule: Rule) -> MatrixRow:
    removed = -1 if rule.deny is not None else policy.removed_by(number)
    notes = [] if rule.deny is None else [f"denies: {rule.deny}"]
    if rule.prefer is not None:
        notes.append(f"prefers {', '.join(map(str, rule.prefer))}")
    if rule.accept is not None:
        notes.append("checks answers")
    return MatrixRow(
        "rule",
        rule.name,
        _effects(policy, removed, rule.first, rule.min_tier),
        None if rule.when is None else " ".join(rule.when.text.split()),
        "; ".join(notes),
        rule.span,
        rule.shadow,
    )


def _effects(
    policy: Policy, removed: int, first: tuple[str, ...], min_tier: int | None
) -> tuple[MatrixEffect, ...]:
    effects = []
    for place, model in enumerate(policy.models):
        if removed >> place & 1:
            effects.append(MatrixEffect.OUT)
        elif min_tier is not None and model.rank < min_tier:
            effects.append(MatrixEffect.BELOW)
        elif model.name in first:
            effects.append(MatrixEffect.FIRST)
        else:
            effects.append(MatrixEffect.NONE)
    return tuple(effects)


def as_json(drawn: PolicyMatrix) -> dict[str, object]:
    """Return a matrix as a JSON document."""
    policy = drawn.policy
    return document(
        policy={"name": policy.name, "revision": policy.revision},
        models=[
            {"model": each.name, "tier": each.tier, "free": each.free} for each in drawn.models
        ],
        rows=[
            {
                "kind": row.kind,
                "name": row.name,
                "when": row.when,
                "shadow": row.shadow,
                "note": row.note,
                "at": None if row.span is None else str(row.span),
                "effects": {
                    model.name: effect.value
                    for model, effect in zip(drawn.models, row.effects, strict=True)
                    if effect is not MatrixEffect.NONE
                },
            }
            for row in drawn.rows
        ],
        untouched=drawn.untouched,
    )


def as_lines(drawn: PolicyMatrix) -> list[Block]:
    """Return a matrix as a table, with the models as numbered columns."""
    policy = drawn.policy
    head = f"policy {printable(policy.name)} @{policy.revision[:7]}"
    models = [
        (str(number), printable(model.name), model.tier, "free" if model.free else "")
        for number, model in enumerate(drawn.models, start=1)
    ]
    columns = ("", *(str(number) for number in range(1, len(models) + 1)), "when", "")
    rows: list[tuple[Cell, ...]] = [columns, *(_row(row) for row in drawn.rows)]
    legend = " · ".join(f"{MARKS[effect][0]} {meaning}" for effect, meaning in MEANINGS.items())
    lines: list[Block] = [
        [(head, "bold"), (f"  {count(len(policy.rules), 'rule')}", "dim")],
        Table(models, indent=2),
        "",
        Table(rows, header=True),
        [(legend, "dim")],
    ]
    if drawn.untouched:
        names = ", ".join(map(printable, drawn.untouched))
        lines.append(f"No task or rule affects {names}.")
    return lines


def _row(row: MatrixRow) -> tuple[Cell, ...]:
    name = f"{row.kind} {printable(row.name)}{' (in shadow)' if row.shadow else ''}"
    marks = tuple(MARKS[effect] for effect in row.effects)
    return (name, *marks, printable(row.when or ""), (printable(row.note), "dim"))
