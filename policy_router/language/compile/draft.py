"""A document on its way to a policy: what was found in it, and what was learnt of it."""

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
    """What is left of a text between the characters that YAML gives a meaning."""
    return frozenset(_WORD.findall(text))


@dataclass(frozen=True, slots=True)
class Names:
    """Names that were written, also those whose definition is broken, so that one mistake is
    not reported again wherever the name is used. sections: of the top level. words: tiers, tags
    and LiteLLM names of models. unread: for each file that could not be parsed, the words in it;
    None where even those are unknown."""

    sections: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()
    bands: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    budgets: frozenset[str] = frozenset()
    limits: frozenset[str] = frozenset()
    experiments: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    unread: tuple[frozenset[str] | None, ...] = ()

    def may_hold(self, name: str) -> bool:
        """Whether a file that could not be parsed may define a name: if its text has the words."""
        if not self.unread:
            return False
        parts = words_of(name)
        return any(words is None or parts <= words for words in self.unread)


@dataclass(slots=True)
class Draft:
    """A document on its way to a policy, with all that was learnt of it; what lint reads.

    whole: nothing was taken out of the document as broken. entries: the table's row per model.
    selected: where a selector stands -> its word and the models it stands for.
    hints: suggestions for what is mistyped. cancelled: whether the policy is no longer wanted.
    """

    document: Document
    places: Places
    catalog: Catalog
    names: Names = field(default_factory=Names)
    whole: bool = True
    diagnostics: list[Diagnostic] = field(default_factory=list)
    models: tuple[Model, ...] = ()
    entries: Mapping[str, CatalogEntry | None] = field(default_factory=dict)
    selected: dict[Path, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    conditions: dict[Path, Condition] = field(default_factory=dict)
    policy: Policy | None = None
    hints: Hints = field(default_factory=Hints)
    cancelled: Poll = never

    def checkpoint(self) -> None:
        """Called before each rule, model and other part that takes time. Raises Cancelled."""
        checkpoint(self.cancelled)

    def error(self, rule: str, message: str, span: Span, help_: str = "") -> None:
        """Note something that makes the policy unusable."""
        self.diagnostics.append(Diagnostic(rule, Severity.ERROR, message, span, help_))
