"""a key of `prefer` that does not distinguish any models

`fastest` needs a `latency`, `local` a model tagged `local`, `headroom` a limit or budget,
`same_model` a model at two providers, and `value` the `worth` of a task. `reliable` needs outcomes,
as `learning` records them; with these, `fastest` and `quality` need nothing else. Without them the
key is skipped. `spread` chooses among
models that are equal by every key before it, and leaves nothing to the keys after it.

Bad:
    prefer: [free, fastest]

Good:
    prefer: [free, cheapest]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import warning
from policy_router.decision.order.sort_keys import LOCAL_TAG, sort_value
from policy_router.decision.order.sorting import upstream_of
from policy_router.domain.ordering import SortKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policy_router.check.subject import Subject
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Diagnostic
    from policy_router.domain.models import Model
    from policy_router.domain.ordering import OrderKey
    from policy_router.language.source import Path


_MEASURED: Final = frozenset({SortKey.RELIABLE, SortKey.FASTEST, SortKey.QUALITY})
"""Keys that outcomes give values to."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    if len(subject.policy.models) < 2:
        return
    policy = subject.policy
    lists: list[tuple[Path, Sequence[OrderKey] | None]] = [
        (("prefer",), policy.prefer if subject.draft.document.prefer else ()),
        *((("tasks", task.name, "prefer"), task.prefer) for task in policy.tasks),
        *((("rules", i, "prefer"), rule.prefer) for i, rule in enumerate(policy.rules)),
    ]
    for path, prefer in lists:
        for i, key in enumerate(prefer or ()):
            reason, help_ = _reason(policy, key, (prefer or ())[:i])
            if key is SortKey.VALUE and not reason:
                reason, help_ = _worthless(policy, path)
            if reason:
                yield warning(
                    "sort-key-without-effect",
                    f"`{key}` does not distinguish any models: {reason}",
                    subject.draft.places.value((*path, i)),
                    help_,
                )


def _reason(policy: Policy, key: OrderKey, before: Sequence[OrderKey]) -> tuple[str, str]:
    models = policy.models
    if SortKey.SPREAD in before:
        return "`spread` before it leaves no two models equal", "move it before `spread`"
    if key is SortKey.FREE and before and not any(m.free for m in models):
        return "no model is free", "write  price: free  for a model that costs nothing"
    if key is SortKey.LOCAL and not any(LOCAL_TAG in m.tags for m in models):
        return (
            f"no model is tagged `{LOCAL_TAG}`",
            f"add  tags: [{LOCAL_TAG}]  to those that run here",
        )
    if policy.learning.is_on and key in _MEASURED:
        return "", ""
    if key is SortKey.RELIABLE:
        return "no outcomes are recorded", "add  learning: { mode: adjust }"
    if key is SortKey.FASTEST and all(m.latency is None for m in models):
        return "no model has a `latency`", "add  latency: 2s  to the models"
    if key is SortKey.QUALITY and len({m.quality for m in models}) == 1:
        return "all have the same quality", "add  quality: 0.7  to the models, or more tiers"
    if key is SortKey.HEADROOM and not any(m.cap for m in policy.limits):
        return "the policy has no limits", "add a limit or a budget"
    if key is SortKey.SAME_MODEL and len({upstream_of(m) for m in models}) == len(models):
        return (
            "no two models are the same one",
            "add a model of the policy at a second provider, or remove the key",
        )
    if key is SortKey.SPREAD and len({_values(m, before) for m in models}) == len(models):
        return (
            "no two models are equal by the keys before it",
            "move it up, or remove keys before it that need not decide",
        )
    return "", ""


def _worthless(policy: Policy, path: Path) -> tuple[str, str]:
    """Why `value` distinguishes no models: nothing says what an answer is worth."""
    tasks = policy.tasks if path[0] != "tasks" else [t for t in policy.tasks if t.name == path[1]]
    if any(task.worth is not None for task in tasks):
        return "", ""
    which = "the task" if path[0] == "tasks" else "no task"
    missing = "has no `worth`" if path[0] == "tasks" else "has a `worth`"
    return f"{which} {missing}", "add  worth: $0.02  to the task: what an accepted answer is worth"


def _values(model: Model, keys: Sequence[OrderKey]) -> tuple[object, ...]:
    """What the keys sort a model by, as far as the policy says; equal prices cost the same."""
    return tuple(
        (model.price, model.weight if model.free else 0)
        if key is SortKey.CHEAPEST
        else sort_value(key, model, 0, 0)
        for key in keys
    )
