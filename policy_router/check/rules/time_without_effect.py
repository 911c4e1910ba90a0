"""a timeout that a shorter one always precedes

The deadline ends the whole request: that of the request's task, else that of `fallback`. So a
longer timeout for the first token or between tokens is never reached, and a model whose latency is
longer than every deadline never answers in time. The same holds for the times of a single model,
whose own deadline ends one call of it.

Bad:
    fallback: { deadline: 30s, first_token_within: 45s }

Good:
    fallback: { deadline: 60s, first_token_within: 15s }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.check.subject import warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Diagnostic


def check(subject: Subject) -> Iterator[Diagnostic]:
    shape, places = subject.draft.document.fallback, subject.draft.places
    deadline, task = _longest(subject.policy)
    stated = task is not None or (shape is not None and shape.deadline is not None)
    path = ("fallback", "deadline") if task is None else ("tasks", task, "deadline")
    related = (("the deadline", places.value(path)),) if stated else ()
    ends = f"the deadline of {deadline:g} s" + ("" if stated else ", the default,")
    if task is not None:
        ends = f"the longest deadline, {deadline:g} s of task `{task}`,"
    for field in ("first_token_within", "stall", "patience"):
        time = getattr(shape, field, None)
        if time is not None and time >= deadline:
            yield warning(
                "time-without-effect",
                f"`{field}` of {time:g} s is never reached: {ends} comes first",
                places.value(("fallback", field)),
                f"make it shorter than `deadline`, or leave `{field}` out",
                *related,
            )
    yield from _of_models(subject)
    for model in subject.policy.models:
        if model.latency is not None and model.latency >= deadline:
            yield warning(
                "time-without-effect",
                f"`{model.name}` takes {model.latency:g} s, and {ends} comes first",
                places.value(("models", model.name, "latency")),
                f"raise `{'.'.join(path)}`, or remove the model",
                *related,
            )


def _longest(policy: Policy) -> tuple[float, str | None]:
    """Return the longest deadline of a request, and the task that has it if one does."""
    longest, name = policy.fallback.deadline, None
    for task in policy.tasks:
        if task.deadline is not None and task.deadline > longest:
            longest, name = task.deadline, task.name
    return longest, name


def _of_models(subject: Subject) -> Iterator[Diagnostic]:
    """Yield times of single models that the end of the request, or of the call, precedes."""
    policy, places = subject.policy, subject.draft.places
    longest, _ = _longest(policy)
    for model in policy.models:
        ends, whose = longest, "the deadline of the request"
        if model.deadline is not None and model.deadline < longest:
            ends, whose = model.deadline, "the deadline of the model"
        for field in ("deadline", "first_token_within", "stall"):
            time = getattr(model, field)
            if time is None or time < ends or (field == "deadline" and time <= longest):
                continue
            yield warning(
                "time-without-effect",
                f"`{field}` of `{model.name}`, {time:g} s, is never reached: {whose}, "
                f"{ends:g} s, comes first",
                places.value(("models", model.name, field)),
                f"make it shorter, or leave `{field}` out",
            )
        if model.latency is not None and ends < longest and model.latency >= ends:
            yield warning(
                "time-without-effect",
                f"`{model.name}` takes {model.latency:g} s, and its `deadline` of {ends:g} s comes "
                "first",
                places.value(("models", model.name, "deadline")),
                "raise its `deadline`, or correct its `latency`",
            )
