"""`explain`: why a request gets the models it gets: every rule, every model, every reason."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from policy_router.classification.tasks import MatchedBy
from policy_router.cli import counters
from policy_router.cli.classify import as_json as classification
from policy_router.cli.policy import choose, open_policy
from policy_router.cli.request import Asked, Given, ask, takes_request
from policy_router.cli.route import (
    as_json,
    candidates,
    detail,
    finish,
    made,
    not_used,
    verdict,
    words,
)
from policy_router.cli.store_option import place_of
from policy_router.diagnostics import Span, printable
from policy_router.domain.complexity import CONFIDENT
from policy_router.domain.condition import quote
from policy_router.suggest import help_line
from policy_router.views.terminal import Line, show, show_json, table

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.complexity import Band
    from policy_router.domain.condition import Facts
    from policy_router.domain.decision import Decision
    from policy_router.domain.rules import Rule, Task
    from policy_router.language.interpreter import Evaluation


@takes_request
def explain(
    given: Given,
    *,
    why_not: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Explain this model alone.")
    ] = None,
) -> None:
    """Say why a request gets the models it gets.

    Every rule with the value of each part of its condition, every model with its reason.

    \b
    policy-router explain "Refactor this function" --task code
    policy-router explain --tag private --why-not sonnet

    Exit code 0: there is a model, 4: the policy says no, 2: the request makes no sense to it.
    """
    path = choose(given.policy)
    policy = open_policy(path)
    if why_not is not None and why_not not in policy.models_by_name:
        hint = help_line(why_not, policy.models_by_name)
        words_ = printable(f"no model is called `{why_not}`: {hint}")
        raise typer.BadParameter(words_, param_hint="--why-not")
    asked = ask(policy, given)
    asked = asyncio.run(counters.counted(policy, asked, place_of(given.state, policy.name, path)))
    told = _Told(policy, asked, made(policy, asked))
    if given.json:
        show_json(_json(told, path, why_not))
    elif why_not is not None:
        show(_why_not(told, why_not))
    else:
        show(_text(told, path))
    finish(told.decision)


class _Told:
    """A decision, with what it was made from."""

    def __init__(self, policy: "Policy", asked: Asked, decision: "Decision") -> None:
        from policy_router.decision.decide import facts  # noqa: PLC0415

        d = decision
        self.policy, self.asked, self.decision = policy, asked, decision
        self.facts: Facts = facts(policy, d.request, asked.snapshot, d.task, d.complexity, d.score)
        self.task = policy.task(d.task)
        self.band = policy.band(d.complexity)
        self.rules = [_Judged(policy, rule, self.facts) for rule in policy.rules]
        self.counters = counters.looked_at(policy, self.facts, asked)

    @property
    def known(self) -> dict[str, object]:
        """The facts of the request that are there, by name."""
        pairs = zip(self.policy.vocabulary.facts, self.facts, strict=True)
        return {
            fact.name: sorted(value) if isinstance(value, frozenset | set) else value
            for fact, value in pairs
            if value is not None and value is not False and value != frozenset()
        }

    @property
    def task_from(self) -> str | None:
        """What told the task: the caller, the text, or nothing, so that it is the default."""
        if self.task is None:
            return None
        seen = self.asked.seen
        if seen is not None:
            return seen.by.value
        return "caller" if self.decision.request.task is not None else "default"

    @property
    def floor(self) -> "tuple[str, list[_Asker]] | None":
        """The lowest tier asked for, and everything that asks for one, highest first."""
        applied = [judged.rule for judged in self.rules if judged.applied]
        askers = [
            _Asker(kind, part.name, part.min_tier, part.span)
            for kind, parts in (("task", [self.task]), ("band", [self.band]), ("rule", applied))
            for part in parts
            if part is not None and part.min_tier is not None
        ]
        askers.sort(key=lambda asker: -asker.rank)
        return (self.policy.tiers[askers[0].rank], askers) if askers else None


@dataclass(frozen=True, slots=True)
class _Asker:
    """A task, band or rule that asks for a tier (by its rank) or a better one."""

    kind: str
    name: str
    rank: int
    at: Span | None


class _Judged:
    """A rule, whether it applied, and what each part of its condition came to."""

    def __init__(self, policy: "Policy", rule: "Rule", facts: "Facts") -> None:
        from policy_router.language.interpreter import trace  # noqa: PLC0415  simpleeval is only for this

        self.rule = rule
        self.applied = rule.when is None or rule.when.holds(facts)
        self.steps: tuple[Evaluation, ...] = (
            trace(rule.when, policy.vocabulary, facts) if rule.when else ()
        )


def _shown(value: object) -> str:
    """The value of a part of a condition, as a condition writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return quote(value)
        case frozenset() | set():
            return "{" + ", ".join(sorted(map(_shown, value))) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_shown, value)) + "]"
    return "absent"


def _plain(value: object) -> object:
    """The same for JSON; null where a fact is absent."""
    match value:
        case bool() | str() | int() | float():
            return value
        case frozenset() | set():
            return sorted(map(str, value))
        case list() | tuple():
            return [_plain(each) for each in value]
    return None


def _json(told: _Told, path: Path, only: str | None) -> dict[str, object]:
    d = told.decision
    found = as_json(d, told.policy.timezone)
    if only is not None:
        for part in ("candidates", "skipped"):
            found[part] = [
                {"rank": rank, **row} if part == "candidates" else row
                for rank, row in enumerate(_rows(found[part]), start=1)
                if row["model"] == only
            ]
    floor = told.floor
    return {
        **found,
        "policy": {"name": told.policy.name, "path": printable(str(path))},
        "facts": told.known,
        "task_from": told.task_from,
        "classification": classification(told.asked.seen) if told.asked.seen else None,
        "rated_by": _asked_estimator(told),
        "floor": floor
        and {
            "tier": floor[0],
            "asked_by": [
                {
                    "kind": asker.kind,
                    "name": asker.name,
                    "tier": told.policy.tiers[asker.rank],
                    "at": str(asker.at) if asker.at else None,
                }
                for asker in floor[1]
            ],
        },
        "counters": counters.as_json(told.counters, told.policy),
        "trace": [
            {
                "rule": judged.rule.name,
                "applied": judged.applied,
                "when": judged.rule.when.text if judged.rule.when else None,
                "at": str(judged.rule.span) if judged.rule.span else None,
                "steps": [{"text": s.text, "value": _plain(s.value)} for s in judged.steps],
            }
            for judged in told.rules
        ],
        "accept": [
            {
                "by": accept.by,
                "checks": list(accept.checks),
                "otherwise": accept.otherwise.value,
                "at": str(accept.span) if accept.span else None,
            }
            for accept in d.accept
        ],
        "barred": [{"model": s.model, "detail": s.detail} for s in d.barred],
    }


def _rows(part: object) -> list[dict[str, object]]:
    return part if isinstance(part, list) else []


def _text(told: _Told, path: Path) -> list[Line]:
    policy, d = told.policy, told.decision
    applied = sum(judged.applied for judged in told.rules)
    head = table(
        [
            ("Request", _request(told)),
            ("Facts", _facts(told)),
            ("Task", _task(told)),
            ("Complexity", _complexity(told)),
            *_factors(told),
            ("Tier", _floor(told)),
            ("Rules", f"{applied} of {len(told.rules)} applied"),
            *(("Checks", printable(line)) for line in _checks(d)),
        ]
    )
    title = f"policy {printable(policy.name)} @{policy.revision[:7]} ({printable(str(path))})"
    lines: list[Line] = [[(title, "bold")], *head]
    for judged in told.rules:
        lines += _judged(judged)
    out = not_used(d.skipped, policy.timezone)
    for part in (verdict(d), candidates(d), out, _counters(told)):
        lines += ["", *part] if part else []
    return lines


def _counters(told: _Told, only: str | None = None) -> list[Line]:
    """What was counted, for all models or for one."""
    models = -1 if only is None else 1 << told.policy.position(only)
    found = [c for c in told.counters if c.meter.models & models]
    return counters.as_text(found, told.policy, time.time())


def _why_not(told: _Told, name: str) -> list[Line]:
    """One model: its place or why it is out, and the rules that speak of it."""
    d = told.decision
    out = next((s for s in d.skipped if s.model == name), None)
    if out is None:
        rank = [c.name for c in d.candidates].index(name) + 1
        lines: list[Line] = [
            [(f"{printable(name)} is number {rank} of {len(d.candidates)}", "bold")],
            *candidates(d, name),
        ]
    else:
        why = printable(detail(out, told.policy.timezone))
        lines = [[(f"{printable(name)} is out: {why}", "bold")]]
        lines += [f"  --> {out.span}"] if out.span else []
    for judged in told.rules:
        if judged.applied and _concerns(judged.rule, told.policy, name):
            lines += _judged(judged)
    return lines + _counters(told, name)


def _concerns(rule: "Rule", policy: "Policy", name: str) -> bool:
    """Whether a rule that applies says something about a model."""
    model = policy.model(name)
    return (
        name in (*rule.avoid, *rule.first)
        or (rule.only is not None and name not in rule.only)
        or not rule.needs <= model.abilities
        or (not policy.fallback.step_down and model.rank < (rule.min_tier or 0))
        or rule.deny is not None
    )


def _judged(judged: _Judged) -> list[Line]:
    rule = judged.rule
    mark, style = ("+", "green") if judged.applied else ("-", "dim")
    place = f"  {rule.span}" if rule.span else ""
    words_ = f"  {mark} {printable(rule.name)}"
    if rule.when is None:
        return [[(words_, style), (f"{place}", "dim")], "      always"]
    rows = [("     ", printable(" ".join(s.text.split())), _shown(s.value)) for s in judged.steps]
    return [[(words_, style), (f"{place}", "dim")], *table(rows)]


def _checks(decision: "Decision") -> list[str]:
    """A line for each set of checks that the answer must pass, and for each judge left out."""
    lines = []
    for accept in decision.accept:
        made = ", ".join(f"{name} {_check(accept, name)}".rstrip() for name in accept.checks)
        where = f" ({accept.span})" if accept.span else ""
        lines.append(f"{accept.by}: {made}; else {_ELSE[accept.otherwise]}{where}")
    for skip in decision.barred:
        where = f" ({skip.span})" if skip.span else ""
        lines.append(f"`{skip.model}` does not judge: {skip.detail}{where}")
    return lines


_ELSE = {
    "best": "a higher tier, then the best answer",
    "error": "a higher tier, then an error",
}


def _check(accept: "Accept", name: str) -> str:
    """What a check asks for, in a few words; what is long is left out."""
    value = getattr(accept, name)
    if name == "json_schema" or value is True:
        return ""
    if name == "llm":
        return f"by `{value.model.name}`"
    return " or ".join(value) if isinstance(value, tuple) else str(value)


def _request(told: _Told) -> str:
    size = told.asked.characters
    tokens = told.decision.request.tokens
    if size is None:
        return f"{tokens:,} tokens"
    return f"{size:,} characters, about {tokens:,} tokens"


def _facts(told: _Told) -> str:
    elsewhere = ("task", "complexity", "score", "tokens")
    shown = [
        f"{name} {printable(_shown(value))}"
        for name, value in told.known.items()
        if name not in elsewhere
    ]
    return " · ".join(shown) or "none beside these"


def _task(told: _Told) -> str:
    seen, rest = told.asked.seen, ""
    if seen is not None and seen.told is None and seen.kind.probability >= CONFIDENT:
        kind = seen.kind
        if kind.name != seen.task:
            rest = f"; likeliest kind of work: {kind.name}, {kind.probability:.0%} sure"
    if told.task is None:
        return f"none: the caller names none, and the policy has no default task{rest}"
    if told.task_from == MatchedBy.CALLER:
        who = "named by the caller"
    elif told.task_from == MatchedBy.DEFAULT or seen is None:
        who = "the default"
    else:
        who = f"by {_WHAT[seen.by]} {words(seen.evidence[:EVIDENCE])}"
        who += f", {seen.confidence:.0%} sure" if seen.by is MatchedBy.BUILT_IN else ""
    return f"{told.task.name}: {who}{_at(told.task)}{rest}"


_WHAT: Final = {
    MatchedBy.KEYWORDS: "its words",
    MatchedBy.PATTERN: "its pattern",
    MatchedBy.NEEDS: "the abilities needed,",
    MatchedBy.BUILT_IN: "the built-in definition,",
}
EVIDENCE: Final = 6
"""So many cues are shown; --json has all."""


def _complexity(told: _Told) -> str:
    if told.decision.score is None:
        return "not given"
    score = f"score {told.decision.score:.3g}"
    if told.band is None:
        return f"{score}: below every band"
    start = " where the band begins" if isinstance(told.decision.request.complexity, str) else ""
    seen = told.asked.seen
    by = f", by the {seen.estimator} estimator" if seen is not None and told.asked.scored else ""
    asked = _asked_estimator(told)
    if asked is not None:
        by += f"; a request that is carried out is rated by `{asked}`, which is not asked here"
    return f"{told.band.name}: {score}{start}{by}{_at(told.band)}"


def _asked_estimator(told: _Told) -> str | None:
    """The model or the code that would rate the request: only a real request costs either."""
    settings = told.policy.complexity
    if told.asked.seen is None or not told.asked.scored:
        return None
    return settings.model or settings.function


def _factors(told: _Told) -> list[tuple[str, str]]:
    """What the score is made of, one row each."""
    if told.asked.seen is None or not told.asked.scored:
        return []
    return [
        ("", f"{f.share:+.3f}  {f.name}: {f.value:.2f} of 1, weight {f.weight:.0%}")
        for f in told.asked.seen.factors
    ]


def _floor(told: _Told) -> str:
    if told.floor is None:
        return "any"
    tier, askers = told.floor
    who = ", ".join(
        f"{a.kind} {words([a.name])} asks for {told.policy.tiers[a.rank]}"
        + (f" ({a.at})" if a.at else "")
        for a in askers
    )
    weaker = "weaker ones as a last resort" if told.policy.fallback.step_down else "no weaker ones"
    return f"{tier} or better, {weaker}: {who}"


def _at(part: "Task | Band") -> str:
    return f" ({part.span})" if part.span else ""
