"""Resolves names, selectors and conditions of a document against what the document defines."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any

from policy_router.diagnostics import Diagnostic, Severity
from policy_router.domain.aliases import ANY_MODEL
from policy_router.language.compile.functions import is_pythons_own
from policy_router.language.compile.selectors import Selectors, is_pattern, known_words
from policy_router.language.schema_words import article
from policy_router.language.when import read_expression, read_mapping
from policy_router.patterns import RE2, pattern_problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from policy_router.diagnostics import Span
    from policy_router.domain.aliases import Alias
    from policy_router.domain.condition import Condition
    from policy_router.domain.facts import Vocabulary
    from policy_router.domain.models import Model
    from policy_router.language.compile.draft import Draft
    from policy_router.language.source import Path


class Resolver:
    """Resolves what the document of a draft names; what is unknown is reported in the draft.

    Each attribute is set as soon as it is known, and not changed after that.

    Attributes:
        ranks: Name of a tier -> its rank; 0 is the weakest.
        models: What selectors choose from.
        aliases: The names that a request may ask for besides those of models.
        vocabulary: The facts that conditions may name.
        timezone: The policy's time zone.
    """

    ranks: dict[str, int]
    models: tuple[Model, ...]
    aliases: tuple[Alias, ...]
    vocabulary: Vocabulary
    timezone: ZoneInfo

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.places = draft.places

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Name of a model -> its position in `models`."""
        return {model.name: i for i, model in enumerate(self.models)}

    @cached_property
    def _selectors(self) -> Selectors:
        return Selectors(self.models)

    @cached_property
    def _words(self) -> Mapping[str, None]:
        """Every word that selects something, names of models first."""
        return dict.fromkeys(known_words(self.models, tuple(self.ranks)))

    @cached_property
    def _model_names(self) -> Mapping[str, None]:
        """Every model that is written, including those whose definition is broken."""
        return dict.fromkeys(sorted(self.draft.names.models.union(self.numbers)))

    def rank(self, name: str | None, path: Path) -> int | None:
        """The rank of a tier, or None; an unknown tier is reported."""
        if name is None:
            return None
        names = self.draft.names
        # A written list of tiers is complete; without one, the tiers are those of the models.
        unsure = "tiers" not in names.sections and names.may_hold(name)
        if name not in self.ranks and not unsure:
            self.draft.error(
                "unknown-name",
                f"`{name}` is not a tier",
                self.places.value(path),
                self.draft.hints.help_line(name, self.ranks, what="the tiers"),
            )
        return self.ranks.get(name)

    def no_twins(self, path: Path, names: Sequence[str], what: str) -> None:
        """Report every name that appears more than once in a list."""
        seen: dict[str, int] = {}
        for i, name in enumerate(names):
            if name in seen:
                self.draft.diagnostics.append(
                    Diagnostic(
                        "duplicate-name",
                        Severity.ERROR,
                        f"{what} `{name}` is listed twice",
                        self.places.value((*path, i)),
                        "keep one of them",
                        (("first listed here", self.places.value((*path, seen[name]))),),
                    )
                )
            seen.setdefault(name, i)

    def known(self, name: str, defined: Collection[str], what: str, span: Span) -> None:
        """Report a name that is none of the known ones."""
        if name not in defined and not self.draft.names.may_hold(name):
            message = f"`{name}` is not {article(what)} {what}"
            hint = self.draft.hints.help_line(name, sorted(defined))
            self.draft.error("unknown-name", message, span, hint)

    def one_model(self, name: str, path: Path) -> None:
        """Report a name that is not the name of a model."""
        if name not in self._model_names and not self.draft.names.may_hold(name):
            self.draft.error(
                "unknown-name",
                f"`{name}` is not a model",
                self.places.value(path),
                self.draft.hints.help_line(name, self._model_names, what="the models"),
            )

    def model_or_alias(self, name: str, path: Path) -> None:
        """Report a name that no request can ask for."""
        names = [alias.name for alias in self.aliases]
        patterns = [alias.name for alias in self.aliases if alias.is_pattern]
        known = {ANY_MODEL, *self._model_names, *names}
        broken = "aliases" in self.draft.names.sections and not self.draft.whole
        if (
            name not in known
            and not broken
            and not self.draft.names.may_hold(name)
            and not any(fnmatchcase(name, pattern) for pattern in patterns)
        ):
            self.draft.error(
                "unknown-name",
                f"`{name}` is not a model or an alias",
                self.places.value(path),
                self.draft.hints.help_line(name, [*self._model_names, *names]),
            )

    def select(self, selectors: list[str] | None, path: Path) -> tuple[str, ...] | None:
        """Names of the models that a list of selectors selects, in its order; None for no list."""
        if selectors is None:
            return None
        return tuple(name for group in self.select_groups(selectors, path) for name in group)

    def select_groups(self, selectors: list[str], path: Path) -> tuple[tuple[str, ...], ...]:
        """For each of a list of selectors the names of the models that it is the first to select;
        selectors that add none are left out."""
        groups: list[tuple[str, ...]] = []
        chosen: set[str] = set()
        for i, word in enumerate(selectors):
            models = self._selectors.select(word)
            if not models and not is_pattern(word) and word not in self._words:
                names = self.draft.names
                written = word in names.models or word in names.words
                if not written and not names.may_hold(word):
                    self.draft.error(
                        "unknown-name",
                        f"`{word}` is not a model, tier or tag",
                        self.places.value((*path, i)),
                        self._help_with_selector(word),
                    )
                continue
            self.draft.selected[(*path, i)] = (word, models)
            added = tuple(name for name in models if name not in chosen)
            if added:
                groups.append(added)
                chosen.update(added)
        return tuple(groups)

    def _help_with_selector(self, word: str) -> str:
        if any(known.startswith(f"{word}/") for known in self._words):
            return f"`{word}/*` selects the models of that provider"
        return self.draft.hints.help_line(word, self._words)

    def pattern(self, pattern: str, path: Path) -> None:
        """Report a pattern that RE2 cannot compile."""
        problem = pattern_problem(pattern)
        if problem is not None:
            self.draft.error(
                "bad-pattern",
                f"invalid pattern: {problem}",
                self.places.value(path),
                RE2,
            )

    def own_function(self, name: str, path: Path) -> None:
        """Report a function that no policy may call."""
        if is_pythons_own(name):
            self.draft.error(
                "pythons-own-function",
                f"`{name}` is a function of Python's standard library",
                self.places.value(path),
                "write a function of your own that calls it with checked arguments",
            )

    def when(self, value: str | dict[str, Any] | None, path: Path) -> Condition | None:
        """A `when`, type-checked; None when there is none, or when it is wrong."""
        if value is None:
            return None
        if isinstance(value, str):
            condition, problems = read_expression(
                value,
                self.vocabulary,
                lambda start, end: self.places.inside(path, start, end),
                self.draft.hints,
            )
            self.draft.diagnostics.extend(d for d in problems if not self._repeats(d))
        else:
            condition = self.facts(value, path)
        if condition is not None:
            self.draft.conditions[path] = condition
        return condition

    def facts(self, mapping: dict[str, Any], path: Path) -> Condition | None:
        """The condition of a mapping of facts, type-checked; None when it is wrong."""
        places = self.places
        condition, problems = read_mapping(
            mapping,
            self.vocabulary,
            lambda key: places.key((*path, key)),
            lambda key, i: places.value((*path, key) if i is None else (*path, key, i)),
            places.value(path),
            self.draft.hints,
        )
        self.draft.diagnostics.extend(d for d in problems if not self._repeats(d))
        return condition

    def _repeats(self, problem: Diagnostic) -> bool:
        """Whether a problem only repeats, or may repeat, that a definition is broken."""
        names = self.draft.names
        word = problem.message.split("`")[1] if "`" in problem.message else ""
        if problem.rule in ("unknown-fact", "unknown-value") and names.may_hold(word):
            return True
        if problem.rule == "unknown-fact":
            return word in names.attributes
        return problem.rule == "unknown-value" and word in names.tasks | names.bands
