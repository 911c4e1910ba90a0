"""`route`: the models a request would try, in order."""

from typing import TYPE_CHECKING, Final

import typer

from policy_router.cli.policy import choose, open_policy
from policy_router.cli.request import Asked, Given, ask, takes_request
from policy_router.cli.screen import Line, fail, show, show_json, table
from policy_router.diagnostics import printable
from policy_router.language.suggest import did_you_mean
from policy_router.language.units import dollars

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policy_router.model import Decision, Model, Policy

SAID_NO: Final = 4
"""The exit code when the policy leaves nobody to answer."""


@takes_request
def route(given: Given) -> None:
    """Print the models a request would try, in order.

    \b
    policy-router route "Refactor this function" --task code
    policy-router route --tokens 30k --tag private,batch --fact plan=free --fact hour=23
    git diff | policy-router route - --max-cost 0.01 --json

    Exit code 0: there is a model, 4: the policy says no, 2: the request makes no sense to it.
    """
    policy = open_policy(choose(given.policy))
    decision = made(policy, ask(policy, given), json=given.json)
    if given.json:
        show_json(as_json(decision))
    else:
        show(as_text(decision))
    finish(decision)


def made(policy: "Policy", asked: Asked, *, json: bool = False) -> "Decision":
    """The decision; ends the command when the request makes no sense to the policy. json: a
    machine reads standard output, and is told there as well."""
    from policy_router.decide.decide import decide  # noqa: PLC0415

    decision = decide(policy, asked.request, asked.snapshot)
    if decision.invalid:
        if json:
            show_json(as_json(decision))
        fail(printable(f"{decision.denied}{_meant(policy, decision)}"))
    return decision


def finish(decision: "Decision") -> None:
    """End the command with what the decision means for its exit code."""
    if not decision.candidates:
        raise typer.Exit(SAID_NO)


def _meant(policy: "Policy", decision: "Decision") -> str:
    """`; did you mean ...` for a name that the policy does not know."""
    request = decision.request
    for word, known in (
        (request.task, policy.index.tasks),
        (request.complexity, policy.index.bands),
        (request.model, policy.index.by_name),
    ):
        if isinstance(word, str) and word not in known:
            close = did_you_mean(word, known)
            return f"; did you mean `{close}`?" if close else ""
    return ""


def as_json(decision: "Decision") -> dict[str, object]:
    """A decision as one object."""
    from policy_router.cli.render import SCHEMA_VERSION  # noqa: PLC0415

    return {
        "schema_version": SCHEMA_VERSION,
        "revision": decision.revision,
        "task": decision.task,
        "complexity": decision.complexity,
        "score": decision.score,
        "denied": decision.denied,
        "candidates": [
            {
                "model": c.name,
                "calls": c.model.calls,
                "tier": c.model.tier,
                "free": c.model.free,
                "cost_usd": _cost(decision, c.model),
                "why": c.why,
            }
            for c in decision.candidates
        ],
        "skipped": [
            {
                "model": s.model,
                "reason": s.reason.value,
                "detail": s.detail,
                "at": str(s.at) if s.at else None,
            }
            for s in decision.skipped
        ],
        "rules": list(decision.rules),
    }


def _cost(decision: "Decision", model: "Model") -> str | None:
    cost = decision.cost(model)
    return None if cost is None else dollars(cost)


def as_text(decision: "Decision") -> list[Line]:
    """A decision as a table of its candidates and a list of the models that are out."""
    return [*verdict(decision), *candidates(decision), *not_used(decision)]


def verdict(decision: "Decision") -> list[Line]:
    """What to say above the tables; nothing when there are candidates."""
    if decision.denied is not None:
        return [[("Denied", "bold red"), (f": {printable(decision.denied)}", "")]]
    if not decision.candidates:
        return [[("No model may answer this request", "bold red")]]
    return []


def candidates(decision: "Decision", only: str | None = None) -> list[Line]:
    """The table of candidates: rank, model, tier, estimated cost, why."""
    rows = [
        (str(rank), printable(c.name), c.model.tier, _shown(decision, c.model), printable(c.why))
        for rank, c in enumerate(decision.candidates, start=1)
        if only in (None, c.name)
    ]
    if not rows:
        return []
    head = ("", "model", "tier", "est. cost", "why")
    return table([head, *rows], ["bold", *("" for _ in rows)])


def not_used(decision: "Decision", only: str | None = None) -> list[Line]:
    """The models that are out: why, and where the policy says so."""
    rows = [
        ("", printable(s.model), printable(s.detail), str(s.at or ""))
        for s in decision.skipped
        if only in (None, s.model)
    ]
    return [[("Not used", "bold")], *table(rows)] if rows else []


def _shown(decision: "Decision", model: "Model") -> str:
    cost = decision.cost(model)
    return "free" if model.free else "unknown" if cost is None else f"${dollars(cost)}"


def words(names: "Iterable[str]") -> str:
    """Names in backticks, joined by commas."""
    return ", ".join(f"`{printable(name)}`" for name in names)
