"""Renders what was discovered: for people, as JSON, and as a report of the month in Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from policy_router.diagnostics import printable
from policy_router.discovery.changes import ChangeKind
from policy_router.domain.money import spell_usd
from policy_router.views.document import document
from policy_router.views.lines import Table, count
from policy_router.views.markdown import markdown_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policy_router.discovery.changes import ModelChange
    from policy_router.discovery.query_sources import SourceListing
    from policy_router.views.lines import Block, Cell

_MOST: Final = 30
"""New models that are shown to people."""
_STYLES: Final = {
    ChangeKind.GONE: "bold red",
    ChangeKind.GOES_AWAY: "bold red",
    ChangeKind.MORE_EXPENSIVE: "bold yellow",
    ChangeKind.CONTEXT: "yellow",
    ChangeKind.CHEAPER: "green",
    ChangeKind.FREE_NOW: "green",
    ChangeKind.NEW: "cyan",
}


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was discovered.

    Attributes:
        listings: What each place answered.
        changes: How the policy differs from that.
        now: Unix time.
        patch: A unified diff that would change the policy; empty where there is none.
        first: The places that were looked at for the first time, by their keys.
        history: For each place, what changed there lately.
        probes: How each probed model answered, by its name.
    """

    listings: Sequence[SourceListing]
    changes: Sequence[ModelChange]
    now: float
    patch: str = ""
    first: frozenset[str] = frozenset()
    history: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    probes: Mapping[str, str] = field(default_factory=dict)


def as_json(discovery: Discovery) -> dict[str, object]:
    """Return what was discovered."""
    return document(
        sources=[
            {
                "source": each.place.source.name,
                "address": each.place.base,
                "models": len(each.models),
                "problem": each.problem or None,
                "age_seconds": round(max(0.0, discovery.now - each.at)),
            }
            for each in discovery.listings
            if each.place.expected or not each.problem
        ],
        changes=[_entry(each) for each in discovery.changes],
        policy_should_change=any(each.asks_for_an_edit for each in discovery.changes),
        patch=discovery.patch or None,
        probes=dict(discovery.probes),
    )


def _entry(change: ModelChange) -> dict[str, object]:
    return {
        "kind": change.kind.value,
        "model": change.model or None,
        "listed": None if change.served is None else change.served.name,
        "source": None if change.listing is None else change.listing.place.source.name,
        "text": change.text,
        "help": change.help,
    }


def as_lines(discovery: Discovery) -> list[Block]:
    """Return what was discovered, for people."""
    blocks: list[Block] = []
    rows: list[tuple[Cell, ...]] = []
    for each in discovery.listings:
        if not each.place.expected and each.problem:
            continue
        place = each.place
        outcome: Cell = (printable(each.problem), "bold yellow")
        if not each.problem:
            outcome = f"{count(len(each.models), 'model')}{_age(discovery.now - each.at)}"
        rows.append((place.source.name, printable(place.base), outcome))
    if rows:
        blocks.append(Table(rows))
    asking = [each for each in discovery.changes if each.asks_for_an_edit]
    if asking:
        blocks += ["", Table([_row(each) for each in asking])]
    new = [each for each in discovery.changes if not each.asks_for_an_edit]
    if new:
        blocks += ["", Table([_row(each) for each in new[:_MOST]])]
        if len(new) > _MOST:
            blocks.append(f"and {count(len(new) - _MOST, 'new model')} more: --json has all")
    if discovery.first:
        names = ", ".join(sorted(key.partition(" ")[0] for key in discovery.first))
        blocks.append(f"first look at {names}: from now on, new models there are reported")
    blocks += [f"{printable(name)}: {text}" for name, text in discovery.probes.items()]
    blocks.append(_conclusion(discovery, len(asking)))
    return blocks


def _conclusion(discovery: Discovery, asking: int) -> str:
    if asking:
        return f"{count(asking, 'change')} that the policy should follow"
    if not _has_a_list(discovery):
        return f"{_NO_LIST}: name one with --source, such as `--source openrouter`"
    silent = sum(bool(each.problem) and each.place.expected for each in discovery.listings)
    if silent:
        return f"{count(silent, 'source')} gave no list, so the policy is compared with the rest"
    return "the policy agrees with what is offered"


_NO_LIST: Final = "no source gave a list of models, so only known shutdown dates were checked"


def _has_a_list(discovery: Discovery) -> bool:
    return any(not each.problem for each in discovery.listings)


def _row(change: ModelChange) -> tuple[Cell, ...]:
    name = change.model
    if not name and change.served is not None and change.listing is not None:
        name = f"{change.listing.place.source.name} {change.served.name}"
    return (
        (change.kind.value, _STYLES[change.kind]),
        printable(name),
        printable(change.text),
        printable(change.help),
    )


def _age(seconds: float) -> str:
    if seconds < 1:
        return ""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f", as of {seconds // size:.0f} {unit} ago: --force asks again"
    return f", as of {seconds:.0f} s ago: --force asks again"


# -- the month -----------------------------------------------------------------------------------


def as_markdown(discovery: Discovery) -> str:
    """Return a report of the month: what the policy should follow, and what changed at sources."""
    day = datetime.fromtimestamp(discovery.now, UTC).date()
    lines = [f"# Models, the 30 days to {day}", ""]
    asking = [each for each in discovery.changes if each.asks_for_an_edit]
    lines += ["## The policy should change", ""]
    listed = _has_a_list(discovery)
    lines += _table(
        ("what", "model", "why", "what to do"),
        [(each.kind.value, each.model, each.text, each.help) for each in asking],
        f"Nothing: {'the policy agrees with what is offered' if listed else _NO_LIST}.",
    )
    new = [each for each in discovery.changes if not each.asks_for_an_edit]
    lines += ["", "## New", ""]
    lines += _table(
        ("source", "model", "what it is"),
        [
            (each.listing.place.source.name, each.served.name, each.text)
            for each in new
            if each.listing is not None and each.served is not None
        ],
        "Nothing that the policy does not have.",
    )
    lines += ["", "## Changed at the sources", ""]
    events = [
        (_date(row["at"]), key.partition(" ")[0], str(row["name"]), _change_text(row))
        for key, rows in discovery.history.items()
        for row in rows
        if row["what"] != "new"
    ]
    lines += _table(("day", "source", "model", "what"), sorted(events), "Nothing.")
    lines += ["", "## Sources", ""]
    lines += _table(
        ("source", "address", "models"),
        [
            (each.place.source.name, each.place.base, each.problem or str(len(each.models)))
            for each in discovery.listings
            if each.place.expected or not each.problem
        ],
        "None.",
    )
    return "\n".join([*lines, ""])


def _date(at: float) -> str:
    return str(datetime.fromtimestamp(at, UTC).date())


def _change_text(row: Mapping[str, Any]) -> str:
    if row["what"] == "gone":
        return "gone"
    before, after = (_value(row["what"], row[side]) for side in ("before", "after"))
    return f"{row['what']}: {before} -> {after}"


def _value(what: str, value: Any) -> str:
    if what == "price" and isinstance(value, list) and len(value) > 1:
        return f"{spell_usd(int(value[0]))}/M in, {spell_usd(int(value[1]))}/M out"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "-" if value is None else str(value)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], nothing: str) -> list[str]:
    if not rows:
        return [nothing]
    cells = [map(markdown_text, row) for row in rows]
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in cells),
    ]
