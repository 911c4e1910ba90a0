"""a field that has no effect here

Something else in the same section takes precedence, or the field itself is empty: checks that check
nothing, a list without entries, more attempts than there are models.

Bad:
    budgets:
      all: { cap: unlimited, warn_at: [80%] }

Good:
    budgets:
      all: { cap: $50/month, warn_at: [80%] }
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

from policy_router.check.idle_fields import idle_fields
from policy_router.check.subject import note, warning
from policy_router.domain.fallback import Action
from policy_router.domain.ordering import SortKey
from policy_router.domain.periods import Period
from policy_router.domain.sessions import Keep
from policy_router.language.document.prices import PriceShape
from policy_router.patterns import search

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy_router.check.subject import Subject
    from policy_router.diagnostics import Diagnostic
    from policy_router.language.document.acceptance import AcceptShape
    from policy_router.language.document.classification import TaskShape
    from policy_router.language.document.document import Document
    from policy_router.language.document.models import ModelShape
    from policy_router.language.source import Path

Found = tuple["Path", str, str]
# Fields in which an empty list differs from a missing one.
_OF_MODELS: Final = (
    "only", "avoid", "first", "min_tier", "needs", "min_quality", "max_latency", "max_price",
    "max_cost", "prefer", "accept",
)  # fmt: skip
"""Fields of a rule that concern the models that answer."""
_MAY_BE_EMPTY: Final = frozenset({"can", "prefer", "json_schema", "params", "rules", "tests"})


def check(subject: Subject) -> Iterator[Diagnostic]:
    document, places = subject.draft.document, subject.draft.places
    for path, message, help_ in idle_fields(document, subject.policy):
        yield warning("field-without-effect", message, places.key(path), help_)
    for look in (_models, _defaults, _tasks, _rules, _complexity, _fallback, _health, _others):
        for path, message, help_ in look(document):
            yield warning("field-without-effect", message, places.key(path), help_)
    for path, message, help_ in (*_sessions(subject), *_floors(subject)):
        yield warning("field-without-effect", message, places.key(path), help_)
    for path in _empty(document, ()):
        yield warning(
            "field-without-effect",
            "a list without entries is the same as none",
            places.key(path),
            "add entries, or leave it out",
        )
    if document.timezone is not None and not _is_timed(subject):
        yield note(
            "field-without-effect",
            "nothing in the policy depends on the time of day or the calendar",
            places.key(("timezone",)),
            "it is used by `hour`, `weekday`, hours of prices, and periods of a day or longer",
        )


def _models(document: Document) -> Iterator[Found]:
    models = document.models or {}
    most = document.fallback.max_attempts if document.fallback else None
    if most is not None and models and most > _most_calls(models):
        yield (
            ("fallback", "max_attempts"),
            (
                f"{most} attempts are never made: each of {len(models)} models is called at most "
                "once more than it has keys"
            ),
            f"write {_most_calls(models)} or less",
        )
    for name, model in models.items():
        if model.weight is not None and model.price != "free":
            yield (
                ("models", name, "weight"),
                f"`{name}` is not free, so it is ordered by its price, and `weight` has no effect",
                "leave it out, or write  price: free",
            )


def _defaults(document: Document) -> Iterator[Found]:
    """Yield defaults that something of the same model always replaces."""
    for name, model in (document.models or {}).items():
        fixed = model.params.model_dump(exclude_none=True) if model.params else {}
        if model.effort is not None:
            fixed["reasoning_effort"] = model.effort
        for key in model.defaults.model_dump(exclude_none=True) if model.defaults else {}:
            if key in fixed:
                winner = "effort" if key == "reasoning_effort" else "params"
                yield (
                    ("models", name, "defaults", key),
                    f"`{winner}` of `{name}` sets it in every call, so this default is never sent",
                    "leave one of the two out",
                )


def _most_calls(models: Mapping[str, ModelShape]) -> int:
    """The most calls of one request: each model once with each key, and once more."""
    keys = [model.api_key_env for model in models.values()]
    return sum((len(names) if isinstance(names, list) else 1) + 1 for names in keys)


def _tasks(document: Document) -> Iterator[Found]:
    tasks = document.tasks or {}
    for name, task in tasks.items():
        if task.accept is not None:
            yield from _accept(task.accept, ("tasks", name, "accept"))
        if _is_everywhere(task.pattern):
            yield (
                ("tasks", name, "pattern"),
                "this pattern matches every text, so every request belongs to this task",
                "write what identifies the task; all other requests belong to the last task anyway",
            )
        if task.use is not None and task.only is not None:
            yield (
                ("tasks", name, "only"),
                "`use` already excludes all other models",
                "leave `only` out",
            )
        yield from _worth(document, name, task)
        models = document.models or {}
        if task.max_attempts is not None and models and task.max_attempts > _most_calls(models):
            yield (
                ("tasks", name, "max_attempts"),
                (
                    f"{task.max_attempts} attempts are never made: each of {len(models)} models is "
                    "called at most once more than it has keys"
                ),
                f"write {_most_calls(models)} or less",
            )
        own = task.keywords or task.pattern or task.when_needs
        if task.confidence is not None and (own or name == list(tasks)[-1]):
            yield (
                ("tasks", name, "confidence"),
                "`confidence` applies to built-in definitions only, and this task "
                + ("has its own conditions" if own else "is the default task"),
                "leave it out",
            )


def _rules(document: Document) -> Iterator[Found]:
    for i, rule in enumerate(document.rules or ()):
        path: Path = ("rules", i)
        if rule.accept is not None:
            yield from _accept(rule.accept, (*path, "accept"))
        if rule.deny is not None:
            for field in _OF_MODELS:
                if getattr(rule, field) is not None:
                    yield (
                        (*path, field),
                        f"a denied request is sent to no model, so `{field}` has no effect",
                        f"leave `deny` or `{field}` out",
                    )
        if rule.only is not None and rule.avoid is not None:
            names = document.models or {}
            if all(word in names for word in (*rule.only, *rule.avoid)) and not (
                set(rule.only) & set(rule.avoid)
            ):
                yield (
                    (*path, "avoid"),
                    "`only` already excludes these models",
                    "leave `avoid` out",
                )


def _accept(accept: AcceptShape, path: Path) -> Iterator[Found]:
    if _is_everywhere(accept.pattern):
        yield (*path, "pattern"), "this pattern matches every text", "write what must be in it"
    checks = accept.model_dump(exclude_none=True)
    otherwise = checks.pop("otherwise", None)
    least = checks.pop("min_chars", None)
    if not any(value is not False for value in checks.values()) and not least:
        what = "`otherwise` applies to answers that fail a check, and" if otherwise else "here"
        yield path, f"{what} nothing is checked", "add a check, such as  not_empty: true"
    elif least == 0:
        yield (*path, "min_chars"), "every text has at least 0 characters", "leave it out"


def _is_everywhere(pattern: str | None) -> bool:
    """Whether a pattern matches the empty text, so that it matches every text."""
    if not pattern or re.search(r"\^|\$|\\[AzZbB]", pattern):
        return False
    return search(pattern)("") is not None


def _complexity(document: Document) -> Iterator[Found]:
    shape = document.complexity
    if shape is None or shape.weights is None or not shape.keywords:
        return
    if not shape.weights.keywords:
        yield (
            ("complexity", "keywords"),
            "`weights` gives keywords no weight, so these have no effect",
            "add  keywords: 20%  to `weights`, or leave them out",
        )


_MAY_WAIT: Final = (None, Action.RETRY, Action.RETRY_THEN_NEXT)
"""Actions after which the same model may be called again; the default is one of them."""


def _fallback(document: Document) -> Iterator[Found]:
    shape = document.fallback
    if shape is None or shape.on_error is None:
        return
    actions = (shape.on_error.rate_limit, shape.on_error.server_error)
    if shape.patience is not None and not any(action in _MAY_WAIT for action in actions):
        yield (
            ("fallback", "patience"),
            "no failure that names a time to wait is followed by a retry, so it has no effect",
            "write  rate_limit: retry_then_next , or leave it out",
        )
    if shape.max_attempts != 1:
        return
    for fault in type(shape.on_error).model_fields:
        action = getattr(shape.on_error, fault)
        if action is not None and action is not Action.STOP:
            yield (
                ("fallback", "on_error", fault),
                f"there is only one attempt, so `{action}` has no effect",
                "raise `max_attempts`, or leave it out",
            )


def _health(document: Document) -> Iterator[Found]:
    """Yield what is measured or probed for nothing."""
    shape = document.fallback
    if shape is None:
        return
    degraded, probe = shape.degraded, shape.probe
    if degraded is not None and degraded.success is None and degraded.latency is None:
        yield (
            ("fallback", "degraded"),
            "without `success` and `latency` no model ever counts as degraded",
            "write what is worse than usual, such as  success: 90%",
        )
    own = [m for m in (document.models or {}).values() if m.api_base or m.api_base_env]
    if probe is not None and probe.models is None and not any(m.price == "free" for m in own):
        yield (
            ("fallback", "probe"),
            "no model is probed: by default it is the free ones with an `api_base`",
            "name the models, such as  models: [local] ; probes of paid ones are charged",
        )


def _sessions(subject: Subject) -> Iterator[Found]:
    shape, models = subject.draft.document.sessions, subject.policy.models
    if shape is None:
        return
    if not subject.policy.sessions.remembers:
        if shape.for_ is not None:
            yield (
                ("sessions", "for"),
                "nothing is remembered of sessions, so `for` has no effect",
                "write  keep: model  or  keep: tier , or leave `for` out",
            )
        return
    if len(models) == 1:
        what, help_ = "there is only one model", "add models, or leave `sessions` out"
    elif shape.keep is Keep.TIER and len({model.rank for model in models}) == 1:
        what, help_ = "all models are of one tier", "write  keep: model , or add tiers"
    else:
        return
    yield ("sessions", "keep"), f"{what}, so `keep: {shape.keep}` changes nothing", help_


def _worth(document: Document, name: str, task: TaskShape) -> Iterator[Found]:
    """Yield what the key `value` needs where nothing is sorted by it."""
    if task.patience is not None and task.worth is None:
        yield (
            ("tasks", name, "patience"),
            "`patience` is weighed against `worth`, which the task does not have",
            "add  worth: $0.02 , what an accepted answer is worth",
        )
    orders = [document.prefer if task.prefer is None else task.prefer]
    orders += [rule.prefer for rule in document.rules or ()]
    if task.worth is not None and not any(SortKey.VALUE in (keys or ()) for keys in orders):
        yield (
            ("tasks", name, "worth"),
            "no `prefer` of the policy sorts models by `value`",
            "add  prefer: [value]  to the task",
        )


def _floors(subject: Subject) -> Iterator[Found]:
    """Yield minimum tiers that models of the same task's `use` are below, and answer first."""
    policy = subject.policy
    for task in policy.tasks if policy.fallback.step_down else ():
        models = [policy.model(name) for group in task.use or () for name in group]
        weak = next((model.name for model in models if model.rank < (task.min_tier or 0)), None)
        if weak is not None:
            yield (
                ("tasks", task.name, "min_tier"),
                f"`use` is an exact order, so `min_tier` does not move `{weak}` to its end",
                f"remove `{weak}` from `use`, or leave `min_tier` out",
            )


def _others(document: Document) -> Iterator[Found]:
    for name, prompt in (document.prompts or {}).items():
        sets = prompt.params is not None and bool(prompt.params.model_fields_set)
        if prompt.system is None and not sets:
            yield ("prompts", name), f"prompt `{name}` adds nothing", "add system or params"
        if prompt.place is not None and prompt.system is None:
            yield (
                ("prompts", name, "place"),
                f"prompt `{name}` has no text to place",
                "add system, or remove place",
            )
        if prompt.force and not sets:
            yield (
                ("prompts", name, "force"),
                f"prompt `{name}` has no parameters to force",
                "add params, or remove force",
            )
    for i, test in enumerate(document.tests or ()):
        request = test.request if isinstance(test.request, dict) else {}
        for session in (test.given.session or {}) if test.given is not None else {}:
            if request.get("session") != session:
                yield (
                    ("tests", i, "given", "session", session),
                    f"the request of this test does not belong to session `{session}`",
                    f"add  session: {session}  to the request",
                )
        if test.given is not None and test.given.stats and not _adjusts(document):
            yield (
                ("tests", i, "given", "stats"),
                "what outcomes say changes no decision of this policy",
                "set  learning: { mode: adjust }, or remove stats",
            )
        if not test.expect.model_dump(exclude_none=True):
            yield (
                ("tests", i, "expect"),
                "this test expects nothing",
                "add what the decision must be",
            )


def _adjusts(document: Document) -> bool:
    return document.learning is not None and document.learning.mode == "adjust"


def _empty(value: object, path: Path) -> Iterator[Path]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            key = field.alias or name
            if key not in _MAY_BE_EMPTY:
                yield from _empty(getattr(value, name), (*path, key))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _empty(inner, (*path, key))
    elif isinstance(value, list):
        if not value:
            yield path
        for i, inner in enumerate(value):
            yield from _empty(inner, (*path, i))


def _is_timed(subject: Subject) -> bool:
    conditions = subject.draft.conditions.values()
    return (
        any(condition.reads & {"hour", "weekday"} for condition in conditions)
        or any(
            isinstance(limit.window, Period) and limit.cap is not None
            for limit in subject.policy.limits
        )
        or any(
            hours.zone is None
            for model in (subject.draft.document.models or {}).values()
            if isinstance(model.price, PriceShape)
            for hours in model.price.at or ()
        )
        or any(
            experiment.until for experiment in (subject.draft.document.experiments or {}).values()
        )
    )
