"""`usage`: what was used of every limit and budget, and by every model."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import quote

import typer

from policy_router.cli.clock import iso, spell_time
from policy_router.cli.counters import amount, naming, of_limit, title, whose
from policy_router.cli.policy import Where, choose, open_policy
from policy_router.cli.store_option import (
    VARIABLE,
    State,
    StoreLocation,
    lost_data,
    opened,
    place_of,
    warn_of_clock,
)
from policy_router.decision.limits import spell
from policy_router.diagnostics import printable
from policy_router.domain.limits import Metric
from policy_router.errors import StoreError
from policy_router.units import dollars
from policy_router.views.terminal import Line, fail, say, show, show_json, table

if TYPE_CHECKING:
    from policy_router.decision.policy import Policy
    from policy_router.domain.limits import Limit
    from policy_router.reports.usage import CounterUsage, PeriodUsage, Tally, UsageReport

MOST: Final = 10
"""So many users, tenants, teams or keys are listed for one limit or budget."""


def usage(
    *,
    policy: Where = None,
    state: State = None,
    everyone: Annotated[
        bool, typer.Option("--all", help=f"List everyone, not only the {MOST} largest.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what was used of every limit and budget, and by every model.

    \b
    policy-router usage
    policy-router usage --all --state redis://localhost:6379

    Days and months are those of the policy's time zone. Exit code 2: the counters cannot be read.
    """
    path = choose(policy)
    read = open_policy(path)
    place = place_of(state, read.name, path)
    try:
        found = asyncio.run(_read(read, place))
    except StoreError as error:
        fail(str(error))
    if json:
        show_json(as_json(found, read, str(place), everyone=everyone))
    else:
        if read.limits and not (found.month.models or any(s.used for s in found.scopes)):
            say(*nothing(place))
        show(as_text(found, read, str(place), everyone=everyone))


async def _read(policy: "Policy", place: StoreLocation) -> "UsageReport":
    from policy_router.reports.usage import usage as read_usage  # noqa: PLC0415  not for --help

    async with opened(place) as store:
        await warn_of_clock(store)
        lost = await lost_data(store)
        if lost is not None:
            hint = "run `policy-router doctor`"
            say([("warning", "bold yellow"), (f": the ledger lost data: {lost.text}; {hint}", "")])
        return await read_usage(policy, store, time.time())


def nothing(place: StoreLocation) -> list[Line]:
    """What to say where nothing was counted: where that was looked up, and how to share it."""
    file = None if place.file is None else place.file.absolute()
    where = f"there is no {file}" if place.missing else f"{place} is empty"
    url = str(place) if file is None else f"sqlite:///{quote(str(file))}"
    help_ = (
        " an application counts in its own memory unless it is opened with the same store,"
        f' `Router.open(..., state="{printable(url)}")`; name its store with --state or ${VARIABLE}'
    )
    return [
        f"nothing was counted yet: {printable(where)}",
        [("   = help:", "green"), (help_, "")],
    ]


# -- for people ----------------------------------------------------------------------------------


def as_text(found: "UsageReport", policy: "Policy", place: str, *, everyone: bool) -> list[Line]:
    """Tables of the counters, and of the models today and this month."""
    head = f"policy {printable(policy.name)} @{policy.revision[:7]}"
    lines: list[Line] = [[(head, "bold"), (f"  {place}", "dim")]]
    lines += _scopes(found, policy, everyone=everyone)
    for words, span in (("Today", found.today), ("This month", found.month)):
        lines += ["", [(f"{words}, {span.label}", "bold")], *_models(span, policy)]
    if found.since is not None:
        since = spell_time(found.since, found.now, policy.timezone)
        lines += ["", [(f"What models took before {since} is no longer kept.", "yellow")]]
    return lines


def _scopes(found: "UsageReport", policy: "Policy", *, everyone: bool) -> list[Line]:
    rows: list[tuple[str, ...]] = [("", "used", "share", "under way", "")]
    for meter, scopes in by_meter(found, policy):
        shown = scopes if everyone else scopes[:MOST]
        rows += [_scope(scope, found, policy) for scope in shown]
        if not scopes:
            each = f"each {meter.per}: {of_limit(meter, 0)}"
            rows.append((title(meter), each, "", "", ""))
        if len(shown) < len(scopes):
            more = f"and {len(scopes) - len(shown):,} more: --all"
            rows.append((title(meter), more, "", "", ""))
    if len(rows) == 1:
        return ["", "The policy has no limit and no budget."]
    return ["", *table(rows, ["bold", *("" for _ in rows[1:])])]


def by_meter(found: "UsageReport", policy: "Policy") -> "list[tuple[Limit, list[CounterUsage]]]":
    """Every meter of the policy with its counters."""
    return [(meter, [s for s in found.scopes if s.meter is meter]) for meter in policy.limits]


def _scope(scope: "CounterUsage", found: "UsageReport", policy: "Policy") -> tuple[str, ...]:
    meter, zone, who = scope.meter, policy.timezone, whose(scope.meter, scope.subject)
    again = ""
    if scope.resets is not None:
        again = f"resets {spell_time(scope.resets, found.now, zone)}"
    elif scope.opens is not None:
        again = f"opens {spell_time(scope.opens, found.now, zone)}"
    return (
        f"{title(meter)}, {who}" if who else title(meter),
        of_limit(meter, scope.used),
        "" if scope.share is None else f"{scope.share:.0%}",
        spell(meter.metric, scope.held) if scope.held else "",
        again,
    )


def _models(span: "PeriodUsage", policy: "Policy") -> list[Line]:
    if not span.models:
        return ["nobody was asked" if policy.limits else "nothing is counted"]
    rows: list[tuple[str, ...]] = [("", "requests", "tokens in", "tokens out", "cost")]
    for name, tally in span.models:
        rows.append((printable(name), *_numbers(tally), _cost(policy, name, tally)))
    if len(span.models) > 1:
        total = span.total()
        rows.append(("all", *_numbers(total), spell(Metric.USD, total.cost)))
    lines = table(rows, ["bold", *("" for _ in rows[1:])])
    free, answers = free_share(span, policy)
    if answers:
        noun = "answer" if answers == 1 else "answers"
        lines.append(f"free models: {free:,} of {answers:,} {noun}, {free / answers:.0%}")
    return lines


def _numbers(tally: "Tally") -> tuple[str, str, str]:
    return f"{tally.requests:,}", f"{tally.tokens_in:,}", f"{tally.tokens_out:,}"


def _cost(policy: "Policy", name: str, tally: "Tally") -> str:
    model = policy.models_by_name.get(name)
    if model is not None and model.price is None and not tally.cost:
        return "unknown"
    return "free" if model is not None and model.free else spell(Metric.USD, tally.cost)


def free_share(span: "PeriodUsage", policy: "Policy") -> tuple[int, int]:
    """Answers of models that the policy calls free, and all answers."""
    free = span.total(model.name for model in policy.models if model.free)
    return free.answers, span.total().answers


# -- for machines --------------------------------------------------------------------------------


def as_json(
    found: "UsageReport", policy: "Policy", place: str, *, everyone: bool
) -> dict[str, object]:
    """One object."""
    from policy_router.cli.render import SCHEMA_VERSION  # noqa: PLC0415

    zone = policy.timezone
    scopes = [
        scope
        for _, each in by_meter(found, policy)
        for scope in (each if everyone else each[:MOST])
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "policy": {"name": policy.name, "revision": policy.revision},
        "state": place,
        "at": iso(found.now, zone),
        "counters": [_scope_json(scope, policy) for scope in scopes],
        "today": _span_json(found.today, policy),
        "month": _span_json(found.month, policy),
        "ledger_since": iso(found.since, zone),
    }


def _scope_json(scope: "CounterUsage", policy: "Policy") -> dict[str, object]:
    meter = scope.meter
    return {
        **naming(meter, scope.subject),
        "used": amount(meter.metric, scope.used),
        "held": None if scope.held is None else amount(meter.metric, scope.held),
        "share": scope.share,
        "resets": iso(scope.resets, policy.timezone),
        "opens": iso(scope.opens, policy.timezone),
    }


def _span_json(span: "PeriodUsage", policy: "Policy") -> dict[str, object]:
    free, answers = free_share(span, policy)
    return {
        "label": span.label,
        "models": [
            {
                "model": name,
                "free": policy.model(name).free if name in policy.models_by_name else None,
                **_tally_json(tally),
            }
            for name, tally in span.models
        ],
        "total": _tally_json(span.total()),
        "free_answers": free,
        "free_share": free / answers if answers else None,
    }


def _tally_json(tally: "Tally") -> dict[str, object]:
    return {
        "requests": tally.requests,
        "answers": tally.answers,
        "tokens_in": tally.tokens_in,
        "tokens_out": tally.tokens_out,
        "cost_usd": dollars(tally.cost),
    }
