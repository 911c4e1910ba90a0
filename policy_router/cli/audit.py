"""`audit`: whether the counters are what the ledger adds up to."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from policy_router.cli.counters import amount
from policy_router.cli.policy import Where
from policy_router.cli.store_option import (
    State,
    StoreLocation,
    find_place,
    lost_data,
    opened,
    warn_of_clock,
)
from policy_router.diagnostics import printable
from policy_router.errors import StoreError
from policy_router.views.terminal import Line, fail, show, show_json, table

if TYPE_CHECKING:
    from policy_router.ledger.continuity import Loss
    from policy_router.ledger.store import Difference


def audit(
    *,
    policy: Where = None,
    state: State = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Add up the ledger and compare every counter with it.

    \b
    policy-router audit
    policy-router audit --state sqlite:////var/lib/router.db --json

    What is counted over calendar periods is compared: what was spent with the ledger's rows, what
    is held with the attempts under way. Exit code 0: all agree, 1: a counter differs or data was
    lost, 2: the counters cannot be read.
    """
    place = find_place(state, policy)
    try:
        counters, found, lost = asyncio.run(_audit(place))
    except StoreError as error:
        fail(str(error))
    if json:
        show_json(_as_json(place, counters, found, lost))
    else:
        show([*_as_text(counters, found), *_loss(lost)])
    if found or lost is not None:
        raise typer.Exit(1)


async def _audit(place: StoreLocation) -> "tuple[int, tuple[Difference, ...], Loss | None]":
    async with opened(place) as store:
        await warn_of_clock(store)
        return len(await store.buckets()), await store.audit(), await lost_data(store)


def _loss(lost: "Loss | None") -> list[Line]:
    if lost is None:
        return []
    from policy_router.ledger.continuity import REMEDY  # noqa: PLC0415

    return [
        [("The ledger lost data", "bold red"), (f": {lost.text}", "")],
        [("   = help:", "green"), (f" {REMEDY}", "")],
    ]


def _as_text(counters: int, found: "tuple[Difference, ...]") -> list[Line]:
    from policy_router.cli.render import count  # noqa: PLC0415
    from policy_router.decision.limits import spell  # noqa: PLC0415

    if not found:
        agrees = "agrees" if counters == 1 else "agree"
        return [f"{count(counters, 'counter')} {agrees} with the ledger"]
    rows = [("", "", "counter", "ledger")]
    rows += [
        (
            printable(str(d.key)),
            d.field,
            spell(d.key.metric, d.counter),
            spell(d.key.metric, d.ledger),
        )
        for d in found
    ]
    total = f"Found {count(len(found), 'difference')} in {count(counters, 'counter')}"
    return [*table(rows, ["bold", *("" for _ in found)]), [(total, "bold red")]]


def _as_json(
    place: StoreLocation, counters: int, found: "tuple[Difference, ...]", lost: "Loss | None"
) -> dict[str, object]:
    from policy_router.cli.render import SCHEMA_VERSION  # noqa: PLC0415

    return {
        "schema_version": SCHEMA_VERSION,
        "state": str(place),
        "counters": counters,
        "lost": None if lost is None else lost.text,
        "differences": [
            {
                "key": printable(str(d.key)),
                "field": d.field,
                "counter": amount(d.key.metric, d.counter),
                "ledger": amount(d.key.metric, d.ledger),
            }
            for d in found
        ],
    }
