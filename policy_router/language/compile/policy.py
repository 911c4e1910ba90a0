"""A document to a Policy: names resolved, conditions type-checked, defaults filled in, indexed.

Everything that is wrong is collected; a policy comes out only when nothing is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, astuple, replace
from keyword import iskeyword
from math import nextafter
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from policy_router.catalog.pictures import picture_tokens
from policy_router.catalog.prices import stated_price
from policy_router.decision.index import TooLarge
from policy_router.decision.policy import Policy
from policy_router.diagnostics import Diagnostic, Severity
from policy_router.domain.complexity import CONFIDENT, Band, Complexity, Weights
from policy_router.domain.facts import BUILT_IN, Fact, FactType, Vocabulary
from policy_router.domain.fallback import ON_ERROR, Cooldown, Fallback, FaultClass
from policy_router.domain.models import Model
from policy_router.domain.ordering import SortKey
from policy_router.domain.prices import FREE_PRICE
from policy_router.domain.rules import Rule, Task
from policy_router.language import document as doc
from policy_router.language.compile.acceptance import read_accept
from policy_router.language.compile.limits import read_meters
from policy_router.language.compile.resolve import Resolver
from policy_router.language.compile.selectors import PRICES
from policy_router.language.compile.unacted import check_unacted
from policy_router.language.expression import (
    FUNCTIONS,
)
from policy_router.language.habits import ZONES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.catalog.table import CatalogEntry
    from policy_router.domain.condition import Condition
    from policy_router.language.compile.draft import Draft
    from policy_router.language.source import Path

_T = TypeVar("_T")
_D = TypeVar("_D")
DEFAULT_TIERS: Final = ("standard",)
DEFAULT_PREFER: Final = (SortKey.FREE, SortKey.SMALLEST, SortKey.CHEAPEST)
DEFAULT_BANDS: Final = (
    ("trivial", 0.0),
    ("simple", 0.15),
    ("moderate", 0.35),
    ("complex", 0.6),
    ("expert", 0.85),
)


ROUNDING: Final = 0.002
"""How far weights may be from a whole: three times 33.3% is one."""
BAND_PRESETS: Final = {
    "three_tiers": (("light", 0.0), ("standard", 0.3), ("heavy", 0.7)),
    # Each level ends with its own tenth: 0.7 is the last score of level 7.
    "one_to_ten": (
        ("level_1", 0.0),
        *((f"level_{n}", nextafter((n - 1) / 10, 1)) for n in range(2, 11)),
    ),
}
"""Bands that a policy may call by one name."""


def compile_document(draft: Draft) -> Policy | None:
    """The policy a draft stands for; its diagnostics are added to the draft."""
    return _Compiler(draft).run()


class _Compiler:
    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.doc = draft.document
        self.places = draft.places
        self.names = Resolver(draft)

    def run(self) -> Policy | None:
        document, draft = self.doc, self.draft
        said = "models" in draft.names.sections and not draft.whole
        if not document.models and not said and not draft.names.may_hold("models"):
            draft.error(
                "no-models",
                "the policy has no models",
                self.places.key(("version",)),
                "add a section  models:  with at least one model",
            )
        zone = self._zone()
        tiers = self._tiers()
        self.names.ranks = {name: rank for rank, name in enumerate(tiers)}
        models = draft.models = self.names.models = self._models(tiers)
        bands = self._bands()
        kinds = document.tasks or {}
        vocabulary = self.names.vocabulary = Vocabulary(
            list(kinds),
            [b.name for b in bands],
            self._attributes(),
            default_task=_default(kinds) is not None,
        )
        tasks = self._tasks()
        complexity = self._complexity()
        rules = self._rules()
        meters = read_meters(self.names)
        check_unacted(self.names)
        if draft.names.unread or any(d.severity is Severity.ERROR for d in draft.diagnostics):
            return None
        draft.checkpoint()
        prefer = tuple(document.prefer) if document.prefer is not None else DEFAULT_PREFER
        try:
            policy = Policy(
                name=document.name or "policy",
                description=document.description or "",
                timezone=zone,
                tiers=tiers,
                models=models,
                tasks=tasks,
                bands=bands,
                prefer=prefer,
                rules=rules,
                fallback=_fallback(document.fallback),
                limits=meters,
                vocabulary=vocabulary,
                revision=revision(document, models, draft.conditions),
                complexity=complexity,
            )
        except TooLarge:
            draft.error(
                "policy-too-large",
                "the rules tell too many cases apart to be looked up at once",
                self.places.key(("rules",)),
                "fewer rules, or fewer different values in their conditions; or several policies",
            )
            return None
        draft.policy = policy
        return policy

    # -- the parts ---------------------------------------------------------------------------

    def _zone(self) -> ZoneInfo:
        name = self.doc.timezone
        if name is not None and name not in available_timezones():
            self.draft.error(
                "unknown-timezone",
                f"`{name}` is not a time zone",
                self.places.value(("timezone",)),
                self._zone_help(name),
            )
            name = None
        return ZoneInfo(name or "UTC")

    def _zone_help(self, name: str) -> str:
        """A zone is a place: a short name or an offset says nothing of summer time, and one that
        is close by its letters is another time."""
        if name.upper() in ZONES:
            return f"a zone is a region and a city, such as {ZONES[name.upper()]}"
        city = name.replace(" ", "_").casefold()
        zones = sorted(available_timezones())
        # Those under Etc count the other way round: Etc/GMT+1 is an hour behind.
        regional = [zone for zone in zones if "/" in zone and not zone.startswith("Etc/")]
        found = [zone for zone in regional if zone.rpartition("/")[2].casefold() == city]
        if len(found) == 1:
            return f"did you mean `{found[0]}`?"
        close = self.draft.hints.did_you_mean(name, regional) if "/" in name else None
        if close is not None:
            return f"did you mean `{close}`?"
        return "a zone is a region and a city, such as Europe/Berlin"

    def _tiers(self) -> tuple[str, ...]:
        written = self.doc.tiers
        if written is None:
            used = dict.fromkeys(m.tier for m in (self.doc.models or {}).values())
            names = self.draft.names
            said = "tiers" in names.sections or names.may_hold("tiers")
            if len(used) > 1 and not said:
                self.draft.error(
                    "missing-field",
                    "the models are of several tiers, but their order is not said",
                    self.places.key(("models",)),
                    f"add  tiers: [{', '.join(used)}]  weakest first",
                )
            return tuple(used) or DEFAULT_TIERS
        self.names.no_twins(("tiers",), written, "tier")
        return tuple(dict.fromkeys(written))

    def _models(self, tiers: Sequence[str]) -> tuple[Model, ...]:
        models = []
        entries = {}
        for name, shape in (self.doc.models or {}).items():
            path = ("models", name)
            self.draft.checkpoint()
            if name in PRICES:
                self.draft.error(
                    "reserved-name",
                    f"`{name}` already stands for all {name} models",
                    self.places.key(path),
                    "give the model another name",
                )
            rank = self.names.rank(shape.tier, (*path, "tier"))
            entries[name] = entry = self.draft.catalog.find(shape.model, shape.api_base)
            models.append(self._model(name, shape, rank or 0, len(tiers), entry))
        self.draft.entries = entries
        return tuple(models)

    def _model(
        self, name: str, shape: doc.ModelShape, rank: int, tiers: int, entry: CatalogEntry | None
    ) -> Model:
        price = entry.price if entry else None
        if shape.price == "free":
            price = FREE_PRICE
        elif isinstance(shape.price, doc.PriceShape):
            price = stated_price(shape.price.input, shape.price.output, price)
        context = _said(shape.context, entry.context if entry else None)
        picture, thumbnail = picture_tokens(shape.model, context)
        return Model(
            name=name,
            provider_model=shape.model,
            tier=shape.tier,
            rank=rank,
            price=price,
            free=shape.price == "free",
            context=context,
            max_output=_said(shape.max_output, entry.max_output if entry else None),
            default_output=shape.defaults.max_tokens if shape.defaults else None,
            abilities=(
                frozenset(shape.can)
                if shape.can is not None
                else entry.abilities
                if entry
                else frozenset()
            ),
            tags=frozenset(shape.tags or ()),
            quality=_said(shape.quality, (rank + 1) / (tiers + 1)),
            latency=shape.latency,
            api_base=shape.api_base,
            api_key_env=shape.api_key_env,
            picture=picture,
            thumbnail=thumbnail,
            span=self.places.key(("models", name)),
        )

    def _bands(self) -> tuple[Band, ...]:
        section = self.doc.complexity
        written = section.bands if section else None
        if written is None:
            return tuple(Band(name, start) for name, start in DEFAULT_BANDS)
        if isinstance(written, str):
            at = self.places.value(("complexity", "bands"))
            # Only the bands of `three_tiers` are named like tiers, and ask for them.
            asks = self.names.ranks if written == "three_tiers" else {}
            return tuple(Band(n, start, asks.get(n), at) for n, start in BAND_PRESETS[written])
        bands: list[Band] = []
        for name, shape in written.items():
            path = ("complexity", "bands", name)
            rank = self.names.rank(shape.min_tier, (*path, "min_tier"))
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
                bands[0].span or self.places.key(("complexity", "bands")),
                "let the first band begin at 0.0",
            )
        return tuple(bands)

    def _complexity(self) -> Complexity:
        shape = self.doc.complexity or doc.ComplexityShape()
        weights = Weights()
        if shape.weights is not None:
            written = shape.weights.model_dump(exclude_none=True)
            weights = Weights(**{**dict.fromkeys(asdict(weights), 0.0), **written})
            whole = sum(asdict(weights).values())
            if self.draft.whole and abs(whole - 1) > ROUNDING:
                self.draft.error(
                    "bad-value",
                    f"the weights come to {whole * 100:.6g}%, not to 100%",
                    self.places.key(("complexity", "weights")),
                    "a factor that is left out weighs nothing",
                )
        match shape.estimator:
            case doc.LlmEstimator(llm=model):
                kind = Complexity("llm", model=model)
            case doc.PythonEstimator(python=function):
                self.names.own_function(function, ("complexity", "estimator", "python"))
                kind = Complexity("python", function=function)
            case name:
                kind = Complexity(name or "heuristic")
        return replace(
            kind,
            weights=weights,
            keywords=tuple(shape.keywords or ()),
            span=self.places.key(("complexity", "estimator")) if shape.estimator else None,
        )

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
                self.names.no_twins(path, kind, "value")
                facts.append(Fact(name, FactType.ENUM, tuple(dict.fromkeys(kind))))
            else:
                facts.append(Fact(name, FactType(kind)))
        return facts

    def _tasks(self) -> tuple[Task, ...]:
        tasks: list[Task] = []
        for name, shape in (self.doc.tasks or {}).items():
            path = ("tasks", name)
            if shape.pattern is not None:
                self.names.pattern(shape.pattern, (*path, "pattern"))
            tasks.append(
                Task(
                    name,
                    self.names.rank(shape.min_tier, (*path, "min_tier")),
                    self.names.select(shape.first, (*path, "first")) or (),
                    name == _default(self.doc.tasks or {}),
                    read_accept(self.names, shape.accept, (*path, "accept"), f"task `{name}`"),
                    self.places.key(path),
                    keywords=tuple(shape.keywords or ()),
                    pattern=shape.pattern,
                    needs=frozenset(shape.needs or ()),
                    confidence=_said(shape.confidence, CONFIDENT),
                    criticality=_said(shape.criticality, 0.0),
                )
            )
        return tuple(tasks)

    def _rules(self) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        names: dict[str, int] = {}
        for i, shape in enumerate(self.doc.rules or ()):
            path: Path = ("rules", i)
            self.draft.checkpoint()
            if shape.name in names:
                self.draft.diagnostics.append(
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
            when = self.names.when(shape.when, (*path, "when"))
            rules.append(
                Rule(
                    name=shape.name,
                    when=when,
                    only=self.names.select(shape.only, (*path, "only")),
                    avoid=self.names.select(shape.avoid, (*path, "avoid")) or (),
                    first=self.names.select(shape.first, (*path, "first")) or (),
                    min_tier=self.names.rank(shape.min_tier, (*path, "min_tier")),
                    needs=frozenset(shape.needs or ()),
                    deny=shape.deny,
                    accept=read_accept(
                        self.names, shape.accept, (*path, "accept"), f"rule `{shape.name}`"
                    ),
                    span=self.places.value((*path, "name")),
                    only_at=self.places.key((*path, "only")) if shape.only else None,
                    avoid_at=self.places.key((*path, "avoid")) if shape.avoid else None,
                )
            )
        return tuple(rules)


_WORDS: Final = frozenset({"true", "false", "null", "none"})


def _said(value: _T | None, default: _D) -> _T | _D:
    """What the policy says, be it zero, else the default."""
    return default if value is None else value


def _default(tasks: Mapping[str, doc.TaskShape]) -> str | None:
    """The task of a request that fits no other: the last one, if it has no conditions. Others
    without conditions are for callers who name them."""
    if not tasks:
        return None
    name, last = list(tasks.items())[-1]
    return None if last.keywords or last.pattern or last.needs else name


def _fallback(shape: doc.FallbackShape | None) -> Fallback:
    default = Fallback()
    if shape is None:
        return default
    said = {
        FaultClass(name): action
        for name, action in (shape.on_error or doc.OnErrorShape()).model_dump().items()
        if action is not None
    }
    cooldown = shape.cooldown
    return Fallback(
        max_attempts=_said(shape.max_attempts, default.max_attempts),
        deadline=_said(shape.deadline, default.deadline),
        first_token_within=_said(shape.first_token_within, default.first_token_within),
        stall=_said(shape.stall, default.stall),
        on_stream_break=_said(shape.on_stream_break, default.on_stream_break),
        step_down=_said(shape.step_down, default.step_down),
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
            [m.name, m.price and astuple(m.price), m.context, m.max_output,
             sorted(m.abilities)]
            for m in models
        ],
    }  # fmt: skip
    canonical = json.dumps(meaning, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
