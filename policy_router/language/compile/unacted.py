"""Sections that are part of the language and that nothing acts on yet: read and checked in full."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from policy_router.language import document as doc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.language.compile.resolve import Resolver
    from policy_router.language.source import Path


def check_unacted(resolver: Resolver) -> None:
    """Note what is wrong in these sections."""
    draft, places = resolver.draft, resolver.places
    document = draft.document
    if document.complexity and isinstance(document.complexity.estimator, doc.LlmEstimator):
        path: Path = ("complexity", "estimator", "llm")
        resolver.one_model(document.complexity.estimator.llm, path)
    sections: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("experiments", document.experiments or {}),
        ("prompts", document.prompts or {}),
    )
    for section, entries in sections:
        for name, shape in entries.items():
            resolver.when(shape.when, (section, name, "when"))
            for words in ("models", "first"):
                if getattr(shape, words, None) is not None:
                    resolver.select(getattr(shape, words), (section, name, words))
    for name, experiment in (document.experiments or {}).items():
        if experiment.until is not None and not _is_day(experiment.until):
            draft.error(
                "bad-value",
                f"`{experiment.until}` is no day of the calendar",
                places.value(("experiments", name, "until")),
            )
    for i, promise in enumerate(document.invariants or ()):
        resolver.when(promise.when, ("invariants", i, "when"))
        resolver.select(promise.never, ("invariants", i, "never"))
    for i, test in enumerate(document.tests or ()):
        _test(resolver, test, ("tests", i))


def _test(resolver: Resolver, test: doc.TestShape, path: Path) -> None:
    draft, places = resolver.draft, resolver.places
    if isinstance(test.request, dict):
        facts = {k: v for k, v in test.request.items() if k not in ("prompt", "needs")}
        if facts:
            resolver.facts(facts, (*path, "request"))
    given, expect = test.given, test.expect
    if given is not None:
        for section, known, what in (
            ("spent", draft.names.budgets, "budget"),
            ("used", draft.names.limits, "limit"),
        ):
            for name in getattr(given, section) or ():
                at = places.key((*path, "given", section, name))
                resolver.known(name, known, what, at)
        if given.arm is not None:
            at = places.value((*path, "given", "arm"))
            resolver.known(given.arm, draft.names.experiments, "experiment", at)
    at_expect: Path = (*path, "expect")
    if expect.first is not None:
        resolver.one_model(expect.first, (*at_expect, "first"))
    for i, name in enumerate(expect.then or ()):
        resolver.one_model(name, (*at_expect, "then", i))
    resolver.select(expect.never, (*at_expect, "never"))
    if expect.task is not None:
        at = places.value((*at_expect, "task"))
        resolver.known(expect.task, draft.names.tasks, "task", at)
    if expect.complexity is not None:
        bands = resolver.vocabulary.facts[resolver.vocabulary.by_name["complexity"]].values
        at = places.value((*at_expect, "complexity"))
        resolver.known(expect.complexity, {*bands, *draft.names.bands}, "complexity band", at)
    if expect.rule is not None:
        at = places.value((*at_expect, "rule"))
        resolver.known(expect.rule, draft.names.rules, "rule", at)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
