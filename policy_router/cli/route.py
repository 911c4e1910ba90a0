"""`route`: the models a request would try, in order."""

import asyncio
import time
from typing import TYPE_CHECKING, Final

import typer

from policy_router.cli.clock import iso, spell_time
from policy_router.cli.counters import counted
from policy_router.cli.policy import choose, open_policy
from policy_router.cli.request import Asked, Given, ask, takes_request
from policy_router.cli.store_option import place_of
from policy_router.diagnostics import printable
from policy_router.units import dollars
from policy_router.views.terminal import Line, fail, show, show_json, table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from policy_router.decision.policy import Policy
    from policy_router.domain.decision import Decision, Skip
    from policy_router.domain.models import Model

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
    path = choose(given.policy)
    policy = open_policy(path)
    asked = ask(policy, given)
    asked = asyncio.run(counted(policy, asked, place_of(given.state, policy.name, path)))
    decision = made(policy, asked, json=given.json)
    if given.json:
        show_json(as_json(decision, policy.timezone))
    else:
        show(as_text(decision, policy.timezone))
    finish(decision)


def made(policy: "Policy", asked: Asked, *, json: bool = False) -> "Decision":
    """The decision; ends the command when the request makes no sense to the policy. json: a
    machine reads standard output, and is told there as well."""
    from policy_router.decision.decide import decide  # noqa: PLC0415

    decision = decide(policy, asked.request, asked.snapshot)
    if decision.invalid:
        if json:
            show_json(as_json(decision, policy.timezone))
        fail(printable(str(decision.denied)))
    return decision


def finish(decision: "Decision") -> None:
    """End the command with what the decision means for its exit code."""
    if not decision.candidates:
        raise typer.Exit(SAID_NO)


def as_json(decision: "Decision", zone: "ZoneInfo") -> dict[str, object]:
    """A decision as one object. zone: in which times are written."""
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
                "calls": c.model.provider_model,
                "tier": c.model.tier,
                "free": c.model.free,
                "cost_usd": _cost(decision, c.model),
                "why": c.detail,
            }
            for c in decision.candidates
        ],
        "skipped": [out(s, zone) for s in decision.skipped],
        "rules": list(decision.rules),
    }


def out(skip: "Skip", zone: "ZoneInfo") -> dict[str, object]:
    """A model that is out, as one object."""
    return {
        "model": skip.model,
        "reason": skip.reason.value,
        "detail": skip.detail,
        "until": iso(skip.until, zone),
        "at": str(skip.span) if skip.span else None,
    }


def _cost(decision: "Decision", model: "Model") -> str | None:
    cost = decision.cost(model)
    return None if cost is None else dollars(cost)


def as_text(decision: "Decision", zone: "ZoneInfo") -> list[Line]:
    """A decision as a table of its candidates and a list of the models that are out."""
    return [*verdict(decision), *candidates(decision), *not_used(decision.skipped, zone)]


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
        (str(rank), printable(c.name), c.model.tier, _shown(decision, c.model), printable(c.detail))
        for rank, c in enumerate(decision.candidates, start=1)
        if only in (None, c.name)
    ]
    if not rows:
        return []
    head = ("", "model", "tier", "est. cost", "why")
    return table([head, *rows], ["bold", *("" for _ in rows)])


def not_used(skips: "Iterable[Skip]", zone: "ZoneInfo", only: str | None = None) -> list[Line]:
    """The models that are out: why, until when, and where the policy says so."""
    rows = [
        ("", printable(s.model), printable(detail(s, zone)), str(s.span or ""))
        for s in skips
        if only in (None, s.model)
    ]
    return [[("Not used", "bold")], *table(rows)] if rows else []


def detail(skip: "Skip", zone: "ZoneInfo") -> str:
    """Why a model is out, and when it opens if it does by itself."""
    if skip.until is None:
        return skip.detail
    return f"{skip.detail}, opens {spell_time(skip.until, time.time(), zone)}"


def _shown(decision: "Decision", model: "Model") -> str:
    cost = decision.cost(model)
    return "free" if model.free else "unknown" if cost is None else f"${dollars(cost)}"


def words(names: "Iterable[str]") -> str:
    """Names in backticks, joined by commas."""
    return ", ".join(f"`{printable(name)}`" for name in names)
