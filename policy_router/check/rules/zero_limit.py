"""a zero that switches something off, or blocks everything

A limit of `0/min` refuses every request, although it looks like a limit that is not set. A cooldown
of zero never pauses a failing model. Say what is meant with a rule, or leave the field out.

Bad:
    limits:
      all: { requests: [0/min] }

Good:
    limits:
      all: { requests: [60/min] }
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy_router.check.subject import warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.language.document.document import Document
    from policy_router.language.source import Path

Found = tuple["Path", str, str]


_NO_LIMIT: Final = "leave it out for no limit"


def check(subject: Subject) -> Iterator[Diagnostic]:
    document = subject.draft.document
    for look in (_models, _limits, _budgets, _others):
        for path, message, help_ in look(document):
            yield warning("zero-limit", message, subject.draft.places.value(path), help_)


def _models(document: Document) -> Iterator[Found]:
    for name, model in (document.models or {}).items():
        for i, rate in enumerate(model.limits or ()):
            if rate.amount == 0:
                help_ = f"{_NO_LIMIT}; to never use the model, remove it"
                yield ("models", name, "limits", i), f"`{name}` may never be called", help_
        if model.latency == 0:
            path: Path = ("models", name, "latency")
            yield path, f"`{name}` cannot answer in no time", "leave it out when it is not known"


def _limits(document: Document) -> Iterator[Found]:
    for name, limit in (document.limits or {}).items():
        for field in ("requests", "tokens"):
            for i, rate in enumerate(getattr(limit, field) or ()):
                if rate.amount == 0:
                    help_ = f"{_NO_LIMIT}; to refuse requests write a rule with  deny"
                    yield ("limits", name, field, i), f"limit `{name}` refuses every request", help_


def _budgets(document: Document) -> Iterator[Found]:
    for name, budget in (document.budgets or {}).items():
        if budget.cap.amount == 0 and budget.then == "warn":
            yield (
                ("budgets", name, "cap"),
                f"budget `{name}` is used up from the beginning and blocks nothing",
                "write the amount at which it should warn",
            )
        for i, share in enumerate(budget.warn_at or ()):
            if share == 0:
                yield (
                    ("budgets", name, "warn_at", i),
                    f"budget `{name}` warns before any money is spent",
                    "write a share above 0%",
                )


def _others(document: Document) -> Iterator[Found]:
    cooldown = document.fallback.cooldown if document.fallback else None
    if cooldown is not None and (cooldown.for_ == 0 or cooldown.within == 0):
        field = "for" if cooldown.for_ == 0 else "within"
        path: Path = ("fallback", "cooldown", field)
        yield path, "a failing model is never put into cooldown", "write how long, such as 1m"
    for name, experiment in (document.experiments or {}).items():
        if experiment.share == 0:
            path = ("experiments", name, "share")
            yield path, f"no request is part of `{name}`", "write a share above 0%"
        for arm, shape in (experiment.arms or {}).items():
            if shape.share == 0:
                path = ("experiments", name, "arms", arm, "share")
                yield path, f"no request gets arm `{arm}`", "write a share above 0%"
