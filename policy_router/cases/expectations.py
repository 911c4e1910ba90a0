"""Compares a decision with what a test expects of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policy_router.domain.money import spell_usd
from policy_router.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from policy_router.decision.policy import Policy
    from policy_router.diagnostics import Span
    from policy_router.domain.decision import Candidate, Decision
    from policy_router.domain.policy_tests import Expectation


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An expectation that a decision does not meet.

    Attributes:
        expectation: Its name, such as `first`.
        expected: What was expected, as text for people.
        got: What was decided.
        why: What decided it; empty where there is nothing to say.
        span: The position of the expectation in the policy files.
    """

    expectation: str
    expected: str
    got: str
    why: str = ""
    span: Span | None = None


_Found = tuple[str, str, str]
"""What was expected, what was decided, and why."""


def mismatches(policy: Policy, expect: Expectation, decision: Decision) -> tuple[Mismatch, ...]:
    """Return every expectation that a decision does not meet, in the order of the language.

    Args:
        policy: The policy that decided.
        expect: What is expected.
        decision: The decision.
    """
    return tuple(
        Mismatch(name, *found, span=expect.places.get(name))
        for name, compare in _COMPARE.items()
        for found in compare(policy, expect, decision)
    )


def _order(_: Policy, expect: Expectation, decision: Decision) -> Iterator[_Found]:
    got = _names(decision.candidates)
    if expect.order is not None and expect.order != got:
        yield _listed(expect.order), _listed(got), _why_order(decision, expect.order, got)


def _first(_: Policy, expect: Expectation, decision: Decision) -> Iterator[_Found]:
    if expect.first is None:
        return
    got = decision.candidates[0] if decision.candidates else None
    if got is None or got.name != expect.first:
        why = _out(decision, expect.first)
        if got is not None and not why:
            why = f"`{got.name}` goes first: {got.detail}"
        yield f"`{expect.first}`", "no model" if got is None else f"`{got.name}`", why


def _then(_: Policy, expect: Expectation, decision: Decision) -> Iterator[_Found]:
    got = _names(decision.candidates[1:])
    if expect.then is not None and expect.then != got:
        yield _listed(expect.then), _listed(got), _why_order(decision, expect.then, got)


def _never(_: Policy, expect: Expectation, decision: Decision) -> Iterator[_Found]:
    for place, candidate in enumerate(decision.candidates, 1):
        if candidate.name in expect.never:
            yield (
                f"not `{candidate.name}`",
                f"`{candidate.name}` at place {place} of {len(decision.candidates)}",
                "nothing excludes it",
            )


def _task(_: Policy, expect: Expectation, decision: Decision) -> Iterator[_Found]:
    if expect.task not in {None, decision.task}:
        named = decision.confidence is None
        why = "" if named else f"the classifier is {decision.confidence:.0%} sure of it"
        yield f"`{expect.task}`", _named(decision.task), why


def _complexity(_: Policy, expect: Expectation, decision: Decision) -> Iterator[_Found]:
    if expect.complexity not in {None, decision.complexity}:
        why = "" if decision.score is None else f"the score is {decision.score:.2f}"
        yield f"`{expect.complexity}`", _named(decision.complexity), why


def _rule(policy: Policy, expect: Expectation, decision: Decision) -> Iterator[_Found]:
    if expect.rule is None or expect.rule in decision.rules:
        return
    rule = next((each for each in policy.rules if each.name == expect.rule), None)
    why = ""
    if rule is not None and rule.when is not None:
        why = f"its condition does not hold: {quoted(rule.when.text)}"
    yield f"`{expect.rule}`", _listed(decision.rules), why


def _cost(_: Policy, expect: Expectation, decision: Decision) -> Iterator[_Found]:
    if expect.cost is None:
        return
    first = decision.candidates[0] if decision.candidates else None
    got = None if first is None else first.model.estimate(decision.request, decision.now)
    if got != expect.cost:
        yield _usd(expect.cost), _usd(got), "no model" if first is None else f"of `{first.name}`"


def _max_cost(_: Policy, expect: Expectation, decision: Decision) -> Iterator[_Found]:
    if expect.max_cost is None:
        return
    for candidate in decision.candidates:
        got = candidate.model.estimate(decision.request, decision.now)
        if got is None or got > expect.max_cost:
            yield f"at most {_usd(expect.max_cost)}", _usd(got), f"of `{candidate.name}`"


def _denied(_: Policy, expect: Expectation, decision: Decision) -> Iterator[_Found]:
    wanted = expect.denied
    if isinstance(wanted, str):
        if decision.denied != wanted:
            yield f"denied: {quoted(wanted)}", _refusal(decision), ""
    elif wanted is not None and wanted is bool(decision.candidates):
        yield "denied" if wanted else "not denied", _refusal(decision), ""


def _reasons(_: Policy, expect: Expectation, decision: Decision) -> Iterator[_Found]:
    skips = {skip.model: skip for skip in decision.skipped}
    for model, reason in expect.reasons.items():
        skip = skips.get(model)
        if skip is None:
            yield f"`{model}`: {reason}", f"`{model}` may answer", ""
        elif skip.reason is not reason:
            yield f"`{model}`: {reason}", f"`{model}`: {skip.reason}", skip.detail


def _alias(policy: Policy, expect: Expectation, decision: Decision) -> Iterator[_Found]:
    asked = decision.request.model
    alias = None if asked is None else policy.alias(asked)
    got = None if alias is None else alias.name
    if expect.alias not in {None, got}:
        why = "the request asks for no model" if asked is None else f"it asks for {quoted(asked)}"
        yield f"`{expect.alias}`", _named(got), why


def _session(_: Policy, expect: Expectation, decision: Decision) -> Iterator[_Found]:
    got = None if decision.session is None else decision.session.move
    if expect.session not in {None, got}:
        yield f"`{expect.session}`", _named(got), decision.session_note or "no session matters"


_COMPARE: Final[
    Mapping[str, Callable[[Policy, Expectation, Decision], Iterator[_Found]]]
] = {
    "order": _order,
    "first": _first,
    "then": _then,
    "never": _never,
    "task": _task,
    "complexity": _complexity,
    "rule": _rule,
    "cost": _cost,
    "max_cost": _max_cost,
    "denied": _denied,
    "reasons": _reasons,
    "alias": _alias,
    "session": _session,
}  # fmt: skip


def _names(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    return tuple(candidate.name for candidate in candidates)


def _out(decision: Decision, model: str) -> str:
    """Why a model may not answer; empty where it may."""
    skip = next((each for each in decision.skipped if each.model == model), None)
    return "" if skip is None else f"`{model}` is out: {skip.detail}"


def _why_order(decision: Decision, wanted: Sequence[str], got: Sequence[str]) -> str:
    """Why the first model at which two orders differ has its place."""
    for model in wanted:
        if model not in got:
            return _out(decision, model) or f"`{model}` goes first"
    for place, model in enumerate(got):
        if place >= len(wanted) or wanted[place] != model:
            candidate = next(each for each in decision.candidates if each.name == model)
            return f"`{model}` has its place by: {candidate.detail}"
    return ""  # the two are equal


def _refusal(decision: Decision) -> str:
    if decision.denied is not None:
        return f"denied: {quoted(decision.denied)}"
    if not decision.candidates:
        return "no model is left"
    return f"`{decision.candidates[0].name}` may answer"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _named(name: str | None) -> str:
    return "none" if name is None else f"`{name}`"


def _usd(amount: int | None) -> str:
    return "unknown" if amount is None else spell_usd(amount)
