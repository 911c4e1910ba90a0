"""Renders an explanation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from policy_router.classification.tasks import MatchedBy
from policy_router.diagnostics import printable
from policy_router.domain.aliases import ANY_MODEL
from policy_router.domain.complexity import CONFIDENT
from policy_router.redaction.mask import mask
from policy_router.views import classification as classification_view
from policy_router.views import counters as counters_view
from policy_router.views import decision as decision_view
from policy_router.views import rule_trace
from policy_router.views.lines import Table, quoted_names
from policy_router.views.prompts import of_candidates
from policy_router.views.rule_trace import condition_value, json_value

if TYPE_CHECKING:
    from policy_router.domain.acceptance import Accept
    from policy_router.domain.complexity import Band
    from policy_router.domain.rules import Task
    from policy_router.router.explanation import Explanation
    from policy_router.views.lines import Block

EVIDENCE_SHOWN: Final = 6
"""Clues to a task that are shown on a terminal; JSON has all of them."""


def as_json(explanation: Explanation, path: str, only: str | None = None) -> dict[str, object]:
    """Return an explanation as a JSON document.

    Args:
        explanation: The explanation to show.
        path: Path of the policy.
        only: Name of the one model to show; None shows all.
    """
    policy, decision = explanation.policy, explanation.decision
    seen = explanation.classification
    return {
        **_decision(explanation, only),
        "policy": {"name": policy.name, "path": printable(path)},
        "facts": _facts_as_json(explanation),
        "asked_for": _asked_for_as_json(explanation),
        "task_from": explanation.task_source and explanation.task_source.value,
        "classification": seen and classification_view.as_json(seen),
        "rated_by": explanation.rated_by,
        "floor": _floor_as_json(explanation),
        "prefer": {"keys": list(explanation.order[1]), "from": explanation.order[0]},
        "counters": counters_view.as_json(explanation.counters, policy.timezone),
        "trace": [rule_trace.as_json(trace) for trace in explanation.rules],
        "accept": [
            {
                "by": accept.by,
                "checks": list(accept.checks),
                "otherwise": accept.otherwise.value,
                "at": str(accept.span) if accept.span else None,
            }
            for accept in decision.accept
        ],
        "barred": [{"model": skip.model, "detail": skip.detail} for skip in decision.barred],
    }


def _decision(explanation: Explanation, only: str | None) -> dict[str, object]:
    """Return the keys of the decision; for one model, its rank in place of all others."""
    decision, zone = explanation.decision, explanation.policy.timezone
    shown = decision_view.as_json(decision, zone)
    if only is None:
        return shown
    candidates = [
        {"rank": rank, **decision_view.candidate_as_json(candidate, decision, zone)}
        for rank, candidate in enumerate(decision.candidates, start=1)
        if candidate.name == only
    ]
    skipped = [
        decision_view.skip_as_json(skip, zone) for skip in decision.skipped if skip.model == only
    ]
    return {**shown, "candidates": candidates, "skipped": skipped}


def _asked_for_as_json(explanation: Explanation) -> dict[str, object] | None:
    name, alias = explanation.decision.request.model, explanation.alias
    if name is None:
        return None
    span = None if alias is None else alias.span
    return {
        "name": printable(name),
        "alias": alias and alias.name,
        "at": str(span) if span else None,
    }


def _floor_as_json(explanation: Explanation) -> dict[str, object] | None:
    requirements, tiers = explanation.tier_requirements, explanation.policy.tiers
    if not requirements:
        return None
    return {
        "tier": tiers[requirements[0].rank],
        "asked_by": [
            {
                "kind": requirement.kind,
                "name": requirement.name,
                "tier": tiers[requirement.rank],
                "at": str(requirement.span) if requirement.span else None,
                **({"why": requirement.reason} if requirement.reason else {}),
            }
            for requirement in requirements
        ],
    }


def _facts_as_json(explanation: Explanation) -> dict[str, object]:
    return {
        name: [mask(str(item)) for item in value] if isinstance(value, list) else json_value(value)
        for name, value in explanation.known_facts.items()
    }


def as_lines(explanation: Explanation, path: str) -> list[Block]:
    """Return an explanation: the request, every rule, every model, the counters.

    Args:
        explanation: The explanation to show.
        path: Path of the policy.
    """
    policy, decision = explanation.policy, explanation.decision
    applied = sum(trace.applied and not trace.rule.shadow for trace in explanation.rules)
    lines: list[Block] = [
        [(f"policy {printable(policy.name)} @{policy.revision[:7]} ({printable(path)})", "bold")],
        Table(
            [
                ("Request", _request(explanation)),
                *(("Asked for", asked) for asked in _asked_for(explanation)),
                ("Facts", _facts(explanation)),
                ("Task", _task(explanation)),
                *(("Judged", turn) for turn in _judged(explanation)),
                ("Complexity", _complexity(explanation)),
                *(("", factor) for factor in _factors(explanation)),
                ("Tier", _tier(explanation)),
                *(("Session", note) for note in _session(explanation)),
                *(("Experiment", note) for note in decision_view.experiment_notes(decision)),
                ("Rules", f"{applied} of {len(explanation.rules)} applied"),
                *(("Order", order) for order in _order(explanation)),
            ]
        ),
    ]
    for trace in explanation.rules:
        lines += rule_trace.as_lines(trace)
    for section in (
        _checks(explanation),
        decision_view.verdict(decision),
        decision_view.candidates(decision, policy.timezone),
        of_candidates(decision.candidates),
        decision_view.left_out(decision.skipped, policy.timezone),
        decision_view.shadow(decision),
        _counters(explanation),
    ):
        lines += ["", *section] if section else []
    return lines


def why_not(explanation: Explanation, name: str) -> list[Block]:
    """Return what an explanation says about one model: its rank or why it may not answer.

    Args:
        explanation: The explanation to show.
        name: Name of the model, which must be in the policy.
    """
    policy, decision = explanation.policy, explanation.decision
    skip = next((skip for skip in decision.skipped if skip.model == name), None)
    lines: list[Block]
    if skip is None:
        rank = [candidate.name for candidate in decision.candidates].index(name) + 1
        lines = [
            [(f"{printable(name)} is number {rank} of {len(decision.candidates)}", "bold")],
            *decision_view.candidates(decision, policy.timezone, name),
            *of_candidates(decision.candidates, name),
        ]
    else:
        detail = printable(decision_view.skip_detail(skip, policy.timezone))
        lines = [[(f"{printable(name)} is out: {detail}", "bold")]]
        lines += [f"  --> {skip.span}"] if skip.span else []
    for number, trace in enumerate(explanation.rules):
        if trace.applied and not trace.rule.shadow and _concerns(explanation, number, name):
            lines += rule_trace.as_lines(trace)
    return lines + _counters(explanation, name)


def _session(explanation: Explanation) -> list[str]:
    """Return what the session of the request means for it."""
    note = explanation.decision.session_note
    return [] if note is None else [printable(note)]


def _concerns(explanation: Explanation, number: int, name: str) -> bool:
    """Return whether a rule that applies, by its position, affects a model."""
    policy = explanation.policy
    rule, model = policy.rules[number], policy.model(name)
    return (
        name in rule.first
        or bool(policy.removed_by(number) >> policy.position(name) & 1)
        or rule.criteria.max_cost is not None
        or rule.prefer is not None
        or (not policy.fallback.step_down and model.rank < (rule.min_tier or 0))
        or rule.deny is not None
    )


def _counters(explanation: Explanation, only: str | None = None) -> list[Block]:
    """Return the counters that were read, for all models or for one."""
    policy = explanation.policy
    models = -1 if only is None else 1 << policy.position(only)
    counters = [c for c in explanation.counters if c.limit.models & models]
    return counters_view.as_lines(counters, policy.timezone, time.time())


def _checks(explanation: Explanation) -> list[Block]:
    """Return a line for each set of checks of the answer, and for each judge left out."""
    lines: list[str] = []
    for accept in explanation.decision.accept:
        checks = ", ".join(f"{name} {_check(accept, name)}".rstrip() for name in accept.checks)
        span = f" ({accept.span})" if accept.span else ""
        lines.append(f"{accept.by}: {checks}; else {_OTHERWISE[accept.otherwise]}{span}")
    for skip in explanation.decision.barred:
        span = f" ({skip.span})" if skip.span else ""
        lines.append(f"`{skip.model}` does not judge: {skip.detail}{span}")
    shown: list[Block] = [f"  {printable(line)}" for line in lines]
    return [[("Checks of the answer", "bold")], *shown] if shown else []


_OTHERWISE: Final = {
    "best": "a higher tier, then the best answer",
    "error": "a higher tier, then an error",
}


def _check(accept: Accept, name: str) -> str:
    """Return what a check requires, in a few words; nothing where that is long."""
    value = getattr(accept, name)
    if name == "json_schema" or value is True:
        return ""
    if name == "llm":
        return f"by `{value.model.name}`"
    return " or ".join(value) if isinstance(value, tuple) else str(value)


def _request(explanation: Explanation) -> str:
    tokens = explanation.decision.request.tokens
    if explanation.characters is None:
        return f"{tokens:,} tokens"
    return f"{explanation.characters:,} characters, about {tokens:,} tokens"


def _asked_for(explanation: Explanation) -> list[str]:
    """Return a line about the model or the alias that the request asks for, if it does."""
    name, alias = explanation.decision.request.model, explanation.alias
    if name is None:
        return []
    shown = f"`{printable(name)}`"
    if alias is not None:
        models = ", then ".join(" or ".join(group) for group in alias.groups) or "no model"
        span = f" ({alias.span})" if alias.span else ""
        return [f"{shown}: alias `{alias.name}` stands for {models}{span}"]
    if name == ANY_MODEL and name not in explanation.policy.models_by_name:
        return [f"{shown}: any model, in the policy's own order"]
    return [f"{shown}: no other model"]


_SHOWN_ELSEWHERE: Final = ("task", "complexity", "score", "tokens", "model")


def _facts(explanation: Explanation) -> str:
    defaults = explanation.policy.vocabulary.defaults.keys()
    assumed = defaults - explanation.decision.request.attributes.keys()
    facts = [
        f"{name} {printable(condition_value(value))}" + (" (default)" if name in assumed else "")
        for name, value in explanation.known_facts.items()
        if name not in _SHOWN_ELSEWHERE
    ]
    return " · ".join(facts) or "none besides these"


def _task(explanation: Explanation) -> str:
    seen, task, source = explanation.classification, explanation.task, explanation.task_source
    likely = ""
    if seen is not None and seen.identified_task is None and seen.kind.probability >= CONFIDENT:
        kind = seen.kind
        if kind.name != seen.task:
            likely = f"; likeliest kind of work: {kind.name}, {kind.probability:.0%} sure"
    if task is None:
        return f"none: the caller names none, and the policy has no default task{likely}"
    if source == MatchedBy.CALLER:
        reason = "named by the caller"
    elif source == MatchedBy.DEFAULT or seen is None:
        reason = "the default"
    else:
        reason = f"by {_CLUES[seen.by]} {quoted_names(seen.evidence[:EVIDENCE_SHOWN])}"
        reason += f", {seen.confidence:.0%} sure" if seen.by is MatchedBy.BUILT_IN else ""
    return f"{task.name}: {reason}{_span(task)}{likely}"


_CLUES: Final = {
    MatchedBy.KEYWORDS: "its words",
    MatchedBy.PATTERN: "its pattern",
    MatchedBy.NEEDS: "the abilities needed,",
    MatchedBy.BUILT_IN: "the built-in definition,",
}


def _judged(explanation: Explanation) -> list[str]:
    """Say which turn was judged, where the conversation has several."""
    seen, turns = explanation.classification, explanation.decision.request.turn
    if seen is None or turns is None or turns == 1:
        return []
    turn = seen.reading.asked_turn
    why = "" if turn == turns else ": those after it only go on or refer to it"
    return [f"turn {turn} of {turns}{why}"]


def _complexity(explanation: Explanation) -> str:
    decision, band = explanation.decision, explanation.band
    if decision.score is None:
        return "not given"
    score = f"score {decision.score:.3g}"
    if band is None:
        return f"{score}: below every band"
    named = isinstance(decision.request.complexity, str)
    start = " where the band begins" if named and decision.score == band.start else ""
    by = ""
    if explanation.classification is not None and explanation.scored:
        by = f", by the {explanation.classification.estimator} estimator"
        if explanation.classification.abstained:
            by += ", which does not know such requests and gives its middle score"
    if explanation.rated_by is not None:
        by += f"; when the request is sent, `{explanation.rated_by}` rates it, which `explain`"
        by += " does not call"
    return f"{band.name}: {score}{start}{by}{_span(band)}"


def _factors(explanation: Explanation) -> list[str]:
    """Return what the complexity score is made of."""
    if explanation.classification is None or not explanation.scored:
        return []
    return [
        f"{factor.share:+.3f}  {factor.name}: {factor.value:.2f} of 1, weight {factor.weight:.0%}"
        for factor in explanation.classification.factors
    ]


def _tier(explanation: Explanation) -> str:
    requirements, policy = explanation.tier_requirements, explanation.policy
    if not requirements:
        return "any"
    required_by = ", ".join(
        f"{requirement.kind} {quoted_names([requirement.name])} "
        f"requires {policy.tiers[requirement.rank]}"
        + (f" ({requirement.span})" if requirement.span else "")
        + (f", {requirement.reason}" if requirement.reason else "")
        for requirement in requirements
    )
    steps_down = policy.fallback.step_down or requirements[0].kind == "session"
    weaker = "weaker ones as a last resort" if steps_down else "no weaker ones"
    return f"{policy.tiers[requirements[0].rank]} or better, {weaker}: {required_by}"


def _order(explanation: Explanation) -> list[str]:
    """Return what models are sorted by and who says so, where it is not the policy as a whole."""
    by, keys = explanation.order
    return [f"{', '.join(keys) or 'as written'}: {printable(by)}"] if by else []


def _span(part: Task | Band) -> str:
    return f" ({part.span})" if part.span else ""
