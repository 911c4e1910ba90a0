"""A document to a Policy: names resolved, conditions type-checked, defaults filled in, indexed.

Everything that is wrong is collected; a policy comes out only when nothing is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import date
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, available_timezones

from policy_router.condition import BUILT_IN, Condition, Fact, Kind, Vocabulary
from policy_router.decide.index import Index
from policy_router.diagnostics import Diagnostic, Severity
from policy_router.language import document as doc
from policy_router.language.expression import (
    FUNCTIONS,
    RE2,
    pattern_problem,
    read_expression,
    read_mapping,
)
from policy_router.language.selectors import PRICES, is_pattern, known_words, select
from policy_router.language.suggest import help_line
from policy_router.model import (
    FREE_PRICE,
    ON_ERROR,
    Band,
    Cooldown,
    Fallback,
    Fault,
    Key,
    Model,
    OnBreak,
    Policy,
    Price,
    Rule,
    Task,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from policy_router.diagnostics import Span
    from policy_router.language.catalog import Catalog, Entry
    from policy_router.language.merge import Places
    from policy_router.language.source import Path

DEFAULT_TIERS: Final = ("standard",)
DEFAULT_PREFER: Final = (Key.FREE, Key.SMALLEST, Key.CHEAPEST)
DEFAULT_BANDS: Final = (
    ("trivial", 0.0),
    ("simple", 0.15),
    ("moderate", 0.35),
    ("complex", 0.6),
    ("expert", 0.85),
)


@dataclass(frozen=True, slots=True)
class Names:
    """Names that were written, also those whose definition is broken, so that one mistake is
    not reported again wherever the name is used. sections: of the top level. words: tiers, tags
    and LiteLLM names of models."""

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


@dataclass(slots=True)
class Draft:
    """A document on its way to a policy, with all that was learnt of it; what lint reads.

    whole: nothing was taken out of the document as broken. entries: the table's row per model.
    selected: where a selector stands -> its word and the models it stands for.
    """

    document: doc.Document
    places: Places
    catalog: Catalog
    names: Names = field(default_factory=Names)
    whole: bool = True
    found: list[Diagnostic] = field(default_factory=list)
    models: tuple[Model, ...] = ()
    entries: Mapping[str, Entry | None] = field(default_factory=dict)
    selected: dict[Path, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    conditions: dict[Path, Condition] = field(default_factory=dict)
    policy: Policy | None = None

    def error(self, rule: str, message: str, span: Span, help_: str = "") -> None:
        """Note something that makes the policy unusable."""
        self.found.append(Diagnostic(rule, Severity.ERROR, message, span, help_))


def compile_document(draft: Draft) -> Policy | None:
    """The policy a draft stands for; its diagnostics are added to the draft."""
    return _Compiler(draft).run()


class _Compiler:
    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.doc = draft.document
        self.places = draft.places

    def run(self) -> Policy | None:
        document, draft = self.doc, self.draft
        said = "models" in draft.names.sections and not draft.whole
        if not document.models and not said:
            draft.error(
                "no-models",
                "the policy has no models",
                self.places.key(("version",)),
                "add a section  models:  with at least one model",
            )
        zone = self._zone()
        tiers = self._tiers()
        self.ranks = {name: rank for rank, name in enumerate(tiers)}
        draft.models = self.models = self._models(tiers)
        bands = self._bands()
        kinds = document.tasks or {}
        self.vocabulary = Vocabulary(
            list(kinds),
            [b.name for b in bands],
            self._attributes(),
            default_task=_default(kinds) is not None,
        )
        self.words = known_words(self.models, tiers)
        tasks = self._tasks()
        rules = self._rules()
        self._later_sections()
        if any(d.severity is Severity.ERROR for d in draft.found):
            return None
        fallback = _fallback(document.fallback)
        prefer = tuple(document.prefer) if document.prefer is not None else DEFAULT_PREFER
        index = Index(self.models, tiers, tasks, bands, prefer, rules, self.vocabulary)
        draft.policy = Policy(
            name=document.name or "policy",
            description=document.description or "",
            timezone=zone,
            tiers=tiers,
            models=self.models,
            tasks=tasks,
            bands=bands,
            prefer=prefer,
            rules=rules,
            fallback=fallback,
            vocabulary=self.vocabulary,
            revision=revision(document, self.models, draft.conditions),
            index=index,
        )
        return draft.policy

    # -- the parts ---------------------------------------------------------------------------

    def _zone(self) -> ZoneInfo:
        name = self.doc.timezone
        if name is not None and name not in available_timezones():
            self.draft.error(
                "unknown-timezone",
                f"`{name}` is not a time zone",
                self.places.value(("timezone",)),
                help_line(name, available_timezones()),
            )
            name = None
        return ZoneInfo(name or "UTC")

    def _tiers(self) -> tuple[str, ...]:
        written = self.doc.tiers
        if written is None:
            used = dict.fromkeys(m.tier for m in (self.doc.models or {}).values())
            if len(used) > 1 and "tiers" not in self.draft.names.sections:
                self.draft.error(
                    "missing-field",
                    "the models are of several tiers, but their order is not said",
                    self.places.key(("models",)),
                    f"add  tiers: [{', '.join(used)}]  weakest first",
                )
            return tuple(used) or DEFAULT_TIERS
        self._no_twins(("tiers",), written, "tier")
        return tuple(dict.fromkeys(written))

    def _no_twins(self, path: Path, names: Sequence[str], what: str) -> None:
        seen: dict[str, int] = {}
        for i, name in enumerate(names):
            if name in seen:
                self.draft.found.append(
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

    def _rank(self, name: str | None, path: Path) -> int | None:
        if name is None:
            return None
        if name not in self.ranks:
            self.draft.error(
                "unknown-name",
                f"`{name}` is not a tier",
                self.places.value(path),
                help_line(name, self.ranks, what="tiers"),
            )
        return self.ranks.get(name)

    def _models(self, tiers: Sequence[str]) -> tuple[Model, ...]:
        models = []
        entries = {}
        for name, shape in (self.doc.models or {}).items():
            path = ("models", name)
            if name in PRICES:
                self.draft.error(
                    "reserved-name",
                    f"`{name}` already stands for all {name} models",
                    self.places.key(path),
                    "give the model another name",
                )
            rank = self._rank(shape.tier, (*path, "tier"))
            entries[name] = entry = self.draft.catalog.find(shape.model)
            models.append(self._model(name, shape, rank or 0, len(tiers), entry))
        self.draft.entries = entries
        return tuple(models)

    def _model(
        self, name: str, shape: doc.ModelShape, rank: int, tiers: int, entry: Entry | None
    ) -> Model:
        price = entry.price if entry else None
        if shape.price == "free":
            price = FREE_PRICE
        elif isinstance(shape.price, doc.PriceShape):
            price = Price(shape.price.input, shape.price.output)
        return Model(
            name=name,
            calls=shape.model,
            tier=shape.tier,
            rank=rank,
            price=price,
            free=shape.price == "free",
            context=shape.context or (entry.context if entry else None),
            max_output=shape.max_output or (entry.max_output if entry else None),
            abilities=(
                frozenset(shape.can)
                if shape.can is not None
                else entry.abilities
                if entry
                else frozenset()
            ),
            tags=frozenset(shape.tags or ()),
            quality=shape.quality if shape.quality is not None else (rank + 1) / (tiers + 1),
            latency=shape.latency,
            api_base=shape.api_base,
            api_key_env=shape.api_key_env,
            at=self.places.key(("models", name)),
        )

    def _bands(self) -> tuple[Band, ...]:
        section = self.doc.complexity
        written = section.bands if section else None
        if written is None:
            return tuple(Band(name, start) for name, start in DEFAULT_BANDS)
        bands: list[Band] = []
        for name, shape in written.items():
            path = ("complexity", "bands", name)
            rank = self._rank(shape.min_tier, (*path, "min_tier"))
            if bands and shape.from_ <= bands[-1].start:
                self.draft.error(
                    "band-order",
                    f"`{name}` begins at {shape.from_:g}, not above `{bands[-1].name}` "
                    f"at {bands[-1].start:g}",
                    self.places.key(path),
                    "write the bands easiest first; each ends where the next begins",
                )
                continue
            bands.append(Band(name, shape.from_, rank, self.places.key(path)))
        # Of a band that was broken or out of order it has been said already.
        whole = self.draft.names.bands <= {band.name for band in bands}
        if whole and bands and bands[0].start > 0:
            self.draft.error(
                "band-order",
                f"scores below {bands[0].start:g} are in no band",
                bands[0].at or self.places.key(("complexity", "bands")),
                "let the first band begin at 0.0",
            )
        return tuple(bands)

    def _attributes(self) -> list[Fact]:
        facts = []
        for name, kind in (self.doc.attributes or {}).items():
            path = ("attributes", name)
            if name in BUILT_IN or name in FUNCTIONS or name in _WORDS or iskeyword(name):
                self.draft.error(
                    "reserved-name",
                    f"`{name}` is a word of the condition language",
                    self.places.key(path),
                    "give the attribute another name",
                )
            elif isinstance(kind, list):
                self._no_twins(path, kind, "value")
                facts.append(Fact(name, Kind.ENUM, tuple(dict.fromkeys(kind))))
            else:
                facts.append(Fact(name, Kind(kind)))
        return facts

    def _tasks(self) -> tuple[Task, ...]:
        tasks: list[Task] = []
        for name, shape in (self.doc.tasks or {}).items():
            path = ("tasks", name)
            if shape.pattern is not None:
                self._pattern(shape.pattern, (*path, "pattern"))
            tasks.append(
                Task(
                    name,
                    self._rank(shape.min_tier, (*path, "min_tier")),
                    self._select(shape.first, (*path, "first")) or (),
                    name == _default(self.doc.tasks or {}),
                    self.places.key(path),
                )
            )
            self._accept(shape.accept, (*path, "accept"))
        return tuple(tasks)

    def _pattern(self, pattern: str, path: Path) -> None:
        problem = pattern_problem(pattern)
        if problem is not None:
            self.draft.error(
                "bad-pattern",
                f"the pattern cannot be read: {problem}",
                self.places.value(path),
                RE2,
            )

    def _accept(self, shape: doc.AcceptShape | None, path: Path) -> None:
        if shape is None:
            return
        if shape.pattern is not None:
            self._pattern(shape.pattern, (*path, "pattern"))
        if shape.llm is not None:
            self._one_model(shape.llm.model, (*path, "llm", "model"))

    def _rules(self) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        names: dict[str, int] = {}
        for i, shape in enumerate(self.doc.rules or ()):
            path: Path = ("rules", i)
            if shape.name in names:
                self.draft.found.append(
                    Diagnostic(
                        "duplicate-name",
                        Severity.ERROR,
                        f"two rules are named `{shape.name}`",
                        self.places.value((*path, "name")),
                        "a rule's name is the reason shown for it; give each its own",
                        (("the first", self.places.value(("rules", names[shape.name], "name"))),),
                    )
                )
            names.setdefault(shape.name, i)
            when = self._when(shape.when, (*path, "when"))
            self._accept(shape.accept, (*path, "accept"))
            rules.append(
                Rule(
                    name=shape.name,
                    when=when,
                    only=self._select(shape.only, (*path, "only")),
                    avoid=self._select(shape.avoid, (*path, "avoid")) or (),
                    first=self._select(shape.first, (*path, "first")) or (),
                    min_tier=self._rank(shape.min_tier, (*path, "min_tier")),
                    needs=frozenset(shape.needs or ()),
                    deny=shape.deny,
                    at=self.places.value((*path, "name")),
                    only_at=self.places.key((*path, "only")) if shape.only else None,
                    avoid_at=self.places.key((*path, "avoid")) if shape.avoid else None,
                )
            )
        return tuple(rules)

    # -- what several parts share ------------------------------------------------------------

    def _when(self, value: str | dict[str, Any] | None, path: Path) -> Condition | None:
        if value is None:
            return None
        places = self.places
        if isinstance(value, str):
            condition, found = read_expression(
                value, self.vocabulary, lambda start, end: places.inside(path, start, end)
            )
        else:
            condition, found = read_mapping(
                value,
                self.vocabulary,
                lambda key: places.key((*path, key)),
                lambda key, i: places.value((*path, key) if i is None else (*path, key, i)),
                places.value(path),
            )
        self.draft.found.extend(d for d in found if not self._echo(d))
        if condition is not None:
            self.draft.conditions[path] = condition
        return condition

    def _echo(self, found: Diagnostic) -> bool:
        """Whether a diagnostic only repeats that a definition is broken."""
        names = self.draft.names
        word = found.message.split("`")[1] if "`" in found.message else ""
        if found.rule == "unknown-fact":
            return word in names.attributes
        return found.rule == "unknown-value" and word in names.tasks | names.bands

    def _select(self, words: list[str] | None, path: Path) -> tuple[str, ...] | None:
        """Names of the models that a list of selectors stands for, in its order."""
        if words is None:
            return None
        chosen: dict[str, None] = {}
        for i, word in enumerate(words):
            found = select(word, self.models)
            if not found and not is_pattern(word) and word not in self.words:
                if word not in self.draft.names.models | self.draft.names.words:
                    self.draft.error(
                        "unknown-name",
                        f"`{word}` is no model, tier or tag",
                        self.places.value((*path, i)),
                        help_line(word, self.words),
                    )
                continue
            self.draft.selected[(*path, i)] = (word, found)
            chosen.update(dict.fromkeys(found))
        return tuple(chosen)

    def _one_model(self, name: str, path: Path) -> None:
        known = {m.name for m in self.models} | self.draft.names.models
        if name not in known:
            self.draft.error(
                "unknown-name",
                f"`{name}` is not a model",
                self.places.value(path),
                help_line(name, sorted(known), what="models"),
            )

    def _known(self, name: str, known: Iterable[str], what: str, span: Span) -> None:
        names = sorted(set(known))
        if name not in names:
            article = "an" if what[0] in "aeiou" else "a"
            message = f"`{name}` is not {article} {what}"
            self.draft.error("unknown-name", message, span, help_line(name, names))

    # -- sections that are read in full, though nothing acts on them yet -----------------------

    def _later_sections(self) -> None:
        document, places = self.doc, self.places
        if document.complexity and isinstance(document.complexity.estimator, doc.LlmEstimator):
            path: Path = ("complexity", "estimator", "llm")
            self._one_model(document.complexity.estimator.llm, path)
        sections: tuple[tuple[str, Mapping[str, Any]], ...] = (
            ("limits", document.limits or {}),
            ("budgets", document.budgets or {}),
            ("experiments", document.experiments or {}),
            ("prompts", document.prompts or {}),
        )
        for section, entries in sections:
            for name, shape in entries.items():
                self._when(shape.when, (section, name, "when"))
                for words in ("models", "first"):
                    if getattr(shape, words, None) is not None:
                        self._select(getattr(shape, words), (section, name, words))
        for name, limit in (document.limits or {}).items():
            if self.draft.whole and not (limit.requests or limit.tokens or limit.concurrent):
                self.draft.error(
                    "missing-field",
                    f"limit `{name}` limits nothing",
                    places.key(("limits", name)),
                    "add requests, tokens or concurrent",
                )
        for name, experiment in (document.experiments or {}).items():
            if experiment.until is not None and not _is_day(experiment.until):
                self.draft.error(
                    "bad-value",
                    f"`{experiment.until}` is no day of the calendar",
                    places.value(("experiments", name, "until")),
                )
        for i, promise in enumerate(document.invariants or ()):
            self._when(promise.when, ("invariants", i, "when"))
            self._select(promise.never, ("invariants", i, "never"))
        for i, test in enumerate(document.tests or ()):
            self._test(test, ("tests", i))

    def _test(self, test: doc.TestShape, path: Path) -> None:
        places = self.places
        if isinstance(test.request, dict):
            facts = {k: v for k, v in test.request.items() if k not in ("prompt", "needs")}
            if facts:
                read_at: Path = (*path, "request")
                _, found = read_mapping(
                    facts,
                    self.vocabulary,
                    lambda key: places.key((*read_at, key)),
                    lambda key, i: places.value(
                        (*read_at, key) if i is None else (*read_at, key, i)
                    ),
                    places.value(read_at),
                )
                self.draft.found.extend(d for d in found if not self._echo(d))
        given, expect = test.given, test.expect
        if given is not None:
            for section, known, what in (
                ("spent", self.draft.names.budgets, "budget"),
                ("used", self.draft.names.limits, "limit"),
            ):
                for name in getattr(given, section) or ():
                    at = places.key((*path, "given", section, name))
                    self._known(name, known, what, at)
            if given.arm is not None:
                at = places.value((*path, "given", "arm"))
                self._known(given.arm, self.draft.names.experiments, "experiment", at)
        at_expect: Path = (*path, "expect")
        if expect.first is not None:
            self._one_model(expect.first, (*at_expect, "first"))
        for i, name in enumerate(expect.then or ()):
            self._one_model(name, (*at_expect, "then", i))
        self._select(expect.never, (*at_expect, "never"))
        if expect.task is not None:
            at = places.value((*at_expect, "task"))
            self._known(expect.task, self.draft.names.tasks, "task", at)
        if expect.complexity is not None:
            bands = self.vocabulary.facts[self.vocabulary.by_name["complexity"]].values
            at = places.value((*at_expect, "complexity"))
            self._known(expect.complexity, {*bands, *self.draft.names.bands}, "complexity band", at)
        if expect.rule is not None:
            at = places.value((*at_expect, "rule"))
            self._known(expect.rule, self.draft.names.rules, "rule", at)


_WORDS: Final = frozenset({"true", "false", "null", "none"})


def _default(tasks: Mapping[str, doc.TaskShape]) -> str | None:
    """The task of a request that fits no other: the last one, if it has no conditions. Others
    without conditions are for callers who name them."""
    if not tasks:
        return None
    name, last = list(tasks.items())[-1]
    return None if last.keywords or last.pattern or last.needs else name


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _fallback(shape: doc.FallbackShape | None) -> Fallback:
    default = Fallback()
    if shape is None:
        return default
    said = {
        Fault(name): action
        for name, action in (shape.on_error or doc.OnErrorShape()).model_dump().items()
        if action is not None
    }
    cooldown = shape.cooldown
    return Fallback(
        max_attempts=shape.max_attempts or default.max_attempts,
        deadline=shape.deadline or default.deadline,
        first_token_within=shape.first_token_within or default.first_token_within,
        stall=shape.stall or default.stall,
        on_stream_break=shape.on_stream_break or OnBreak.ERROR,
        step_down=default.step_down if shape.step_down is None else shape.step_down,
        on_error={**ON_ERROR, **said},
        cooldown=(
            Cooldown(cooldown.failures, cooldown.within, cooldown.for_)
            if cooldown
            else default.cooldown
        ),
    )


def revision(
    document: doc.Document, models: Sequence[Model], conditions: Mapping[Path, Condition]
) -> str:
    """Digest of what a policy means: its values, and what the table added to its models."""
    written = document.model_dump(mode="json", exclude_none=True)
    for (*way, last), condition in conditions.items():
        part: Any = written
        for step in way:
            part = part[step]
        part[last] = condition.text  # however its lines are broken
    meaning = {
        "document": written,
        "models": [
            [m.name, m.price and [m.price.input, m.price.output], m.context, m.max_output,
             sorted(m.abilities)]
            for m in models
        ],
    }  # fmt: skip
    canonical = json.dumps(meaning, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
