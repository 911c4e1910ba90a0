"""Renders which mutations of a policy its tests notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policy_router.cases.mutation import Fate
from policy_router.cases.stated_request import clock_of, stated
from policy_router.diagnostics import printable
from policy_router.views.lines import quoted_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy_router.cases.equivalence import TellingRequest
    from policy_router.cases.mutation import MutantResult, Mutation
    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision
    from policy_router.views.lines import Line


def as_lines(path: str, policy: Policy, mutation: Mutation) -> Iterator[Line]:
    """Yield how many changes the tests notice, and each that they do not."""
    caught = mutation.count(Fate.CAUGHT)
    equal = mutation.count(Fate.EQUIVALENT)
    counted = len(mutation.results) - equal
    share = f"{mutation.share:.0%} ({caught} of {counted})"
    yield ""
    yield [(f"changes of {printable(path)} that a test notices: {share}", "bold")]
    if equal:
        yield f"  {equal} more are proved to change no decision"
    for result in mutation.results:
        if result.fate is Fate.SURVIVED:
            yield _head("no test", result, "yellow")
            if result.difference is not None:
                yield from _difference(policy, result.difference)
        elif result.fate is Fate.UNKNOWN:
            yield _head("unknown", result, "cyan")
            yield f"      {result.reason}"


def _head(what: str, result: MutantResult, style: str) -> Line:
    place = "" if result.span is None else f"  ({result.span})"
    return [(f"  {what}: {printable(result.change)}", style), (printable(place), "")]


def _difference(policy: Policy, difference: TellingRequest) -> Iterator[Line]:
    facts = _facts(policy, difference)
    yield printable("      a test with the request { " + ", ".join(facts) + " }")
    yield printable(f"      tells {_shown(difference.before)} from {_shown(difference.after)}")


def _facts(policy: Policy, difference: TellingRequest) -> list[str]:
    request = stated(policy, difference.witness) or {}
    clock = clock_of(policy, difference.witness)
    facts = [f"{name}: {_value(value)}" for name, value in request.items()]
    return facts if clock is None else [*facts, f"clock: {clock:%Y-%m-%d %H:%M}"]


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(decision: Decision) -> str:
    if decision.denied is not None:
        return f"a refusal ({decision.denied})"
    return quoted_names(each.name for each in decision.candidates) or "no model"


def as_json(policy: Policy, mutation: Mutation) -> dict[str, object]:
    """Return the changes as plain JSON values."""
    return {
        "share": round(mutation.share, 4),
        **{fate.value: mutation.count(fate) for fate in Fate},
        "changes": [_change(policy, each) for each in mutation.results],
    }


def _change(policy: Policy, result: MutantResult) -> dict[str, object]:
    difference = result.difference
    return {
        "change": printable(result.change),
        "fate": result.fate.value,
        "by": result.by,
        "reason": result.reason,
        "request": None if difference is None else ", ".join(_facts(policy, difference)),
        "before": None if difference is None else _shown(difference.before),
        "after": None if difference is None else _shown(difference.after),
        "at": None if result.span is None else str(result.span),
    }
