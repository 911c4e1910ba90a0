"""What a lint rule examines: a draft, its policy, and the regions in which each rule applies."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from policy_router.assurance.cover import GaveUp
from policy_router.assurance.promises import prove
from policy_router.assurance.regions import Regions
from policy_router.check.addresses import Address, read
from policy_router.check.undecided import Questions
from policy_router.decision.space import Space
from policy_router.diagnostics import Diagnostic, Severity
from policy_router.resilience.cancellation import Poll, never

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from policy_router.assurance.promises import Proof
    from policy_router.assurance.regions import Restriction
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span
    from policy_router.domain.condition import Condition
    from policy_router.domain.models import Model
    from policy_router.language.compile.draft import Draft


@dataclass(frozen=True)
class Subject:
    """A policy under inspection.

    Attributes:
        draft: The compiled document with the places of its parts.
        policy: The policy.
        sources: File name -> text.
        today: The date that dates in the policy are compared with.
        cancelled: Returns True when the findings are no longer wanted.
        questions: Collects what could not be decided.
    """

    draft: Draft
    policy: Policy
    sources: Mapping[str, str]
    today: date
    cancelled: Poll = never
    questions: Questions = field(default_factory=Questions)

    @cached_property
    def regions(self) -> Regions:
        """Where each rule, task and band excludes models."""
        return Regions(self.policy, self.cancelled)

    def space_of(self, condition: Condition) -> Space:
        """Return the space of the requests that a condition by itself distinguishes."""
        return Space(self.policy.vocabulary, self.policy.bands, [condition.tree])

    @cached_property
    def proofs(self) -> tuple[Proof, ...]:
        """What is known about every promise."""
        return prove(self.policy, self.cancelled)

    @cached_property
    def addresses(self) -> tuple[tuple[Model, Address, Span], ...]:
        """Every model with an `api_base`, the parts of that address, and its place."""
        places = self.draft.places
        pairs = [(model, read(model.api_base or "")) for model in self.policy.models]
        return tuple(
            (model, address, places.value(("models", model.name, "api_base")))
            for model, address in pairs
            if address is not None
        )

    @cached_property
    def unreachable(self) -> tuple[tuple[Model, tuple[Restriction, ...]], ...]:
        """Models excluded from every request, each with a smallest set of what excludes it."""
        regions = self.regions
        cores: dict[int, int | None] = {}  # many models share their removers
        unknown: set[int] = set()
        excluded = []
        for number, model in enumerate(self.policy.models):
            removers = regions.removers[number]
            if removers not in cores:
                try:
                    cores[removers] = regions.cover.core({}, removers | regions.impossible)
                except GaveUp:
                    cores[removers] = None
                    unknown.add(removers)
            if removers in unknown:
                name = f"model `{model.name}`"
                self.questions.leave_open("unreachable-model", name, model.span)
            core = cores[removers]
            if core is not None:
                excluded.append((model, regions.owners(core)))
        return tuple(excluded)


def near(subject: Subject, model: Model) -> str:
    """Return a suggestion for a model name that is close to one in LiteLLM's table, or ""."""
    catalog = subject.draft.catalog
    provider = catalog.provider(model.provider_model)
    bare = provider is None
    if subject.draft.entries[model.name] is not None or model.has_own_address:
        return ""
    word = f"openai/{model.provider_model}" if bare else model.provider_model
    close = subject.draft.hints.did_you_mean(word, catalog.names(provider or "openai"))
    return f"did you mean `{close.removeprefix('openai/') if bare else close}`?" if close else ""


def error(
    rule: str, message: str, span: Span | None, help_: str = "", *related: tuple[str, Span]
) -> Diagnostic:
    """Return an error of a lint rule: the policy is not used."""
    return Diagnostic(rule, Severity.ERROR, message, span, help_, related)


def warning(
    rule: str, message: str, span: Span | None, help_: str = "", *related: tuple[str, Span]
) -> Diagnostic:
    """Return a warning of a lint rule: the policy is used and most likely means something else."""
    return Diagnostic(rule, Severity.WARNING, message, span, help_, related)


def note(rule: str, message: str, span: Span | None, help_: str = "") -> Diagnostic:
    """Return a note of a lint rule: worth knowing, and often intended."""
    return Diagnostic(rule, Severity.NOTE, message, span, help_)
