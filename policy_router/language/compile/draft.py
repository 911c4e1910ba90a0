"""A document while it is compiled: its problems, and what is known about it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from policy_router.diagnostics import Diagnostic, Severity
from policy_router.resilience.cancellation import Poll, checkpoint, never
from policy_router.suggest import Hints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policy_router.catalog.table import Catalog, CatalogEntry
    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span
    from policy_router.domain.condition import Condition
    from policy_router.domain.models import Model
    from policy_router.language.document.document import Document
    from policy_router.language.merge import Places
    from policy_router.language.source import Path


_WORD: Final = re.compile(r"""[^\s\[\]{},:'"#]+""")


def words_of(text: str) -> frozenset[str]:
    """The words of a text, separated by the characters that have a meaning in YAML."""
    return frozenset(_WORD.findall(text))


@dataclass(frozen=True, slots=True)
class Names:
    """Every name that the files define, including those whose definition is broken, so that one
    mistake is not reported again wherever the name is used.

    Attributes:
        sections: Names of the top level.
        models: Names of models.
        words: Tiers, tags and LiteLLM names of models.
        tasks: Names of tasks.
        bands: Names of complexity bands.
        attributes: Names of declared facts.
        budgets: Names of budgets.
        limits: Names of limits.
        experiments: Names of experiments.
        prompts: Names of prompts.
        rules: Names of rules.
        unread: For each file that could not be parsed, the words in it; None where even those are
            unknown.
    """

    sections: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()
    bands: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    budgets: frozenset[str] = frozenset()
    limits: frozenset[str] = frozenset()
    experiments: frozenset[str] = frozenset()
    prompts: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    unread: tuple[frozenset[str] | None, ...] = ()

    def may_hold(self, name: str) -> bool:
        """Whether a file that could not be parsed has all words of a name, so may define it."""
        if not self.unread:
            return False
        wanted = words_of(name)
        return any(words is None or wanted <= words for words in self.unread)


@dataclass(slots=True)
class Draft:
    """A document while it is compiled; the rules of `check` read it afterwards.

    Attributes:
        document: What the files say; models are completed by those that they are like.
        places: The position of each part of it in the files.
        catalog: LiteLLM's table of models.
        names: Every name that the files define.
        whole: Whether the document is everything that was written; else broken parts were removed.
        diagnostics: The problems so far.
        models: The compiled models.
        entries: The table's row of each model, by the model's name; None where it has none.
        quotas: The name of a model -> the model whose `limits` it shares, where it has none of its
            own.
        selected: The path of a selector -> its word, and the names of the models it selects.
        conditions: The path of a condition -> the condition.
        policy: The compiled policy, when there is no error.
        hints: Suggestions for mistyped names, with the effort they may take.
        cancelled: Whether the policy is no longer wanted.
    """

    document: Document
    places: Places
    catalog: Catalog
    names: Names = field(default_factory=Names)
    whole: bool = True
    diagnostics: list[Diagnostic] = field(default_factory=list)
    models: tuple[Model, ...] = ()
    entries: Mapping[str, CatalogEntry | None] = field(default_factory=dict)
    quotas: dict[str, str] = field(default_factory=dict)
    selected: dict[Path, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    conditions: dict[Path, Condition] = field(default_factory=dict)
    policy: Policy | None = None
    hints: Hints = field(default_factory=Hints)
    cancelled: Poll = never

    def checkpoint(self) -> None:
        """Stop when the policy is no longer wanted: called before each rule, model, and so on.

        Raises:
            Cancelled: The policy is no longer wanted.
        """
        checkpoint(self.cancelled)

    def error(self, rule: str, message: str, span: Span, help_: str = "") -> None:
        """Add a diagnostic for something that makes the policy unusable."""
        self.diagnostics.append(Diagnostic(rule, Severity.ERROR, message, span, help_))
